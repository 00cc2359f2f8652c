//! The records of the transaction topic and of heartbeats: Debezium's schemas, and their bytes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::RawDocument;
use bson::raw::RawBsonRef;
use serde_json::{Value as Json, json};

use super::envelope::record;
use crate::contract::plan::wire;

const COMMON: &str = "io.debezium.connector.common";

/// What a record of the transaction topic says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boundary<'a> {
    /// The first record of the transaction follows.
    Begin,
    /// The last one stands before: records of the transaction by collection (`db.coll`).
    End(&'a [(String, i64)]),
}

/// The schema of the transaction topic's keys, as JSON text.
pub fn key_schema() -> String {
    record(COMMON, "TransactionMetadataKey", vec![string("id")]).to_string()
}

/// The schema of the transaction topic's values, as JSON text.
pub fn value_schema() -> String {
    let collection = record("event", "collection", vec![string("data_collection"), long("event_count")]);
    let collections = json!({"type": "array", "items": ["null", collection]});
    let nullable = |name: &str, ty: Json| json!({"name": name, "type": ["null", ty], "default": null});
    let fields = vec![
        string("status"),
        string("id"),
        nullable("event_count", json!("long")),
        nullable("data_collections", collections),
        long("ts_ms"),
    ];
    record(COMMON, "TransactionMetadataValue", fields).to_string()
}

/// The framed key of a transaction.
pub fn key(id: &str, schema_id: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(id.len() + 8);
    wire::frame(schema_id, &mut out);
    wire::bytes(id.as_bytes(), &mut out);
    out
}

/// The framed value of a transaction's begin or end; `ts_ms` is the source's wall time.
pub fn value(id: &str, boundary: &Boundary<'_>, ts_ms: i64, schema_id: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(id.len() + 64);
    wire::frame(schema_id, &mut out);
    let status: &[u8] = if matches!(boundary, Boundary::Begin) { b"BEGIN" } else { b"END" };
    wire::bytes(status, &mut out);
    wire::bytes(id.as_bytes(), &mut out);
    match boundary {
        Boundary::Begin => out.extend_from_slice(&[0, 0]),
        Boundary::End(collections) => {
            wire::some(&mut out);
            wire::long(collections.iter().map(|(_, count)| count).sum(), &mut out);
            wire::some(&mut out);
            if !collections.is_empty() {
                wire::long(collections.len() as i64, &mut out);
                for (collection, count) in *collections {
                    wire::some(&mut out);
                    wire::bytes(collection.as_bytes(), &mut out);
                    wire::long(*count, &mut out);
                }
            }
            wire::long(0, &mut out);
        }
    }
    wire::long(ts_ms, &mut out);
    out
}

/// The schema of the heartbeat topic's keys, as JSON text.
pub fn heartbeat_key_schema() -> String {
    record(COMMON, "ServerNameKey", vec![string("serverName")]).to_string()
}

/// The schema of the heartbeat topic's values, as JSON text.
pub fn heartbeat_value_schema() -> String {
    record(COMMON, "Heartbeat", vec![long("ts_ms")]).to_string()
}

/// The framed key of a heartbeat: `topic.prefix`.
pub fn heartbeat_key(prefix: &str, schema_id: u32) -> Vec<u8> {
    key(prefix, schema_id)
}

/// The framed value of a heartbeat; `ts_ms` is the writer's clock.
pub fn heartbeat_value(ts_ms: i64, schema_id: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    wire::frame(schema_id, &mut out);
    wire::long(ts_ms, &mut out);
    out
}

fn string(name: &str) -> Json {
    json!({"name": name, "type": "string"})
}

fn long(name: &str) -> Json {
    json!({"name": name, "type": "long"})
}

/// A session's id as Debezium writes it: Extended JSON of the old kind, no blank behind a comma.
pub fn lsid(session: &RawDocument) -> String {
    let mut text = String::from("{");
    for (place, element) in session.into_iter().filter_map(Result::ok).enumerate() {
        let (name, value) = element;
        let comma = if place > 0 { "," } else { "" };
        let name = serde_json::to_string(name.as_str()).unwrap_or_default();
        let value = match value {
            RawBsonRef::Binary(binary) => {
                let subtype = u8::from(binary.subtype);
                format!(r#"{{"$binary": "{}","$type": "{subtype:02X}"}}"#, STANDARD.encode(binary.bytes))
            }
            RawBsonRef::Int64(n) => format!(r#"{{"$numberLong": "{n}"}}"#),
            other => {
                bson::Bson::try_from(other).map_or_else(|_| "null".into(), |b| b.into_relaxed_extjson().to_string())
            }
        };
        // Writing to a string never fails.
        let _ = write!(text, "{comma}{name}: {value}");
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_as_debezium_names_it() {
        let uuid = bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![7; 16] };
        let uid = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2, 3] };
        let session = bson::RawDocumentBuf::try_from(&bson::doc! {"id": uuid, "uid": uid}).unwrap();
        assert_eq!(
            lsid(&session),
            r#"{"id": {"$binary": "BwcHBwcHBwcHBwcHBwcHBw==","$type": "04"},"uid": {"$binary": "AQID","$type": "00"}}"#
        );
    }
}
