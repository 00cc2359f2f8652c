//! Rows to files: `parquet`, `avro` and `jsonl`.
//!
//! A [`RowWriter`] takes rows of one schema, in the order in which the caller has them. `docs/replay-formats.md` says how
//! each type stands in each format.
//!
//! Invariants: the same rows give the same bytes, whenever and wherever they are written; memory is bounded by a batch
//! of rows, not by the file; a value that a format can't hold is an error, never another value.

pub mod avro;
mod decimals;
pub(crate) mod instants;
pub mod jsonl;
pub mod parquet;
mod read;

pub use read::{RowReader, is_guarded};

use std::io::Write;

use moorline_pipeline::error::Problem;

use crate::datum::Datum;
use crate::schema::Schema;

/// A kind of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet, zstd.
    Parquet,
    /// Avro's object container file, blocks deflated.
    Avro,
    /// A JSON object a line.
    JsonLines,
    /// The same in one zstd frame.
    JsonLinesZstd,
    /// The same in one gzip member.
    JsonLinesGzip,
}

/// Writes a file of rows.
pub trait RowWriter: Send {
    /// Writes a row of the writer's schema.
    ///
    /// # Errors
    /// MOOR-6103 where the format can't hold the row, MOOR-6104 where nothing more can be written.
    fn write(&mut self, row: &Datum<'_>) -> Result<(), Problem>;

    /// Bytes of the file by now, with an estimate for what is still in memory.
    fn bytes(&self) -> u64;

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`RowWriter::write`]; what was written then is no file.
    fn finish(self: Box<Self>) -> Result<(), Problem>;
}

impl FileFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Parquet, Self::Avro, Self::JsonLines, Self::JsonLinesZstd, Self::JsonLinesGzip];

    /// By its name in manifests and on the command line.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.name() == name)
    }

    /// Its name in manifests and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Avro => "avro",
            Self::JsonLines => "jsonl",
            Self::JsonLinesZstd => "jsonl.zst",
            Self::JsonLinesGzip => "jsonl.gz",
        }
    }

    /// The end of its files' names, without the dot: the same.
    pub fn extension(self) -> &'static str {
        self.name()
    }

    /// A writer of rows of a schema; `facts` are names and texts that stand in the file where its format has a place for them.
    ///
    /// # Errors
    /// MOOR-6103 where the format can't hold such rows, MOOR-6104 where nothing can be written.
    pub fn writer(
        self,
        schema: &Schema,
        facts: &[(String, String)],
        out: Box<dyn Write + Send>,
    ) -> Result<Box<dyn RowWriter>, Problem> {
        Ok(match self {
            Self::Parquet => Box::new(parquet::Writer::new(schema, facts, out)?),
            Self::Avro => Box::new(avro::Writer::new(schema, facts, out)?),
            Self::JsonLines => Box::new(jsonl::Writer::new(schema, jsonl::Sink::Plain(out))),
            Self::JsonLinesZstd => Box::new(jsonl::Writer::new(schema, jsonl::Sink::zstd(out)?)),
            Self::JsonLinesGzip => Box::new(jsonl::Writer::new(schema, jsonl::Sink::gzip(out))),
        })
    }
}

/// A value that a format has no place for.
fn no_place(field: &str, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-6103",
        "the format of the files can't hold a value",
        format!("field {field}"),
        why,
        "take another format: avro holds whatever the topic holds\n\
         or leave the field out of the rows",
    )
}

/// Nothing can be written where the file is.
fn unwritable(error: &std::io::Error) -> Problem {
    Problem::new(
        "MOOR-6104",
        "rows can't be written to their file",
        "the file that is being written",
        error.to_string(),
        "make room where files are written, or let the command write there\nthen run it again",
    )
}
