//! What an encoded document should decode to, from spec/types.md and the document as another library reads it.
//!
//! Nothing of the encoder is used: values come from `bson`, bytes are read by `apache-avro`, texts by `serde_json`.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use bson::spec::BinarySubtype;
use bson::{Bson, RawDocument};
use moorline_pipeline::contract::derive;
use moorline_pipeline::contract::model::{Contract, Field, Record, Type};
use serde_json::{Value as Json, json};

use crate::stage::{META, output};

/// The value behind the frame, which must have this id.
pub(crate) fn unframed(schema: &str, id: u32, bytes: &[u8]) -> Value {
    assert_eq!(bytes[0], 0, "the frame begins with a zero");
    assert_eq!(bytes[1..5], id.to_be_bytes(), "and has the schema's id");
    let schema = Schema::parse_str(schema).unwrap_or_else(|error| panic!("{error}: {schema}"));
    let mut rest = &bytes[5..];
    let value =
        GenericDatumReader::builder(&schema).build().and_then(|reader| reader.read_value(&mut rest)).expect("decodes");
    assert!(rest.is_empty(), "{} bytes are left", rest.len());
    value
}

/// The record of a document, checked against its fields, its metadata and its spilled fields.
pub(crate) fn check(contract: &Contract, document: &RawDocument, spills: bool, bytes: &[u8], id: u32) {
    let Value::Record(mut members) = unframed(&derive::value_schema(contract, &output()), id, bytes) else {
        panic!("no record")
    };
    let names: Vec<String> = members.iter().map(|(name, _)| name.clone()).collect();
    let fields = contract.fields.iter().map(|field| field.name.clone());
    let metadata = ["op", "deleted", "ts_ms", "cluster_time", "seq", "image_time", "snapshot", "spill"];
    let expected: Vec<String> =
        ["_id".to_owned()].into_iter().chain(fields).chain(metadata.map(|name| format!("__{name}"))).collect();
    assert_eq!(names, expected);
    let rest = members.split_off(1 + contract.fields.len());
    let mut spilled = BTreeMap::new();
    let mut elements = elements(document);
    elements.retain(|name, _| !contract.excluded.contains(name));
    record(&contract.fields, &elements, &members[1..], &Place { path: None, spills }, &mut spilled);
    let long = |n: i64| some(Value::Long(n));
    let metadata = [
        some(Value::String("u".into())),
        some(Value::Boolean(false)),
        long(META.ts_ms),
        long(META.cluster_time),
        some(Value::Int(META.seq)),
        long(META.image_time),
        some(Value::Boolean(true)),
    ];
    assert!(rest.iter().map(|(_, value)| value).zip(&metadata).all(|(found, expected)| found == expected), "{rest:?}");
    let found = match present(&rest[7].1) {
        Some(Value::Map(map)) => map.iter().map(|(path, text)| (path.clone(), string(text))).collect(),
        _ => BTreeMap::new(),
    };
    let found: BTreeMap<String, Json> =
        found.into_iter().map(|(path, text)| (path, serde_json::from_str(&text).expect("JSON"))).collect();
    assert_eq!(found, spilled);
}

struct Place {
    path: Option<String>,
    spills: bool,
}

impl Place {
    fn below(&self, step: &str) -> Self {
        let path = self.path.as_ref().map_or_else(|| step.to_owned(), |path| format!("{path}.{step}"));
        Self { path: Some(path), spills: self.spills }
    }
}

/// A document's elements, of equal names the last.
fn elements(document: &RawDocument) -> BTreeMap<String, Bson> {
    let elements = document.iter_elements().map(|element| element.expect("well formed"));
    elements.map(|each| (each.key().as_str().to_owned(), each.try_into().expect("a value"))).collect()
}

fn record(
    fields: &[Field],
    elements: &BTreeMap<String, Bson>,
    members: &[(String, Value)],
    place: &Place,
    spilled: &mut BTreeMap<String, Json>,
) {
    for (field, (name, found)) in fields.iter().zip(members) {
        assert_eq!(name, &field.name);
        let below = place.below(&field.bson_name);
        nullable(&field.ty, &field.accepts, elements.get(&field.bson_name), found, &below, spilled);
    }
    for (name, value) in elements.iter().filter(|(name, _)| fields.iter().all(|field| field.bson_name != **name)) {
        let said = *value != Bson::Null && *value != Bson::Undefined;
        let is_key = place.path.is_none() && name == "_id";
        let path = place.below(name).path.unwrap_or_default();
        if place.spills && !is_key {
            spilled.insert(path, relaxed(value));
        } else {
            assert!(!said || is_key || matches!(value, Bson::Array(items) if items.is_empty()), "{name} is lost");
            if said && !is_key {
                spilled.insert(path, relaxed(value));
            }
        }
    }
}

fn nullable(
    ty: &Type,
    accepts: &[String],
    value: Option<&Bson>,
    found: &Value,
    place: &Place,
    spilled: &mut BTreeMap<String, Json>,
) {
    match (value, present(found)) {
        (None | Some(Bson::Null | Bson::Undefined), None) => {}
        (Some(value), Some(found)) => typed(ty, accepts, value, found, place, spilled),
        other => panic!("{:?}: {other:?}", place.path),
    }
}

fn typed(
    ty: &Type,
    accepts: &[String],
    value: &Bson,
    found: &Value,
    place: &Place,
    spilled: &mut BTreeMap<String, Json>,
) {
    match (ty, value, found) {
        (Type::Record(Record { fields, .. }), Bson::Document(document), Value::Record(members)) => {
            let elements = document.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            record(fields, &elements, members, place, spilled);
        }
        (Type::Map(values), Bson::Document(document), Value::Map(found)) => {
            assert_eq!(document.len(), found.len(), "{:?}", place.path);
            for (name, value) in document {
                nullable(values, accepts, Some(value), &found[name], &place.below(name), spilled);
            }
        }
        (Type::Array(items), Bson::Array(array), Value::Array(found)) => {
            assert_eq!(array.len(), found.len(), "{:?}", place.path);
            for (index, (value, found)) in array.iter().zip(found).enumerate() {
                nullable(items, accepts, Some(value), found, &place.below(&index.to_string()), spilled);
            }
        }
        (Type::Any, value, found) => {
            let json: Json = serde_json::from_str(&string(found)).expect("JSON");
            assert_eq!(json, relaxed(value), "{:?}", place.path);
        }
        (_, value, found) => assert_eq!(format!("{found:?}"), format!("{:?}", scalar(ty, value)), "{:?}", place.path),
    }
}

/// What a value is in Avro under one of the types without inner types; the default column of the table.
fn scalar(ty: &Type, value: &Bson) -> Value {
    match (ty, value) {
        (Type::Boolean, Bson::Boolean(value)) => Value::Boolean(*value),
        (Type::Long, Bson::Int32(n)) => Value::Long(i64::from(*n)),
        (Type::Long, Bson::Int64(n)) => Value::Long(*n),
        (Type::Long, Bson::Timestamp(at)) => Value::Long((u64::from(at.time) << 32 | u64::from(at.increment)) as i64),
        (Type::Double, Bson::Double(x)) => Value::Double(*x),
        (Type::Double, Bson::Int32(n)) => Value::Double(f64::from(*n)),
        (Type::Double, Bson::Int64(n)) if (*n as f64) as i128 == i128::from(*n) => Value::Double(*n as f64),
        (Type::Timestamp, Bson::DateTime(at)) => Value::TimestampMillis(at.timestamp_millis()),
        (Type::Uuid, Bson::Binary(binary)) if binary.subtype == BinarySubtype::Uuid => {
            Value::Uuid(apache_avro::Uuid::from_slice(&binary.bytes).expect("16 bytes"))
        }
        (Type::Bytes, Bson::Binary(binary)) => Value::Bytes(binary.bytes.clone()),
        (Type::FloatVector, Bson::Binary(binary)) => Value::Array(
            binary.bytes[2..]
                .chunks(4)
                .map(|four| Value::Float(f32::from_le_bytes(four.try_into().expect("four"))))
                .collect(),
        ),
        (Type::IntVector, Bson::Binary(binary)) => {
            Value::Array(binary.bytes[2..].iter().map(|byte| Value::Int(i32::from(*byte as i8))).collect())
        }
        (Type::String, Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text)) => {
            Value::String(text.clone())
        }
        (Type::String, Bson::ObjectId(id)) => Value::String(id.to_hex()),
        (Type::String, Bson::Int32(n)) => Value::String(n.to_string()),
        (Type::String, Bson::Int64(n)) => Value::String(n.to_string()),
        (Type::String, Bson::Double(x)) if x.is_nan() => Value::String("NaN".into()),
        (Type::String, Bson::Double(x)) if x.is_infinite() => {
            Value::String(if *x > 0.0 { "Infinity" } else { "-Infinity" }.into())
        }
        (Type::String, Bson::Double(x)) => Value::String(x.to_string()),
        (Type::String, Bson::Decimal128(decimal)) => Value::String(plain(&decimal.to_string())),
        other => panic!("{other:?} should have drifted"),
    }
}

/// Relaxed Extended JSON. The library's own, but for dates, which it neither bounds nor writes as specified.
pub(crate) fn relaxed(value: &Bson) -> Json {
    match value {
        Bson::Document(document) => {
            Json::Object(document.iter().map(|(name, value)| (name.clone(), relaxed(value))).collect())
        }
        Bson::Array(items) => items.iter().map(relaxed).collect(),
        Bson::DateTime(at) if (0..=253_402_300_799_999).contains(&at.timestamp_millis()) => {
            let text = at.try_to_rfc3339_string().expect("a year of four digits");
            let (whole, fraction) =
                text.trim_end_matches('Z').split_once('.').unwrap_or((text.trim_end_matches('Z'), ""));
            let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction:0<3}") };
            json!({"$date": format!("{whole}{fraction}Z")})
        }
        Bson::DateTime(at) => json!({"$date": {"$numberLong": at.timestamp_millis().to_string()}}),
        other => other.clone().into_relaxed_extjson(),
    }
}

/// A decimal's own text without exponent: zeros stay, none is added.
pub(crate) fn plain(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if !digits.starts_with(|letter: char| letter.is_ascii_digit()) {
        return text.to_owned();
    }
    let (mantissa, exponent) =
        digits.split_once('E').map_or((digits, 0), |(m, e)| (m, e.parse::<i64>().expect("digits")));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let scale = fraction.len() as i64 - exponent;
    if scale <= 0 {
        let all = all.trim_start_matches('0');
        let zeros = if all.is_empty() { 0 } else { -scale as usize };
        return format!("{sign}{}{}", if all.is_empty() { "0" } else { all }, "0".repeat(zeros));
    }
    let padded = format!("{all:0>width$}", width = scale as usize + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
    let whole = whole.trim_start_matches('0');
    format!("{sign}{}.{fraction}", if whole.is_empty() { "0" } else { whole })
}

fn present(value: &Value) -> Option<&Value> {
    match value {
        Value::Union(0, inner) if **inner == Value::Null => None,
        Value::Union(1, inner) => Some(inner),
        other => panic!("{other:?} is not nullable"),
    }
}

fn some(value: Value) -> Value {
    Value::Union(1, Box::new(value))
}

fn string(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => panic!("{other:?} is no string"),
    }
}
