//! Records as the product makes them, encoded beforehand: the bare producer's cargo.
//!
//! Invariant: contract, keys, values and partitions come from the product's own code, so that only what stands before
//! the producer is missing.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use bson::RawDocumentBuf;
use moorline_pipeline::contract::infer;
use moorline_pipeline::contract::model::{Limits, Output};
use moorline_pipeline::contract::plan::{Encoder, Meta, Plan, UnknownFields};
use moorline_pipeline::model::Namespace;
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{Encoded, Record, TopicIndex};

use crate::documents::order;

/// Batches of `records` each, of consecutive documents.
pub(crate) fn batches(count: usize, records: usize, topic: TopicIndex, partitions: i32) -> Result<Vec<Arc<Encoded>>> {
    let namespace = Namespace::new("bench", "orders");
    let sample: Vec<RawDocumentBuf> = (0..1_000).map(|n| order(n, 0)).collect();
    let inferred = infer::infer(&namespace, sample.iter().map(|d| &**d), &Limits::default()).context("a contract")?;
    let output = Output { topic: "bench.orders".into(), ..Output::default() };
    let plan = Plan::compile(&inferred.contract, &output, 1, 2, UnknownFields::Report);
    let mut encoder = Encoder::new(plan.into());
    (0..count as u64)
        .map(|batch| encode(&mut encoder, batch * records as u64, records, topic, partitions).map(Arc::new))
        .collect()
}

fn encode(encoder: &mut Encoder, first: u64, count: usize, topic: TopicIndex, partitions: i32) -> Result<Encoded> {
    let mut encoded = Encoded::default();
    for n in first..first + count as u64 {
        let document = order(n, 0);
        let id = document.get("_id")?.context("an _id")?;
        let meta = Meta {
            op: b'r',
            deleted: false,
            ts_ms: 1_760_000_000_000,
            cluster_time: 1_760_000_000 << 32,
            seq: i32::MAX,
            image_time: 1_760_000_000 << 32,
            snapshot: true,
        };
        let start = encoded.data.len();
        encoder.key(id, &mut encoded.data).map_err(|misfit| anyhow!("{misfit:?}"))?;
        let end = encoded.data.len();
        encoder.value(&document, &meta, &mut encoded.data).map_err(|misfit| anyhow!("{misfit:?}"))?;
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
