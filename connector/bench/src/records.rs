//! Records as the product makes them, encoded beforehand: the bare producer's cargo.
//!
//! Invariant: contract, keys, values and partitions come from the product's own code, so that only what stands before
//! the producer is missing.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use bson::{RawDocument, RawDocumentBuf};
use moorline_pipeline::contract::model::{Contract, Limits, Output};
use moorline_pipeline::contract::plan::{Encoder, Meta, Plan, UnknownFields};
use moorline_pipeline::contract::{derive, infer};
use moorline_pipeline::model::Namespace;
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{Encoded, Record, TopicIndex};

use crate::documents::order;

/// What encodes the bench's documents: their inferred contract, compiled.
pub(crate) struct Tables {
    contract: Contract,
    output: Output,
    encoder: Encoder,
}

impl Tables {
    pub(crate) fn new() -> Result<Self> {
        let namespace = Namespace::new("bench", "orders");
        let sample: Vec<RawDocumentBuf> = (0..1_000).map(|n| order(n, 0)).collect();
        let inferred = infer::infer(&namespace, sample.iter().map(|d| &**d), &Limits::default());
        let contract = inferred.context("a contract")?.contract;
        let output = Output { topic: "bench.orders".into(), ..Output::default() };
        let plan = Plan::compile(&contract, &output, 1, 2, UnknownFields::Report);
        Ok(Self { contract, output, encoder: Encoder::new(plan.into()) })
    }

    /// The schemas of key and value.
    pub(crate) fn schemas(&self) -> (String, String) {
        (derive::key_schema(&self.contract, &self.output), derive::value_schema(&self.contract, &self.output))
    }

    /// Appends a framed value.
    pub(crate) fn value(&mut self, document: &RawDocument, out: &mut Vec<u8>) -> Result<()> {
        self.encoder.value(document, &meta(), out).map(drop).map_err(|misfit| anyhow!("{misfit:?}"))
    }

    /// Appends a framed key and a framed value; where the value begins.
    pub(crate) fn record(&mut self, document: &RawDocument, out: &mut Vec<u8>) -> Result<usize> {
        let id = document.get("_id")?.context("an _id")?;
        self.encoder.key(id, out).map_err(|misfit| anyhow!("{misfit:?}"))?;
        let end = out.len();
        self.value(document, out)?;
        Ok(end)
    }
}

/// What the values' metadata say.
pub(crate) fn meta() -> Meta {
    Meta {
        op: b'r',
        deleted: false,
        ts_ms: 1_760_000_000_000,
        cluster_time: 1_760_000_000 << 32,
        seq: i32::MAX,
        image_time: 1_760_000_000 << 32,
        snapshot: true,
    }
}

/// Batches of `records` each, of consecutive documents.
pub(crate) fn batches(count: usize, records: usize, topic: TopicIndex, partitions: i32) -> Result<Vec<Arc<Encoded>>> {
    let mut tables = Tables::new()?;
    let first = |batch: usize| (batch * records) as u64;
    (0..count).map(|batch| encode(&mut tables, first(batch), records, topic, partitions).map(Arc::new)).collect()
}

fn encode(tables: &mut Tables, first: u64, count: usize, topic: TopicIndex, partitions: i32) -> Result<Encoded> {
    let mut encoded = Encoded::default();
    for n in first..first + count as u64 {
        let start = encoded.data.len();
        let end = tables.record(&order(n, 0), &mut encoded.data)?;
        encoded.records.push(Record {
            topic,
            partition: partition(&encoded.data[start..end], partitions),
            key: start..end,
            value: Some(end..encoded.data.len()),
            headers: None,
        });
    }
    Ok(encoded)
}
