//! Anchors in outline: what must be known of each to decide which may go and which can still be replayed, so that a
//! running connector can hold thousands of them.
//!
//! Invariants: outlines stand in the topic's order; an anchor of which a part is missing has none; a tombstone takes one
//! away; what a difference takes from its base is in its `reach` too. Equal reaches of one lane are one allocation.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::record::{Anchor, CollectionCut, TICK};
use super::{decode, decode_key};
use crate::model::ClusterTime;

/// One anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the anchor's schema says what each field means")]
pub struct Outline {
    pub id: String,
    pub lane: i32,
    pub lanes: i32,
    pub layout: String,
    pub tick: bool,
    pub label: Option<String>,
    pub cut: ClusterTime,
    pub covers_from: ClusterTime,
    pub full: bool,
    pub base: Option<String>,
    pub exact: bool,
    pub complete: bool,
    pub gap: bool,
    /// Keys of its records, as bytes: a tombstone under other bytes, say of another schema id, would take nothing away.
    pub keys: Vec<Vec<u8>>,
    /// Where its exports begin, by namespace; `None` where its base is gone.
    pub reach: Option<Arc<BTreeMap<String, Reach>>>,
}

/// Where a collection's export begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the anchor's schema says what each field means")]
pub struct Reach {
    pub epoch: String,
    pub export: String,
    pub topic: String,
    pub topic_id: Option<String>,
    /// First offset by partition.
    pub firsts: BTreeMap<i32, i64>,
}

impl Reach {
    fn of(cut: &CollectionCut) -> Self {
        Self {
            epoch: cut.epoch.clone(),
            export: cut.export.clone(),
            topic: cut.topic.clone(),
            topic_id: cut.topic_id.clone(),
            firsts: cut.partitions.iter().map(|p| (p.partition, p.first)).collect(),
        }
    }
}

impl Outline {
    /// Of an anchor (joined) and the keys of its records. `base` is the outline that it builds on, `last` the lane's one
    /// before it.
    pub fn of(anchor: &Anchor, keys: Vec<Vec<u8>>, base: Option<&Outline>, last: Option<&Outline>) -> Self {
        let mut reach =
            if anchor.full { Some(BTreeMap::new()) } else { base.and_then(|b| b.reach.as_deref().cloned()) };
        if let Some(reach) = &mut reach {
            for cut in &anchor.collections {
                let mut now = Reach::of(cut);
                // A difference lists the partitions that moved only.
                if let Some(before) = reach.get(&cut.namespace)
                    && (&before.epoch, &before.export) == (&now.epoch, &now.export)
                {
                    before.firsts.iter().for_each(|(p, first)| _ = now.firsts.entry(*p).or_insert(*first));
                }
                reach.insert(cut.namespace.clone(), now);
            }
        }
        let shared = reach.map(|reach| match last.and_then(|last| last.reach.as_ref()) {
            Some(held) if **held == reach => Arc::clone(held),
            _ => Arc::new(reach),
        });
        Self {
            id: anchor.id.clone(),
            lane: anchor.lane,
            lanes: anchor.lanes,
            layout: anchor.layout.clone(),
            tick: anchor.kind == TICK,
            label: anchor.label.clone(),
            cut: anchor.cut,
            covers_from: anchor.covers_from,
            full: anchor.full,
            base: anchor.base.clone(),
            exact: anchor.exact,
            complete: anchor.complete,
            gap: anchor.gap.is_some(),
            keys,
            reach: shared,
        }
    }
}

/// The anchors topic of one connector in outline, record by record.
#[derive(Debug, Default)]
pub struct Outlines {
    connector: String,
    by_place: BTreeMap<u64, Outline>,
    places: HashMap<String, u64>,
    /// Parts of anchors that are not whole yet.
    parts: HashMap<String, BTreeMap<i32, (Anchor, Vec<u8>)>>,
    last: HashMap<i32, u64>,
    next: u64,
}

impl Outlines {
    /// Of a connector; nothing is read yet.
    pub fn new(connector: &str) -> Self {
        Self { connector: connector.to_owned(), ..Self::default() }
    }

    /// Takes the topic's next record in. What is no anchor of this connector is passed over.
    pub fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Ok(named) = decode_key(key) else { return };
        if named.connector != self.connector {
            return;
        }
        let Some(value) = value else {
            self.parts.remove(&named.id);
            if let Some(place) = self.places.remove(&named.id) {
                self.by_place.remove(&place);
            }
            return;
        };
        let Ok(anchor) = decode(value) else { return };
        if anchor.key() != named || self.places.contains_key(&named.id) {
            return;
        }
        let wanted = anchor.parts;
        let parts = self.parts.entry(named.id.clone()).or_default();
        parts.insert(anchor.part, (anchor, key.to_vec()));
        if parts.len() < usize::try_from(wanted).unwrap_or(usize::MAX) {
            return;
        }
        let parts = self.parts.remove(&named.id).unwrap_or_default();
        let (anchors, keys): (Vec<Anchor>, Vec<Vec<u8>>) = parts.into_values().unzip();
        let Some(whole) = super::parts::join(anchors) else { return };
        let held = |id: &Option<String>| id.as_ref().and_then(|id| self.by_place.get(self.places.get(id)?));
        let last = self.last.get(&whole.lane).and_then(|place| self.by_place.get(place));
        let outline = Outline::of(&whole, keys, held(&whole.base), last);
        self.last.insert(whole.lane, self.next);
        self.places.insert(outline.id.clone(), self.next);
        self.by_place.insert(self.next, outline);
        self.next += 1;
    }

    /// All of them, in the topic's order.
    pub fn all(&self) -> Vec<&Outline> {
        self.by_place.values().collect()
    }
}

/// Which outlines make whole cuts.
pub struct Ticks<'a> {
    anchors: &'a [&'a Outline],
    /// By layout and lane: places in `anchors`, by cut; of equal cuts the later in the topic first.
    lanes: BTreeMap<(&'a str, i32), Vec<usize>>,
}

impl<'a> Ticks<'a> {
    /// Of outlines in the topic's order.
    pub fn new(anchors: &'a [&'a Outline]) -> Self {
        let mut lanes: BTreeMap<(&str, i32), Vec<usize>> = BTreeMap::new();
        for (place, anchor) in anchors.iter().enumerate() {
            lanes.entry((&anchor.layout, anchor.lane)).or_default().push(place);
        }
        lanes.values_mut().for_each(|lane| lane.sort_by_key(|&place| (anchors[place].cut, Reverse(place))));
        Self { anchors, lanes }
    }

    /// By layout and lane: places of anchors, by cut.
    pub fn lanes(&self) -> &BTreeMap<(&'a str, i32), Vec<usize>> {
        &self.lanes
    }

    /// The anchors of a layout that cover a time, at most one a lane.
    pub fn covering(&self, layout: &str, time: ClusterTime) -> Vec<usize> {
        let of_layout = self.lanes.iter().filter(|((of, _), _)| *of == layout);
        let of_lane = |(_, lane): (&(&'a str, i32), &Vec<usize>)| {
            let from = lane.partition_point(|&place| self.anchors[place].cut < time);
            lane[from..].iter().copied().take_while(|&place| self.anchors[place].covers_from <= time).max()
        };
        of_layout.filter_map(of_lane).collect()
    }

    /// Whole cuts, newest first: the places of their anchors, one a lane.
    pub fn whole(&self) -> impl Iterator<Item = (ClusterTime, Vec<usize>)> + '_ {
        let times: BTreeSet<(ClusterTime, &str)> = self.anchors.iter().map(|a| (a.cut, a.layout.as_str())).collect();
        times.into_iter().rev().filter_map(|(time, layout)| {
            let covering = self.covering(layout, time);
            let lanes = self.anchors[*covering.first()?].lanes;
            (i32::try_from(covering.len()) == Ok(lanes)).then_some((time, covering))
        })
    }
}
