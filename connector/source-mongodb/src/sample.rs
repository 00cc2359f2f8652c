//! Samples: bounds that cut the `_id` space into ranges, and documents to infer a contract from.
//!
//! Invariants: bounds are distinct and in index order because the server grouped and sorted them; any `_id`s are good
//! bounds, so they need not be exact. A sample is bounded by documents, bytes and time, and is the same document once.

use std::collections::HashSet;
use std::time::Duration;

use bson::raw::RawBsonRef;
use bson::{Document, RawDocument, RawDocumentBuf, doc};
use bytes::Bytes;
use moorline_pipeline::error::Result;
use moorline_pipeline::model::{Id, Namespace};

use crate::chunk::documents;
use crate::client::{CommandError, Connection};
use crate::error::{self, Call};
use crate::reply::ReplyBuffer;

/// How many `_id`s are sampled for each bound: enough that ranges differ by a fifth or so.
const PER_BOUND: u32 = 32;
/// Most `_id`s that are sampled, so that the server's sort stays small.
const MOST_SAMPLED: u32 = 10_000;
/// Documents of a reply while sampling, so that the byte bound is looked at often.
const REPLY_DOCUMENTS: i32 = 100;

/// Bounds for up to `ranges` ranges.
pub(crate) async fn split(connection: &Connection, namespace: &Namespace, ranges: u32) -> Result<Vec<Id>> {
    if ranges < 2 {
        return Ok(Vec::new());
    }
    let size = ranges.saturating_mul(PER_BOUND).min(MOST_SAMPLED);
    let limit = connection.command_timeout;
    let command = doc! {
        "aggregate": namespace.coll(),
        // Grouping makes ids distinct by the server's own idea of equality, collation included.
        "pipeline": [{ "$sample": { "size": size } }, { "$group": { "_id": "$_id" } }, { "$sort": { "_id": 1_i32 } }],
        "cursor": {},
        "allowDiskUse": true,
        "maxTimeMS": millis(limit),
    };
    let replies = run(connection, namespace, &command, limit, |_| false).await;
    let replies = replies.map_err(|e| connection.failure(&e, Call::Other))?;
    let ids = documents(&replies).map_err(|e| e.into_failure(connection))?;
    // No row lies before MinKey, and the server takes no bounds that hold nothing.
    let ids: Vec<Id> = ids
        .iter()
        .filter_map(|row| Id::from_bytes(row))
        .filter(|id| !matches!(id.value(), RawBsonRef::MinKey | RawBsonRef::MaxKey))
        .collect();
    Ok(spaced(ids, ranges as usize))
}

/// `ranges - 1` of the sorted ids, evenly spaced, each once.
fn spaced(ids: Vec<Id>, ranges: usize) -> Vec<Id> {
    let mut places: Vec<usize> = (1..ranges).map(|n| n * ids.len() / ranges).filter(|&p| p < ids.len()).collect();
    places.dedup();
    places.into_iter().map(|place| ids[place].clone()).collect()
}

/// A sample of documents.
pub(crate) async fn sample(
    connection: &Connection,
    namespace: &Namespace,
    size: u32,
    bytes: u64,
    limit: Duration,
) -> Result<Vec<RawDocumentBuf>> {
    let newest = size.div_ceil(2);
    let find = doc! {
        "find": namespace.coll(),
        "sort": { "_id": -1_i32 },
        "limit": i64::from(newest.max(1)),
        "batchSize": REPLY_DOCUMENTS,
        "maxTimeMS": millis(limit),
    };
    let spread = doc! {
        "aggregate": namespace.coll(),
        "pipeline": [{ "$sample": { "size": (size - newest).max(1) } }],
        "cursor": { "batchSize": REPLY_DOCUMENTS },
        "maxTimeMS": millis(limit),
    };
    let mut sample = Sample { seen: HashSet::new(), documents: Vec::new(), bytes: 0 };
    for (command, share) in [(find, bytes / 2), (spread, bytes)] {
        let room = usize::try_from(share).unwrap_or(usize::MAX).saturating_sub(sample.bytes);
        let mut read = 0;
        let enough = move |reply: &ReplyBuffer| {
            read += reply.len();
            read >= room
        };
        match run(connection, namespace, &command, limit, enough).await {
            Ok(replies) => {
                let rows = documents(&replies).map_err(|e| e.into_failure(connection))?;
                sample.add(rows, share);
            }
            // Half a sample is a sample: `$sample` may run out of time, or find no fresh document in a small collection.
            Err(CommandError::Driver(e)) if !sample.documents.is_empty() => {
                tracing::warn!(collection = %namespace, why = error::words(&e), "the sample is smaller than asked for");
            }
            Err(e) => return Err(connection.failure(&e, Call::Other)),
        }
    }
    sample.documents.truncate(size as usize);
    Ok(sample.documents)
}

struct Sample {
    seen: HashSet<Vec<u8>>,
    documents: Vec<RawDocumentBuf>,
    bytes: usize,
}

impl Sample {
    fn add(&mut self, rows: Vec<Bytes>, most_bytes: u64) {
        for row in rows {
            // One document may always come in, however large.
            if !self.documents.is_empty() && (self.bytes + row.len()) as u64 > most_bytes {
                return;
            }
            let Ok(document) = RawDocument::from_bytes(&row) else { continue };
            let Ok(Some(id)) = document.get("_id") else { continue };
            if self.seen.insert(Id::new(id).as_bytes().to_vec()) {
                self.bytes += row.len();
                self.documents.push(document.to_owned());
            }
        }
    }
}

async fn run(
    connection: &Connection,
    namespace: &Namespace,
    command: &Document,
    limit: Duration,
    enough: impl FnMut(&ReplyBuffer) -> bool + Send + 'static,
) -> Result<Vec<ReplyBuffer>, CommandError> {
    let command = RawDocumentBuf::try_from(command).map_err(|e| CommandError::Driver(e.into()))?;
    let limit = limit + connection.command_timeout;
    connection.replies(namespace.db(), command, connection.preference(), limit, enough).await
}

fn millis(limit: Duration) -> i64 {
    i64::try_from(limit.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spread_and_distinct() {
        let ids = |n| (0..n).map(|n| Id::new(RawBsonRef::Int32(n))).collect::<Vec<_>>();
        let numbers = |ids: Vec<Id>| ids.iter().map(|id| id.value().as_i32().unwrap()).collect::<Vec<_>>();
        assert_eq!(numbers(spaced(ids(100), 4)), [25, 50, 75]);
        assert_eq!(numbers(spaced(ids(2), 4)), [0, 1]);
        assert_eq!(numbers(spaced(ids(0), 4)), [] as [i32; 0]);
    }
}
