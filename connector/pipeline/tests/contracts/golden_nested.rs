//! The rows of spec/types.md section 2 that have inner types, and what is `any` because no type holds it.

use serde_json::{Value as Json, json};

use crate::golden::{Golden, Row, any, compare, rows};
use crate::stage::{self, document, infer_all, registered_field, rules, top};
use moorline_pipeline::contract::file;

fn row(title: &'static str, values: Vec<Json>, ty: Json, accepts: &'static str, decoded: Vec<Json>) -> Row {
    Row { title, values, ty, accepts, decoded, rules: &[] }
}

fn nullable(name: &str, ty: Json, accepts: &str) -> Json {
    let mut field = json!({"name": name, "type": ["null", ty], "default": null});
    if !accepts.is_empty() {
        field["bson.type"] = json!(accepts);
    }
    field
}

fn record(name: &str, fields: Vec<Json>) -> Json {
    json!({"type": "record", "name": name, "fields": fields})
}

fn array(items: Json) -> Json {
    json!({"type": "array", "items": ["null", items]})
}

#[test]
fn documents() {
    let mut golden = Golden::new("documents.json");
    let id = json!({"$oid": "507f1f77bcf86cd799439011"});
    let reference = |bson: &str, avro: &str, accepts: &str| {
        let mut field = nullable(avro, json!("string"), accepts);
        field["bson.name"] = json!(bson);
        field
    };
    let all = vec![
        row(
            "document with stable keys",
            vec![json!({"a": 1, "b-c": {"d": true}}), json!({"a": null})],
            record(
                "orders_v",
                vec![nullable("a", json!("long"), "int32"), {
                    let mut field =
                        nullable("b_c", record("orders_v_b_c", vec![nullable("d", json!("boolean"), "")]), "");
                    field["bson.name"] = json!("b-c");
                    field
                }],
            ),
            "",
            vec![json!({"a": 1, "b_c": {"d": true}}), json!({"a": null, "b_c": null})],
        ),
        row(
            "DBRef",
            vec![json!({"$ref": "customers", "$id": id, "$db": "crm"})],
            record(
                "orders_v",
                vec![reference("$ref", "ref", ""), reference("$id", "id", "objectId"), reference("$db", "db", "")],
            ),
            "",
            vec![json!({"ref": "customers", "id": "507f1f77bcf86cd799439011", "db": "crm"})],
        ),
        Row {
            rules: &["MC611"],
            ..row("document, always empty", vec![json!({}), json!({})], any(), "any", vec![json!("{}"), json!("{}")])
        },
        row(
            "document in some, scalar in others",
            vec![json!({"a": 1.5}), json!("x")],
            any(),
            "any",
            vec![json!(r#"{"a":1.5}"#), json!(r#""x""#)],
        ),
        row("boolean and int", vec![json!(true), json!(1)], any(), "any", vec![json!("true"), json!("1")]),
        row(
            "date and ISO string",
            vec![json!({"$date": "2026-01-02T03:04:05.678Z"}), json!("2026-01-02")],
            any(),
            "any",
            vec![json!(r#"{"$date":"2026-01-02T03:04:05.678Z"}"#), json!(r#""2026-01-02""#)],
        ),
    ];
    rows(&mut golden, all);
    golden.finish();
}

#[test]
fn arrays() {
    let mut golden = Golden::new("arrays.json");
    let double = |text: &str| json!({"double": text});
    let all = vec![
        Row {
            rules: &["MC612"],
            ..row(
                "array, one type",
                vec![json!(["a", null, "b"]), json!([])],
                array(json!("string")),
                "",
                vec![json!(["a", null, "b"]), json!([])],
            )
        },
        row("array, mixed scalars", vec![json!([1, "a"])], any(), "any", vec![json!(r#"[1,"a"]"#)]),
        row(
            "array, numbers widen first",
            vec![json!([1, 2.5])],
            array(json!("double")),
            "int32|double",
            vec![json!([double("1.0"), double("2.5")])],
        ),
        row(
            "array of documents of several shapes",
            vec![json!([{"a": 1}, {"b": "x"}, null])],
            array(record("orders_v", vec![nullable("a", json!("long"), "int32"), nullable("b", json!("string"), "")])),
            "",
            vec![json!([{"a": 1, "b": null}, {"a": null, "b": "x"}, null])],
        ),
        row(
            "array of arrays",
            vec![json!([[1.5, 2], [], null])],
            array(array(json!("double"))),
            "int32|double",
            vec![json!([[double("1.5"), double("2.0")], [], null])],
        ),
        row("array of arrays, two depths", vec![json!([[1], 2])], any(), "any", vec![json!("[[1],2]")]),
        row(
            "geometry",
            vec![json!({"type": "Point", "coordinates": [1.5, 2.5]})],
            record("orders_v", vec![nullable("type", json!("string"), ""), nullable("coordinates", any(), "any")]),
            "",
            vec![json!({"type": "Point", "coordinates": "[1.5,2.5]"})],
        ),
        Row {
            rules: &["MC613"],
            ..row(
                "array or scalar",
                vec![json!(["a"]), json!("a")],
                any(),
                "any",
                vec![json!(r#"["a"]"#), json!(r#""a""#)],
            )
        },
    ];
    rows(&mut golden, all);
    golden.finish();
}

#[test]
fn dictionaries() {
    let mut golden = Golden::new("dictionary.json");
    let sample: Vec<_> =
        (0..40).map(|n| document(json!({"_id": n, "v": {format!("WH-{n}"): n, "WH-0": null}}))).collect();
    let mut sample = sample;
    // A key in every document would be a record's; nulls there make it one in every document all the same.
    assert_eq!(registered_field(&infer_all(&sample).contract, "v")["type"][1]["type"], "record");
    sample = (0..40).map(|n| document(json!({"_id": n, "v": {format!("WH-{n}"): n}}))).collect();
    let inferred = infer_all(&sample);
    let ty = json!(["null", {"type": "map", "values": ["null", "long"]}]);
    assert_eq!(registered_field(&inferred.contract, "v")["type"], ty);
    assert_eq!(top(&inferred.contract, "v").expect("decided").accepts, ["int32"]);
    let shown = [json!({"_id": 1, "v": {"WH-7": 5, "$x": null}}), json!({"_id": 2, "v": {}})];
    let decoded = golden.case("document used as dictionary", &inferred.contract, &shown);
    assert_eq!(decoded[0]["v"], json!({"map": {"$x": null, "WH-7": 5}}));
    assert_eq!(decoded[1]["v"], json!({"map": {}}));
    golden.finish();
}

#[test]
fn nothing_to_decide_by_is_left_out_and_named() {
    for (title, value) in [
        ("null", json!(null)),
        ("undefined", json!({"$undefined": true})),
        ("array, always empty", json!([])),
        ("array of nulls", json!([null])),
        ("array of empty arrays", json!([[]])),
        ("document of nulls", json!({"a": null})),
    ] {
        let inferred = infer_all(&[document(json!({"_id": 1, "v": value}))]);
        assert!(top(&inferred.contract, "v").is_none(), "{title}");
        assert!(inferred.undecided.contains(&"v".to_owned()), "{title}: {:?}", inferred.undecided);
    }
}

#[test]
fn null_and_undefined_are_null_beside_values() {
    let mut golden = Golden::new("nulls.json");
    let values = [json!("a"), json!(null), json!({"$undefined": true})];
    let documents: Vec<Json> = values.iter().zip(1..).map(|(value, n)| json!({"_id": n, "v": value})).collect();
    let sample: Vec<_> = documents.iter().cloned().chain([json!({"_id": 4})]).map(document).collect();
    let inferred = infer_all(&sample);
    let decoded =
        golden.case("null, undefined, missing", &inferred.contract, &[documents, vec![json!({"_id": 4})]].concat());
    assert_eq!(
        decoded.iter().map(|record| &record["v"]).collect::<Vec<_>>(),
        [&json!("a"), &json!(null), &json!(null), &json!(null)]
    );
    let path = &inferred.report.iter().find(|path| path.path == "v").expect("reported");
    assert_eq!((path.null, path.missing), (2, 1));
    golden.finish();
}

#[test]
fn what_is_spilled_stands_at_the_end() {
    let mut golden = Golden::new("spill.json");
    let contract = infer_all(&[document(json!({"_id": 1, "a": {"b": 1}, "c": [{"d": 1}]}))]).contract;
    let shown = json!({"_id": 1, "a": {"b": 1, "n": []}, "c": [{"d": 1}, {"e": []}], "z": []});
    let decoded = golden.case("empty arrays that the contract does not know", &contract, &[shown]);
    assert_eq!(decoded[0]["__spill"], json!({"map": {"a.n": "[]", "c.1.e": "[]", "z": "[]"}}));
    golden.finish();
}

/// The text of a whole file, which people review as a diff.
#[test]
fn the_file_of_a_rich_document() {
    let sample = document(json!({
        "_id": {"$oid": "507f1f77bcf86cd799439011"}, "__v": 0, "order_no": "A-1", "first-name": "x", "1st": true,
        "customer": {"id": {"$oid": "507f1f77bcf86cd799439011"}, "e.mail": "a@b.c", "vip": null},
        "items": [{"sku": "s", "qty": 1, "price": 9.5}], "total": {"$numberDecimal": "1.50"},
        "placed_at": {"$date": "2026-01-02T03:04:05Z"}, "tags": ["a"], "attributes": {}, "coupon": null,
        "device": {"$uuid": "73ffd264-44b3-4c69-90e8-e7d10dfc035d"}
    }));
    let inferred = infer_all(&[sample]);
    assert_eq!(inferred.undecided, ["customer.vip", "coupon"]);
    assert_eq!(rules(&inferred), ["MC611"]);
    let text = file::write(&inferred.contract);
    compare("shop.orders.avsc", &text);
    assert_eq!(file::parse(&text, &stage::namespace()), Ok(inferred.contract));
}
