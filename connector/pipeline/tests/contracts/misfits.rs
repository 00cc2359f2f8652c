//! Misfits: for each kind its rule, name, path, what was expected and what was found.

use bson::RawDocumentBuf;
use bson::raw::RawBsonRef;
use moorline_pipeline::contract::model::{Contract, Field, KeyKind, Misfit, Record, Type};
use moorline_pipeline::contract::plan::UnknownFields;
use serde_json::{Value as Json, json};

use crate::stage::{contract, document, elements, encode, encode_id, field, plan, text};

const ONE: (&[u8], u8, &[u8]) = (b"_id", 0x10, &[1, 0, 0, 0]);

fn found(contract: &Contract, document: &RawDocumentBuf, unknown: UnknownFields) -> Misfit {
    encode(&plan(contract, unknown), document).expect_err("a misfit")
}

fn said(misfit: &Misfit) -> [&str; 5] {
    [misfit.rule, misfit.name, &misfit.path, &misfit.expected, &misfit.found]
}

fn required(field: Field) -> Field {
    Field { required: true, ..field }
}

fn decimal() -> Type {
    Type::Decimal { precision: 4, scale: 2 }
}

#[test]
fn values() {
    let v = |ty: Type, accepts: &str| field("v", ty, accepts);
    let far = json!({"$date": {"$numberLong": "253402300800000"}});
    let uuid = json!({"$uuid": "73ffd264-44b3-4c69-90e8-e7d10dfc035d"});
    let binary = |subtype: &str, base64: &str| json!({"$binary": {"base64": base64, "subType": subtype}});
    let number = |text: &str| json!({"$numberDecimal": text});
    let table: Vec<(Field, Json, [&str; 4])> = vec![
        (required(v(Type::Long, "")), json!(null), ["MC601", "missing-required", "int32|int64", "null"]),
        (required(v(Type::Any, "any")), json!({"$undefined": true}), ["MC601", "missing-required", "any", "undefined"]),
        (v(Type::Boolean, ""), json!(1), ["MC602", "type-drift", "bool", "int32"]),
        (v(Type::Long, "int32"), json!("x"), ["MC602", "type-drift", "int32|int64", "string"]),
        (v(Type::Long, ""), json!(1.5), ["MC602", "type-drift", "int32|int64", "double"]),
        (v(Type::Long, "double"), json!(1.5), ["MC602", "type-drift", "double|int32|int64", "double"]),
        (v(Type::Long, "timestamp"), json!(1), ["MC602", "type-drift", "timestamp", "int32"]),
        (v(Type::Double, ""), number("1.5"), ["MC602", "type-drift", "double|int32|int64", "decimal128"]),
        (v(Type::String, ""), json!(true), ["MC602", "type-drift", "string|javascript|symbol", "bool"]),
        (v(Type::String, "objectId"), json!("x"), ["MC602", "type-drift", "objectId", "string"]),
        (v(Type::Uuid, "uuid"), binary("00", "AA=="), ["MC602", "type-drift", "uuid", "binData"]),
        (v(Type::Bytes, "binData"), uuid.clone(), ["MC602", "type-drift", "binData", "uuid"]),
        (v(Type::Bytes, "binData"), binary("07", "AA=="), ["MC602", "type-drift", "binData", "binData"]),
        (v(Type::Bytes, "binData"), json!("x"), ["MC602", "type-drift", "binData", "string"]),
        (v(Type::FloatVector, "binData"), binary("09", "AwABf4A="), ["MC602", "type-drift", "binData", "binData"]),
        (v(Type::IntVector, "binData"), binary("09", "JwAAAMA/"), ["MC602", "type-drift", "binData", "binData"]),
        (v(Type::Timestamp, "date"), json!(1), ["MC602", "type-drift", "date", "int32"]),
        (v(Type::Array(Box::new(Type::Long)), ""), json!(1), ["MC602", "type-drift", "array", "int32"]),
        (v(Type::Map(Box::new(Type::Long)), ""), json!([1]), ["MC602", "type-drift", "object", "array"]),
        (v(decimal(), ""), json!("1"), ["MC602", "type-drift", "double|int32|int64|decimal128", "string"]),
        (v(Type::Long, ""), json!({"$minKey": 1}), ["MC602", "type-drift", "int32|int64", "minKey"]),
        (
            v(Type::Double, ""),
            json!({"$numberLong": "9007199254740993"}),
            ["MC605", "precision-loss", "a number that a double holds exactly", "int64"],
        ),
        (v(decimal(), ""), number("1.005"), ["MC606", "decimal-misfit", "decimal(4,2)", "decimal128"]),
        (v(decimal(), ""), number("100"), ["MC606", "decimal-misfit", "decimal(4,2)", "decimal128"]),
        (v(decimal(), ""), number("NaN"), ["MC606", "decimal-misfit", "decimal(4,2)", "decimal128"]),
        (v(decimal(), ""), json!(100), ["MC606", "decimal-misfit", "decimal(4,2)", "int32"]),
        (v(decimal(), ""), json!(0.1), ["MC606", "decimal-misfit", "decimal(4,2)", "double"]),
        (v(Type::Timestamp, "date"), far.clone(), ["MC608", "value-out-of-range", "0001-01-01..9999-12-31", "date"]),
        (v(Type::String, "date"), far, ["MC608", "value-out-of-range", "0001-01-01..9999-12-31", "date"]),
    ];
    for (field, value, [rule, name, expected, what]) in table {
        let misfit = found(&contract(vec![field]), &document(json!({"_id": 1, "v": value})), UnknownFields::Report);
        assert_eq!(said(&misfit), [rule, name, "/v", expected, what], "{value}");
    }
}

#[test]
fn broken_text_is_never_replaced() {
    let contract = contract(vec![
        field("s", Type::String, ""),
        field("a", Type::Any, "any"),
        field("m", Type::Map(Box::new(Type::Long)), ""),
    ]);
    let broken = text(b"\xff\xfe");
    let inner = elements(&[(b"\xff", 0x10, &[1, 0, 0, 0])]);
    for (name, tag, value, path) in [
        (&b"s"[..], 2, broken.as_slice(), "/s"),
        (b"s", 0x0e, &broken, "/s"),
        (b"a", 2, &broken, "/a"),
        (b"a", 3, inner.as_bytes(), "/a"),
        (b"m", 3, inner.as_bytes(), "/m/*"),
        (b"new", 2, &broken, "/new"),
    ] {
        let misfit = found(&contract, &elements(&[ONE, (name, tag, value)]), UnknownFields::Spill);
        let [rule, kind, found, expected, _] = said(&misfit);
        assert_eq!([rule, kind, found, expected], ["MC607", "invalid-utf8", path, "UTF-8"], "{misfit:?}");
    }
}

#[test]
fn unknown_fields_and_where_they_stand() {
    let inner = |fields| Type::Record(Record { name: "r".into(), fields, properties: Default::default() });
    let items = Type::Array(Box::new(inner(vec![Field { bson_name: "b/c~".into(), ..field("b_c", Type::Long, "") }])));
    let contract = contract(vec![Field { bson_name: "list-1".into(), ..field("list_1", items, "") }]);
    for (value, said_of) in [
        (json!({"_id": 1, "new": 1}), ["MC603", "unknown-field", "/new", "no such field", "int32"]),
        (json!({"_id": 1, "a/b~": {}}), ["MC603", "unknown-field", "/a~1b~0", "no such field", "object"]),
        (
            json!({"_id": 1, "list-1": [null, {"new": [1]}]}),
            ["MC603", "unknown-field", "/list_1/*/new", "no such field", "array"],
        ),
        (
            json!({"_id": 1, "list-1": [{"b/c~": "x"}]}),
            ["MC602", "type-drift", "/list_1/*/b_c", "int32|int64", "string"],
        ),
        (json!({"_id": 1, "list-1": [7]}), ["MC602", "type-drift", "/list_1/*", "object", "int32"]),
    ] {
        assert_eq!(said(&found(&contract, &document(value), UnknownFields::Report)), said_of);
    }
    let fits =
        |unknown, json: &Json| encode(&plan(&contract, unknown), &document(json.clone())).expect("fits").1.spilled;
    let new = json!({"_id": 1, "new": 1, "list-1": [{"new": 2}]});
    assert!(fits(UnknownFields::Spill, &new) && !fits(UnknownFields::Ignore, &new));
}

#[test]
fn promises_that_are_not_kept() {
    let inner = Type::Record(Record {
        name: "r".into(),
        fields: vec![required(field("b", Type::Long, ""))],
        properties: Default::default(),
    });
    let contract = contract(vec![field("a", inner, ""), required(field("c", Type::String, ""))]);
    for (value, path, what) in [
        (json!({"_id": 1}), "/c", "missing"),
        (json!({"_id": 1, "c": null}), "/c", "null"),
        (json!({"_id": 1, "c": "x", "a": {}}), "/a/b", "missing"),
    ] {
        let misfit = found(&contract, &document(value), UnknownFields::Ignore);
        assert_eq!(
            (misfit.rule, misfit.name, misfit.path.as_str(), misfit.found.as_str()),
            ("MC601", "missing-required", path, what)
        );
    }
    assert!(encode(&plan(&contract, UnknownFields::Report), &document(json!({"_id": 1, "c": "x"}))).is_ok());
}

#[test]
fn keys() {
    let part = KeyKind::Document(vec![("a".into(), KeyKind::Long), ("b/".into(), KeyKind::String)]);
    let far = json!({"$date": {"$numberLong": "253402300800000"}});
    for (key, id, said_of) in [
        (KeyKind::ObjectId, json!("x"), ["MC402", "key-type", "/_id", "objectId", "string"]),
        (KeyKind::String, json!(1), ["MC402", "key-type", "/_id", "string", "int32"]),
        (KeyKind::Long, json!(0.5), ["MC402", "key-type", "/_id", "a whole number", "double"]),
        (KeyKind::Number, json!("1"), ["MC402", "key-type", "/_id", "a number", "string"]),
        (
            KeyKind::Uuid,
            json!({"$binary": {"base64": "AA==", "subType": "00"}}),
            ["MC402", "key-type", "/_id", "uuid", "binData"],
        ),
        (
            KeyKind::Base64,
            json!({"$binary": {"base64": "AA==", "subType": "05"}}),
            ["MC402", "key-type", "/_id", "binData of subtype 0", "binData"],
        ),
        (KeyKind::Timestamp, json!(1), ["MC402", "key-type", "/_id", "date", "int32"]),
        (KeyKind::Timestamp, far, ["MC608", "value-out-of-range", "/_id", "0001-01-01..9999-12-31", "date"]),
        (part.clone(), json!(1), ["MC402", "key-type", "/_id", "object", "int32"]),
        (part.clone(), json!({"a": 1}), ["MC402", "key-type", "/_id/b~1", "string", "missing"]),
        (part.clone(), json!({"b/": "x", "a": 1}), ["MC402", "key-type", "/_id/a", "this field here", "another field"]),
        (part.clone(), json!({"a": 1, "b/": "x", "c": 1}), ["MC402", "key-type", "/_id/c", "no such field", "int32"]),
        (part, json!({"a": "x", "b/": "x"}), ["MC402", "key-type", "/_id/a", "a whole number", "string"]),
    ] {
        let plan = plan(&Contract { key, ..contract(Vec::new()) }, UnknownFields::Report);
        let document = document(json!({"_id": id}));
        let id: RawBsonRef<'_> = document.get("_id").expect("well formed").expect("an _id");
        assert_eq!(said(&encode_id(&plan, id).expect_err("a misfit")), said_of);
        assert_eq!(said(&encode(&plan, &document).expect_err("a misfit")), said_of, "the value says the same");
    }
    let missing =
        encode(&plan(&contract(Vec::new()), UnknownFields::Report), &document(json!({}))).expect_err("no _id");
    assert_eq!(said(&missing), ["MC402", "key-type", "/_id", "a whole number", "missing"]);
}

#[test]
fn bytes_that_are_no_documents() {
    let contract = contract(vec![field("v", Type::Any, "any")]);
    for (tag, value) in [
        (2_u8, &[9, 0, 0, 0, b'x', 0][..]),
        (3, &[3, 0, 0, 0]),
        (0x42, &[]),
        (5, &[0xff, 0xff, 0xff, 0xff, 0]),
        (1, &[1]),
    ] {
        let misfit = found(&contract, &elements(&[ONE, (b"v", tag, value)]), UnknownFields::Ignore);
        assert_eq!((misfit.rule, misfit.name, misfit.expected.as_str()), ("MC602", "malformed", "BSON"), "{tag}");
    }
    let deep = (0..300).fold(elements(&[]), |inner, _| elements(&[(b"a", 3, inner.as_bytes())]));
    let misfit = found(&contract, &elements(&[ONE, (b"v", 3, deep.as_bytes())]), UnknownFields::Ignore);
    assert_eq!(said(&misfit), ["MC602", "too-deep", "/v", "fewer levels", "object"]);
}

#[test]
fn names_that_stand_twice() {
    let contract = contract(vec![field("a", Type::Long, "")]);
    let twice = elements(&[ONE, (b"a", 2, &text(b"x")), (b"a", 0x10, &[2, 0, 0, 0]), (b"n", 8, &[1]), (b"n", 8, &[0])]);
    let (_, outcome) = encode(&plan(&contract, UnknownFields::Spill), &twice).expect("the last one wins");
    assert_eq!((outcome.duplicates, outcome.spilled), (2, true));
    let last_is_wrong = elements(&[ONE, (b"a", 0x10, &[2, 0, 0, 0]), (b"a", 2, &text(b"x"))]);
    assert_eq!(found(&contract, &last_is_wrong, UnknownFields::Report).rule, "MC602");
}

#[test]
fn what_is_excluded_comes_to_light_nowhere() {
    let inner = Type::Record(Record {
        name: "r".into(),
        fields: vec![field("b", Type::Long, "")],
        properties: Default::default(),
    });
    let contract = Contract {
        excluded: ["top", "a.secret", "any.secret", "map.*.secret", "gone"].map(str::to_owned).to_vec(),
        ..contract(vec![
            field("a", inner, ""),
            field("any", Type::Any, "any"),
            field("map", Type::Map(Box::new(Type::Any)), "any"),
            required(field("gone", Type::Long, "")),
        ])
    };
    let hidden = json!({"_id": 1, "top": "SECRET", "a": {"secret": "SECRET", "b": 1}, "any": {"secret": "SECRET"},
        "map": {"k": {"secret": "SECRET"}}, "gone": 7777, "new": {"x": 1}});
    let (bytes, _) = encode(&plan(&contract, UnknownFields::Spill), &document(hidden)).expect("fits");
    let seen = String::from_utf8_lossy(&bytes);
    assert!(!seen.contains("SECRET") && seen.contains(r#"{"x":1}"#), "{seen}");
}
