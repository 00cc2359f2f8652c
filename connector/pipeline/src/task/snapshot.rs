//! Ranges and chunks of a positional snapshot, and its progress.
//!
//! ```text
//! planned --ready()--> chunk in flight --done()--> next chunk of the range ... --> range done --> collection done
//!                          '--requeue()--> ready again
//! ```
//!
//! Invariants: a range has at most one chunk in flight; progress names only rows that stand in the same transaction or
//! before it (I-SNAP-4); ids are never ordered by us: ranges keep the order in which the server sorted their bounds.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{ClusterTime, Id, Namespace, Uuid};
use crate::offsets::{RangeProgress, SnapshotProgress};

/// A chunk to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The collection.
    pub namespace: Namespace,
    /// Its epoch.
    pub uuid: Uuid,
    /// Number of the range within the collection.
    pub range: usize,
    /// Inclusive.
    pub lo: Option<Id>,
    /// Exclusive.
    pub hi: Option<Id>,
}

/// Chunks that are worth a range: cutting costs the server a sample.
const CHUNKS_A_RANGE: u64 = 16;

/// Into how many ranges a collection is cut, given its documents by estimate and the rows of a chunk.
pub fn ranges(documents: u64, chunk_rows: u32, most: u32) -> u32 {
    let worth = documents / (CHUNKS_A_RANGE * u64::from(chunk_rows.max(1)));
    u32::try_from(worth).unwrap_or(u32::MAX).clamp(1, most.max(1))
}

#[derive(Debug)]
struct Collection {
    uuid: Uuid,
    progress: SnapshotProgress,
    estimate: u64,
}

/// The snapshot work of one lane.
#[derive(Debug, Default)]
pub struct Snapshot {
    collections: BTreeMap<Namespace, Collection>,
    ready: VecDeque<(Namespace, usize)>,
}

impl Snapshot {
    /// Adds a collection to be read from its start, cut at `bounds` (sorted by the server).
    pub fn begin(&mut self, namespace: Namespace, uuid: Uuid, bounds: Vec<Id>, estimate: u64) {
        let mut los = vec![None];
        los.extend(bounds.iter().cloned().map(Some));
        let his = bounds.into_iter().map(Some).chain([None]);
        let ranges =
            los.into_iter().zip(his).map(|(lo, hi)| RangeProgress { next: lo.clone(), lo, hi, done: false }).collect();
        let progress = SnapshotProgress { x: ClusterTime::default(), rows: 0, bytes: 0, ranges };
        self.resume(namespace, uuid, progress, estimate);
    }

    /// Adds a collection with stored progress: finished ranges and chunks are not read again.
    pub fn resume(&mut self, namespace: Namespace, uuid: Uuid, progress: SnapshotProgress, estimate: u64) {
        for (at, range) in progress.ranges.iter().enumerate() {
            if !range.done {
                self.ready.push_back((namespace.clone(), at));
            }
        }
        self.collections.insert(namespace, Collection { uuid, progress, estimate });
    }

    /// The next chunk to read, if any is ready.
    pub fn ready(&mut self) -> Option<Task> {
        let (namespace, range) = self.ready.pop_front()?;
        let collection = self.collections.get(&namespace)?;
        let bounds = &collection.progress.ranges[range];
        Some(Task { uuid: collection.uuid, range, lo: bounds.next.clone(), hi: bounds.hi.clone(), namespace })
    }

    /// Whether a chunk is ready.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Puts a chunk back whose read gave nothing.
    pub fn requeue(&mut self, task: Task) {
        if self.collections.contains_key(&task.namespace) {
            self.ready.push_front((task.namespace, task.range));
        }
    }

    /// A chunk was read at `x`: `next` is where its range goes on. Returns the collection's progress with it, and
    /// whether that was the collection's last chunk; `None` where the collection was forgotten meanwhile.
    pub fn done(
        &mut self,
        task: Task,
        x: ClusterTime,
        next: Option<Id>,
        rows: u64,
        bytes: u64,
    ) -> Option<(SnapshotProgress, bool)> {
        let collection = self.collections.get_mut(&task.namespace)?;
        let progress = &mut collection.progress;
        let range = &mut progress.ranges[task.range];
        range.done = next.is_none();
        range.next = next;
        let goes_on = !range.done;
        progress.x = x;
        progress.rows += rows;
        progress.bytes += bytes;
        let complete = progress.ranges.iter().all(|r| r.done);
        let progress = progress.clone();
        if complete {
            self.collections.remove(&task.namespace);
        }
        if goes_on {
            self.put_back(&task.namespace, task.range);
        }
        Some((progress, complete))
    }

    /// Behind the other ranges of its collection, which go forward side by side, and before those of collections that
    /// come later: few topics stand in one transaction, and one collection is complete before the next.
    fn put_back(&mut self, namespace: &Namespace, range: usize) {
        let place = self.ready.iter().rposition(|(other, _)| other == namespace).map_or(0, |last| last + 1);
        self.ready.insert(place, (namespace.clone(), range));
    }

    /// Forgets a collection whose epoch has ended.
    pub fn forget(&mut self, namespace: &Namespace) {
        self.collections.remove(namespace);
        self.ready.retain(|(n, _)| n != namespace);
    }

    /// Whether everything has been read.
    pub fn is_done(&self) -> bool {
        self.collections.is_empty()
    }

    /// Rows that are still to come, by estimate.
    pub fn remaining(&self) -> u64 {
        self.collections.values().map(|c| c.estimate.saturating_sub(c.progress.rows)).sum()
    }
}

#[cfg(test)]
mod tests {
    use bson::raw::RawBsonRef;

    use super::*;

    fn id(n: i32) -> Id {
        Id::new(RawBsonRef::Int32(n))
    }

    #[test]
    fn ranges_cover_the_id_space_and_go_on_where_they_stopped() {
        let ns = Namespace::new("s", "c");
        let mut snapshot = Snapshot::default();
        snapshot.begin(ns.clone(), [0; 16], vec![id(10)], 20);
        let first = snapshot.ready().unwrap();
        let second = snapshot.ready().unwrap();
        assert_eq!((&first.lo, &first.hi), (&None, &Some(id(10))));
        assert_eq!((&second.lo, &second.hi), (&Some(id(10)), &None));
        assert!(snapshot.ready().is_none());
        let x = ClusterTime::new(5, 1);
        let (progress, complete) = snapshot.done(first, x, Some(id(4)), 4, 40).unwrap();
        assert!(!complete);
        let mut again = Snapshot::default();
        again.resume(ns, [0; 16], progress, 20);
        assert_eq!(again.ready().unwrap().lo, Some(id(4)));
        let task = again.ready().unwrap();
        assert_eq!(task.lo, Some(id(10)));
        again.done(task, x, None, 10, 1).unwrap();
        let task = Task { namespace: Namespace::new("s", "c"), uuid: [0; 16], range: 0, lo: None, hi: None };
        assert!(again.done(task, x, None, 6, 1).unwrap().1);
        assert!(again.is_done());
    }

    #[test]
    fn one_collection_after_the_other() {
        let mut snapshot = Snapshot::default();
        snapshot.begin(Namespace::new("s", "a"), [0; 16], vec![id(10)], 20);
        snapshot.begin(Namespace::new("s", "b"), [1; 16], vec![], 20);
        let mut order = Vec::new();
        for chunk in 1..=3 {
            for _ in 0..2 {
                let task = snapshot.ready().unwrap();
                order.push((task.namespace.coll().to_owned(), task.range, chunk));
                let next = (chunk < 3).then(|| id(chunk + task.range as i32 * 10));
                snapshot.done(task, ClusterTime::new(5, 1), next, 1, 1).unwrap();
            }
        }
        let expected = [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)];
        assert_eq!(order, expected.map(|(range, chunk)| ("a".to_owned(), range, chunk)));
        assert_eq!(snapshot.ready().unwrap().namespace.coll(), "b");
    }

    #[test]
    fn small_collections_are_not_cut() {
        assert_eq!([0, 4096, 100_000, 140_000, 1_000_000, u64::MAX].map(|n| ranges(n, 4096, 8)), [1, 1, 1, 2, 8, 8]);
        assert_eq!((ranges(5, 0, 8), ranges(1000, 1, 0)), (1, 1));
    }
}
