//! What lies between two cuts.
//!
//! Invariants: both cuts are of one history, and each collection is in one epoch and one export at both; what is read
//! begins where the earlier cut ends, so that the records counted and digested are those of the one less the other's. A
//! collection that the earlier cut does not hold is read from its beginning: all of it is new.

use moorline_pipeline::anchor::CollectionCut;
use moorline_pipeline::error::Problem;

use super::{Merged, Source, chosen, stored, whole};
use crate::digest::RecordsDigest;
use crate::manifest::Range;

/// The records from one cut to a later one.
pub(super) fn between(from: &Merged, at: &Merged, names: &[String]) -> Result<Vec<Source>, Problem> {
    if from.history != at.history {
        let why = format!("the one is of history {}, the other of {}", from.history, at.history);
        return Err(no_difference(from, at, why));
    }
    if from.facts.cut > at.facts.cut {
        return Err(no_difference(from, at, "--from is later than --at".to_owned()));
    }
    let wanted = chosen(at, names)?;
    let is_wanted = |name: &String| names.is_empty() || names.contains(name);
    let ended = from
        .collections
        .iter()
        .find(|old| is_wanted(&old.namespace) && !wanted.iter().any(|now| now.namespace == old.namespace));
    if let Some(ended) = ended {
        return Err(no_difference(from, at, format!("{} is no longer captured at the later one", ended.namespace)));
    }
    let mut sources = Vec::with_capacity(wanted.len());
    for now in wanted {
        let old = from.collections.iter().find(|old| old.namespace == now.namespace);
        sources.push(match old {
            None => whole(now),
            Some(old) if (&old.epoch, &old.export, &old.topic) == (&now.epoch, &now.export, &now.topic) => {
                since(old, now).ok_or_else(|| no_difference(from, at, format!("{} goes backwards", now.namespace)))?
            }
            Some(old) => {
                let why = format!(
                    "{} has another life or another snapshot: epoch {}, export {}; then epoch {}, export {}",
                    now.namespace, old.epoch, old.export, now.epoch, now.export
                );
                return Err(no_difference(from, at, why));
            }
        });
    }
    Ok(sources)
}

/// What was added to a collection; `None` where something was taken away, which no writer does.
fn since(old: &CollectionCut, now: &CollectionCut) -> Option<Source> {
    let mut ranges = Vec::with_capacity(now.partitions.len());
    for partition in &now.partitions {
        let before = old.partitions.iter().find(|p| p.partition == partition.partition);
        let (first, records) = before.map_or((partition.first, 0), |p| (p.end, p.records));
        if partition.end < first || partition.records < records {
            return None;
        }
        let records = partition.records - records;
        ranges.push(Range { partition: partition.partition, first, end: partition.end, records });
    }
    // A collection without a record has no digest of its own to be less by.
    let before = if old.partitions.is_empty() { Some(RecordsDigest::default()) } else { stored(old) };
    let digest = stored(now).zip(before).map(|(now, old)| now.since(old));
    Some(Source { cut: now.clone(), ranges, digest })
}

fn no_difference(from: &Merged, at: &Merged, why: String) -> Problem {
    Problem::new(
        "MOOR-6123",
        "there is no difference between these two cuts",
        format!("--from {} --at {}", from.facts.time, at.facts.time),
        why,
        "replay the later cut whole: leave out --from",
    )
}
