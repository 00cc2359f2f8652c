//! Transactions of the source as records tell them: their names, places in them, and where they begin and end.
//!
//! ```text
//! none ── first record with lsid and txnNumber ──> BEGIN, counting ── another transaction, none, or the end ──> END
//! ```
//!
//! Invariants: a record's place is given when it is written, so that the numbers have no holes and END's counts are those
//! of the records; begin and end stand in one Kafka transaction, since a batch never parts a cluster time (on a replica
//! set a transaction has one; behind `mongos` it may be told of in several pieces, each with its begin and end).

use std::collections::BTreeMap;

use bson::RawDocument;
use moorline_pipeline::contract::output::transaction::{Boundary, key, lsid, value};
use moorline_pipeline::contract::plan::{Place, Session};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::Namespace;
use moorline_pipeline::sink::{ControlRecord, ControlTopic, Registry};

use crate::items::Item;

/// Registry ids of a topic's schemas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchemaIds {
    pub(crate) key: u32,
    pub(crate) value: u32,
}

impl SchemaIds {
    /// Of a topic's key and value, registered under the topic's name.
    pub(crate) async fn register<R: Registry>(registry: &R, topic: &str, key: &str, value: &str) -> Result<Self> {
        Ok(Self {
            key: registry.register(&format!("{topic}-key"), key).await?,
            value: registry.register(&format!("{topic}-value"), value).await?,
        })
    }
}

/// The transaction that records are written of, within one part.
pub(crate) struct Transactions {
    /// Schemas of the transaction topic, where it is written.
    topic: Option<SchemaIds>,
    now: Option<Named>,
    counts: BTreeMap<Namespace, i64>,
    total: i64,
    last_ms: i64,
    records: Vec<ControlRecord>,
}

/// A transaction's names.
struct Named {
    lsid_bytes: Vec<u8>,
    txn_number: i64,
    lsid: String,
    id: String,
}

impl Transactions {
    /// Before the first record of a part.
    pub(crate) fn new(topic: Option<SchemaIds>) -> Self {
        Self { topic, now: None, counts: BTreeMap::new(), total: 0, last_ms: 0, records: Vec::new() }
    }

    /// Takes note of the transaction of what is written next.
    pub(crate) fn enter(&mut self, item: &Item<'_>) {
        let session = item.change.and_then(|change| change.session());
        let same = match (&self.now, session) {
            (None, None) => return,
            (Some(now), Some((lsid, number))) => now.txn_number == number && now.lsid_bytes == lsid.as_bytes(),
            _ => false,
        };
        if !same {
            self.end();
            self.now = session.map(|(lsid, number)| Named::new(lsid, number));
        }
    }

    /// The transaction of the record that is written now.
    pub(crate) fn session(&self) -> Option<Session<'_>> {
        self.now.as_ref().map(|now| Session { lsid: &now.lsid, txn_number: now.txn_number, id: &now.id })
    }

    /// The place that the record will have, where places are told.
    pub(crate) fn place(&self, namespace: &Namespace) -> Option<Place> {
        self.topic?;
        self.now.as_ref()?;
        let before = self.counts.get(namespace).copied().unwrap_or_default();
        Some(Place { total_order: self.total + 1, data_collection_order: before + 1 })
    }

    /// The record was written: its place is taken.
    pub(crate) fn taken(&mut self, item: &Item<'_>) {
        let (Some(ids), Some(now)) = (self.topic, &self.now) else { return };
        self.last_ms = item.meta.ts_ms;
        if self.total == 0 {
            self.records.push(boundary(&now.id, &Boundary::Begin, self.last_ms, ids));
        }
        self.total += 1;
        match self.counts.get_mut(item.namespace) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(item.namespace.clone(), 1)),
        }
    }

    /// What the topic of transactions gets, once the part is written.
    pub(crate) fn finish(mut self) -> Vec<ControlRecord> {
        self.end();
        self.records
    }

    fn end(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        let total = std::mem::take(&mut self.total);
        let (Some(ids), Some(now)) = (self.topic, self.now.take()) else { return };
        if total > 0 {
            let counts: Vec<(String, i64)> =
                counts.into_iter().map(|(name, count)| (name.to_string(), count)).collect();
            self.records.push(boundary(&now.id, &Boundary::End(&counts), self.last_ms, ids));
        }
    }
}

fn boundary(id: &str, what: &Boundary<'_>, ts_ms: i64, ids: SchemaIds) -> ControlRecord {
    ControlRecord {
        topic: ControlTopic::Transactions,
        key: key(id, ids.key),
        value: Some(value(id, what, ts_ms, ids.value)),
        headers: None,
    }
}

impl Named {
    fn new(session: &RawDocument, txn_number: i64) -> Self {
        let lsid = lsid(session);
        let id = format!("{lsid}:{txn_number}");
        Self { lsid_bytes: session.as_bytes().to_vec(), txn_number, lsid, id }
    }
}
