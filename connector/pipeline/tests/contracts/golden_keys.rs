//! The kinds of keys, spec/types.md section 5: inferred from `_id`s, but for the document that a contract declares.

use moorline_pipeline::contract::model::{Contract, KeyKind};
use moorline_pipeline::contract::{derive, file};
use serde_json::{Value as Json, json};

use crate::golden::{Golden, compare};
use crate::stage::{contract, document, infer_all, namespace, output};

fn keyed(key: KeyKind) -> Contract {
    Contract { key, ..contract(Vec::new()) }
}

/// A kind, `_id`s that show it, the type of the field `_id`, its `bson.type`, and what the `_id`s decode to.
fn kind(golden: &mut Golden, title: &str, key: KeyKind, ids: &[Json], field: Json, decoded: &[Json]) {
    let documents: Vec<Json> = ids.iter().map(|id| json!({"_id": id})).collect();
    if !matches!(key, KeyKind::Document(_)) {
        let sample: Vec<_> = documents.iter().cloned().map(document).collect();
        assert_eq!(infer_all(&sample).contract.key, key, "{title}");
    }
    let contract = keyed(key);
    let key_schema: Json = serde_json::from_str(&derive::key_schema(&contract, &output())).expect("JSON");
    let expected = json!({"type": "record", "name": "Key", "namespace": "eu_1.shop.orders", "fields": [field]});
    assert_eq!(key_schema, expected, "{title}");
    let value_schema: Json = serde_json::from_str(&derive::value_schema(&contract, &output())).expect("JSON");
    assert_eq!(value_schema["fields"][0], field, "{title}: the value's _id has the key's type");
    let found = golden.case(title, &contract, &documents);
    assert_eq!(found.iter().map(|record| record["_id"].clone()).collect::<Vec<_>>(), decoded, "{title}");
    assert_eq!(file::parse(&file::write(&contract), &namespace()), Ok(contract), "{title}");
}

fn field(ty: Json, accepts: &str) -> Json {
    json!({"name": "_id", "type": ty, "bson.type": accepts})
}

fn double(text: &str) -> Json {
    json!({"$numberDouble": text})
}

fn decimal(text: &str) -> Json {
    json!({"$numberDecimal": text})
}

fn binary(subtype: &str) -> Json {
    json!({"$binary": {"base64": "c//SZESzTGmQ6OfRDfwDXQ==", "subType": subtype}})
}

#[test]
fn keys() {
    let mut golden = Golden::new("keys.json");
    let g = &mut golden;
    let string = || json!("string");
    let oid = json!({"$oid": "507f1f77bcf86cd799439011"});
    kind(
        g,
        "objectId",
        KeyKind::ObjectId,
        std::slice::from_ref(&oid),
        field(string(), "objectId"),
        &[json!("507f1f77bcf86cd799439011")],
    );
    kind(g, "string", KeyKind::String, &[json!("a"), json!("")], field(string(), "string"), &[json!("a"), json!("")]);
    kind(
        g,
        "whole numbers",
        KeyKind::Long,
        &[
            json!(1),
            json!({"$numberLong": "1"}),
            double("1.0"),
            double("-0.0"),
            json!({"$numberLong": "-9223372036854775808"}),
        ],
        field(json!("long"), "int32|int64"),
        &[json!(1), json!(1), json!(1), json!(0), json!(i64::MIN)],
    );
    kind(
        g,
        "numbers",
        KeyKind::Number,
        &[
            double("0.5"),
            decimal("0.50"),
            decimal("0.10"),
            json!(1),
            decimal("1.0"),
            double("NaN"),
            decimal("-Infinity"),
        ],
        field(string(), "int32|int64|double|decimal128"),
        &["0.5", "0.5", "1E-1", "1", "1", "NaN", "-Infinity"].map(Json::from),
    );
    let uuid = "73ffd264-44b3-4c69-90e8-e7d10dfc035d";
    kind(g, "UUID", KeyKind::Uuid, &[binary("04")], field(string(), "uuid"), &[json!(uuid)]);
    let millis = json!({"type": "long", "logicalType": "timestamp-millis", "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Timestamp"});
    let date = json!({"$date": {"$numberLong": "-1"}});
    kind(g, "date", KeyKind::Timestamp, &[date], field(millis, "date"), &[json!({"millis": -1})]);
    kind(
        g,
        "binary",
        KeyKind::Base64,
        &[binary("00")],
        field(string(), "binData"),
        &[json!("c//SZESzTGmQ6OfRDfwDXQ==")],
    );
    kind(
        g,
        "mix of types",
        KeyKind::Any,
        &[
            json!("abc"),
            oid.clone(),
            json!("507f1f77bcf86cd799439011"),
            json!(1),
            double("1.0"),
            decimal("1"),
            json!({"$numberLong": "9007199254740993"}),
            double("0.1"),
            decimal("0.1"),
            json!(true),
            binary("04"),
            json!({"$date": "2026-01-02T03:04:05Z"}),
        ],
        field(string(), "any"),
        &[
            r#""abc""#,
            r#"{"$oid":"507f1f77bcf86cd799439011"}"#,
            r#""507f1f77bcf86cd799439011""#,
            "1",
            "1",
            "1",
            "9007199254740993",
            "0.1",
            r#"{"$numberDecimal":"0.1"}"#,
            "true",
            r#"{"$binary":{"base64":"c//SZESzTGmQ6OfRDfwDXQ==","subType":"04"}}"#,
            r#"{"$date":"2026-01-02T03:04:05Z"}"#,
        ]
        .map(Json::from),
    );
    kind(
        g,
        "document, not declared",
        KeyKind::Any,
        &[json!({"a": 1, "b": "x"}), json!({"b": "x", "a": 1.0})],
        field(string(), "any"),
        &[json!(r#"{"a":1,"b":"x"}"#), json!(r#"{"b":"x","a":1}"#)],
    );
    let declared = KeyKind::Document(vec![
        ("shop".into(), KeyKind::String),
        ("order-no".into(), KeyKind::Long),
        ("at".into(), KeyKind::Document(vec![("x".into(), KeyKind::ObjectId)])),
    ]);
    let inner = json!({"type": "record", "name": "Id_at", "fields": [
        {"name": "x", "type": "string", "bson.type": "objectId"}]});
    let ty = json!({"type": "record", "name": "Id", "fields": [
        {"name": "shop", "type": "string", "bson.type": "string"},
        {"name": "order_no", "type": "long", "bson.name": "order-no", "bson.type": "int32|int64"},
        {"name": "at", "type": inner, "bson.type": "object"}]});
    kind(
        g,
        "document, declared",
        declared,
        &[json!({"shop": "a", "order-no": 7.0, "at": {"x": oid}})],
        field(ty, "object"),
        &[json!({"shop": "a", "order_no": 7, "at": {"x": "507f1f77bcf86cd799439011"}})],
    );
    golden.finish();
}

#[test]
fn which_kind_a_sample_gives() {
    let kind = |ids: &[Json]| {
        let sample: Vec<_> = ids.iter().map(|id| document(json!({"_id": id}))).collect();
        infer_all(&sample).contract.key
    };
    let oid = json!({"$oid": "507f1f77bcf86cd799439011"});
    assert_eq!(kind(&[double("1.0"), double("3.0")]), KeyKind::Long);
    assert_eq!(kind(&[json!(1), double("3.5")]), KeyKind::Number);
    assert_eq!(kind(&[decimal("1")]), KeyKind::Number);
    assert_eq!(kind(&[double("1e300")]), KeyKind::Number);
    assert_eq!(kind(&[oid.clone(), json!("a")]), KeyKind::Any);
    assert_eq!(kind(&[json!(1), json!("a")]), KeyKind::Any);
    assert_eq!(kind(&[binary("00"), binary("05")]), KeyKind::Any);
    assert_eq!(kind(&[binary("04"), json!("a")]), KeyKind::Any);
    // One in a thousand counts: the kind is for ever.
    let mut ids = vec![oid; 999];
    ids.push(json!("a"));
    assert_eq!(kind(&ids), KeyKind::Any);
    // A date that no timestamp of ours holds would be held out for ever, whatever its share.
    let dates = ["0", "253402300800000"].map(|millis| json!({"$date": {"$numberLong": millis}}));
    assert_eq!(kind(&dates[..1]), KeyKind::Timestamp);
    assert_eq!(kind(&dates), KeyKind::Any);
}

/// What a consumer partitions and compacts by: the exact text, the topic's name in it.
#[test]
fn the_key_schema_is_frozen_to_the_letter() {
    compare("key.avsc", &(derive::key_schema(&keyed(KeyKind::ObjectId), &output()) + "\n"));
    let documented = Contract {
        key_properties: [("doc".to_owned(), json!("never in keys"))].into_iter().collect(),
        ..keyed(KeyKind::ObjectId)
    };
    assert_eq!(derive::key_schema(&documented, &output()), derive::key_schema(&keyed(KeyKind::ObjectId), &output()));
    assert!(derive::value_schema(&documented, &output()).contains("never in keys"));
}
