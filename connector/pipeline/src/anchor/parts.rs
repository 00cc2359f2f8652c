//! A full anchor that is too large for one record, split by collection.
//!
//! Invariants: all parts share the id and everything but their collections; a collection stands in one part; joined
//! again they are the anchor, whose id is computed over the whole.

use super::record::Anchor;
use super::wire::encode;

/// Bytes of a record over which an anchor is split.
pub const LIMIT: usize = 512 * 1024;

/// The records of an anchor, each at most `limit` bytes, but where one collection alone has more.
pub fn split(anchor: &Anchor, limit: usize) -> Vec<Anchor> {
    if encode(anchor, 0).len() <= limit {
        return vec![anchor.clone()];
    }
    let empty = Anchor { collections: Vec::new(), ..anchor.clone() };
    let head = encode(&empty, 0).len();
    let mut parts: Vec<Anchor> = Vec::new();
    let mut size = usize::MAX;
    for collection in &anchor.collections {
        let alone = encode(&Anchor { collections: vec![collection.clone()], ..empty.clone() }, 0).len();
        let more = alone - head;
        // The count of collections in front of them grows by a few bytes; the slack is in the limit.
        if size.saturating_add(more) > limit.saturating_sub(8) {
            parts.push(empty.clone());
            size = head;
        }
        size += more;
        parts.last_mut().expect("pushed before").collections.push(collection.clone());
    }
    let count = parts.len() as i32;
    for (number, part) in parts.iter_mut().enumerate() {
        part.part = number as i32;
        part.parts = count;
    }
    parts
}

/// The anchor of its parts, in any order; `None` where one is missing or two do not belong together.
pub fn join(mut parts: Vec<Anchor>) -> Option<Anchor> {
    parts.sort_by_key(|part| part.part);
    parts.dedup_by_key(|part| part.part);
    let mut parts = parts.into_iter();
    let mut whole = parts.next()?;
    let mut seen = 1;
    for part in parts {
        if part.id != whole.id || part.lane != whole.lane || part.part != seen {
            return None;
        }
        whole.collections.extend(part.collections);
        seen += 1;
    }
    if whole.part != 0 || seen != whole.parts {
        return None;
    }
    whole.parts = 1;
    Some(whole)
}
