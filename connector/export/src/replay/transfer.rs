//! A collection of a selection as records of another topic: key and value bytes as they were read.
//!
//! ```text
//! records ──> counted, digested ──> fold ──> in the order of key bytes ──> another topic
//!                   └─────────(log)─────────────────^
//! ```
//!
//! Invariants: what is given to the topic, and in which order, depends on anchors and mode alone, so that what a run that
//! was stopped has committed is the beginning of it, which [`Prefix`] holds it against; a key that is gone has no record
//! in a state and a tombstone in a difference; nothing is called done before records and anchors agree.

use std::collections::BTreeMap;
use std::path::Path;

use moorline_pipeline::error::{Failure, Result};

use super::recount::Recount;
use super::table::{Record, Table};
use super::{OFTEN, Progress, Records, Schemas};
use crate::digest::RecordsDigest;
use crate::fold::Fold;
use crate::manifest::Mode;
use crate::select::Source;
use crate::state::{self, StateDigest};

/// What is to be done.
pub struct Transfer<'a> {
    /// What is read.
    pub source: &'a Source,
    /// Its schemas.
    pub schemas: &'a Schemas,
    /// What becomes of it.
    pub mode: Mode,
    /// `field.metadata.prefix`.
    pub metadata_prefix: &'a str,
    /// Bytes that records may take in memory while they are folded.
    pub memory_bytes: usize,
    /// Folder of sorted runs.
    pub work_dir: &'a Path,
}

/// Where records go.
pub trait Target {
    /// Takes the next record; those of a key stay in their order.
    fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()>;
}

/// What was transferred.
#[derive(Clone, Debug, Default)]
pub struct Transferred {
    /// Records that were read.
    pub read: u64,
    /// Digest over these.
    pub read_digest: RecordsDigest,
    /// Records that were given.
    pub given: u64,
    /// Of these the ones without a value.
    pub tombstones: u64,
    /// Digest over these.
    pub given_digest: RecordsDigest,
    /// Digest of a state.
    pub state_digest: Option<StateDigest>,
    /// Bytes that were sorted on disk.
    pub spilled: u64,
}

impl Transferred {
    fn give(&mut self, target: &mut dyn Target, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.given += 1;
        self.tombstones += u64::from(value.is_none());
        self.given_digest.add(key, value);
        target.write(key, value)?;
        super::faults::pass("record.given");
        Ok(())
    }
}

/// Transfers. Blocks.
pub fn run(
    plan: &Transfer<'_>,
    records: &dyn Records,
    target: &mut dyn Target,
    observe: &mut dyn FnMut(&Progress<'_>),
) -> Result<Transferred> {
    let (source, namespace) = (plan.source, plan.source.cut.namespace.as_str());
    let mut done = Transferred::default();
    if plan.schemas.values.is_empty() {
        // Nothing was ever written: there is no schema yet, and no record.
        done.state_digest = (plan.mode == Mode::State).then(StateDigest::default);
        return Ok(done);
    }
    let of = source.records() as u64;
    let mut fold = Fold::new(plan.memory_bytes, plan.work_dir);
    let mut recount = Recount::default();
    for ranges in source.portions(plan.mode) {
        records.read(&source.cut.topic, ranges, &mut |record| {
            recount.add(record.partition, record.key, record.value);
            done.read += 1;
            if done.read.is_multiple_of(OFTEN) {
                observe(&Progress { namespace, step: "reading", done: done.read, of });
            }
            match plan.mode {
                Mode::Log => done.give(target, record.key, record.value).map_err(|failure| *failure.problem),
                _ => fold.add(record.partition, record.offset, record.key, record.value),
            }
        })?;
    }
    recount.check(source).map_err(Failure::halt)?;
    done.read_digest = recount.digest();
    super::faults::pass("records.read");
    if plan.mode == Mode::Log {
        return Ok(done);
    }
    let table = Table::new(plan.mode, &plan.schemas.texts(plan.metadata_prefix)).map_err(Failure::halt)?;
    let mut state = (plan.mode == Mode::State).then(|| state::Rows::new(table.schema(), plan.metadata_prefix));
    let mut sorted = fold.finish().map_err(Failure::halt)?;
    while let Some(last) = sorted.pull().map_err(Failure::halt)? {
        let record = Record::from(&last);
        let Some(row) = table.row(&record).map_err(Failure::halt)? else { continue };
        if let Some(state) = &mut state {
            state.add(&row.datum);
        }
        let value = record.value.filter(|_| !row.deleted);
        done.give(target, &last.key, value)?;
        if done.given.is_multiple_of(OFTEN) {
            observe(&Progress { namespace, step: "writing", done: done.given, of });
        }
    }
    done.state_digest = state.map(|state| state.digest());
    done.spilled = sorted.spilled();
    Ok(done)
}

/// What of a transfer is in the topic already: records by partition, and the digest over them.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    records: BTreeMap<i32, u64>,
    left: u64,
    found: RecordsDigest,
    passed: RecordsDigest,
}

impl Prefix {
    /// Takes a record that the topic holds.
    pub fn holds(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) {
        *self.records.entry(partition).or_default() += 1;
        self.left += 1;
        self.found.add(key, value);
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Records that are there and were not passed yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Whether a record of the transfer is one that is there. Transactions are seen as a whole, so that what is there is
    /// a beginning of all records; where it is another one, that shows before anything is written.
    ///
    /// # Errors
    /// Why what is there is not the beginning of this transfer.
    pub fn passes(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) -> Result<bool, String> {
        if self.left == 0 {
            return Ok(false);
        }
        match self.records.get_mut(&partition) {
            Some(left) if *left > 0 => *left -= 1,
            _ => return Err(format!("partition {partition} ends before others that are written later")),
        }
        self.left -= 1;
        self.passed.add(key, value);
        if self.left == 0 && self.passed != self.found {
            return Err(format!("its records have the digest {}, not {}", self.found.to_hex(), self.passed.to_hex()));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(records: &[(i32, &[u8])]) -> Prefix {
        let mut prefix = Prefix::default();
        records.iter().for_each(|(partition, key)| prefix.holds(*partition, key, Some(b"v")));
        prefix
    }

    fn passed(prefix: &mut Prefix, records: &[(i32, &[u8])]) -> Result<usize, String> {
        let mut passed = 0;
        for (partition, key) in records {
            passed += usize::from(prefix.passes(*partition, key, Some(b"v"))?);
        }
        Ok(passed)
    }

    #[test]
    fn only_the_beginning_of_the_same_records_is_passed() {
        let all: [(i32, &[u8]); 5] = [(0, b"a"), (2, b"b"), (0, b"c"), (1, b"d"), (2, b"e")];
        for there in 0..=all.len() {
            // The order of partitions in the topic is not that of the records.
            let mut found = all[..there].to_vec();
            found.sort();
            let mut prefix = prefix(&found);
            assert_eq!(passed(&mut prefix, &all), Ok(there));
            assert!(prefix.is_empty());
        }
        assert!(passed(&mut prefix(&[(0, b"a"), (2, b"x")]), &all).unwrap_err().contains("digest"));
        assert!(passed(&mut prefix(&[(0, b"a"), (1, b"d")]), &all).unwrap_err().contains("partition 2"));
        let mut longer = prefix(&[&all[..], &[(1, b"f")]].concat());
        assert_eq!(passed(&mut longer, &all), Ok(5));
        assert_eq!(longer.left(), 1);
    }
}
