//! `anchors show --check`: the ranges read again, the totals computed again.
//!
//! Invariant: what is compared is what a reader under `read_committed` gets, and nothing that the writer remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use moorline_pipeline::anchor::check::{self, Recount};
use moorline_pipeline::anchor::{Anchor, CollectionCut};
use moorline_pipeline::error::{Problem, Result};
use moorline_sink_kafka::TopicReader;

use super::fetch::{Read, TopicFacts, Topics};
use super::replayable;

/// How long one collection may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(3600);

/// What a check has looked at.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) collections: usize,
    pub(super) partitions: usize,
    pub(super) records: i64,
    pub(super) anchors: usize,
    /// Collections that have no digest: their counts only were compared.
    pub(super) without_digest: usize,
}

/// Checks the anchors of a cut (merged), and the log that they stand in.
pub(super) fn run(
    reader: &TopicReader,
    read: &Read,
    merged: &[Anchor],
    topics: &Topics,
    now_ms: i64,
) -> Result<(Checked, Vec<Problem>)> {
    let kept = reader.configs(&read.topic)?.get("delete.retention.ms").and_then(|text| text.parse::<i64>().ok());
    let mut findings: Vec<Problem> = check::log(&read.log, now_ms.saturating_sub(kept.unwrap_or(0)));
    let mut checked = Checked { anchors: read.log.anchors().len(), ..Checked::default() };
    for collection in merged.iter().flat_map(|anchor| &anchor.collections) {
        let facts = replayable::facts(topics, &collection.topic);
        checked.collections += 1;
        checked.partitions += collection.partitions.len();
        checked.without_digest += usize::from(collection.records_digest.is_none());
        match facts {
            Some(facts) if !replaced(collection, facts) => {
                let found = recount(reader, collection, facts)?;
                checked.records += found.records();
                findings.extend(check::collection(collection, &found, &facts.starts));
            }
            _ if collection.partitions.is_empty() => {}
            facts => findings.push(gone(collection, facts)),
        }
    }
    Ok((checked, findings))
}

/// Whether the topic is another one than the anchor names.
fn replaced(collection: &CollectionCut, facts: &TopicFacts) -> bool {
    matches!((&collection.topic_id, &facts.id), (Some(then), Some(now)) if then != now)
}

fn recount(reader: &TopicReader, collection: &CollectionCut, facts: &TopicFacts) -> Result<Recount> {
    let range = |p: &moorline_pipeline::anchor::PartitionCut| {
        // What retention took can't be asked for; the comparison says how much it was.
        let start = facts.starts.get(&p.partition).copied()?;
        Some((p.partition, (p.first.max(start), p.end)))
    };
    let ranges: BTreeMap<i32, (i64, i64)> = collection.partitions.iter().filter_map(range).collect();
    let mut found = Recount::default();
    reader.read(&collection.topic, &ranges, READ_LIMIT, &mut |message| {
        found.add(message.partition(), message.key().unwrap_or_default(), message.value());
        Ok(())
    })?;
    Ok(found)
}

fn gone(collection: &CollectionCut, facts: Option<&TopicFacts>) -> Problem {
    Problem::new(
        "MOOR-6002",
        "the anchor can no longer be replayed",
        format!("{}: {} records expected", collection.topic, collection.stored()),
        if facts.is_some() { "the topic was deleted and made anew" } else { "the topic does not exist any more" },
        "replay a cut of a newer export (moorline anchors list)\nor take a new snapshot: start once with snapshot.mode=always",
    )
}
