//! The files of a collection: rows in order, a new file once one is large enough.
//!
//! Invariants: a file has its name only when it is whole; the same rows give the same files.

use std::fs;
use std::io::BufWriter;
use std::path::PathBuf;

use moorline_pipeline::error::Problem;

use super::faults;
use crate::datum::Datum;
use crate::destination::{Folder, hashed};
use crate::fold::failed;
use crate::format::{FileFormat, RowWriter};
use crate::manifest::File;
use crate::schema::Schema;

/// Bytes that are written to disk at a time.
const BUFFER: usize = 256 << 10;

/// Files of one collection.
pub(super) struct Output<'a> {
    folder: &'a Folder,
    format: FileFormat,
    schema: &'a Schema,
    /// What stands in each file, where its format has a place for it.
    metadata: Vec<(String, String)>,
    /// Name of the collection's folder.
    name: String,
    file_bytes: u64,
    current: Option<Current>,
    files: Vec<File>,
}

struct Current {
    file: Box<dyn RowWriter>,
    staged: PathBuf,
    rows: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(
        folder: &'a Folder,
        format: FileFormat,
        schema: &'a Schema,
        metadata: Vec<(String, String)>,
        name: String,
        file_bytes: u64,
    ) -> Self {
        Self { folder, format, schema, metadata, name, file_bytes, current: None, files: Vec::new() }
    }

    pub(super) fn write(&mut self, key: &[u8], row: &Datum<'_>) -> Result<(), Problem> {
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let staged = self.folder.staging().join(format!("rows.{}", self.format.extension()));
                if staged.exists() {
                    // Of a run that was killed.
                    fs::remove_file(&staged).map_err(|error| failed(&staged, &error))?;
                }
                let file = fs::File::create(&staged).map_err(|error| failed(&staged, &error))?;
                let out = Box::new(BufWriter::with_capacity(BUFFER, file));
                let file = self.format.writer(self.schema, &self.metadata, out)?;
                self.current.insert(Current { file, staged, rows: 0, first: key.to_vec(), last: Vec::new() })
            }
        };
        current.file.write(row)?;
        current.rows += 1;
        current.last.clear();
        current.last.extend_from_slice(key);
        if current.file.bytes() >= self.file_bytes { self.publish() } else { Ok(()) }
    }

    fn publish(&mut self) -> Result<(), Problem> {
        let Some(current) = self.current.take() else { return Ok(()) };
        current.file.finish()?;
        faults::pass("file.staged");
        let (bytes, sha256) = hashed(&current.staged).map_err(|error| failed(&current.staged, &error))?;
        let name = format!("{}/part-{:05}.{}", self.name, self.files.len(), self.format.extension());
        self.folder.publish(&current.staged, &name)?;
        faults::pass("file.published");
        let (first_key, last_key) = (hex::encode(current.first), hex::encode(current.last));
        self.files.push(File { name, rows: current.rows, bytes, sha256, first_key, last_key });
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<File>, Problem> {
        self.publish()?;
        Ok(self.files)
    }
}
