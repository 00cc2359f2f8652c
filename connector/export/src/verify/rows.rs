//! The rows of a collection's files, one after the other, held against what the manifest says of each file.
//!
//! Invariants: a file that can't be read to its end is told with the row that it stops at, and the next one is read all
//! the same; what is named is bounded, and counted beyond that.

use moorline_pipeline::error::Problem;

use super::folder::Export;
use super::reading::{Reading, Seen};
use super::{Difference, DifferenceKind};
use crate::format::RowReader;
use crate::manifest::{Collection, File};
use crate::state::StateDigest;

/// Rows out of order that are named for each collection.
const MOST_NAMED: usize = 20;

/// A row of a file.
pub(super) struct FileRow {
    pub(super) seen: Seen,
    pub(super) bytes: Vec<u8>,
}

/// Reads them.
pub(super) struct Rows<'a> {
    export: &'a Export,
    reading: &'a Reading,
    files: std::slice::Iter<'a, File>,
    current: Option<Current<'a>>,
    /// All rows.
    pub(super) rows: u64,
    pub(super) state: StateDigest,
    pub(super) findings: Vec<Problem>,
    pub(super) differences: Vec<Difference>,
    /// Rows that stand twice, or where others should.
    pub(super) misplaced: u64,
}

struct Current<'a> {
    file: &'a File,
    reader: Box<dyn RowReader>,
    rows: u64,
    first: Option<Vec<u8>>,
    last: Vec<u8>,
    /// What the order goes by: the key, or the place of a record.
    before: Vec<u8>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(export: &'a Export, collection: &'a Collection, reading: &'a Reading) -> Self {
        Self {
            export,
            reading,
            files: collection.files.iter(),
            current: None,
            rows: 0,
            state: StateDigest::default(),
            findings: Vec::new(),
            differences: Vec::new(),
            misplaced: 0,
        }
    }

    /// The cut's time.
    pub(super) fn cut(&self) -> &str {
        &self.export.manifest.at.time
    }

    /// The next row; `None` behind the last one that can be read.
    pub(super) fn pull(&mut self) -> Option<FileRow> {
        loop {
            if self.current.is_none() {
                let file = self.files.next()?;
                self.findings.extend(self.export.misfit(file));
                match self.export.format.reader(&self.reading.schema, &self.export.path(file)) {
                    Err(why) if self.export.path(file).exists() => self.findings.push(unreadable(file, 0, why)),
                    Err(_) => {}
                    Ok(reader) => {
                        let (first, last, before) = (None, Vec::new(), Vec::new());
                        self.current = Some(Current { file, reader, rows: 0, first, last, before });
                    }
                }
                continue;
            }
            match self.next_of_file() {
                Some(Ok(row)) => return Some(row),
                Some(Err(why)) => {
                    if let Some(current) = self.current.take() {
                        self.findings.push(unreadable(current.file, current.rows, why));
                    }
                }
                None => self.end_file(),
            }
        }
    }

    fn next_of_file(&mut self) -> Option<Result<FileRow, String>> {
        let current = self.current.as_mut()?;
        let bytes = match current.reader.row() {
            Ok(None) => return None,
            Ok(Some(bytes)) => bytes.to_vec(),
            Err(why) => return Some(Err(why)),
        };
        let row = match self.reading.row(&bytes) {
            Ok(row) => row,
            Err(problem) => return Some(Err(format!("{}: {}", problem.place, problem.why))),
        };
        let seen = self.reading.see(&row);
        current.rows += 1;
        self.rows += 1;
        self.state.add_hash(&seen.state);
        if let Some(key) = &seen.key {
            current.first.get_or_insert_with(|| key.clone());
            current.last.clone_from(key);
        }
        if self.reading.has_keys() || self.reading.has_places() {
            if current.rows > 1 && seen.identity() <= current.before.as_slice() {
                self.misplaced += 1;
                if self.differences.len() < MOST_NAMED {
                    let twice = seen.identity() == current.before;
                    let kind = if twice { DifferenceKind::Doubled } else { DifferenceKind::Misplaced };
                    let place = format!("row {} of {}", current.rows, current.file.name);
                    self.differences.push(Difference {
                        key: self.reading.name(&bytes),
                        kind,
                        place,
                        fields: Vec::new(),
                    });
                }
            }
            current.before.clear();
            current.before.extend_from_slice(seen.identity());
        }
        Some(Ok(FileRow { seen, bytes }))
    }

    fn end_file(&mut self) {
        let Some(current) = self.current.take() else { return };
        let file = current.file;
        if current.rows != file.rows {
            let why = format!("it has {} rows, and the manifest names {}", current.rows, file.rows);
            self.findings.push(other_rows(&file.name, why));
        }
        if !self.reading.has_keys() {
            return;
        }
        let first = current.first.map(hex::encode).unwrap_or_default();
        for (which, found, told) in
            [("first", first, &file.first_key), ("last", hex::encode(&current.last), &file.last_key)]
        {
            if found != *told && current.rows > 0 {
                let why = format!("its {which} key is {found}, and the manifest names {told}");
                self.findings.push(other_rows(&file.name, why));
            }
        }
    }
}

fn unreadable(file: &File, rows: u64, why: String) -> Problem {
    Problem::new(
        "MOOR-6178",
        "a file of the export can't be read",
        format!("{}, behind row {rows}", file.name),
        why,
        "do not use the folder: copy it again, or replay the anchor into another one",
    )
}

/// Rows that are not what the manifest says.
pub(super) fn other_rows(place: &str, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-6179",
        "the rows are not those that the manifest names",
        place,
        why,
        "do not use the folder: copy it again, or replay the anchor into another one",
    )
}
