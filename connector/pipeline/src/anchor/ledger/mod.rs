//! Running totals of a lane, and the anchors made of them.
//!
//! ```text
//! restore -> { begin_export | bind } -> { apply (after the flush) -> close (before the commit) } ...
//! ```
//!
//! Invariants: totals change only by what was delivered; what `close` returns is all that must be committed with it, and
//! a ledger restored from that goes on as this one would, but that its first anchor is full; each anchor names its
//! parent; a tick is in exactly one anchor (I-ANCHOR-3).

mod close;
mod facts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use facts::{Closed, ExportStart, LaneFacts, PositionFacts};

use super::{CollectionCut, CollectionDelta, Digest, Inexact};
use crate::model::{ClusterTime, Namespace};
use crate::offsets::{PartitionProgress, Position, Progress};
use crate::sink::{Delivered, Deliveries, TopicIndex};

/// One lane's ledger.
#[derive(Debug)]
pub struct Ledger {
    facts: LaneFacts,
    collections: BTreeMap<Namespace, Progress>,
    /// Written before and not captured now: in no anchor.
    left_out: BTreeMap<Namespace, Progress>,
    topics: HashMap<TopicIndex, Namespace>,
    /// Collections whose progress is not yet stored as it is.
    touched: BTreeSet<Namespace>,
    /// Reasons that hold for the whole lane while this run lasts.
    doubts: Vec<Inexact>,
    next_kind: Option<String>,
    next_label: Option<String>,
    /// The collections as the last full anchor had them; `None` where the next anchor must be full.
    base: Option<BTreeMap<String, CollectionCut>>,
    last_anchor: Option<String>,
    last_full: Option<String>,
    since_full: u32,
    last_tick: Option<ClusterTime>,
}

impl Ledger {
    /// A ledger that goes on from what is stored.
    pub fn restore(facts: LaneFacts, position: Option<&Position>, progress: Vec<Progress>) -> Self {
        let mut progress = progress;
        if !facts.digest_on {
            // A digest that leaves records out says nothing: it is gone until the next export.
            progress.iter_mut().for_each(|p| p.digest = None);
        }
        let moved = position.is_some_and(|p| p.layout != facts.layout).then(|| "layout".to_owned());
        Self {
            facts,
            collections: progress.into_iter().map(|p| (p.namespace.clone(), p)).collect(),
            left_out: BTreeMap::new(),
            topics: HashMap::new(),
            touched: BTreeSet::new(),
            doubts: Vec::new(),
            next_kind: position.and_then(|p| p.next_kind.clone()).or(moved),
            next_label: position.and_then(|p| p.next_label.clone()),
            base: None,
            last_anchor: position.and_then(|p| p.last_anchor.clone()),
            last_full: position.and_then(|p| p.last_full_anchor.clone()),
            since_full: position.map_or(0, |p| p.anchors_since_full),
            last_tick: position.and_then(|p| p.last_tick),
        }
    }

    /// Begins a new export of a collection, with totals of nothing. The next anchor is full.
    pub fn begin_export(&mut self, start: ExportStart) {
        let left_out = self.left_out.remove(&start.namespace);
        let before = self.collections.get(&start.namespace).or(left_out.as_ref());
        let number = before.map_or(1, |p| p.export_number + 1);
        let progress = Progress {
            export: format!("e-{number:04}"),
            export_number: number,
            export_complete: start.complete,
            epoch: start.epoch,
            topic: start.topic,
            topic_id: start.topic_id,
            partition_count: start.partition_count,
            contract: start.contract,
            key_schema_id: start.key_schema_id,
            key_schema_digest: start.key_schema_digest,
            key_converter: start.key_converter,
            value_schemas: BTreeMap::new(),
            counts: super::Counts::default(),
            digest: self.facts.digest_on.then(Digest::default),
            partitions: BTreeMap::new(),
            inexact: Vec::new(),
            snapshot: None,
            versions_day: before.and_then(|p| p.versions_day.clone()),
            versions_count: before.map_or(0, |p| p.versions_count),
            namespace: start.namespace.clone(),
        };
        self.topics.insert(start.topic_index, start.namespace.clone());
        self.touched.insert(start.namespace.clone());
        self.collections.insert(start.namespace, progress);
        self.base = None;
    }

    /// Takes collections out of this run's anchors, since nothing says any more what becomes of them. What was written of
    /// them stays known: a new export goes on counting from there.
    pub fn leave_out<'a>(&mut self, namespaces: impl IntoIterator<Item = &'a Namespace>) {
        let of_ours = namespaces.into_iter().filter_map(|namespace| self.collections.remove_entry(namespace));
        self.left_out.extend(of_ours);
    }

    /// Gives a restored collection's topic its index of this run.
    pub fn bind(&mut self, namespace: &Namespace, topic: TopicIndex) {
        self.topics.insert(topic, namespace.clone());
    }

    /// What was written last of a collection, also where it is left out now.
    pub fn written_of(&self, namespace: &Namespace) -> Option<&Progress> {
        self.collections.get(namespace).or_else(|| self.left_out.get(namespace))
    }

    /// A captured collection's progress.
    pub fn collection(&self, namespace: &Namespace) -> Option<&Progress> {
        self.collections.get(namespace)
    }

    /// All collections of the lane.
    pub fn collections(&self) -> impl Iterator<Item = &Progress> {
        self.collections.values()
    }

    /// Adds what one transaction has brought.
    ///
    /// # Panics
    /// On a delta or a delivery of a collection that was never begun or bound: counts would be false from then on.
    pub fn apply(&mut self, deltas: &BTreeMap<Namespace, CollectionDelta>, delivered: &Deliveries) {
        for (namespace, delta) in deltas {
            let progress = self.collections.get_mut(namespace).expect("an export was begun before its first delta");
            add(progress, delta);
            self.touched.insert(namespace.clone());
        }
        for ((topic, partition), delivered) in delivered {
            let namespace = self.topics.get(topic).expect("a topic was bound before its first record");
            let progress = self.collections.get_mut(namespace).expect("a bound topic has a collection");
            deliver(progress, *partition, delivered);
            self.touched.insert(namespace.clone());
        }
    }

    /// Sets the kind of the next tick's anchor; of several the one that says most stands.
    pub fn owe(&mut self, kind: &str) {
        if self.next_kind.as_deref().is_none_or(|owed| rank(owed) <= rank(kind)) {
            self.next_kind = Some(kind.to_owned());
        }
    }

    /// Asks for the next tick's anchor by name.
    pub fn request(&mut self, label: Option<String>) {
        self.owe("requested");
        self.next_label = label.or_else(|| self.next_label.take());
    }

    /// Says that nothing in this lane is exact, for this run or up to the reason's `until`.
    pub fn doubt(&mut self, reason: Inexact) {
        merge_reason(&mut self.doubts, reason);
    }
}

/// What says more than what, where two kinds are owed to one tick.
fn rank(kind: &str) -> u8 {
    match kind {
        "gap" => 6,
        "rollback" => 5,
        "snapshot-complete" => 4,
        "requested" => 3,
        "snapshot-begin" => 2,
        "layout" => 1,
        _ => 0,
    }
}

fn add(progress: &mut Progress, delta: &CollectionDelta) {
    progress.counts.add(&delta.counts);
    if let Some(digest) = &mut progress.digest {
        digest.add(&delta.digest);
    }
    progress.value_schemas.extend(delta.value_schemas.iter().map(|(id, digest)| (*id, digest.clone())));
    if let Some(contract) = &delta.contract {
        progress.contract = Some(contract.clone());
    }
    if let Some(snapshot) = &delta.snapshot {
        progress.snapshot = Some(snapshot.clone());
    }
    progress.export_complete |= delta.completed;
    for reason in &delta.inexact {
        merge_reason(&mut progress.inexact, reason.clone());
    }
    if let Some((day, count)) = &delta.versions {
        progress.versions_day = Some(day.clone());
        progress.versions_count = *count;
    }
}

fn deliver(progress: &mut Progress, partition: i32, delivered: &Delivered) {
    let end = delivered.last + 1;
    let held = progress.partitions.entry(partition).or_insert(PartitionProgress {
        first: delivered.first,
        begin: delivered.first,
        end,
        records: 0,
    });
    held.end = held.end.max(end);
    held.records += delivered.records;
}

/// Adds a reason, or widens the one that stands there: said twice it is still one reason.
fn merge_reason(reasons: &mut Vec<Inexact>, reason: Inexact) {
    let same = reasons.iter_mut().find(|r| r.reason == reason.reason && r.namespace == reason.namespace);
    let Some(held) = same else {
        reasons.push(reason);
        return;
    };
    held.keys = held.keys.zip(reason.keys).map(|(a, b)| a + b);
    held.until = held.until.zip(reason.until).map(|(a, b)| a.max(b));
}
