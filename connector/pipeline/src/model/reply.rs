//! One reply of a change-stream cursor: its events, and the time up to which it is known to be whole.
//!
//! Invariants: I-TOKEN-1 (an event's token decodes to its `clusterTime`); I-TOKEN-2 (the frontier is at most the
//! reply's `$clusterTime` plus one increment). `operationTime` and `$clusterTime` are never a frontier.

use bson::RawDocument;
use bytes::Bytes;

use super::{Change, ChangeError, ClusterTime, Token};
use crate::contract::plan::walk::{Elements, tag};

/// A reply, taken apart.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its events in stream order.
    pub changes: Vec<Change>,
    /// Its `postBatchResumeToken`, whole.
    pub token: Token,
    /// The time at that token's head: every event before it has been delivered with this reply or an earlier one.
    pub frontier: ClusterTime,
    /// The reply's `$clusterTime`, where the server sends one.
    pub cluster_time: Option<ClusterTime>,
    /// True for the reply to the opening `aggregate`.
    pub opening: bool,
    /// Size of the reply in bytes: what its changes hold in memory together.
    pub bytes: usize,
}

impl Reply {
    /// Takes a raw reply apart. `opening` says that it answers the opening `aggregate`.
    pub fn parse(raw: Bytes, opening: bool) -> Result<Self, ChangeError> {
        let bad = |what: &str| ChangeError(format!("reply: {what}"));
        let doc = RawDocument::from_bytes(&raw).map_err(|e| bad(&e.to_string()))?;
        let cursor = doc.get_document("cursor").map_err(|e| bad(&e.to_string()))?;
        let token = cursor.get_document("postBatchResumeToken").map_err(|e| bad(&e.to_string()))?;
        let token = Token::new(token);
        let frontier = token.time().map_err(|e| bad(&e.to_string()))?;
        let cluster_time = doc
            .get_document("$clusterTime")
            .ok()
            .and_then(|d| d.get_timestamp("clusterTime").ok())
            .map(ClusterTime::from);
        let batch = cursor.get_array(if opening { "firstBatch" } else { "nextBatch" });
        let batch = batch.or_else(|_| cursor.get_array(if opening { "nextBatch" } else { "firstBatch" }));
        let batch = batch.map_err(|e| bad(&e.to_string()))?;
        let base = raw.as_ptr() as usize;
        let mut changes: Vec<Change> = Vec::new();
        let mut events = Elements::of(batch.as_bytes()).map_err(|_| bad("its batch is no BSON"))?;
        while let Some((_, event)) = events.next().map_err(|_| bad("its batch is no BSON"))? {
            if event.tag != tag::DOCUMENT {
                return Err(bad("an event is not a document"));
            }
            let start = event.bytes.as_ptr() as usize - base;
            let event = raw.slice(start..start + event.bytes.len());
            let change = Change::parse(event, changes.last().and_then(|c| c.namespace.as_ref()))?;
            changes.push(change);
        }
        Ok(Self { changes, token, frontier, cluster_time, opening, bytes: raw.len() })
    }

    /// I-TOKEN-1 for each event, I-TOKEN-2 against `$clusterTime`, and order; the id of the first that is broken.
    pub fn check(&self) -> Result<(), &'static str> {
        let mut last = ClusterTime::default();
        for change in &self.changes {
            if change.token_time() != Ok(change.time) {
                return Err("I-TOKEN-1");
            }
            if change.time < last {
                return Err("I-FRONT-1");
            }
            last = change.time;
        }
        match self.cluster_time {
            Some(now) if self.frontier > now.succ() => Err("I-TOKEN-2"),
            _ => Ok(()),
        }
    }
}
