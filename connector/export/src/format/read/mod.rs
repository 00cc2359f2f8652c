//! Files of rows read back: each row as the Avro bytes of the files' schema, whichever format it stood in.
//!
//! Invariants: no bytes panic; every length that a file claims is held against the bytes that are there, or against a
//! bound, before room is made for it; a value that is not of the schema's type is an error, never another value; rows
//! come one after the other, and no more than a block or a batch of them is in memory.

mod avro;
mod json;
mod jsonl;
mod pages;
mod parquet;
mod texts;

use std::cell::Cell;
use std::path::Path;

use super::FileFormat;
use crate::schema::Schema;

/// More than this has no row and no block of rows that Moorline writes.
const MOST_BYTES: usize = 256 << 20;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is within a crate whose panics on damaged files become errors here: no bug, and not to be told
/// as one.
pub fn is_guarded() -> bool {
    IS_GUARDED.get()
}

/// Gives the rows of a file in their order.
pub trait RowReader {
    /// The next row's Avro bytes, which stay until the next call; `None` behind the last one.
    ///
    /// # Errors
    /// What is wrong with the file, in words; what was read before it stands.
    fn row(&mut self) -> Result<Option<&[u8]>, String>;
}

impl FileFormat {
    /// A reader of a file whose rows are of a schema.
    ///
    /// # Errors
    /// Why it is no such file, in words.
    pub fn reader(self, schema: &Schema, path: &Path) -> Result<Box<dyn RowReader>, String> {
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        Ok(match self {
            Self::Parquet => Box::new(parquet::Reader::new(schema, file)?),
            Self::Avro => Box::new(avro::Reader::new(schema, file)?),
            Self::JsonLines => Box::new(jsonl::Reader::new(schema, Box::new(file))),
            Self::JsonLinesZstd => {
                let plain = zstd::Decoder::new(file).map_err(|error| error.to_string())?;
                Box::new(jsonl::Reader::new(schema, Box::new(plain)))
            }
            Self::JsonLinesGzip => Box::new(jsonl::Reader::new(schema, Box::new(flate2::read::GzDecoder::new(file)))),
        })
    }
}
