//! The schema of `<topic>.Envelope`: Debezium's envelope for MongoDB, with `before` and `after` as `<topic>.Value`.
//!
//! Invariants: names, order and nullability of Debezium's own fields are Debezium's, so that what reads its envelopes
//! reads these; fields of ours stand behind them and are nullable; a union is `["null", T]`.

use serde_json::{Map, Value as Json, json};

use crate::contract::file::render::nullable_field;

/// Name of the record.
pub(crate) const NAME: &str = "Envelope";
/// Words of `source.snapshot`.
const SNAPSHOT: &str = "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental";

/// The fields of the envelope around a value's record, whose full name is `value_name`.
pub(crate) fn fields(value: Json, value_name: &str) -> Vec<Json> {
    vec![
        nullable("before", value),
        nullable("after", json!(value_name)),
        nullable("updateDescription", update_description()),
        json!({"name": "source", "type": source()}),
        nullable("op", json!("string")),
        nullable("ts_ms", json!("long")),
        nullable("transaction", transaction()),
    ]
}

fn nullable(name: &str, ty: Json) -> Json {
    Json::Object(nullable_field(name, ty))
}

/// A record of Debezium's, with Connect's hints, which say the same name once more.
pub(crate) fn record(namespace: &str, name: &str, fields: Vec<Json>) -> Json {
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("record"));
    out.insert("name".to_owned(), json!(name));
    out.insert("namespace".to_owned(), json!(namespace));
    out.insert("fields".to_owned(), Json::Array(fields));
    out.insert("connect.version".to_owned(), json!(1));
    out.insert("connect.name".to_owned(), json!(format!("{namespace}.{name}")));
    Json::Object(out)
}

fn update_description() -> Json {
    let namespace = "io.debezium.connector.mongodb.changestream";
    let truncated = record(
        namespace,
        "truncatedarray",
        vec![json!({"name": "field", "type": "string"}), json!({"name": "size", "type": "int"})],
    );
    let json_text = json!({"type": "string", "connect.version": 1, "connect.name": "io.debezium.data.Json"});
    record(
        namespace,
        "updatedescription",
        vec![
            nullable("removedFields", json!({"type": "array", "items": "string"})),
            nullable("updatedFields", json_text),
            nullable("truncatedArrays", json!({"type": "array", "items": truncated})),
        ],
    )
}

fn source() -> Json {
    let snapshot = json!({"type": "string", "connect.version": 1, "connect.parameters": {"allowed": SNAPSHOT},
        "connect.name": "io.debezium.data.Enum"});
    let required = |name: &str, ty: &str| json!({"name": name, "type": ty});
    let optional = |name: &str, ty: &str| nullable(name, json!(ty));
    record(
        "io.debezium.connector.mongo",
        "Source",
        vec![
            required("version", "string"),
            required("connector", "string"),
            required("name", "string"),
            required("ts_ms", "long"),
            nullable("snapshot", snapshot),
            required("db", "string"),
            optional("sequence", "string"),
            optional("ts_us", "long"),
            optional("ts_ns", "long"),
            required("collection", "string"),
            required("ord", "int"),
            optional("lsid", "string"),
            optional("txnNumber", "long"),
            optional("wallTime", "long"),
            optional("table", "string"),
            optional("cluster_time", "long"),
            optional("seq", "int"),
            optional("image_time", "long"),
            optional("coalesced", "int"),
        ],
    )
}

fn transaction() -> Json {
    let long = |name: &str| json!({"name": name, "type": "long"});
    let id = json!({"name": "id", "type": "string"});
    record("event", "block", vec![id, long("total_order"), long("data_collection_order")])
}
