//! Reads one collection's export up to an anchor, and ends with an error if it is not all there.
//!
//! ```text
//! read-export BOOTSTRAP REGISTRY PREFIX NAMESPACE [ANCHOR]
//! ```
//!
//! `ANCHOR` is an id or its beginning; without it the newest anchor is taken at which the export is complete and exact.
//! Prints one line of JSON: the anchor, the records read, the documents that they leave.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use apache_avro::types::Value;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use schema_registry_converter::async_impl::avro::AvroDecoder;
use schema_registry_converter::async_impl::schema_registry::SrSettings;

/// How long the next record may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Where a partition's records begin and end, and how many there are.
#[derive(Clone, Copy)]
struct Range {
    first: i64,
    end: i64,
    records: i64,
}

/// One collection at an anchor.
#[derive(Clone)]
struct Export {
    topic: String,
    export: String,
    usable: bool,
    ranges: BTreeMap<i32, Range>,
}

/// An anchor: its collections, and the anchor that they are a difference against.
#[derive(Default)]
struct Anchor {
    base: Option<String>,
    exports: HashMap<String, Export>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, registry, prefix, namespace, rest @ ..] = arguments.as_slice() else {
        bail!("usage: read-export BOOTSTRAP REGISTRY PREFIX NAMESPACE [ANCHOR]");
    };
    let wanted = rest.first().map_or("", String::as_str);
    // The registry's client leaves the choice of TLS to the program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let decoder = AvroDecoder::new(SrSettings::new(registry.clone()));

    let (order, anchors) = read_anchors(bootstrap, &format!("{prefix}.anchors"), &decoder).await?;
    let usable = |id: &&String| id.starts_with(wanted) && whole(&anchors, id, namespace).is_some_and(|e| e.usable);
    let id = order.iter().rev().find(usable).context("no such anchor holds the collection complete and exact")?;
    let export = whole(&anchors, id, namespace).context("the collection's entry")?;

    let (mut state, mut counts) = (HashMap::new(), BTreeMap::<i32, i64>::new());
    for message in read(bootstrap, &export)? {
        *counts.entry(message.partition()).or_default() += 1;
        let key = message.key().unwrap_or_default().to_vec();
        let value = match message.payload() {
            Some(bytes) => Some(decoder.decode(Some(bytes)).await?.value),
            None => None,
        };
        match value.filter(|value| field(value, "__deleted") != Some(&Value::Boolean(true))) {
            Some(value) => drop(state.insert(key, value)),
            None => drop(state.remove(&key)),
        }
    }
    for (partition, range) in &export.ranges {
        let found = counts.get(partition).copied().unwrap_or_default();
        let topic = &export.topic;
        ensure!(found == range.records, "{topic}-{partition}: {found} records, the anchor counts {}", range.records);
    }
    let records: i64 = counts.values().sum();
    println!("{}", serde_json::json!({ "anchor": id, "records": records, "documents": state.len() }));
    Ok(())
}

/// All anchors, and their ids in order; those in several parts joined.
async fn read_anchors(
    bootstrap: &str,
    topic: &str,
    decoder: &AvroDecoder,
) -> Result<(Vec<String>, HashMap<String, Anchor>)> {
    let consumer = consumer(bootstrap)?;
    assign(&consumer, topic, [(0, Offset::Beginning)])?;
    let (mut order, mut anchors) = (Vec::new(), HashMap::<String, Anchor>::new());
    loop {
        let message = match consumer.poll(LIMIT).with_context(|| format!("{topic}: nothing came"))? {
            Err(KafkaError::PartitionEOF(_)) => return Ok((order, anchors)),
            other => other?.detach(),
        };
        // Without a value it was pruned.
        let Some(bytes) = message.payload() else { continue };
        let record = decoder.decode(Some(bytes)).await?.value;
        ensure!(field(&record, "format") == Some(&Value::Int(1)), "anchors of this format are unknown here");
        let id = text(&record, "id")?;
        if !anchors.contains_key(&id) {
            order.push(id.clone());
        }
        let anchor = anchors.entry(id).or_default();
        anchor.base = text(&record, "base").ok();
        if let Some(Value::Array(collections)) = field(&record, "collections") {
            for entry in collections {
                anchor.exports.insert(text(entry, "namespace")?, export(entry)?);
            }
        }
    }
}

fn export(entry: &Value) -> Result<Export> {
    let yes = |name| field(entry, name) == Some(&Value::Boolean(true));
    let mut ranges = BTreeMap::new();
    if let Some(Value::Array(partitions)) = field(entry, "partitions") {
        for at in partitions {
            let range = Range { first: long(at, "first")?, end: long(at, "end")?, records: long(at, "records")? };
            ranges.insert(long(at, "partition")? as i32, range);
        }
    }
    let usable = yes("export_complete") && yes("exact");
    Ok(Export { topic: text(entry, "topic")?, export: text(entry, "export")?, usable, ranges })
}

/// The collection's whole entry: a difference lists what moved since its base.
fn whole(anchors: &HashMap<String, Anchor>, id: &str, namespace: &str) -> Option<Export> {
    let anchor = anchors.get(id)?;
    let own = anchor.exports.get(namespace).cloned();
    let before = anchor.base.as_ref().and_then(|base| whole(anchors, base, namespace));
    match (own, before) {
        (Some(own), Some(before)) if own.export == before.export => {
            let mut ranges = before.ranges;
            ranges.extend(&own.ranges);
            Some(Export { ranges, ..own })
        }
        (own, before) => own.or(before),
    }
}

/// The records of the ranges: seek to `first`, stop when the position is at least `end`.
fn read(bootstrap: &str, export: &Export) -> Result<Vec<OwnedMessage>> {
    let consumer = consumer(bootstrap)?;
    assign(&consumer, &export.topic, export.ranges.iter().map(|(at, range)| (*at, Offset::Offset(range.first))))?;
    let mut ends: BTreeMap<i32, i64> = export.ranges.iter().map(|(at, range)| (*at, range.end)).collect();
    let (mut records, mut deadline) = (Vec::new(), Instant::now() + LIMIT);
    while !ends.is_empty() {
        match consumer.poll(Duration::from_millis(200)) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(message) => {
                let message = message?.detach();
                deadline = Instant::now() + LIMIT;
                if ends.get(&message.partition()).is_some_and(|end| message.offset() < *end) {
                    records.push(message);
                }
            }
        }
        // Transaction markers take offsets, and are never given: so the position is compared, and for "at least".
        for place in consumer.position()?.elements() {
            if matches!(place.offset(), Offset::Offset(at) if ends.get(&place.partition()).is_some_and(|end| at >= *end))
            {
                ends.remove(&place.partition());
            }
        }
        ensure!(Instant::now() < deadline, "{}: the ends {ends:?} were not reached", export.topic);
    }
    Ok(records)
}

fn consumer(bootstrap: &str) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "read-export").set("enable.auto.commit", "false");
    // Aborted records are no part of an export.
    config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    // Where retention took the first records the rest is read, so that the count says how many are gone.
    config.set("auto.offset.reset", "earliest");
    Ok(config.create()?)
}

fn assign(consumer: &BaseConsumer, topic: &str, places: impl IntoIterator<Item = (i32, Offset)>) -> Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in places {
        list.add_partition_offset(topic, partition, offset)?;
    }
    Ok(consumer.assign(&list)?)
}

/// A field of a record, without the branch of its union.
fn field<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Record(fields) = record else { return None };
    match &fields.iter().find(|(field, _)| field == name)?.1 {
        Value::Union(_, value) => Some(value),
        value => Some(value),
    }
}

fn text(record: &Value, name: &str) -> Result<String> {
    match field(record, name) {
        Some(Value::String(text)) => Ok(text.clone()),
        other => bail!("{name} is no text: {other:?}"),
    }
}

fn long(record: &Value, name: &str) -> Result<i64> {
    match field(record, name) {
        Some(Value::Long(n)) => Ok(*n),
        Some(Value::Int(n)) => Ok((*n).into()),
        other => bail!("{name} is no number: {other:?}"),
    }
}
