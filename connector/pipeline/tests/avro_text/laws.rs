//! Laws over arbitrary schemas, values and bytes.
//!
//! * Text says what another library reads in the same bytes. * Decimals have the digits of their number.
//! * Any bytes under any schema end in JSON or in an error, soon.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use moorline_pipeline::avro_text::{AvroText, Decimals, Style};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::expected;

/// A type, as little as the laws need.
#[derive(Clone, Debug)]
enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Date,
    Timestamp,
    Enum,
    Fixed(usize),
    Nullable(Box<Shape>),
    Array(Box<Shape>),
    Map(Box<Shape>),
    Record(Vec<Shape>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Null),
        Just(Shape::Boolean),
        Just(Shape::Int),
        Just(Shape::Long),
        Just(Shape::Float),
        Just(Shape::Double),
        Just(Shape::Bytes),
        Just(Shape::String),
        Just(Shape::Date),
        Just(Shape::Timestamp),
        Just(Shape::Enum),
        (0_usize..20).prop_map(Shape::Fixed),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            // A union holds no union, and no second null.
            inner.clone().prop_map(|shape| match shape {
                Shape::Null | Shape::Nullable(_) => shape,
                other => Shape::Nullable(Box::new(other)),
            }),
            inner.clone().prop_map(|shape| Shape::Array(Box::new(shape))),
            inner.clone().prop_map(|shape| Shape::Map(Box::new(shape))),
            prop::collection::vec(inner, 0..4).prop_map(Shape::Record),
        ]
    })
}

/// The schema; named types are counted.
fn schema(shape: &Shape, names: &mut usize) -> Json {
    let mut name = || {
        *names += 1;
        format!("n{names}")
    };
    match shape {
        Shape::Null => json!("null"),
        Shape::Boolean => json!("boolean"),
        Shape::Int => json!("int"),
        Shape::Long => json!("long"),
        Shape::Float => json!("float"),
        Shape::Double => json!("double"),
        Shape::Bytes => json!("bytes"),
        Shape::String => json!("string"),
        Shape::Date => json!({"type": "int", "logicalType": "date"}),
        Shape::Timestamp => json!({"type": "long", "logicalType": "timestamp-millis"}),
        Shape::Enum => json!({"type": "enum", "name": name(), "symbols": ["A", "B", "C"]}),
        Shape::Fixed(size) => json!({"type": "fixed", "name": name(), "size": size}),
        Shape::Nullable(inner) => json!(["null", schema(inner, names)]),
        Shape::Array(inner) => json!({"type": "array", "items": schema(inner, names)}),
        Shape::Map(inner) => json!({"type": "map", "values": schema(inner, names)}),
        Shape::Record(fields) => {
            let name = name();
            let fields = fields.iter().enumerate();
            let fields = fields.map(|(n, field)| json!({"name": format!("f{n}"), "type": schema(field, names)}));
            json!({"type": "record", "name": name, "fields": fields.collect::<Vec<_>>()})
        }
    }
}

fn values(shape: &Shape) -> BoxedStrategy<Value> {
    match shape.clone() {
        Shape::Null => Just(Value::Null).boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Shape::Int => any::<i32>().prop_map(Value::Int).boxed(),
        Shape::Long => any::<i64>().prop_map(Value::Long).boxed(),
        Shape::Float => any::<f32>().prop_map(Value::Float).boxed(),
        Shape::Double => any::<f64>().prop_map(Value::Double).boxed(),
        Shape::Bytes => any::<Vec<u8>>().prop_map(Value::Bytes).boxed(),
        Shape::String => any::<String>().prop_map(Value::String).boxed(),
        Shape::Date => any::<i32>().prop_map(Value::Date).boxed(),
        Shape::Timestamp => any::<i64>().prop_map(Value::TimestampMillis).boxed(),
        Shape::Enum => (0_u32..3).prop_map(|n| Value::Enum(n, ["A", "B", "C"][n as usize].to_owned())).boxed(),
        Shape::Fixed(size) => {
            prop::collection::vec(any::<u8>(), size).prop_map(move |bytes| Value::Fixed(size, bytes)).boxed()
        }
        Shape::Nullable(inner) => prop_oneof![
            Just(Value::Union(0, Box::new(Value::Null))),
            values(&inner).prop_map(|value| Value::Union(1, Box::new(value))),
        ]
        .boxed(),
        Shape::Array(inner) => prop::collection::vec(values(&inner), 0..4).prop_map(Value::Array).boxed(),
        Shape::Map(inner) => {
            prop::collection::hash_map(any::<String>(), values(&inner), 0..4).prop_map(Value::Map).boxed()
        }
        Shape::Record(fields) => {
            let members: Vec<_> = fields.iter().map(values).collect();
            let named = |(n, value)| (format!("f{n}"), value);
            members.prop_map(move |members| Value::Record(members.into_iter().enumerate().map(named).collect())).boxed()
        }
    }
}

fn typed() -> impl Strategy<Value = (String, Value)> {
    shapes().prop_flat_map(|shape| (Just(schema(&shape, &mut 0).to_string()), values(&shape)))
}

fn bytes(schema: &str, value: Value) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap_or_else(|error| panic!("{error}: {schema}"));
    let writer = GenericDatumWriter::builder(&schema).build().expect("a schema of its own");
    writer.write_value_to_vec(value).expect("a value of it")
}

proptest! {
    #[test]
    fn text_says_what_another_library_reads((schema, value) in typed()) {
        let bytes = bytes(&schema, value);
        let text = AvroText::new(&schema).expect("a schema").text(&bytes, Style::CONNECT).expect("readable");
        let found: Json = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(found, expected::connect(&expected::value(&schema, &bytes)));
    }

    #[test]
    fn decimals_have_the_digits_of_their_number(number in any::<i128>(), scale in 0_usize..40) {
        let schema = json!({"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": scale}).to_string();
        let value = Value::Decimal(Decimal::from(number.to_be_bytes()));
        let bytes = bytes(&schema, value);
        let text = AvroText::new(&schema).unwrap();
        let found = text.text(&bytes, Style { decimals: Decimals::Number, ..Style::HUMAN }).unwrap();
        let quoted = format!("\"{found}\"");
        prop_assert_eq!(text.text(&bytes, Style::HUMAN).unwrap(), quoted);
        let digits = found.replace(['-', '.'], "");
        let trimmed = digits.trim_start_matches('0');
        let expected = number.unsigned_abs().to_string();
        prop_assert_eq!(trimmed, expected.trim_start_matches('0'));
        prop_assert_eq!(found.starts_with('-'), number < 0);
        prop_assert_eq!(found.split_once('.').map_or(0, |(_, fraction)| fraction.len()), scale);
        prop_assert!(!found.trim_start_matches('-').starts_with('.') && serde_json::from_str::<Json>(&found).is_ok());
    }

    #[test]
    fn any_bytes_end_in_json_or_in_an_error((schema, value) in typed(), noise in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let text = AvroText::new(&schema).expect("a schema");
        let good = bytes(&schema, value);
        let mut bent = good.clone();
        if !bent.is_empty() {
            let place = at.index(bent.len());
            bent[place] ^= flip;
        }
        let cut = &good[..at.index(good.len() + 1)];
        for bytes in [&noise[..], &bent[..], cut] {
            for style in [Style::CONNECT, Style::HUMAN] {
                if let Ok(text) = text.text(bytes, style) {
                    prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
                }
            }
        }
    }

    #[test]
    fn any_text_is_a_schema_or_an_error(text in any::<String>(), json in "[\\[\\]{}\",:a-z0-9 ]{0,60}") {
        let _ = (AvroText::new(&text), AvroText::new(&json));
    }
}

/// Bytes that say more than they hold, and schemas that hold themselves.
#[test]
fn nothing_runs_for_ever() {
    let nulls = AvroText::new(r#"{"type": "array", "items": "null"}"#).unwrap();
    // A block of 2^62 nulls, which take no bytes.
    let many = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    assert_eq!(nulls.text(&many, Style::HUMAN).unwrap_err().why, "more empty values than bytes");
    let lists = AvroText::new(r#"{"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]}"#);
    let lists = lists.unwrap();
    assert_eq!(lists.text(&[2, 2, 0], Style::HUMAN).unwrap(), r#"{"n":{"n":{"n":null}}}"#);
    let deep = lists.text(&[2; 100_000], Style::HUMAN).unwrap_err();
    assert_eq!(deep.why, "values stand in one another too deeply");
    let itself = AvroText::new(r#"{"type": "record", "name": "S", "fields": [{"name": "s", "type": "S"}]}"#).unwrap();
    assert!(itself.text(&[], Style::HUMAN).is_err());
    // Each record holds the next one twice: 2^40 empty records without a byte.
    let mut schema = r#"{"type": "record", "name": "E", "fields": []}"#.to_owned();
    for level in 0..40 {
        schema = format!(
            r#"{{"type": "record", "name": "R{level}", "fields": [{{"name": "a", "type": {schema}}}, {{"name": "b", "type": "{}"}}]}}"#,
            if level == 0 { "E".to_owned() } else { format!("R{}", level - 1) }
        );
    }
    assert_eq!(
        AvroText::new(&schema).unwrap().text(&[], Style::HUMAN).unwrap_err().why,
        "more empty values than bytes"
    );
}
