//! Rows against what others make of the same bytes: apache-avro's resolution of random schemas and values, the golden
//! records of every type, and the digest's test vectors, which a Python script computed.
//!
//! Invariant: bytes that are no record are an error and never a panic, whatever they are.

use apache_avro::Schema as Avro;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use moorline_export::canonical::Canonical;
use moorline_export::datum::Datum;
use moorline_export::decode::Resolver;
use moorline_export::schema::{Kind, Schema, Shape};
use moorline_export::state::{ALGORITHM, StateDigest};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A type as it is written and as it is read, and a value of the former.
#[derive(Clone, Debug)]
struct Pair {
    writer: Json,
    reader: Json,
    value: Value,
}

fn simple() -> impl Strategy<Value = Pair> {
    let pair = |writer: &str, reader: &str, value| Pair { writer: json!(writer), reader: json!(reader), value };
    prop_oneof![
        any::<bool>().prop_map(move |v| pair("boolean", "boolean", Value::Boolean(v))),
        (any::<i32>(), 0..4usize).prop_map(move |(v, to)| pair(
            "int",
            ["int", "long", "float", "double"][to],
            Value::Int(v)
        )),
        (any::<i64>(), 0..3usize).prop_map(move |(v, to)| pair(
            "long",
            ["long", "float", "double"][to],
            Value::Long(v)
        )),
        (-1e30f32..1e30, 0..2usize).prop_map(move |(v, to)| pair("float", ["float", "double"][to], Value::Float(v))),
        (-1e300..1e300).prop_map(move |v| pair("double", "double", Value::Double(v))),
        (".{0,9}", 0..2usize).prop_map(move |(v, to)| pair("string", ["string", "bytes"][to], Value::String(v))),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(move |v| pair("bytes", "bytes", Value::Bytes(v))),
    ]
}

fn pairs() -> impl Strategy<Value = Pair> {
    let any_type = simple().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            (inner.clone(), 0..3u8).prop_map(|(pair, how)| nullable(pair, how)),
            (inner.clone(), 0..4usize).prop_map(|(pair, count)| Pair {
                writer: json!({"type": "array", "items": pair.writer}),
                reader: json!({"type": "array", "items": pair.reader}),
                value: Value::Array(vec![pair.value; count]),
            }),
            (inner.clone(), prop::collection::btree_set("[a-z]{0,3}", 0..4)).prop_map(|(pair, keys)| Pair {
                writer: json!({"type": "map", "values": pair.writer}),
                reader: json!({"type": "map", "values": pair.reader}),
                value: Value::Map(keys.into_iter().map(|key| (key, pair.value.clone())).collect()),
            }),
            record(inner),
        ]
    });
    record(any_type)
}

fn nullable(pair: Pair, how: u8) -> Pair {
    if pair.writer.is_array() || pair.reader.is_array() {
        return pair;
    }
    let (reader, writer) = (json!(["null", pair.reader]), json!(["null", pair.writer]));
    match how {
        0 => Pair { reader, ..pair },
        1 => Pair { writer, reader, value: Value::Union(1, Box::new(pair.value)) },
        _ => Pair { writer, reader, value: Value::Union(0, Box::new(Value::Null)) },
    }
}

/// Fields that both have, that only the writer has, and that only the reader has, in another order.
fn record(inner: impl Strategy<Value = Pair> + Clone + 'static) -> impl Strategy<Value = Pair> + Clone {
    let field = (inner, 0..5u8);
    (prop::collection::vec(field, 0..5), 0x1000_0000_0000u64.., any::<bool>()).prop_map(|(pairs, name, turned)| {
        let kept = json!({"name": "kept", "type": "long"});
        let (mut writer, mut reader) = (vec![kept.clone()], vec![kept]);
        let mut value = vec![("kept".to_owned(), Value::Long(7))];
        for (place, (pair, how)) in pairs.into_iter().enumerate() {
            let name = format!("f{place}");
            if how == 4 {
                reader.push(json!({"name": name, "type": ["null", pair.reader], "default": null}));
                if pair.reader.is_array() {
                    reader.pop();
                    reader.push(json!({"name": name, "type": {"type": "array", "items": "int"}, "default": [1, -2]}));
                }
                continue;
            }
            writer.push(json!({"name": name, "type": pair.writer}));
            value.push((name.clone(), pair.value));
            if how != 3 {
                reader.push(json!({"name": name, "type": pair.reader}));
            }
        }
        if turned {
            reader.reverse();
        }
        let of = |fields: Vec<Json>| json!({"type": "record", "name": format!("R{name:x}"), "fields": fields});
        Pair { writer: of(writer), reader: of(reader), value: Value::Record(value) }
    })
}

/// A row as apache-avro has it.
fn value(datum: &Datum<'_>, shape: &Shape) -> Value {
    if let Some(null) = shape.null {
        let inner = Shape { null: None, ..shape.clone() };
        return match datum {
            Datum::Null => Value::Union(u32::from(null), Box::new(Value::Null)),
            other => Value::Union(u32::from(1 - null), Box::new(value(other, &inner))),
        };
    }
    match (datum, &shape.kind) {
        (Datum::Boolean(v), Kind::Boolean) => Value::Boolean(*v),
        (Datum::Int(v), Kind::Int) => Value::Int(*v),
        (Datum::Long(v), Kind::Long) => Value::Long(*v),
        (Datum::Float(v), Kind::Float) => Value::Float(*v),
        (Datum::Double(v), Kind::Double) => Value::Double(*v),
        (Datum::Bytes(v), Kind::Bytes) => Value::Bytes(v.to_vec()),
        (Datum::Text(v), Kind::Text) => Value::String((*v).to_owned()),
        (Datum::Array(items), Kind::Array(inner)) => {
            Value::Array(items.iter().map(|item| value(item, inner)).collect())
        }
        (Datum::Map(entries), Kind::Map(inner)) => {
            Value::Map(entries.iter().map(|(key, item)| ((*key).to_owned(), value(item, inner))).collect())
        }
        (Datum::Record(fields), Kind::Record(record)) => {
            let named = record.fields.iter().zip(fields);
            Value::Record(named.map(|(field, datum)| (field.name.clone(), value(datum, &field.shape))).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn written(schema: &Avro, value: Value) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

fn root(schema: &Schema) -> Shape {
    let kind = Kind::Record(std::sync::Arc::clone(schema.record()));
    Shape { null: None, kind, logical: None, properties: serde_json::Map::new() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_are_what_apache_avro_resolves(pair in pairs()) {
        let (writer, reader) = (pair.writer.to_string(), pair.reader.to_string());
        let (avro_writer, avro_reader) = (Avro::parse_str(&writer).unwrap(), Avro::parse_str(&reader).unwrap());
        let bytes = written(&avro_writer, pair.value);
        let theirs = {
            let reader = GenericDatumReader::builder(&avro_writer).reader_schema(&avro_reader).build().unwrap();
            reader.read_value(&mut &bytes[..]).unwrap()
        };
        let (writer, reader) = (Schema::parse(&writer).unwrap(), Schema::parse(&reader).unwrap());
        let resolver = Resolver::new(&writer, &reader).unwrap();
        let ours = resolver.read(&bytes).unwrap();
        prop_assert_eq!(value(&ours, &root(&reader)), theirs);
    }

    #[test]
    fn damaged_bytes_are_an_error_and_no_panic(pair in pairs(), cut in any::<prop::sample::Index>(), bits in 1..255u8) {
        let bytes = written(&Avro::parse_str(&pair.writer.to_string()).unwrap(), pair.value);
        let schema = |json: &Json| Schema::parse(&json.to_string()).unwrap();
        let resolver = Resolver::new(&schema(&pair.writer), &schema(&pair.reader)).unwrap();
        let at = cut.index(bytes.len());
        prop_assert_eq!(resolver.read(&bytes[..at]).unwrap_err().code, "MOOR-6102");
        let mut more = bytes.clone();
        more.push(0);
        prop_assert_eq!(resolver.read(&more).unwrap_err().code, "MOOR-6102");
        let mut altered = bytes;
        altered[at] ^= bits;
        // One bit may give another value as well; what counts is that it gives something.
        let _ = resolver.read(&altered);
    }
}

#[test]
fn the_test_vectors_of_the_digest() {
    let golden: Json = serde_json::from_str(include_str!("golden/state-1.json")).unwrap();
    assert_eq!(golden["algorithm"], ALGORITHM);
    for vector in golden["vectors"].as_array().unwrap() {
        let schema = Schema::parse(&vector["schema"].to_string()).unwrap();
        let resolver = Resolver::new(&schema, &schema).unwrap();
        let canonical = Canonical::new(&schema, "__");
        let mut digest = StateDigest::default();
        for row in vector["rows"].as_array().unwrap() {
            let bytes = hex::decode(row["avro"].as_str().unwrap()).unwrap();
            let mut form = Vec::new();
            canonical.write(&resolver.read(&bytes).unwrap(), &mut form);
            assert_eq!(hex::encode(&form), row["form"].as_str().unwrap(), "{}", vector["case"]);
            digest.add(&form);
        }
        assert_eq!(digest.to_hex(), vector["digest"].as_str().unwrap(), "{}", vector["case"]);
    }
}

#[test]
fn every_golden_record_of_the_connector_is_a_row() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline/tests/golden/contracts");
    let mut rows = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let golden: Json = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let own = [golden.clone()];
        for case in golden["cases"].as_array().map_or(&own[..], Vec::as_slice) {
            let Some(text) = case.get("value_schema").map(Json::to_string) else { continue };
            let schema = Schema::parse(&text).unwrap_or_else(|problem| panic!("{}: {problem}", file.display()));
            let reader = schema.within("after").unwrap_or_else(|| schema.clone());
            assert!(Schema::parse(&reader.json().to_string()).is_ok(), "{}", file.display());
            let wrapped = schema.within("after").map(|after| after.envelope());
            let resolver = Resolver::new(&schema, wrapped.as_ref().unwrap_or(&reader)).unwrap();
            for value in case["records"].as_array().into_iter().flatten().filter_map(|record| record["value"].as_str())
            {
                let bytes = hex::decode(value).unwrap();
                let Datum::Record(fields) = resolver.read(&bytes[5..]).unwrap() else { panic!("{value}") };
                let row = if wrapped.is_some() { fields[0].clone() } else { Datum::Record(fields) };
                Canonical::new(&reader, "__").write(&row, &mut Vec::new());
                rows += 1;
            }
        }
    }
    assert!(rows > 50, "{rows} rows");
}

/// apache-avro does not look at aliases of fields, so this stands by itself.
#[test]
fn fields_are_found_by_name_then_by_alias_and_else_have_their_default() {
    let schema = |fields: Json| Schema::parse(&json!({"type": "record", "name": "V", "fields": fields}).to_string());
    let writer = schema(json!([{"name": "old", "type": "int"}, {"name": "b", "type": "string"}])).unwrap();
    let reader = schema(json!([
        {"name": "blob", "type": ["null", "bytes"], "default": "\u{ff}\u{0}"},
        {"name": "b", "type": "string"},
        {"name": "new", "aliases": ["older", "old"], "type": ["null", "long"]},
        {"name": "map", "type": {"type": "map", "values": "double"}, "default": {"x": 1}},
    ]))
    .unwrap();
    let expected = Datum::Record(vec![
        Datum::Bytes(&[0xFF, 0]),
        Datum::Text("x"),
        Datum::Long(-1),
        Datum::Map(vec![("x", Datum::Double(1.0))]),
    ]);
    assert_eq!(Resolver::new(&writer, &reader).unwrap().read(&[1, 2, b'x']).unwrap(), expected);
    for refused in [
        json!([{"name": "c", "type": "int"}]),
        json!([{"name": "c", "type": "int", "default": "x"}]),
        json!([{"name": "a", "aliases": ["b"], "type": "string"}, {"name": "b", "type": "string"}]),
    ] {
        let problem = Resolver::new(&writer, &schema(refused).unwrap()).unwrap_err();
        assert_eq!(problem.code, "MOOR-6101");
    }
    let null = schema(json!([{"name": "a", "type": ["null", "int"]}])).unwrap();
    let whole = schema(json!([{"name": "a", "type": "int"}])).unwrap();
    let problem = Resolver::new(&null, &whole).unwrap().read(&[0]).unwrap_err();
    assert_eq!((problem.code, problem.place.as_str()), ("MOOR-6102", "field a, byte 1"));
}

#[test]
fn what_no_table_can_hold_and_what_nothing_resolves_is_said() {
    let of = |ty: &str| format!(r#"{{"type":"record","name":"V","fields":[{{"name":"a","type":{ty}}}]}}"#);
    for ty in [
        r#"["null","int","string"]"#,
        r#"["null","V"]"#,
        r#""Nobody""#,
        r#"{"type":"record","name":"E","fields":[]}"#,
        r#"{"type":"fixed","name":"F","size":0}"#,
        r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#,
    ] {
        assert_eq!(Schema::parse(&of(ty)).unwrap_err().code, "MOOR-6100", "{ty}");
    }
    // Each type holds the one before it twice: written out whole, these are a thousand million.
    let mut ty = r#""int""#.to_owned();
    for level in 0..30 {
        let again = if level == 0 { r#""int""#.to_owned() } else { format!(r#""T{}""#, level - 1) };
        ty = format!(
            r#"{{"type":"record","name":"T{level}","fields":[{{"name":"a","type":{ty}}},{{"name":"b","type":{again}}}]}}"#
        );
    }
    assert_eq!(Schema::parse(&of(&ty)).unwrap_err().code, "MOOR-6100");
    for (writer, reader) in [
        (r#""long""#, r#""int""#),
        (r#""string""#, r#""double""#),
        (r#"{"type":"long","logicalType":"timestamp-millis"}"#, r#"{"type":"long","logicalType":"timestamp-micros"}"#),
    ] {
        let (writer, reader) = (Schema::parse(&of(writer)).unwrap(), Schema::parse(&of(reader)).unwrap());
        assert_eq!(Resolver::new(&writer, &reader).unwrap_err().code, "MOOR-6101");
    }
}
