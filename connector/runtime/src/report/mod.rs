//! What a running connector tells: counters that any thread may read, for progress lines, `/metrics`, `top` and `status`.
//!
//! * [`clock`]: a cluster time that only rises. * [`histogram`]: how many values lie below which bound.
//! * [`lane`]: one lane. * [`collection`]: one collection. * [`replayable`]: what can still be replayed.
//!
//! Invariants: only what was committed is counted, but for what is named as read; whoever counts takes no lock but once
//! a lane, a collection or an anchor; the number of collections that are told apart is bounded ([`COLLECTIONS_MAX`]).

pub mod clock;
pub mod collection;
pub mod histogram;
pub mod lane;
pub mod replayable;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moorline_pipeline::model::ClusterTime;

pub use clock::Clock;
pub use collection::{CollectionReport, SnapshotState};
pub use histogram::Histogram;
pub use lane::{LaneReport, LaneState};
pub use replayable::{Reachable, Replayable};

/// Collections with counters of their own; what comes after shares one under [`OTHERS`], so that a source with a
/// hundred thousand collections can't flood whoever scrapes.
pub const COLLECTIONS_MAX: usize = 500;
/// The name under which all further collections are counted; no collection is called so.
pub const OTHERS: &str = "(others)";
/// Anchors that are kept to be shown.
const ANCHORS_KEPT: usize = 16;

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
    /// Its label.
    pub label: Option<String>,
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
    /// Changes that went to quarantine, committed.
    pub quarantined: AtomicU64,
    /// Anchors.
    pub anchors: AtomicU64,
    /// Anchors that `anchor.retention` took out of their topic.
    pub thinned: AtomicU64,
    /// Contract versions added.
    pub evolved: AtomicU64,
    /// Times that a producer of ours was fenced, by another run or by the coordinator's time-out.
    pub fenced: AtomicU64,
    /// Requests to the registry.
    pub registry_requests: AtomicU64,
    /// Those that failed.
    pub registry_failures: AtomicU64,
    /// Signals that were acted on.
    pub signals_handled: AtomicU64,
    /// Signals that could not be acted on.
    pub signals_refused: AtomicU64,
    /// The newest cluster time known of the source.
    pub head: Clock,
    /// The oldest change that the source still keeps.
    pub oldest: Clock,
    last: Mutex<Option<AnchorNote>>,
    recent: Mutex<VecDeque<AnchorNote>>,
    snapshotting: Mutex<String>,
    replayable: Mutex<Option<Replayable>>,
    lanes: Mutex<BTreeMap<u32, Arc<LaneReport>>>,
    collections: Mutex<BTreeMap<String, Arc<CollectionReport>>>,
}

/// Counters are numbers: a holder that panicked has left nothing half done.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
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
        held(&self.last).clone()
    }
    /// Takes note of an anchor.
    pub fn anchor(&self, note: AnchorNote) {
        Self::add(&self.anchors, 1);
        let mut recent = held(&self.recent);
        recent.push_front(note.clone());
        recent.truncate(ANCHORS_KEPT);
        drop(recent);
        let mut last = held(&self.last);
        if last.as_ref().is_none_or(|l| l.cut <= note.cut) {
            *last = Some(note);
        }
    }
    /// The newest anchors of this run, newest first.
    pub fn recent_anchors(&self) -> Vec<AnchorNote> {
        held(&self.recent).iter().cloned().collect()
    }
    /// What can be replayed, as it was seen last; `None` before it was looked at.
    pub fn replayable(&self) -> Option<Replayable> {
        held(&self.replayable).clone()
    }
    /// Says what can be replayed.
    pub fn set_replayable(&self, seen: Replayable) {
        *held(&self.replayable) = Some(seen);
    }
    /// The collection whose snapshot is being read; empty when none is.
    pub fn snapshotting(&self) -> String {
        held(&self.snapshotting).clone()
    }
    /// Says which collection's snapshot is being read.
    pub fn set_snapshotting(&self, namespace: &str) {
        let mut held = held(&self.snapshotting);
        if *held != namespace {
            namespace.clone_into(&mut held);
        }
    }
    /// A lane's counters.
    pub fn lane(&self, number: u32) -> Arc<LaneReport> {
        Arc::clone(held(&self.lanes).entry(number).or_default())
    }
    /// All lanes, by number.
    pub fn lanes(&self) -> Vec<(u32, Arc<LaneReport>)> {
        held(&self.lanes).iter().map(|(number, lane)| (*number, Arc::clone(lane))).collect()
    }
    /// A collection's counters, or those that all further collections share.
    pub fn collection(&self, namespace: &str) -> Arc<CollectionReport> {
        let mut all = held(&self.collections);
        let known = all.contains_key(namespace) || all.len() < COLLECTIONS_MAX;
        Arc::clone(all.entry(if known { namespace } else { OTHERS }.to_owned()).or_default())
    }
    /// All collections, by name.
    pub fn collections(&self) -> Vec<(String, Arc<CollectionReport>)> {
        held(&self.collections).iter().map(|(name, one)| (name.clone(), Arc::clone(one))).collect()
    }
    /// Whether the newest anchor of every lane is exact; `None` until every lane has one.
    pub fn exact(&self) -> Option<bool> {
        let lanes = self.lanes();
        let each: Option<Vec<bool>> = lanes.iter().map(|(_, lane)| lane.exact()).collect();
        each.filter(|each| !each.is_empty()).map(|each| each.into_iter().all(|exact| exact))
    }
    /// The newest cut up to which every lane is exact and complete; `None` until every lane has such an anchor.
    pub fn whole(&self) -> Option<ClusterTime> {
        let lanes = self.lanes();
        let each: Option<Vec<ClusterTime>> = lanes.iter().map(|(_, lane)| lane.whole.get()).collect();
        each.and_then(|each| each.into_iter().min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_past_the_bound_share_one_entry() {
        let report = Report::default();
        for number in 0..COLLECTIONS_MAX + 20 {
            Report::add(&report.collection(&format!("shop.c{number}")).created, 1);
        }
        let all = report.collections();
        assert_eq!(all.len(), COLLECTIONS_MAX + 1);
        let (name, others) = &all[0];
        assert_eq!((name.as_str(), Report::get(&others.created)), (OTHERS, 20));
        assert_eq!(Report::get(&report.collection("shop.c0").created), 1, "a known one keeps its own");
    }

    #[test]
    fn the_connectors_cut_is_that_of_its_slowest_lane() {
        let report = Report::default();
        assert_eq!((report.exact(), report.whole()), (None, None));
        report.lane(0).anchored(ClusterTime::new(20, 0), true, true);
        report.lane(1);
        assert_eq!((report.exact(), report.whole()), (None, None), "lane 1 has said nothing");
        report.lane(1).anchored(ClusterTime::new(10, 0), true, true);
        assert_eq!((report.exact(), report.whole()), (Some(true), Some(ClusterTime::new(10, 0))));
        report.lane(1).anchored(ClusterTime::new(20, 0), false, true);
        assert_eq!((report.exact(), report.whole()), (Some(false), Some(ClusterTime::new(10, 0))));
    }
}
