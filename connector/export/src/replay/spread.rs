//! Records by the folder of their row, within a budget of memory: one folder is written after the other, so that one file
//! is open at a time however many folders there are.
//!
//! Invariants: within a folder records stand in the order in which an export without folders has them; what comes out
//! does not depend on the budget.

use std::path::Path;

use moorline_pipeline::error::Problem;

use super::table::Record;
use crate::fold::{Fold, Last, Sorted};
use crate::manifest::Mode;

/// Records that are being sorted.
pub(super) struct Spread {
    mode: Mode,
    fold: Fold,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Spread {
    pub(super) fn new(mode: Mode, budget: usize, folder: &Path) -> Self {
        Self { mode, fold: Fold::new(budget, folder), key: Vec::new(), value: Vec::new() }
    }

    /// Takes a record whose row belongs to a folder; no name of one has a zero in it.
    pub(super) fn add(&mut self, folder: &str, record: &Record<'_>) -> Result<(), Problem> {
        self.key.clear();
        self.key.extend_from_slice(folder.as_bytes());
        self.key.push(0);
        match self.mode {
            Mode::Log => {
                self.key.extend_from_slice(&record.partition.to_be_bytes());
                self.key.extend_from_slice(&record.offset.to_be_bytes());
            }
            Mode::State | Mode::Difference => self.key.extend_from_slice(record.key),
        }
        self.value.clear();
        self.value.extend_from_slice(&[u8::from(record.timestamp.is_some()), u8::from(record.value.is_some())]);
        self.value.extend_from_slice(&record.timestamp.unwrap_or_default().to_le_bytes());
        self.value.extend_from_slice(&(record.key.len() as u32).to_le_bytes());
        self.value.extend_from_slice(record.key);
        self.value.extend_from_slice(record.value.unwrap_or_default());
        self.fold.add(record.partition, record.offset, &self.key, Some(&self.value))
    }

    /// All of them, by folder.
    pub(super) fn finish(self) -> Result<Sorted, Problem> {
        self.fold.finish()
    }
}

/// The folder and the record of an entry that [`Spread::add`] has made.
pub(super) fn unpacked(last: &Last) -> Option<(&str, Record<'_>)> {
    let folder = last.key.split(|byte| *byte == 0).next()?;
    let (head, rest) = last.value.as_deref()?.split_at_checked(14)?;
    let timestamp = i64::from_le_bytes(head[2..10].try_into().ok()?);
    let length = u32::from_le_bytes(head[10..].try_into().ok()?) as usize;
    let (key, value) = rest.split_at_checked(length)?;
    let record = Record {
        partition: last.partition,
        offset: last.offset,
        timestamp: (head[0] == 1).then_some(timestamp),
        key,
        value: (head[1] == 1).then_some(value),
    };
    Some((std::str::from_utf8(folder).ok()?, record))
}
