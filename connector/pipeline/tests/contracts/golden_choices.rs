//! What a contract may choose for a row of the type table beside its default: each way as bytes, decoded by another
//! library, and back from the registered schema.

use moorline_pipeline::contract::merge::from_registered;
use moorline_pipeline::contract::model::Contract;
use moorline_pipeline::contract::{derive, file};
use serde_json::{Value as Json, json};

use crate::golden::{Golden, any};
use crate::stage::{namespace, output};

/// The contract of a file with one field `v` beside `_id`; `field` is what it says but for name and default.
pub(crate) fn contract_of(field: &Json) -> Contract {
    let mut whole = json!({"name": "v", "default": null});
    for (name, value) in field.as_object().expect("a field") {
        whole[name] = value.clone();
    }
    whole["type"] = json!(["null", field["type"]]);
    let text = json!({"type": "record", "name": "orders", "namespace": "shop", "fields": [
        {"name": "_id", "type": "long", "bson.type": "int32|int64", "moorline.key": true}, whole]});
    let contract = file::parse(&text.to_string(), &namespace()).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(file::parse(&file::write(&contract), &namespace()).as_ref(), Ok(&contract), "written and read again");
    contract
}

/// A contract's schemas give a contract that gives the same schemas.
pub(crate) fn comes_back(contract: &Contract, output: &moorline_pipeline::contract::model::Output) {
    let (key, value) = (derive::key_schema(contract, output), derive::value_schema(contract, output));
    let back = from_registered(&value, &key, &contract.namespace, output).expect("ours");
    assert_eq!(derive::value_schema(&back, output), value, "a restart without files finds the same schema");
}

fn chosen(golden: &mut Golden, title: &str, field: Json, cases: &[(Json, Json)]) {
    let contract = contract_of(&field);
    let documents: Vec<Json> = cases.iter().zip(1..).map(|((value, _), n)| json!({"_id": n, "v": value})).collect();
    let decoded = golden.case(title, &contract, &documents);
    for (record, (value, expected)) in decoded.iter().zip(cases) {
        assert_eq!(&record["v"], expected, "{title}: {value}");
    }
    comes_back(&contract, &output());
}

fn millis() -> Json {
    json!({"type": "long", "logicalType": "timestamp-millis", "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Timestamp"})
}

fn date(millis: i64) -> Json {
    json!({"$date": {"$numberLong": millis.to_string()}})
}

fn binary(subtype: &str, base64: &str) -> Json {
    json!({"$binary": {"base64": base64, "subType": subtype}})
}

const ID: &str = "507f1f77bcf86cd799439011";

#[test]
fn numbers_and_times() {
    let mut golden = Golden::new("choices-numbers.json");
    let long = |n: i64| json!({"$numberLong": n.to_string()});
    let double = |text: &str| json!({"$numberDouble": text});
    let all = [
        (
            "int32 as int",
            json!({"type": "int", "bson.type": "int32"}),
            vec![(json!(-5), json!({"int": -5})), (json!(i32::MAX), json!({"int": i32::MAX}))],
        ),
        (
            "int64 as string",
            json!({"type": "string", "bson.type": "int64"}),
            vec![
                (long(9_007_199_254_740_993), json!("9007199254740993")),
                (long(i64::MIN), json!("-9223372036854775808")),
            ],
        ),
        (
            "double as string",
            json!({"type": "string", "bson.type": "double"}),
            vec![(double("1.5"), json!("1.5")), (double("1e-7"), json!("0.0000001")), (double("NaN"), json!("NaN"))],
        ),
        (
            "whole doubles as long",
            json!({"type": "long", "bson.type": "int32|int64|double"}),
            vec![(double("8.0"), json!(8)), (json!(7), json!(7))],
        ),
        (
            "decimal128 as double",
            json!({"type": "double", "bson.type": "decimal128|double"}),
            vec![
                (json!({"$numberDecimal": "0.1"}), json!({"double": "0.1"})),
                (json!({"$numberDecimal": "1E+400"}), json!({"double": "inf"})),
                (json!({"$numberDecimal": "NaN"}), json!({"double": "NaN"})),
            ],
        ),
        ("date as long", json!({"type": "long", "bson.type": "date"}), vec![(date(-1), json!(-1))]),
        (
            "date as string",
            json!({"type": "string", "bson.type": "date"}),
            vec![
                (date(1_760_000_000_123), json!("2025-10-09T08:53:20.123Z")),
                (date(0), json!("1970-01-01T00:00:00Z")),
            ],
        ),
        (
            "ISO strings as dates",
            json!({"type": millis(), "bson.type": "date", "moorline.coerce": "iso8601"}),
            vec![
                (date(5), json!({"millis": 5})),
                (json!("1970-01-01T01:00:00.250+01:00"), json!({"millis": 250})),
                (json!("1970-01-02"), json!({"millis": 86_400_000})),
            ],
        ),
        (
            "timestamp as timestamp-millis",
            json!({"type": millis(), "bson.type": "timestamp"}),
            vec![
                (json!({"$timestamp": {"t": 5, "i": 6}}), json!({"millis": 5000})),
                (json!({"$timestamp": {"t": u32::MAX, "i": 1}}), json!({"millis": 4_294_967_295_000_i64})),
            ],
        ),
        (
            "timestamp as record",
            json!({"bson.type": "timestamp", "type": {"type": "record", "name": "orders_v", "fields": [
                {"name": "t", "type": ["null", "long"], "default": null},
                {"name": "i", "type": ["null", "long"], "default": null}]}}),
            vec![(json!({"$timestamp": {"t": u32::MAX, "i": 6}}), json!({"t": u32::MAX, "i": 6}))],
        ),
    ];
    for (title, field, cases) in all {
        chosen(&mut golden, title, field, &cases);
    }
    golden.finish();
}

#[test]
fn bytes_and_texts() {
    let mut golden = Golden::new("choices-bytes.json");
    let uuid = || {
        json!({"type": "string", "logicalType": "uuid", "connect.version": 1,
        "connect.name": "io.debezium.data.Uuid"})
    };
    let shown = || json!({"uuid": "00112233-4455-6677-8899-aabbccddeeff"});
    let text = |form: &str| json!({"type": "string", "bson.type": "binData", "bson.binary": form});
    let legacy = |order: &str| json!({"type": uuid(), "bson.type": "binData", "bson.uuid.legacy": order});
    let bytes = |hex: &str| json!({"bytes": hex});
    let all = [
        ("binary as base64", text("base64"), vec![(binary("00", "+/8="), json!("+/8="))]),
        (
            "binary as base64, nothing said",
            json!({"type": "string", "bson.type": "binData"}),
            vec![(binary("00", "+/8="), json!("+/8="))],
        ),
        (
            "binary as base64-url-safe",
            text("base64-url-safe"),
            vec![
                (binary("00", "+/8="), json!("-_8=")),
                (binary("80", ""), json!("")),
                (binary("02", "+/8="), json!("-_8=")),
            ],
        ),
        (
            "binary as hex",
            text("hex"),
            vec![(binary("05", "+/8="), json!("fbff")), (binary("02", "+/8="), json!("fbff"))],
        ),
        ("legacy UUID of Java", legacy("java"), vec![(binary("03", "d2ZVRDMiEQD/7t3Mu6qZiA=="), shown())]),
        ("legacy UUID of C#", legacy("csharp"), vec![(binary("03", "MyIRAFVEd2aImaq7zN3u/w=="), shown())]),
        ("legacy UUID of Python", legacy("python"), vec![(binary("03", "ABEiM0RVZneImaq7zN3u/w=="), shown())]),
        (
            "legacy UUID of Java beside UUIDs",
            json!({"type": uuid(), "bson.type": "binData|uuid", "bson.uuid.legacy": "java"}),
            vec![
                (binary("03", "d2ZVRDMiEQD/7t3Mu6qZiA=="), shown()),
                (binary("04", "ABEiM0RVZneImaq7zN3u/w=="), shown()),
            ],
        ),
        (
            "UUID as bytes",
            json!({"type": "bytes", "bson.type": "uuid"}),
            vec![(binary("04", "ABEiM0RVZneImaq7zN3u/w=="), bytes("00112233445566778899aabbccddeeff"))],
        ),
        (
            "ObjectId as bytes",
            json!({"type": "bytes", "bson.type": "objectId"}),
            vec![(json!({"$oid": ID}), bytes(ID))],
        ),
        (
            "ObjectId as any",
            json!({"type": any(), "bson.type": "any"}),
            vec![(json!({"$oid": ID}), json!(format!(r#"{{"$oid":"{ID}"}}"#)))],
        ),
        (
            "vector as bytes",
            json!({"type": "bytes", "bson.type": "binData"}),
            vec![(binary("09", "JwAAAMA/"), bytes("27000000c03f"))],
        ),
        (
            "undefined under any",
            json!({"type": any(), "bson.type": "any|undefined"}),
            vec![(json!({"$undefined": true}), json!(r#"{"$undefined":true}"#)), (json!(null), Json::Null)],
        ),
        (
            "regex as record",
            json!({"bson.type": "regex", "type": {"type": "record", "name": "orders_v", "fields": [
                {"name": "pattern", "type": ["null", "string"], "default": null},
                {"name": "options", "type": ["null", "string"], "default": null}]}}),
            vec![(
                json!({"$regularExpression": {"pattern": "^a", "options": "im"}}),
                json!({"pattern": "^a", "options": "im"}),
            )],
        ),
    ];
    for (title, field, cases) in all {
        chosen(&mut golden, title, field, &cases);
    }
    golden.finish();
}

#[test]
fn documents_and_arrays() {
    let mut golden = Golden::new("choices-nested.json");
    let reference = json!({"$ref": "c", "$id": 1});
    let all = [
        (
            "DBRef as any",
            json!({"type": any(), "bson.type": "any"}),
            vec![(reference, json!(r#"{"$ref":"c","$id":1}"#))],
        ),
        (
            "dictionary as entries",
            json!({"type": {"type": "array", "items": {"type": "record", "name": "orders_v", "bson.entries": true,
                "fields": [{"name": "key", "type": "string"},
                    {"name": "value", "type": ["null", "long"], "default": null}]}}}),
            vec![
                (json!({"a": 1, "b": null}), json!([{"key": "a", "value": 1}, {"key": "b", "value": null}])),
                (json!({}), json!([])),
            ],
        ),
        ("dictionary as any", json!({"type": any(), "bson.type": "any"}), vec![(json!({"a": 1}), json!(r#"{"a":1}"#))]),
        (
            "array whose items are never null",
            json!({"type": {"type": "array", "items": "long"}}),
            vec![(json!([1, 2]), json!([1, 2])), (json!([]), json!([]))],
        ),
        (
            "mixed array as array of any",
            json!({"bson.type": "any", "type": {"type": "array", "items": ["null", any()]}}),
            vec![(json!([1, "a", null, {"b": 1}]), json!(["1", "\"a\"", null, r#"{"b":1}"#]))],
        ),
        (
            "one or many",
            json!({"type": {"type": "array", "items": ["null", "string"]}, "moorline.array.accept.scalar": true}),
            vec![(json!("a"), json!(["a"])), (json!(["a", null]), json!(["a", null])), (json!(null), Json::Null)],
        ),
        (
            "one or many, never null",
            json!({"type": {"type": "array", "items": "string"}, "moorline.array.accept.scalar": true}),
            vec![(json!("a"), json!(["a"])), (json!(["a", "b"]), json!(["a", "b"]))],
        ),
        (
            "array of arrays as any",
            json!({"type": any(), "bson.type": "any"}),
            vec![(json!([[1], [2]]), json!("[[1],[2]]"))],
        ),
    ];
    for (title, field, cases) in all {
        chosen(&mut golden, title, field, &cases);
    }
    golden.finish();
}
