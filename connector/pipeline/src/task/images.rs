//! Which record of a key carries which image, in one batch.
//!
//! Invariants: only an update after which the batch has no other event of its key carries the image at the cut, at its
//! own place (I-IMG-3); inserts, replaces and deletes go out with their own content and op; an update followed by
//! another event of its key is folded into it; no missing image becomes a delete (I-IMG-2). A key looked up late, at
//! T', emits nothing at or before T' from then on (I-ANCHOR-4).

use std::collections::{BTreeMap, HashMap, HashSet};

use super::frontier::Sequenced;
use crate::model::{ClusterTime, Id, Namespace, Op, canonical};

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Goes out with its own content.
    Own,
    /// Goes out with the image that was looked up for its key.
    Image,
    /// Is folded into the next event of its key in this batch.
    Folded,
    /// Was overtaken by a late look-up of its key: not emitted.
    Overtaken,
    /// Is not about a document.
    Other,
}

/// A key within the connector: a collection and the canonical bytes of an `_id`.
pub type Key = (Namespace, Box<[u8]>);

/// What is to be done with each event of a batch, and what is to be looked up.
#[derive(Debug, Default)]
pub struct Plan {
    /// One an event.
    pub treatments: Vec<Treatment>,
    /// `_id`s by collection.
    pub look_ups: BTreeMap<Namespace, Vec<Id>>,
}

/// The key of an event of a document.
pub fn key_of(event: &Sequenced) -> Option<Key> {
    let mut bytes = Vec::with_capacity(24);
    canonical(event.change.id()?, &mut bytes);
    Some((event.change.namespace.clone()?, bytes.into()))
}

/// Keys that were looked up late, and until when their events are overtaken.
#[derive(Debug, Default)]
pub struct Overtaken(HashMap<Key, ClusterTime>);

impl Overtaken {
    /// A look-up of this key gave its state at `at`, which lies past the batch.
    pub fn insert(&mut self, key: Key, at: ClusterTime) {
        self.0.insert(key, at);
    }
    /// Forgets the keys whose time the frontier has passed.
    pub fn pass(&mut self, frontier: ClusterTime) {
        self.0.retain(|_, at| *at >= frontier);
    }
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn holds(&self, key: &Key, time: ClusterTime) -> bool {
        self.0.get(key).is_some_and(|at| time <= *at)
    }
}

/// Plans a batch. `look_up` is false where the stream brings the images itself.
pub fn plan(events: &[Sequenced], overtaken: &Overtaken, look_up: bool) -> Plan {
    let mut plan = Plan { treatments: vec![Treatment::Own; events.len()], look_ups: BTreeMap::new() };
    let mut later: HashSet<Key> = HashSet::new();
    for (at, event) in events.iter().enumerate().rev() {
        if !event.change.op.is_document() {
            plan.treatments[at] = Treatment::Other;
            continue;
        }
        let update = event.change.op == Op::Update;
        if !update && later.is_empty() && overtaken.is_empty() && !look_up {
            continue;
        }
        let Some(key) = key_of(event) else {
            plan.treatments[at] = Treatment::Other;
            continue;
        };
        if overtaken.holds(&key, event.change.time) {
            plan.treatments[at] = Treatment::Overtaken;
            continue;
        }
        if update && look_up {
            if later.contains(&key) {
                plan.treatments[at] = Treatment::Folded;
            } else {
                plan.treatments[at] = Treatment::Image;
                if let Some(id) = event.change.id() {
                    plan.look_ups.entry(key.0.clone()).or_default().push(Id::new(id));
                }
            }
        }
        if look_up {
            later.insert(key);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::Treatment::{Folded, Image, Other, Overtaken as Gone, Own};
    use super::*;
    use crate::task::frontier::Frontier;
    use crate::task::testing::{Event, reply_of};

    fn events(events: &[Event]) -> Vec<Sequenced> {
        let mut frontier = Frontier::new(ClusterTime::default(), true);
        frontier.accept(reply_of(false, events, (900, 1))).unwrap();
        frontier.take(events.len())
    }

    #[test]
    fn i_img_3_only_the_last_update_after_everything_else_carries_the_image() {
        let batch = events(&[
            ((5, 1), "insert", 7),
            ((5, 1), "update", 7),
            ((5, 1), "delete", 7),
            ((5, 1), "insert", 7),
            ((5, 1), "update", 7),
            ((5, 2), "update", 7),
            ((5, 2), "update", 8),
            ((5, 3), "replace", 8),
            ((5, 4), "drop", 0),
        ]);
        let plan = plan(&batch, &Overtaken::default(), true);
        assert_eq!(plan.treatments, [Own, Folded, Own, Own, Folded, Image, Folded, Own, Other]);
        let (namespace, ids) = plan.look_ups.iter().next().unwrap();
        assert_eq!((namespace.as_str(), ids.len()), ("shop.orders", 1));
    }

    #[test]
    fn i_anchor_4_what_a_late_look_up_has_overtaken_is_not_emitted() {
        let batch =
            events(&[((5, 1), "update", 7), ((5, 2), "delete", 7), ((6, 1), "insert", 7), ((6, 1), "update", 8)]);
        let mut overtaken = Overtaken::default();
        overtaken.insert(key_of(&batch[0]).unwrap(), ClusterTime::new(5, 9));
        assert_eq!(plan(&batch, &overtaken, true).treatments, [Gone, Gone, Own, Image]);
        overtaken.pass(ClusterTime::new(6, 0));
        assert!(overtaken.is_empty());
    }

    #[test]
    fn without_look_ups_everything_goes_out_with_what_the_stream_brings() {
        let batch = events(&[((5, 1), "update", 7), ((5, 2), "update", 7)]);
        let plan = plan(&batch, &Overtaken::default(), false);
        assert_eq!(plan.treatments, [Own, Own]);
        assert!(plan.look_ups.is_empty());
    }
}
