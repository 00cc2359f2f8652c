//! Whether topics and registry still are what the anchors name.
//!
//! Invariants: a topic that was deleted and made again is another topic, whatever its offsets; a schema is known by its
//! content, so that a registry that was built anew can't give an id another meaning; what was taken by retention is
//! told with how many records are missing and from where.

use std::collections::BTreeMap;

use moorline_pipeline::anchor::CollectionCut;
use moorline_pipeline::error::Problem;
use moorline_pipeline::jcs;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Source;

/// A topic as it is now.
#[derive(Clone, Debug, Default)]
pub struct TopicNow {
    /// Kafka's id, where the broker tells.
    pub id: Option<String>,
    /// Partitions.
    pub partitions: i32,
    /// Log start offset by partition, of those that are asked for.
    pub starts: BTreeMap<i32, i64>,
}

/// Whether the records of a collection are still there; `now` is `None` where the topic is gone.
pub fn check(source: &Source, now: Option<&TopicNow>) -> Result<(), Problem> {
    let cut = &source.cut;
    if source.ranges.is_empty() {
        return Ok(());
    }
    let Some(now) = now else {
        return Err(gone(&cut.topic, cut.stored(), "the topic does not exist any more".to_owned()));
    };
    if let (Some(then), Some(id)) = (&cut.topic_id, &now.id)
        && then != id
    {
        let why = format!("the topic was deleted and made anew: the anchor names {then}, it is {id} now");
        return Err(gone(&cut.topic, cut.stored(), why));
    }
    for range in source.ranges.iter().filter(|range| range.records > 0) {
        match now.starts.get(&range.partition) {
            Some(start) if *start <= range.first => {}
            start => {
                let place = format!("{}, partition {}", cut.topic, range.partition);
                let start =
                    start.map_or("the partition is not there".to_owned(), |start| format!("log starts at {start}"));
                let why = format!("expected from offset {}, {start}: retention took records", range.first);
                return Err(gone(&place, range.records, why));
            }
        }
    }
    if now.partitions != cut.partition_count {
        return Err(Problem::new(
            "MOOR-6121",
            "the topic has another number of partitions than the anchor names",
            cut.topic.clone(),
            format!("the anchor names {}, the topic has {}", cut.partition_count, now.partitions),
            "a key's records may stand in two partitions now, so that their order is not known\n\
             take a new snapshot into a topic of its own: start once with snapshot.mode=always",
        ));
    }
    Ok(())
}

fn gone(place: &str, records: i64, why: String) -> Problem {
    Problem::new(
        "MOOR-6002",
        "the anchor can no longer be replayed",
        format!("{place}: {records} records expected"),
        why,
        "take a new snapshot: start once with snapshot.mode=always",
    )
}

/// Ids of the schemas that a collection's records use: the key's first.
pub fn schema_ids(cut: &CollectionCut) -> Vec<i32> {
    std::iter::once(cut.key_schema_id).chain(cut.value_schema_ids.iter().copied()).collect()
}

/// Whether the registry's texts, in the order of [`schema_ids`], have the digests that the anchor names.
pub fn check_schemas(cut: &CollectionCut, texts: &[Option<String>]) -> Result<(), Problem> {
    for (number, id) in schema_ids(cut).into_iter().enumerate() {
        let wanted = cut.schema_digests.get(number);
        let Some(text) = texts.get(number).and_then(Option::as_ref) else {
            return Err(other_schema(cut, id, "the registry does not know this id".to_owned()));
        };
        let found = digest(text).ok_or_else(|| other_schema(cut, id, "what the registry has is no JSON".to_owned()))?;
        if wanted.is_none_or(|wanted| *wanted != found) {
            let wanted = wanted.map_or("none", String::as_str);
            return Err(other_schema(
                cut,
                id,
                format!("the anchor names the digest {wanted}, the registry's text has {found}"),
            ));
        }
    }
    Ok(())
}

/// SHA-256 over the canonical JSON of a schema, hex.
pub fn digest(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(hex::encode(Sha256::digest(jcs::canonical(&value).as_bytes())))
}

fn other_schema(cut: &CollectionCut, id: i32, why: String) -> Problem {
    Problem::new(
        "MOOR-6122",
        format!("schema {id} is not the one that wrote the records"),
        format!("{}, topic {}", cut.namespace, cut.topic),
        why,
        "restore the registry's own topic (_schemas) from a backup: ids and texts must be those of then\n\
         or take a new snapshot: start once with snapshot.mode=always",
    )
}
