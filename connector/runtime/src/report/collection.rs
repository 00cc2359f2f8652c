//! One collection: what of it was committed in this run, and how far its snapshot is.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use moorline_pipeline::anchor::CollectionDelta;

use super::Report;
use crate::oversize;

/// How far a collection's snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    /// This run reads none of it.
    None,
    /// It is being read, or waits for its turn.
    Reading,
    /// It was read in this run.
    Complete,
}

impl SnapshotState {
    /// The word for people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reading => "reading",
            Self::Complete => "complete",
        }
    }
}

/// A collection's counters.
#[derive(Debug, Default)]
pub struct CollectionReport {
    /// Rows of its snapshot.
    pub rows: AtomicU64,
    /// Creates.
    pub created: AtomicU64,
    /// Updates and replaces.
    pub updated: AtomicU64,
    /// Deletes.
    pub deleted: AtomicU64,
    /// Records without a value.
    pub tombstones: AtomicU64,
    /// Updates that were merged into a later record.
    pub coalesced: AtomicU64,
    /// Changes that went to quarantine.
    pub quarantined: AtomicU64,
    /// Records that were too large and were left out.
    pub skipped: AtomicU64,
    /// Records that were too large and were cut.
    pub truncated: AtomicU64,
    /// Records with unknown fields in the spill map.
    pub spilled: AtomicU64,
    /// Rows of its snapshot that are in, those of earlier runs included.
    pub snapshot_rows: AtomicU64,
    /// Rows that its snapshot has, by the source's estimate.
    pub snapshot_estimated: AtomicU64,
    snapshot: AtomicU8,
}

impl CollectionReport {
    /// How far its snapshot is.
    pub fn snapshot(&self) -> SnapshotState {
        match self.snapshot.load(Ordering::Relaxed) {
            1 => SnapshotState::Reading,
            2 => SnapshotState::Complete,
            _ => SnapshotState::None,
        }
    }
    /// Its snapshot is to be read: rows that are in, and rows in all by estimate.
    pub fn snapshot_begins(&self, done: u64, estimated: u64) {
        self.snapshot_rows.store(done, Ordering::Relaxed);
        self.snapshot_estimated.store(estimated, Ordering::Relaxed);
        self.snapshot.store(1, Ordering::Relaxed);
    }
    /// What a transaction has brought.
    pub fn committed(&self, delta: &CollectionDelta) {
        let counts = &delta.counts;
        let said = |reason: &str| -> i64 {
            delta.inexact.iter().filter(|said| said.reason == reason).filter_map(|said| said.keys).sum()
        };
        for (counter, n) in [
            (&self.rows, counts.r),
            (&self.created, counts.c),
            (&self.updated, counts.u),
            (&self.deleted, counts.d),
            (&self.tombstones, counts.tombstones),
            (&self.coalesced, counts.coalesced),
            (&self.quarantined, counts.quarantined),
            (&self.spilled, counts.spilled),
            (&self.skipped, said(oversize::SKIPPED)),
            (&self.truncated, said(oversize::TRUNCATED)),
        ] {
            if let Ok(n @ 1..) = u64::try_from(n) {
                Report::add(counter, n);
            }
        }
        if let Some(snapshot) = &delta.snapshot {
            self.snapshot_rows.store(snapshot.rows, Ordering::Relaxed);
            if delta.completed {
                self.snapshot.store(2, Ordering::Relaxed);
            }
        }
    }
}
