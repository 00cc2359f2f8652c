//! What anchors say against what is in the topics: the pure half of `anchors show --check`.
//!
//! Invariants: a finding names the anchor and the place; records that retention took away (MOOR-6002) are told from
//! records that are missing or altered (MOOR-6013, MOOR-6014); what was not looked at is not called good.

use std::collections::{BTreeMap, BTreeSet};

use super::log::Log;
use super::record::{Anchor, CollectionCut};
use super::{Digest, digest, id};
use crate::error::Problem;

/// What a reader has found in the ranges of one collection.
#[derive(Clone, Debug, Default)]
pub struct Recount {
    partitions: BTreeMap<i32, i64>,
    digest: Digest,
    tombstones: i64,
    schema_ids: BTreeSet<i32>,
}

impl Recount {
    /// Adds one committed record that stands in `[first, end)` of its partition.
    pub fn add(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) {
        *self.partitions.entry(partition).or_default() += 1;
        self.digest.add_record(key, value);
        match value {
            None => self.tombstones += 1,
            Some([0, a, b, c, d, ..]) => {
                self.schema_ids.insert(i32::from_be_bytes([*a, *b, *c, *d]));
            }
            Some(_) => {}
        }
    }
    /// Records over all partitions.
    pub fn records(&self) -> i64 {
        self.partitions.values().sum()
    }
}

/// Compares a collection (merged) with what was read again. `log_starts` are the partitions' log start offsets.
pub fn collection(cut: &CollectionCut, found: &Recount, log_starts: &BTreeMap<i32, i64>) -> Vec<Problem> {
    let mut findings = Vec::new();
    for partition in &cut.partitions {
        let place = format!("{}, partition {}", cut.topic, partition.partition);
        let seen = found.partitions.get(&partition.partition).copied().unwrap_or_default();
        let start = log_starts.get(&partition.partition).copied().unwrap_or_default();
        if start > partition.first && seen < partition.records {
            findings.push(gone(&place, partition.first, partition.records, seen, start));
        } else if seen != partition.records {
            findings.push(Problem::new(
                "MOOR-6013",
                format!("the topic holds other records than the anchor counts: {seen}, not {}", partition.records),
                format!("{place}, offsets [{}, {})", partition.first, partition.end),
                if seen < partition.records {
                    "records are missing: compaction, a deleted and re-created topic, or loss"
                } else {
                    "there are records that no anchor counts: something else writes to this topic"
                },
                "check cleanup.policy and who writes to the topic; then a new snapshot: start once with snapshot.mode=always",
            ));
        }
    }
    if !findings.is_empty() {
        // A digest over other records differs for that reason, and says nothing more.
        return findings;
    }
    let place = format!("{}, export {}", cut.namespace, cut.export);
    if let Some(stored) = &cut.records_digest
        && cut.digest_algorithm.as_deref() == Some(digest::ALGORITHM)
        && stored.as_slice() != found.digest.to_bytes()
    {
        findings.push(Problem::new(
            "MOOR-6014",
            "the records are not those that were written: their digest differs",
            place.clone(),
            format!(
                "anchor {}, topic {}; the number of records is the same",
                hex::encode(stored),
                hex::encode(found.digest.to_bytes())
            ),
            "do not use the cut; take a new snapshot (start once with snapshot.mode=always), and find out who wrote to the topic",
        ));
    }
    if found.tombstones != cut.records.tombstones || !adds_up(cut) {
        findings.push(Problem::new(
            "MOOR-6013",
            format!("the counts by kind do not add up to {} records", cut.stored()),
            place.clone(),
            format!("{:?}; {} tombstones in the topic", cut.records, found.tombstones),
            "report this with the anchor: moorline anchors show --raw",
        ));
    }
    let unlisted: Vec<i32> = found.schema_ids.iter().filter(|id| !cut.value_schema_ids.contains(id)).copied().collect();
    if !unlisted.is_empty() {
        findings.push(Problem::new(
            "MOOR-6016",
            format!("records use schema ids that the anchor does not list: {unlisted:?}"),
            place,
            format!("the anchor lists {:?}", cut.value_schema_ids),
            "report this with the anchor: moorline anchors show --raw",
        ));
    }
    findings
}

/// Whether the counts by kind give the number of records in one of the three ways in which deletes go out.
fn adds_up(cut: &CollectionCut) -> bool {
    let counts = &cut.records;
    let written = counts.r + counts.c + counts.u;
    let total = cut.stored();
    [written + counts.tombstones, written + counts.d, written + counts.d + counts.tombstones].contains(&total)
}

fn gone(place: &str, first: i64, records: i64, seen: i64, start: i64) -> Problem {
    Problem::new(
        "MOOR-6002",
        "the anchor can no longer be replayed",
        format!("{place}: {records} records expected from offset {first}, log starts at {start}"),
        format!("retention removed {} of them", records - seen),
        "replay a cut of a newer export (moorline anchors list)\nor take a new snapshot: start once with snapshot.mode=always",
    )
}

/// Checks an anchor by itself and against its parent: id, parts, order, offsets. A parent may have been thinned out or
/// pruned: its tombstone, which came after the anchor, is sure to be there still where the anchor was written after
/// `tombstones_since_ms`, and only then is a parent without one missing.
pub fn anchor(log: &Log, anchor: &Anchor, tombstones_since_ms: i64) -> Vec<Problem> {
    let mut findings = Vec::new();
    let place = format!("lane {}, anchor {}, cut {}", anchor.lane, anchor.id, anchor.cut);
    let content = id::id(anchor);
    if content != anchor.id {
        findings.push(Problem::new(
            "MOOR-6011",
            "the anchor was altered: its id is not the hash of its content",
            place.clone(),
            format!("the content's id is {content}"),
            "do not trust this cut: take another one, and find out who wrote to the anchors topic",
        ));
    }
    if anchor.exact != anchor.inexact.is_empty() || anchor.covers_from > anchor.cut {
        findings.push(odd(&place, "`exact` and `inexact`, or `covers_from` and `cut`, contradict each other"));
    }
    let Some(parent) = &anchor.parent else { return findings };
    let Some(parent) = log.get(parent) else {
        let older = log.anchors().iter().any(|a| a.lane == anchor.lane && a.cut < anchor.cut);
        if older && anchor.written_ms >= tombstones_since_ms && !log.pruned().contains(parent) {
            findings.push(Problem::new(
                "MOOR-6012",
                format!("the parent {parent} of the anchor is missing"),
                place,
                "older anchors of the lane are there, so it was not thinned out from the old end",
                "anchors after it stay good by themselves; what lies between can't be followed step by step",
            ));
        }
        return findings;
    };
    if parent.history == anchor.history && parent.cut >= anchor.covers_from {
        findings.push(odd(&place, format!("its range begins before its parent's cut {}", parent.cut)));
    }
    if let (Ok(before), Ok(now)) = (log.merged(parent), log.merged(anchor)) {
        findings.extend(continues(&before, &now, &place));
    }
    findings
}

/// Every range begins where the parent's ends, and no total falls within an export.
fn continues(before: &Anchor, now: &Anchor, place: &str) -> Vec<Problem> {
    let mut findings = Vec::new();
    for cut in &now.collections {
        let Some(old) =
            before.collection(&cut.namespace).filter(|o| (&o.epoch, &o.export) == (&cut.epoch, &cut.export))
        else {
            continue;
        };
        let broken = old.partitions.iter().find(|old| {
            cut.partitions.iter().find(|p| p.partition == old.partition).is_none_or(|p| {
                p.first != old.first || p.begin != old.end || p.end < old.end || p.records < old.records
            })
        });
        if let Some(partition) = broken {
            let moved = format!("{} partition {}", cut.namespace, partition.partition);
            findings.push(odd(place, format!("{moved} does not go on where the parent ends")));
        }
    }
    findings
}

/// Checks the whole log: anchors of which a part is missing, and each anchor as [`anchor`] does.
pub fn log(log: &Log, tombstones_since_ms: i64) -> Vec<Problem> {
    let mut findings: Vec<Problem> = log
        .broken()
        .iter()
        .map(|(key, parts)| {
            Problem::new(
                "MOOR-6005",
                format!("anchor {} is not whole: it has {parts} parts, and not all are there", key.id),
                format!("lane {}", key.lane),
                "a part was removed from the anchors topic",
                "take another cut; check that the topic's cleanup.policy is compact",
            )
        })
        .collect();
    findings.extend(log.anchors().iter().flat_map(|a| anchor(log, a, tombstones_since_ms)));
    findings
}

fn odd(place: &str, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-6015",
        "the anchor contradicts itself or its parent",
        place,
        why,
        "report this with both anchors: moorline anchors show --raw",
    )
}
