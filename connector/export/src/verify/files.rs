//! A collection of an export in files: against its manifest, and against the records that the manifest names.
//!
//! ```text
//! files ──> rows ──> counts, keys, order, digest of the state   against the manifest
//!            └─────> paired with the topic's rows, folded anew  against the records
//! ```
//!
//! Invariants: the topic's rows are made anew by the manifest's schema, of records that are what the anchor counts; rows
//! are streamed, and what must wait is bounded; a topic that can't be folded any more proves nothing.

use std::path::PathBuf;

use moorline_pipeline::error::{Failure, Problem, Result};

use super::folder::Export;
use super::pairing::{Ended, Pairing, Side};
use super::reading::{Reading, Seen};
use super::rows::{FileRow, Rows, other_rows};
use super::{Difference, DifferenceKind, row};
use crate::fold::{Fold, Sorted};
use crate::manifest::{Collection, Mode, Range};
use crate::replay::recount::Recount;
use crate::replay::{Record, Records, Schemas, Table, Texts};
use crate::select::Source;
use crate::state::{self, StateDigest};

/// Rows that do not agree of which the bytes are kept.
const MOST_UNEQUAL: usize = 1000;
/// Fields of a row that are named.
const MOST_FIELDS: usize = 8;

/// The records that a collection was made of.
#[derive(Clone, Copy)]
pub struct Topic<'a> {
    /// What the anchors say of them.
    pub source: &'a Source,
    /// Their schemas, checked.
    pub schemas: &'a Schemas,
    /// Reads them.
    pub records: &'a dyn Records,
}

/// What bounds it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of records that are folded in memory, and as many of rows that wait.
    pub memory_bytes: usize,
    /// Folder of what is sorted on disk.
    pub work_dir: PathBuf,
    /// Differences that are named.
    pub named: usize,
}

/// What was found of a collection.
#[derive(Debug, Default)]
pub struct Found {
    /// Rows of the files.
    pub rows: u64,
    /// Rows that the records come to, where they were folded.
    pub topic_rows: Option<u64>,
    /// Rows that are the same on both sides.
    pub equal: u64,
    /// What is wrong.
    pub findings: Vec<Problem>,
    /// Why the records can't be folded.
    pub unproven: Option<Problem>,
    /// Rows that are named.
    pub differences: Vec<Difference>,
    /// All rows that do not agree; `None` where too many do not to tell.
    pub difference_count: Option<u64>,
    /// Digest of the state in the files, where they hold one.
    pub state_digest: Option<String>,
}

/// Reads a collection.
///
/// # Errors
/// Where the topic can't be reached, or nothing can be sorted on disk.
pub fn collection(
    export: &Export,
    collection: &Collection,
    topic: Option<Topic<'_>>,
    limits: &Limits,
) -> Result<Found> {
    let mode = export.manifest.mode;
    if collection.schema.is_null() {
        // Nothing was ever written: no schema, no row, no file.
        let mut found = Found { topic_rows: topic.map(|_| 0), difference_count: Some(0), ..Found::default() };
        if collection.rows > 0 || !collection.files.is_empty() {
            found.findings.push(other_rows(&collection.namespace, "there is no schema, and yet there are rows"));
        }
        return Ok(found);
    }
    let reading = match Reading::new(mode, collection) {
        Ok(reading) => reading,
        Err(problem) => return Ok(Found { findings: vec![problem], ..Found::default() }),
    };
    let rows = Rows::new(export, collection, &reading);
    let mut check = Check { mode, collection, reading: &reading, rows, topic_state: StateDigest::default() };
    let mut pairing = Pairing::new(limits.memory_bytes, MOST_UNEQUAL);
    let mut unproven = None;
    if let Some(topic) = topic {
        match check.against(&topic, limits, &mut pairing) {
            Ok(()) => {}
            Err(failure) if failure.problem.code.starts_with("MOOR-61") || is_recount(&failure) => {
                unproven = Some(*failure.problem);
            }
            Err(failure) => return Err(failure),
        }
    }
    while check.rows.pull().is_some() {}
    let paired = (topic.is_some() && unproven.is_none()).then(|| pairing.end());
    Ok(check.found(paired, unproven, limits))
}

/// The records are not what the anchor counts: nothing can be held against them.
fn is_recount(failure: &Failure) -> bool {
    ["MOOR-6013", "MOOR-6014", "MOOR-6016"].contains(&failure.problem.code)
}

struct Check<'a> {
    mode: Mode,
    collection: &'a Collection,
    reading: &'a Reading,
    rows: Rows<'a>,
    topic_state: StateDigest,
}

impl Check<'_> {
    fn against(&mut self, topic: &Topic<'_>, limits: &Limits, pairing: &mut Pairing) -> Result<()> {
        let reader = self.collection.schema.to_string();
        let texts = Texts { reader: Some(&reader), ..topic.schemas.texts(&self.collection.metadata_prefix) };
        let table = Table::new(self.mode, &texts).map_err(Failure::halt)?;
        if !table.schema().is_like(&self.reading.schema) {
            return Err(Failure::halt(no_way(&self.collection.namespace)));
        }
        if self.mode == Mode::Log {
            self.log(topic, &table, pairing)
        } else {
            self.fold(topic, &table, limits, pairing)
        }
    }

    /// Records one by one, as they stand.
    fn log(&mut self, topic: &Topic<'_>, table: &Table, pairing: &mut Pairing) -> Result<()> {
        let mut recount = Recount::default();
        for ranges in topic.source.portions(Mode::Log) {
            topic.records.read(&topic.source.cut.topic, ranges, &mut |record| {
                recount.add(record.partition, record.key, record.value);
                self.take_record(table, record, pairing)?;
                if let Some(row) = self.rows.pull() {
                    pairing.take(Side::Files, &row.seen, &row.bytes);
                }
                Ok(())
            })?;
        }
        recount.check(topic.source).map_err(Failure::halt)?;
        while let Some(row) = self.rows.pull() {
            pairing.take(Side::Files, &row.seen, &row.bytes);
        }
        Ok(())
    }

    /// The last record of each key.
    fn fold(&mut self, topic: &Topic<'_>, table: &Table, limits: &Limits, pairing: &mut Pairing) -> Result<()> {
        let mut recount = Recount::default();
        let mut fold = Fold::new(limits.memory_bytes, &limits.work_dir);
        let ranges: &[Range] = &topic.source.ranges;
        topic.records.read(&topic.source.cut.topic, ranges, &mut |record| {
            recount.add(record.partition, record.key, record.value);
            fold.add(record.partition, record.offset, record.key, record.value)
        })?;
        recount.check(topic.source).map_err(Failure::halt)?;
        self.merge(fold, table, limits, pairing).map_err(Failure::halt)
    }

    fn merge(&mut self, fold: Fold, table: &Table, limits: &Limits, pairing: &mut Pairing) -> Result<(), Problem> {
        let mut sorted = fold.finish()?;
        let mut own = if self.is_scattered() { Some(self.sort(limits)?) } else { None };
        let mut files_end = false;
        loop {
            let last = sorted.pull()?;
            if let Some(last) = &last
                && !self.take_record(table, &Record::from(last), pairing)?
            {
                continue;
            }
            if !files_end {
                match self.next(own.as_mut())? {
                    Some(row) => pairing.take(Side::Files, &row.seen, &row.bytes),
                    None => files_end = true,
                }
            }
            if last.is_none() && files_end {
                return Ok(());
            }
        }
    }

    /// Takes the row of a record; whether it has one.
    fn take_record(&mut self, table: &Table, record: &Record<'_>, pairing: &mut Pairing) -> Result<bool, Problem> {
        let Some(row) = table.row(record)? else { return Ok(false) };
        let seen = self.reading.see(&row.datum);
        self.topic_state.add_hash(&seen.state);
        let mut bytes = Vec::new();
        crate::encode::row(&row.datum, &self.reading.schema, &mut bytes);
        pairing.take(Side::Topic, &seen, &bytes);
        Ok(true)
    }

    /// Whether the files' rows are not in the order of keys from one file to the next: parts of their own.
    fn is_scattered(&self) -> bool {
        let files = &self.collection.files;
        self.reading.has_keys() && files.windows(2).any(|two| two[1].first_key <= two[0].last_key)
    }

    /// All rows of the files in the order of their keys.
    fn sort(&mut self, limits: &Limits) -> Result<Sorted, Problem> {
        let mut fold = Fold::new(limits.memory_bytes, &limits.work_dir);
        while let Some(row) = self.rows.pull() {
            fold.add(0, 0, row.seen.identity(), Some(&row.bytes))?;
        }
        fold.finish()
    }

    fn next(&mut self, sorted: Option<&mut Sorted>) -> Result<Option<FileRow>, Problem> {
        let Some(sorted) = sorted else { return Ok(self.rows.pull()) };
        let Some(last) = sorted.pull()? else { return Ok(None) };
        let bytes = last.value.map(Vec::from).unwrap_or_default();
        let seen: Seen = self.reading.see(&self.reading.row(&bytes)?);
        Ok(Some(FileRow { seen, bytes }))
    }

    fn found(mut self, paired: Option<Ended>, unproven: Option<Problem>, limits: &Limits) -> Found {
        let (mut findings, named) =
            (std::mem::take(&mut self.rows.findings), std::mem::take(&mut self.rows.differences));
        let (rows, state, misplaced) = (self.rows.rows, self.rows.state, self.rows.misplaced);
        let collection = self.collection;
        if rows != collection.rows {
            let why = format!("the files have {rows} rows, and the manifest names {}", collection.rows);
            findings.push(other_rows(&collection.namespace, why));
        }
        if let Some(told) = collection.state_digest.as_ref().filter(|told| **told != state.to_hex()) {
            let why = format!("the digest of their state is {}, and the manifest names {told}", state.to_hex());
            findings.push(other_rows(&collection.namespace, why));
        }
        if misplaced > 0 {
            let why = format!("{misplaced} rows stand twice, or where another should");
            findings.push(other_rows(&collection.namespace, why));
        }
        let mut found = Found {
            rows,
            equal: rows - misplaced.min(rows),
            findings,
            unproven,
            difference_count: Some(misplaced),
            state_digest: collection.state_digest.is_some().then(|| state.to_hex()),
            ..Found::default()
        };
        found.differences.extend(named.into_iter().take(limits.named));
        if let Some(paired) = paired {
            self.compared(paired, &mut found, limits);
        }
        found
    }

    fn compared(&self, paired: Ended, found: &mut Found, limits: &Limits) {
        let Ended { is_same, count, unequal, equal, rows: [files, topic] } = paired;
        let (reading, collection) = (self.reading, self.collection);
        found.topic_rows = Some(topic);
        found.equal = equal;
        if is_same && files == found.rows {
            found.equal = files;
            return;
        }
        let doubled = found.rows - files.min(found.rows);
        found.difference_count = count.map(|count| count.max(found.difference_count.unwrap_or_default()) + doubled);
        for one in unequal {
            if found.differences.len() >= limits.named {
                break;
            }
            let (topic, file) = (one.topic.as_deref(), one.file.as_deref());
            let Some(bytes) = topic.or(file) else { continue };
            let key = reading.name(bytes);
            let (kind, fields) = match (topic, file) {
                (Some(topic), Some(file)) => {
                    let fields = row::differences(&reading.json(topic), &reading.json(file), MOST_FIELDS);
                    (DifferenceKind::Differs, fields)
                }
                (Some(_), None) => (DifferenceKind::Missing, Vec::new()),
                _ => (DifferenceKind::Ghost, Vec::new()),
            };
            // A row that stands twice is named already, with its place.
            let is_named = |known: &Difference| known.key == key && known.kind != DifferenceKind::Misplaced;
            if kind != DifferenceKind::Ghost || !found.differences.iter().any(is_named) {
                found.differences.push(Difference { key, kind, place: String::new(), fields });
            }
        }
        let much =
            found.difference_count.map_or("more rows than can be told apart".to_owned(), |n| format!("{n} rows"));
        found.findings.push(Problem::new(
            "MOOR-6180",
            format!("the files are not what the topic holds at the cut: {much} differ"),
            format!("{}, cut {}", collection.namespace, self.cut()),
            format!(
                "{files} rows in the files, {topic} in the topic; digest of the topic's state {}, by {}",
                self.topic_state.to_hex(),
                state::ALGORITHM
            ),
            "do not use the folder: replay the anchor into another one\n\
             if that differs too, report the rows that are named",
        ));
    }

    fn cut(&self) -> String {
        self.rows.cut().to_owned()
    }
}

fn no_way(namespace: &str) -> Problem {
    Problem::new(
        "MOOR-6182",
        "the export can't be held against the topic",
        namespace,
        "no rows of the manifest's schema can be made of the topic's records",
        "replay the anchor again with this version, into another folder",
    )
}
