//! A collection's records in its topic, against what the anchors count and digest; and the state that they come to.
//!
//! Invariants: what is missing is told by partition, with how many; a key that stands in another partition than its own
//! is named, since the order of its records is not known then; the state's digest is that of a replay at the same cut.

use std::collections::BTreeMap;

use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::partition;

use super::files::{Limits, Topic};
use super::reading::name_of_key;
use super::{Difference, DifferenceKind};
use crate::fold::Fold;
use crate::manifest::{Mode, Range};
use crate::replay::recount::Recount;
use crate::replay::{Record, Records, Table, Texts};
use crate::state::{self, StateDigest};

/// What was found of a topic.
#[derive(Debug, Default)]
pub struct Found {
    /// Records.
    pub records: u64,
    /// Rows that they come to.
    pub rows: u64,
    /// What is wrong.
    pub findings: Vec<Problem>,
    /// Records that are named.
    pub differences: Vec<Difference>,
    /// Records in another partition than their key's.
    pub misplaced: u64,
    /// Over the records.
    pub records_digest: Option<String>,
    /// Over the state.
    pub state_digest: Option<String>,
}

/// Reads a collection's records.
///
/// # Errors
/// Where the topic can't be reached, or nothing can be sorted on disk.
pub fn collection(topic: Topic<'_>, metadata_prefix: &str, limits: &Limits) -> Result<Found> {
    let Topic { source, schemas, records } = topic;
    let mut found = Found::default();
    let (mut recount, mut ends) = (Recount::default(), BTreeMap::new());
    let mut fold = Fold::new(limits.memory_bytes, &limits.work_dir);
    let partitions = source.cut.partition_count.max(1);
    records.read(&source.cut.topic, &source.ranges, &mut |record| {
        recount.add(record.partition, record.key, record.value);
        found.records += 1;
        let before = ends.insert(record.partition, record.offset);
        let own = partition::partition(record.key, partitions);
        if own != record.partition || before.is_some_and(|before| before >= record.offset) {
            found.misplaced += 1;
            if found.differences.len() < limits.named {
                let place = format!("partition {}, offset {}; its own is {own}", record.partition, record.offset);
                let key = name_of_key(&schemas.key, record.key);
                found.differences.push(Difference { key, kind: DifferenceKind::Misplaced, place, fields: Vec::new() });
            }
        }
        fold.add(record.partition, record.offset, record.key, record.value)
    })?;
    found.findings = recount.findings(source);
    found.records_digest = Some(recount.digest().to_hex());
    if found.misplaced > 0 {
        found.findings.push(misplaced(&source.cut.topic, found.misplaced, partitions));
    }
    if schemas.values.is_empty() {
        return Ok(found);
    }
    match state(fold, &schemas.texts(metadata_prefix)) {
        Ok((rows, digest)) => (found.rows, found.state_digest) = (rows, Some(digest.to_hex())),
        Err(problem) if problem.code == "MOOR-6127" => return Err(Failure::halt(problem)),
        Err(problem) => found.findings.push(problem),
    }
    Ok(found)
}

fn state(fold: Fold, texts: &Texts<'_>) -> Result<(u64, StateDigest), Problem> {
    let table = Table::new(Mode::State, texts)?;
    let (mut rows, mut state) = (0, state::Rows::new(table.schema(), texts.metadata_prefix));
    let mut sorted = fold.finish()?;
    while let Some(last) = sorted.pull()? {
        if let Some(row) = table.row(&Record::from(&last))? {
            rows += 1;
            state.add(&row.datum);
        }
    }
    Ok((rows, state.digest()))
}

/// How many records of each range are left behind the beginning of a log: for a topic of which retention took some.
///
/// # Errors
/// Where the topic can't be reached.
pub fn left(topic: &str, ranges: &[Range], starts: &BTreeMap<i32, i64>, records: &dyn Records) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for range in ranges.iter().filter(|range| range.records > 0) {
        let start = starts.get(&range.partition).copied().unwrap_or(range.end);
        if start <= range.first {
            continue;
        }
        let rest = Range { first: start.min(range.end), ..*range };
        let mut count = 0i64;
        if rest.first < rest.end {
            records.read(topic, &[rest], &mut |_| {
                count += 1;
                Ok(())
            })?;
        }
        let lost = range.records - count;
        told.push(format!(
            "partition {}: {lost} of {} records are gone, its log starts at {start}",
            range.partition, range.records
        ));
    }
    Ok(told)
}

fn misplaced(topic: &str, records: u64, partitions: i32) -> Problem {
    Problem::new(
        "MOOR-6183",
        format!("{records} records stand in another partition than their key's"),
        topic,
        format!("keys are placed by murmur2 over {partitions} partitions, so that a key's records have one order"),
        "find out who else writes to the topic\nthen take a new snapshot: start once with snapshot.mode=always",
    )
}
