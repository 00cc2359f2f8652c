//! The files of a collection: rows in order, a new file once one is large enough.
//!
//! Invariants: a file has its name only when it is whole, and in an output that holds them back only when all are; the
//! same rows give the same files.

use moorline_pipeline::error::Problem;

use super::{faults, partition};
use crate::datum::Datum;
use crate::destination::Destination;
use crate::destination::staged::Staged;
use crate::format::{FileFormat, RowWriter};
use crate::manifest::File;
use crate::schema::Schema;

/// Folders that a collection may have.
const MOST_FOLDERS: usize = 20_000;

/// What files are made of.
pub(super) struct Form<'a> {
    pub(super) format: FileFormat,
    pub(super) schema: &'a Schema,
    /// What stands in each file, where its format has a place for it.
    pub(super) metadata: Vec<(String, String)>,
    /// Name of the collection's folder.
    pub(super) folder: String,
    pub(super) file_bytes: u64,
    /// Whether no file has its name before the end.
    pub(super) held_back: bool,
}

/// Files of one collection.
pub(super) struct Output<'a> {
    destination: &'a dyn Destination,
    form: Form<'a>,
    current: Option<Current>,
    held: Vec<(Staged, File)>,
    files: Vec<File>,
    /// Of folders, one after the other.
    folders: usize,
}

struct Current {
    folder: String,
    file: Box<dyn RowWriter>,
    staged: Staged,
    rows: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(destination: &'a dyn Destination, form: Form<'a>) -> Self {
        Self { destination, form, current: None, held: Vec::new(), files: Vec::new(), folders: 0 }
    }

    /// Writes a row into a folder below the collection's, or into that for an empty name; rows of one come together.
    pub(super) fn write(&mut self, folder: &str, key: &[u8], row: &Datum<'_>) -> Result<(), Problem> {
        if self.current.as_ref().is_none_or(|current| current.folder != folder) {
            self.end_file()?;
            self.folders += 1;
            if self.folders > MOST_FOLDERS && !folder.is_empty() {
                return Err(partition::too_many(MOST_FOLDERS));
            }
        }
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let number = self.files.len() + self.held.len();
                let name = format!("rows-{number:05}.{}", self.form.format.extension());
                let (staged, out) = Staged::create(self.destination.staging().join(name))?;
                let file = self.form.format.writer(self.form.schema, &self.form.metadata, out);
                let file = file.map_err(|problem| staged.refused(problem))?;
                let (folder, first) = (folder.to_owned(), key.to_vec());
                self.current.insert(Current { folder, file, staged, rows: 0, first, last: Vec::new() })
            }
        };
        current.file.write(row).map_err(|problem| current.staged.refused(problem))?;
        current.rows += 1;
        current.last.clear();
        current.last.extend_from_slice(key);
        if current.file.bytes() >= self.form.file_bytes { self.end_file() } else { Ok(()) }
    }

    fn end_file(&mut self) -> Result<(), Problem> {
        let Some(Current { folder, file, staged, rows, first, last }) = self.current.take() else { return Ok(()) };
        file.finish().map_err(|problem| staged.refused(problem))?;
        faults::pass("file.staged");
        let number = self.files.len() + self.held.len();
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        // Numbers go on from folder to folder, so that no two names differ in capitals alone.
        let name = format!("{}/{below}part-{number:05}.{}", self.form.folder, self.form.format.extension());
        let (bytes, sha256) = staged.facts();
        let (first_key, last_key) = (hex::encode(first), hex::encode(last));
        let file = File { name, rows, bytes, sha256, first_key, last_key };
        if self.form.held_back {
            self.held.push((staged, file));
            return Ok(());
        }
        self.publish(&staged, file)
    }

    fn publish(&mut self, staged: &Staged, file: File) -> Result<(), Problem> {
        self.destination.publish(staged.path(), &file)?;
        faults::pass("file.published");
        self.files.push(file);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<File>, Problem> {
        self.end_file()?;
        for (staged, file) in std::mem::take(&mut self.held) {
            self.publish(&staged, file)?;
        }
        Ok(self.files)
    }
}
