//! Differences: what moved since the last full anchor, and the full state again from both.
//!
//! Invariant: `merge(base, difference)` is what a full anchor at the difference's cut would have listed.

use super::record::{Anchor, CollectionCut, PartitionCut};

/// What of a collection differs from the base: all its fields, and the partitions that moved; `None` where nothing does.
pub fn difference(now: &CollectionCut, base: Option<&CollectionCut>) -> Option<CollectionCut> {
    let Some(base) = base else { return Some(now.clone()) };
    let moved: Vec<PartitionCut> = now
        .partitions
        .iter()
        .filter(|p| !base.partitions.iter().any(|b| b.partition == p.partition && (b.first, b.end) == (p.first, p.end)))
        .copied()
        .collect();
    let without = |c: &CollectionCut| CollectionCut { partitions: Vec::new(), ..c.clone() };
    if moved.is_empty() && without(now) == without(base) {
        return None;
    }
    Some(CollectionCut { partitions: moved, ..without(now) })
}

/// An anchor as a full one: its own fields, and the collections of its base where it does not list them. A full anchor
/// is returned as it is.
pub fn merge(base: &Anchor, difference: &Anchor) -> Anchor {
    if difference.full {
        return difference.clone();
    }
    let mut collections: Vec<CollectionCut> = base.collections.iter().map(settled).collect();
    for changed in &difference.collections {
        match collections.iter_mut().find(|c| c.namespace == changed.namespace) {
            None => collections.push(changed.clone()),
            Some(held) if held.export != changed.export || held.epoch != changed.epoch => *held = changed.clone(),
            Some(held) => {
                let mut partitions = std::mem::take(&mut held.partitions);
                for moved in &changed.partitions {
                    partitions.retain(|p| p.partition != moved.partition);
                    partitions.push(*moved);
                }
                partitions.sort_by_key(|p| p.partition);
                *held = CollectionCut { partitions, ..changed.clone() };
            }
        }
    }
    collections.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    Anchor { collections, ..difference.clone() }
}

/// A collection in which nothing moved since: every partition begins where it ends.
fn settled(collection: &CollectionCut) -> CollectionCut {
    let partitions = collection.partitions.iter().map(|p| PartitionCut { begin: p.end, ..*p }).collect();
    CollectionCut { partitions, ..collection.clone() }
}
