//! The anchors of one connector as read from their topic.
//!
//! Invariants: a key holds one immutable record; a tombstone takes an anchor away and leaves its id known as pruned;
//! an anchor of which a part is missing is never taken for a whole one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::record::{Anchor, AnchorKey};
use super::{merge, parts};
use crate::error::Problem;

/// What was read, in the order of the topic.
#[derive(Debug, Default)]
pub struct Log {
    anchors: Vec<Anchor>,
    by_id: HashMap<String, usize>,
    pruned: BTreeSet<String>,
    broken: Vec<(AnchorKey, i32)>,
}

impl Log {
    /// Of the records of a connector in the topic's order; a value of `None` is a tombstone.
    pub fn read(connector: &str, records: impl IntoIterator<Item = (AnchorKey, Option<Anchor>)>) -> Self {
        let mut pruned = BTreeSet::new();
        // By place of the first part that was seen, then by part.
        let mut held: BTreeMap<usize, Vec<Anchor>> = BTreeMap::new();
        let mut places: HashMap<(i32, String), usize> = HashMap::new();
        for (number, (key, value)) in records.into_iter().enumerate() {
            if key.connector != connector {
                continue;
            }
            let place = *places.entry((key.lane, key.id.clone())).or_insert(number);
            match value {
                Some(anchor) => held.entry(place).or_default().push(anchor),
                None => {
                    held.remove(&place);
                    places.remove(&(key.lane, key.id.clone()));
                    pruned.insert(key.id);
                }
            }
        }
        let mut log = Self { pruned, ..Self::default() };
        for parts in held.into_values() {
            let (key, wanted) = (parts[0].key(), parts[0].parts);
            match parts::join(parts) {
                Some(anchor) => {
                    log.by_id.insert(anchor.id.clone(), log.anchors.len());
                    log.anchors.push(anchor);
                }
                None => log.broken.push((key, wanted)),
            }
        }
        log
    }

    /// All anchors, as stored, oldest first.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }
    /// Ids that were taken away by `anchors prune`, as far as their tombstones are still there.
    pub fn pruned(&self) -> &BTreeSet<String> {
        &self.pruned
    }
    /// Anchors of which a part is missing: key of one that is there, and how many there should be.
    pub fn broken(&self) -> &[(AnchorKey, i32)] {
        &self.broken
    }
    /// An anchor by its whole id.
    pub fn get(&self, id: &str) -> Option<&Anchor> {
        self.by_id.get(id).map(|&at| &self.anchors[at])
    }
    /// The anchor of the same lane that names this one as its parent.
    pub fn child(&self, id: &str) -> Option<&Anchor> {
        self.anchors.iter().find(|anchor| anchor.parent.as_deref() == Some(id))
    }
    /// Place of an anchor in the topic's order.
    pub(super) fn place(&self, anchor: &Anchor) -> usize {
        self.by_id.get(&anchor.id).copied().unwrap_or_default()
    }

    /// An anchor with all its collections, those that it takes from its base included.
    pub fn merged(&self, anchor: &Anchor) -> Result<Anchor, Problem> {
        if anchor.full {
            return Ok(anchor.clone());
        }
        match anchor.base.as_deref().and_then(|base| self.get(base)) {
            Some(base) => Ok(merge::merge(base, anchor)),
            None => Err(Problem::new(
                "MOOR-6005",
                format!("anchor {} can't be read: the full anchor that it builds on is gone", anchor.id),
                format!("lane {}, base {}", anchor.lane, anchor.base.as_deref().unwrap_or("none")),
                "a difference lists only what moved since its base, and the topic does not hold that any more",
                "take another cut: moorline anchors list",
            )),
        }
    }
}
