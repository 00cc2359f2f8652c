//! What the text of a datum should say, from the value that `apache-avro` makes of the same bytes.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

/// The bytes as another library reads them.
pub(crate) fn value(schema: &str, bytes: &[u8]) -> Value {
    let schema = Schema::parse_str(schema).unwrap_or_else(|error| panic!("{error}: {schema}"));
    let mut rest = bytes;
    let reader = GenericDatumReader::builder(&schema).build().expect("a schema of its own");
    let value = reader.read_value(&mut rest).unwrap_or_else(|error| panic!("{error}: {}", hex::encode(bytes)));
    assert!(rest.is_empty(), "{} bytes are left", rest.len());
    value
}

/// The same in Connect's style, decimals as their digits in a string.
pub(crate) fn connect(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Union(_, inner) => connect(inner),
        Value::Boolean(is) => json!(is),
        Value::Int(n) | Value::Date(n) | Value::TimeMillis(n) => json!(n),
        Value::Long(n) | Value::TimestampMillis(n) | Value::TimestampMicros(n) | Value::TimeMicros(n) => json!(n),
        Value::Float(x) if x.is_finite() => json!(format!("{x:?}").parse::<f64>().expect("a number")),
        Value::Float(x) => json!(nonfinite(f64::from(*x))),
        Value::Double(x) if x.is_finite() => json!(x),
        Value::Double(x) => json!(nonfinite(*x)),
        Value::String(text) | Value::Enum(_, text) => json!(text),
        Value::Uuid(uuid) => json!(uuid.to_string()),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => json!(STANDARD.encode(bytes)),
        Value::Decimal(decimal) => json!({"unscaled": unscaled(&<Vec<u8>>::try_from(decimal).expect("bytes"))}),
        Value::Array(items) => items.iter().map(connect).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(name, value)| (name.clone(), connect(value))).collect::<Map<_, _>>())
        }
        Value::Record(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.clone(), connect(value))).collect())
        }
        other => panic!("{other:?} is not expected here"),
    }
}

fn nonfinite(x: f64) -> &'static str {
    if x.is_nan() {
        "NaN"
    } else if x > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// A big-endian number's digits.
pub(crate) fn unscaled(bytes: &[u8]) -> String {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    bytes.iter().fold(if negative { -1_i128 } else { 0 }, |n, byte| n << 8 | i128::from(*byte)).to_string()
}
