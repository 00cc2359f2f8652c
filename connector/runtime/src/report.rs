//! What a running connector tells: counters that any thread may read, for progress lines and `status`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use moorline_pipeline::model::ClusterTime;

/// An anchor that was committed.
#[derive(Clone, Debug)]
pub struct AnchorNote {
    /// Its id.
    pub id: String,
    /// Its lane.
    pub lane: u32,
    /// Its kind.
    pub kind: String,
    /// Its cut.
    pub cut: ClusterTime,
    /// Whether it is exact.
    pub exact: bool,
    /// Whether it is complete.
    pub complete: bool,
}

/// Counters of one run, over all lanes. Only what was committed is counted.
#[derive(Debug, Default)]
pub struct Report {
    /// Snapshot rows.
    pub rows: AtomicU64,
    /// Rows that the snapshots have in all, by estimate.
    pub rows_estimated: AtomicU64,
    /// Changes.
    pub changes: AtomicU64,
    /// Records that went to quarantine.
    pub quarantined: AtomicU64,
    /// Transactions.
    pub transactions: AtomicU64,
    /// Anchors.
    pub anchors: AtomicU64,
    /// Contract versions added.
    pub evolved: AtomicU64,
    /// Times that a lane was rebuilt after a failure.
    pub rebuilt: AtomicU64,
    last: Mutex<Option<AnchorNote>>,
    snapshotting: Mutex<String>,
}

impl Report {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
    /// Reads a counter.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
    /// The newest anchor by cut.
    pub fn last_anchor(&self) -> Option<AnchorNote> {
        self.last.lock().expect("no holder panics").clone()
    }
    /// Takes note of an anchor.
    pub fn anchor(&self, note: AnchorNote) {
        Self::add(&self.anchors, 1);
        let mut last = self.last.lock().expect("no holder panics");
        if last.as_ref().is_none_or(|l| l.cut <= note.cut) {
            *last = Some(note);
        }
    }
    /// The collection whose snapshot is being read; empty when none is.
    pub fn snapshotting(&self) -> String {
        self.snapshotting.lock().expect("no holder panics").clone()
    }
    /// Says which collection's snapshot is being read.
    pub fn set_snapshotting(&self, namespace: &str) {
        let mut held = self.snapshotting.lock().expect("no holder panics");
        if *held != namespace {
            namespace.clone_into(&mut held);
        }
    }
}
