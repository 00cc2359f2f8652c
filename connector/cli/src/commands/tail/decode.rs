//! Bytes of records as values with names, and what a record tells of itself.
//!
//! Invariants: a schema is asked for once; what can't be decoded is never dropped; a document is told from its metadata
//! by the configured prefix.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moorline_pipeline::avro_text::{AvroText, Style, unframed};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::ClusterTime;
use moorline_sink_kafka::SchemaRegistry;
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

use super::gather::Held;
use super::undecodable;
use crate::messages;

/// Schemas that are kept.
const MOST_SCHEMAS: usize = 1_000;

/// What stands in metadata fields or, for a tombstone, in headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) op: Option<char>,
    pub(super) cluster_time: Option<ClusterTime>,
    pub(super) seq: Option<i64>,
}

/// A record with names.
pub(super) struct Record {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Value,
    /// Null for a tombstone.
    pub(super) value: Value,
    pub(super) headers: Vec<(String, String)>,
    pub(super) meta: Meta,
    /// The document without metadata; `None` where there is none any more.
    pub(super) image: Option<Value>,
}

/// Decodes.
pub(super) struct Decoder<'a> {
    registry: &'a SchemaRegistry,
    runtime: &'a Runtime,
    prefix: &'a str,
    /// `None` for an id that the registry does not know.
    schemas: HashMap<u32, Option<AvroText>>,
    told: HashSet<u32>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(registry: &'a SchemaRegistry, runtime: &'a Runtime, prefix: &'a str) -> Self {
        Self { registry, runtime, prefix, schemas: HashMap::new(), told: HashSet::new() }
    }

    /// A record as it reads.
    pub(super) fn record(&mut self, held: &Held) -> Result<Record> {
        let key = self.value(held, held.key.as_deref())?;
        let value = self.value(held, held.value.as_deref())?;
        let texts = held.headers.iter().map(|(name, value)| (name.clone(), text(value.as_deref().unwrap_or_default())));
        let headers: Vec<(String, String)> = texts.collect();
        let (meta, image) = told(&value, &headers, self.prefix);
        let (partition, offset, timestamp) = (held.partition, held.offset, held.timestamp);
        Ok(Record { partition, offset, timestamp, key, value, headers, meta, image })
    }

    fn value(&mut self, held: &Held, bytes: Option<&[u8]>) -> Result<Value> {
        let Some(bytes) = bytes else { return Ok(Value::Null) };
        let Some((id, datum)) = unframed(bytes) else { return Ok(plain(bytes)) };
        if !self.schemas.contains_key(&id) {
            let found = self.runtime.block_on(self.registry.by_id(id))?;
            if self.schemas.len() >= MOST_SCHEMAS {
                self.schemas.clear();
            }
            self.schemas.insert(id, found.and_then(|schema| AvroText::new(&schema).ok()));
        }
        let why = match self.schemas.get(&id) {
            Some(Some(schema)) => match schema.text(datum, Style::HUMAN) {
                // Deeper than serde_json reads stays the text that it is.
                Ok(text) => return Ok(serde_json::from_str(&text).unwrap_or(Value::String(text))),
                Err(malformed) => format!("schema {id} did not write these bytes: {malformed}"),
            },
            _ => format!("the registry has no Avro schema {id}"),
        };
        if self.told.insert(id) {
            messages::warning(&undecodable("this topic", held, why));
        }
        Ok(Value::String(text(bytes)))
    }
}

/// Bytes without a frame: JSON, else text, else base64.
fn plain(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(text(bytes)))
}

/// Text, or base64 where it is none.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => STANDARD.encode(bytes),
    }
}

/// Metadata, and the document without it.
fn told(value: &Value, headers: &[(String, String)], prefix: &str) -> (Meta, Option<Value>) {
    let header = |name: &str| headers.iter().find(|(each, _)| each == name).map(|(_, text)| text.as_str());
    let letter = |text: &str| text.chars().next().filter(|_| text.len() == 1);
    let time = |number: i64| ClusterTime::from_u64(number as u64);
    let of_headers = Meta {
        op: header("moorline.op").and_then(letter),
        cluster_time: header("moorline.cluster_time").and_then(|text| text.parse().ok()).map(time),
        seq: header("moorline.seq").and_then(|text| text.parse().ok()),
    };
    let Value::Object(members) = value else { return (of_headers, None) };
    let member = |name: &str| members.get(&format!("{prefix}{name}"));
    if let Some(op) = member("op").and_then(Value::as_str).and_then(letter) {
        let document = members.iter().filter(|(name, _)| !is_metadata(name, prefix));
        let document: Map<String, Value> = document.map(|(name, value)| (name.clone(), value.clone())).collect();
        let meta = Meta {
            op: Some(op),
            cluster_time: member("cluster_time").and_then(Value::as_i64).map(time),
            seq: member("seq").and_then(Value::as_i64),
        };
        return (meta, (op != 'd').then_some(Value::Object(document)));
    }
    // An envelope: the document stands under `after`.
    if let (Some(op), Some(source)) =
        (members.get("op").and_then(Value::as_str).and_then(letter), members.get("source"))
    {
        let number = |name: &str| source.get(name).and_then(Value::as_i64);
        let seconds = number("ts_ms").and_then(|ms| u32::try_from(ms / 1000).ok());
        let ordinal = number("ord").and_then(|ord| u32::try_from(ord).ok());
        let meta =
            Meta { op: Some(op), cluster_time: seconds.zip(ordinal).map(|(t, i)| ClusterTime::new(t, i)), seq: None };
        return (meta, members.get("after").filter(|after| !after.is_null()).cloned());
    }
    (of_headers, Some(value.clone()))
}

fn is_metadata(name: &str, prefix: &str) -> bool {
    moorline_pipeline::contract::names::is_reserved(name, prefix)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_tells_of_itself() {
        let time = ClusterTime::new(7, 3);
        let value = json!({"_id": 1, "a": 2, "__op": "u", "__cluster_time": time.as_u64(), "__seq": 0});
        let (meta, image) = told(&value, &[], "__");
        assert_eq!(meta, Meta { op: Some('u'), cluster_time: Some(time), seq: Some(0) });
        assert_eq!(image, Some(json!({"_id": 1, "a": 2})));
        let headers = [("moorline.op", "d".to_owned()), ("moorline.cluster_time", time.as_u64().to_string())];
        let headers = headers.map(|(name, text)| (name.to_owned(), text));
        let (meta, image) = told(&Value::Null, &headers, "__");
        assert_eq!((meta.op, meta.cluster_time, image), (Some('d'), Some(time), None));
        let envelope = json!({"before": null, "after": {"a": 1}, "op": "c", "source": {"ts_ms": 7000, "ord": 3}});
        let (meta, image) = told(&envelope, &[], "__");
        assert_eq!((meta.op, meta.cluster_time, image), (Some('c'), Some(time), Some(json!({"a": 1}))));
    }

    #[test]
    fn bytes_without_a_frame() {
        assert_eq!(plain(b"{\"a\":1}"), json!({"a": 1}));
        assert_eq!(plain(b"words"), json!("words"));
        assert_eq!(plain(&[0, 255]), json!("AP8="));
    }
}
