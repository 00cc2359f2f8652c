//! Types of ours to Avro's JSON: the same for the contract file and for what is registered, but for the properties.
//!
//! Invariants: a bare type is a bare name, never `{"type": "string"}`, which registries write anew; every field but the
//! key is `["null", T]` with default null; Connect's hints are always whole.

use serde_json::{Map, Value as Json, json};

use crate::contract::flat::Column;
use crate::contract::model::{Field, KeyKind, Type};
use crate::contract::names;

/// Name of the record of a key that is a document.
pub(crate) const ID_RECORD: &str = "Id";

/// Property of a record `{key, value}` that is an entry of a dictionary.
pub(crate) const ENTRIES: &str = "bson.entries";

/// Which properties of a person's are kept.
pub(crate) type Keep = fn(&str) -> bool;

/// Fields as Avro has them.
pub(crate) fn fields(fields: &[Field], keep: Keep) -> Vec<Json> {
    fields.iter().map(|each| field(each, keep)).collect()
}

/// A column of the output: a field, or one that stands deeper in the document.
pub(crate) fn column(column: &Column, keep: Keep) -> Json {
    if column.above.is_empty() {
        return field(column.field, keep);
    }
    let mut out = nullable_field(&column.name, ty(&column.field.ty, keep));
    append(&mut out, &column.properties(), keep);
    rest(column.field, &mut out, keep);
    Json::Object(out)
}

fn field(field: &Field, keep: Keep) -> Json {
    let mut out = nullable_field(&field.name, ty(&field.ty, keep));
    if field.bson_name != field.name {
        out.insert("bson.name".to_owned(), json!(field.bson_name));
    }
    rest(field, &mut out, keep);
    Json::Object(out)
}

/// What stands behind name and type.
fn rest(field: &Field, out: &mut Map<String, Json>, keep: Keep) {
    if !field.accepts.is_empty() {
        out.insert("bson.type".to_owned(), json!(field.accepts.join("|")));
    }
    if field.required && keep("moorline.required") {
        out.insert("moorline.required".to_owned(), json!(true));
    }
    append(out, &field.properties, keep);
}

/// A field `["null", T]` with default null.
pub(crate) fn nullable_field(name: &str, ty: Json) -> Map<String, Json> {
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    out.insert("type".to_owned(), json!(["null", ty]));
    out.insert("default".to_owned(), Json::Null);
    out
}

/// Appends the properties that are kept.
pub(crate) fn append(out: &mut Map<String, Json>, properties: &Map<String, Json>, keep: Keep) {
    for (name, value) in properties.iter().filter(|(name, _)| keep(name)) {
        out.insert(name.clone(), value.clone());
    }
}

/// A type as Avro has it.
pub(crate) fn ty(ty: &Type, keep: Keep) -> Json {
    match ty {
        Type::Boolean => json!("boolean"),
        Type::Int => json!("int"),
        Type::Long => json!("long"),
        Type::Double => json!("double"),
        Type::String => json!("string"),
        Type::Bytes => json!("bytes"),
        Type::Uuid => json!({"type": "string", "logicalType": "uuid", "connect.version": 1,
            "connect.name": "io.debezium.data.Uuid"}),
        Type::Timestamp => timestamp(),
        Type::Decimal { precision, scale } => json!({"type": "bytes", "logicalType": "decimal",
            "precision": precision, "scale": scale, "connect.version": 1,
            "connect.name": "org.apache.kafka.connect.data.Decimal",
            "connect.parameters": {"scale": scale.to_string(), "connect.decimal.precision": precision.to_string()}}),
        Type::Any => json!({"type": "string", "connect.version": 1, "connect.name": "io.debezium.data.Json"}),
        Type::Record(record) => {
            let mut out = Map::new();
            out.insert("type".to_owned(), json!("record"));
            out.insert("name".to_owned(), json!(record.name));
            append(&mut out, &record.properties, keep);
            out.insert("fields".to_owned(), Json::Array(fields(&record.fields, keep)));
            Json::Object(out)
        }
        Type::Map(values) => json!({"type": "map", "values": ["null", self::ty(values, keep)]}),
        Type::Entries { name, values } => {
            let key = json!({"name": "key", "type": "string"});
            let value = nullable_field("value", self::ty(values, keep));
            json!({"type": "array", "items": {"type": "record", "name": name, ENTRIES: true, "fields": [key, value]}})
        }
        Type::Array(items) => json!({"type": "array", "items": ["null", self::ty(items, keep)]}),
        Type::FullArray(items) => json!({"type": "array", "items": self::ty(items, keep)}),
        Type::FloatVector => json!({"type": "array", "items": "float"}),
        Type::IntVector => json!({"type": "array", "items": "int"}),
    }
}

fn timestamp() -> Json {
    json!({"type": "long", "logicalType": "timestamp-millis", "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Timestamp"})
}

/// The field `_id`: type and `bson.type`.
pub(crate) fn key(kind: &KeyKind) -> Map<String, Json> {
    key_field("_id", "_id", kind, ID_RECORD)
}

fn key_field(name: &str, bson_name: &str, kind: &KeyKind, record: &str) -> Map<String, Json> {
    let (ty, accepts) = match kind {
        KeyKind::ObjectId => (json!("string"), "objectId"),
        KeyKind::String => (json!("string"), "string"),
        KeyKind::Long => (json!("long"), WHOLE),
        KeyKind::Number => (json!("string"), NUMBERS),
        KeyKind::Uuid => (json!("string"), "uuid"),
        KeyKind::Timestamp => (timestamp(), "date"),
        KeyKind::Base64 => (json!("string"), "binData"),
        KeyKind::Any => (json!("string"), "any"),
        KeyKind::Document(parts) => {
            let mut taken = names::Taken::default();
            let parts = parts.iter().map(|(bson_name, kind)| {
                let name = taken.give(names::field(bson_name));
                Json::Object(key_field(&name, bson_name, kind, &format!("{record}_{name}")))
            });
            (json!({"type": "record", "name": record, "fields": parts.collect::<Vec<_>>()}), "object")
        }
    };
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    out.insert("type".to_owned(), ty);
    if bson_name != name {
        out.insert("bson.name".to_owned(), json!(bson_name));
    }
    out.insert("bson.type".to_owned(), json!(accepts));
    out
}

/// Numbers that are whole are one `_id` to the server whatever their type.
const WHOLE: &str = "int32|int64";
/// All numbers, as text.
pub(crate) const NUMBERS: &str = "int32|int64|double|decimal128";
