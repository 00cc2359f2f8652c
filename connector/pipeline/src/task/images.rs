//! Which record of a key carries which image, in one batch.
//!
//! Invariants: only an update after which the batch has no other event of its key carries the image at the cut, at its
//! own place (I-IMG-3); inserts, replaces and deletes go out with their own content and op; an update followed by
//! another event of its key is folded into it; no missing image becomes a delete (I-IMG-2). A key looked up late, at
//! T', emits nothing at or before T' from then on (I-ANCHOR-4).

use std::collections::HashMap;

use super::frontier::Sequenced;
use crate::model::{ClusterTime, Id, Namespace, Op};
use crate::source::Images;

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Goes out with its own content.
    Own,
    /// Goes out with the image that was looked up for its key: the number of its key, counted over the batch.
    Image(u32),
    /// Goes out with the image of a later update of its key, which nothing but updates lies between: its number.
    Shared(u32),
    /// Goes out without any image: its delta is all there is.
    Bare,
    /// Is folded into the next event of its key in this batch.
    Folded,
    /// Was overtaken by a late look-up of its key: not emitted.
    Overtaken,
    /// Is not about a document.
    Other,
}

/// What becomes of the updates of a key that another event of the batch follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updates {
    /// They are folded into what follows.
    Coalesced,
    /// Each is a record, as long as there is an image to be had.
    Each,
    /// Each is a record, with its delta, and with an image if there is one.
    Deltas,
}

/// A key within the connector: a collection and the canonical bytes of an `_id`.
pub type Key = (Namespace, Box<[u8]>);

/// Documents of a collection that are to be looked up.
#[derive(Debug)]
pub struct LookUps {
    /// The collection.
    pub namespace: Namespace,
    /// Their `_id`s.
    pub ids: Vec<Id>,
    /// The canonical bytes of each, and its number in [`Treatment::Image`].
    pub keys: Vec<(Box<[u8]>, u32)>,
}

/// What is to be done with each event of a batch, and what is to be looked up.
#[derive(Debug, Default)]
pub struct Plan {
    /// One an event.
    pub treatments: Vec<Treatment>,
    /// By collection.
    pub look_ups: Vec<LookUps>,
    /// How many documents are to be looked up.
    pub images: u32,
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
        if !self.0.is_empty() {
            self.0.retain(|_, at| *at >= frontier);
        }
    }
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn holds(&self, namespace: &Namespace, key: &[u8], time: ClusterTime) -> bool {
        !self.0.is_empty() && self.0.get(&(namespace.clone(), key.into())).is_some_and(|at| time <= *at)
    }
}

/// The canonical keys of a batch's events in one buffer, and which collection each is of.
struct Keys {
    bytes: Vec<u8>,
    /// One an event: number of the collection, and where its key stands; `None` where it is not about a document.
    places: Vec<Option<(u32, std::ops::Range<usize>)>>,
    namespaces: Vec<Namespace>,
}

impl Keys {
    fn of(events: &[Sequenced]) -> Self {
        let places = Vec::with_capacity(events.len());
        let mut keys = Self { bytes: Vec::with_capacity(events.len() * 20), places, namespaces: Vec::new() };
        let mut last = 0;
        for event in events {
            let change = &event.change;
            let start = keys.bytes.len();
            let place = match &change.namespace {
                Some(namespace) if change.op.is_document() && change.canonical_id(&mut keys.bytes) => {
                    // Runs of one collection are long; a batch has few collections.
                    if keys.namespaces.get(last) != Some(namespace) {
                        let known = keys.namespaces.iter().position(|known| known == namespace);
                        last = known.unwrap_or(keys.namespaces.len());
                        if known.is_none() {
                            keys.namespaces.push(namespace.clone());
                        }
                    }
                    Some((last as u32, start..keys.bytes.len()))
                }
                _ => None,
            };
            keys.places.push(place);
        }
        keys
    }
}

/// Plans a batch.
pub fn plan(events: &[Sequenced], overtaken: &Overtaken, images: Images, updates: Updates) -> Plan {
    let wanted = |event: &Sequenced| match images {
        Images::Boundary => event.change.op == Op::Update,
        Images::Post => event.change.op == Op::Update && event.change.full_document().is_none(),
        Images::Lookup | Images::None => false,
    };
    let look_up = images == Images::Boundary || events.iter().any(wanted);
    if !look_up && overtaken.is_empty() {
        let of = |event: &Sequenced| if event.change.op.is_document() { Treatment::Own } else { Treatment::Other };
        return Plan { treatments: events.iter().map(of).collect(), ..Plan::default() };
    }
    let keys = Keys::of(events);
    let mut plan = Plan { treatments: vec![Treatment::Own; events.len()], ..Plan::default() };
    let mut of_namespace: Vec<Option<usize>> = vec![None; keys.namespaces.len()];
    // Keys that later events are of: the image of those that nothing but updates with that image follow.
    let mut later: HashMap<(u32, &[u8]), Option<u32>> = HashMap::with_capacity(if look_up { events.len() } else { 0 });
    for (at, event) in events.iter().enumerate().rev() {
        let Some((number, place)) = &keys.places[at] else {
            plan.treatments[at] = Treatment::Other;
            continue;
        };
        let (namespace, key) = (&keys.namespaces[*number as usize], &keys.bytes[place.clone()]);
        if overtaken.holds(namespace, key, event.change.time) {
            plan.treatments[at] = Treatment::Overtaken;
            continue;
        }
        if !look_up {
            continue;
        }
        if !wanted(event) {
            later.insert((*number, key), None);
            continue;
        }
        plan.treatments[at] = match (later.get(&(*number, key)).copied(), updates) {
            (None, _) => {
                let Some(id) = event.change.owned_id() else { continue };
                let index = *of_namespace[*number as usize].get_or_insert_with(|| {
                    plan.look_ups.push(LookUps { namespace: namespace.clone(), ids: Vec::new(), keys: Vec::new() });
                    plan.look_ups.len() - 1
                });
                let image = plan.images;
                plan.look_ups[index].ids.push(id);
                plan.look_ups[index].keys.push((key.into(), image));
                plan.images += 1;
                later.insert((*number, key), Some(image));
                Treatment::Image(image)
            }
            (Some(Some(image)), Updates::Each | Updates::Deltas) => Treatment::Shared(image),
            (Some(None), Updates::Deltas) => Treatment::Bare,
            (Some(_), Updates::Coalesced | Updates::Each) => Treatment::Folded,
        };
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::Treatment::{Bare, Folded, Image, Other, Overtaken as Gone, Own, Shared};
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
        for (updates, first, second, last) in [
            (Updates::Coalesced, Folded, Folded, Folded),
            (Updates::Each, Folded, Shared(0), Folded),
            (Updates::Deltas, Bare, Shared(0), Bare),
        ] {
            let plan = plan(&batch, &Overtaken::default(), Images::Boundary, updates);
            assert_eq!(plan.treatments, [Own, first, Own, Own, second, Image(0), last, Own, Other], "{updates:?}");
            assert_eq!((plan.look_ups.len(), plan.images), (1, 1));
            let look_ups = &plan.look_ups[0];
            assert_eq!((look_ups.namespace.as_str(), look_ups.ids.len(), look_ups.keys[0].1), ("shop.orders", 1, 0));
        }
    }

    #[test]
    fn i_anchor_4_what_a_late_look_up_has_overtaken_is_not_emitted() {
        let batch =
            events(&[((5, 1), "update", 7), ((5, 2), "delete", 7), ((6, 1), "insert", 7), ((6, 1), "update", 8)]);
        let mut overtaken = Overtaken::default();
        let mut key = Vec::new();
        assert!(batch[0].change.canonical_id(&mut key));
        overtaken.insert((Namespace::new("shop", "orders"), key.into()), ClusterTime::new(5, 9));
        let plan = plan(&batch, &overtaken, Images::Boundary, Updates::Coalesced);
        assert_eq!(plan.treatments, [Gone, Gone, Own, Image(0)]);
        overtaken.pass(ClusterTime::new(6, 0));
        assert!(overtaken.is_empty());
    }

    #[test]
    fn without_look_ups_everything_goes_out_with_what_the_stream_brings() {
        let batch = events(&[((5, 1), "update", 7), ((5, 2), "update", 7)]);
        let plan = plan(&batch, &Overtaken::default(), Images::Lookup, Updates::Deltas);
        assert_eq!(plan.treatments, [Own, Own]);
        assert!(plan.look_ups.is_empty());
    }

    #[test]
    fn a_post_image_that_the_server_does_not_have_is_looked_up() {
        let batch = events(&[((5, 1), "update", 7), ((5, 2), "delete", 7), ((5, 3), "update", 8)]);
        let plan = plan(&batch, &Overtaken::default(), Images::Post, Updates::Coalesced);
        assert_eq!(plan.treatments, [Folded, Own, Image(0)]);
    }
}
