//! The files of a collection: rows in order, a new file once one is large enough.
//!
//! Invariants: a file has its name only when it is whole, and in an output that holds them back only when all are; the
//! same rows give the same files.

use std::path::PathBuf;

use moorline_pipeline::error::Problem;

use super::publisher::Publisher;
use super::{faults, partition};
use crate::datum::Datum;
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
pub(super) struct Output<'a, 'scope> {
    staging: PathBuf,
    form: Form<'a>,
    publisher: Publisher<'scope>,
    current: Option<Current>,
    held: Vec<(Staged, File)>,
    /// Files that were ended.
    ended: usize,
    /// The folder of the row before, and how many there were.
    folder: Option<String>,
    folders: usize,
}

struct Current {
    file: Box<dyn RowWriter>,
    staged: Staged,
    rows: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl<'a, 'scope> Output<'a, 'scope> {
    pub(super) fn new(staging: PathBuf, publisher: Publisher<'scope>, form: Form<'a>) -> Self {
        let (current, held, folder) = (None, Vec::new(), None);
        Self { staging, form, publisher, current, held, ended: 0, folder, folders: 0 }
    }

    /// Writes a row into a folder below the collection's, or into that for an empty name; rows of one come together.
    pub(super) fn write(&mut self, folder: &str, key: &[u8], row: &Datum<'_>) -> Result<(), Problem> {
        if self.folder.as_deref() != Some(folder) {
            self.end_file()?;
            self.folder = Some(folder.to_owned());
            self.folders += 1;
            if self.folders > MOST_FOLDERS {
                return Err(partition::too_many(MOST_FOLDERS));
            }
        }
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let name = format!("rows-{:05}.{}", self.ended, self.form.format.extension());
                let (staged, out) = Staged::create(self.staging.join(name))?;
                let file = self.form.format.writer(self.form.schema, &self.form.metadata, out);
                let file = file.map_err(|problem| staged.refused(problem))?;
                self.current.insert(Current { file, staged, rows: 0, first: key.to_vec(), last: Vec::new() })
            }
        };
        current.file.write(row).map_err(|problem| current.staged.refused(problem))?;
        current.rows += 1;
        current.last.clear();
        current.last.extend_from_slice(key);
        if current.file.bytes() >= self.form.file_bytes { self.end_file() } else { Ok(()) }
    }

    fn end_file(&mut self) -> Result<(), Problem> {
        let Some(Current { file, staged, rows, first, last }) = self.current.take() else { return Ok(()) };
        file.finish().map_err(|problem| staged.refused(problem))?;
        faults::pass("file.staged");
        let below = match self.folder.as_deref() {
            Some("") | None => String::new(),
            Some(folder) => format!("{folder}/"),
        };
        // Numbers go on from folder to folder, so that no two names differ in capitals alone.
        let name = format!("{}/{below}part-{:05}.{}", self.form.folder, self.ended, self.form.format.extension());
        self.ended += 1;
        let (bytes, sha256) = staged.facts();
        let (first_key, last_key) = (hex::encode(first), hex::encode(last));
        let file = File { name, rows, bytes, sha256, first_key, last_key };
        if self.form.held_back {
            self.held.push((staged, file));
            return Ok(());
        }
        self.publisher.publish(staged, file)
    }

    pub(super) fn finish(mut self) -> Result<Vec<File>, Problem> {
        self.end_file()?;
        for (staged, file) in self.held {
            self.publisher.publish(staged, file)?;
        }
        self.publisher.finish()
    }
}
