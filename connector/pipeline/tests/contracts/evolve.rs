//! Evolution, rule by rule: what a document that did not fit adds to a contract, and what it may not.

use bson::RawDocumentBuf;
use moorline_pipeline::contract::evolve::{Evolution, evolve};
use moorline_pipeline::contract::model::{Contract, Limits, Record, Type};
use moorline_pipeline::contract::plan::UnknownFields;
use serde_json::{Map, Value as Json, json};

use crate::stage::{contract, document, elements, field, fits, infer_all, text, top};

fn evolved(contract: &Contract, documents: &[Json]) -> Evolution {
    within(contract, documents, &Limits::default())
}

fn within(contract: &Contract, documents: &[Json], limits: &Limits) -> Evolution {
    let documents: Vec<RawDocumentBuf> = documents.iter().cloned().map(document).collect();
    evolve(contract, documents.iter().map(RawDocumentBuf::as_ref), limits)
}

fn refused(evolution: &Evolution) -> Vec<(&str, &str)> {
    evolution.refused.iter().map(|refused| (refused.rule, refused.path.as_str())).collect()
}

fn added(evolution: &Evolution) -> Vec<(&str, &str)> {
    evolution.added.iter().map(|added| (added.path.as_str(), added.ty.as_str())).collect()
}

#[test]
fn new_fields_are_appended_at_every_level() {
    let before = infer_all(&[document(json!({"_id": 1, "a": {"b": 1}, "items": [{"c": 1}], "z": 1}))]).contract;
    let new = json!({"_id": 2, "new": "x", "a": {"n": true}, "items": [{"c": 1, "m": {"deep": 1.5}}], "z": 2});
    let evolution = evolved(&before, std::slice::from_ref(&new));
    assert_eq!(added(&evolution), [("a.n", "boolean"), ("items[].m", "record"), ("new", "string")]);
    assert!(refused(&evolution).is_empty());
    let wider = evolution.contract.expect("wider");
    let names: Vec<&str> = wider.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["a", "items", "z", "new"]);
    assert!(wider.fields.iter().all(|field| !field.required));
    assert!(fits(&wider, &document(new), UnknownFields::Report).is_ok_and(|outcome| !outcome.spilled));
}

#[test]
fn whole_numbers_become_doubles_and_nothing_else_becomes_another_type() {
    let before = infer_all(&[document(json!({"_id": 1, "n": 1, "list": [1], "s": "x"}))]).contract;
    let evolution = evolved(&before, &[json!({"_id": 2, "n": 0.5, "list": [2, 0.5]})]);
    assert_eq!(added(&evolution), [("n", "double"), ("list", "array<double>")]);
    let wider = evolution.contract.expect("wider");
    let n = top(&wider, "n").expect("kept");
    assert_eq!((&n.ty, n.accepts.join("|")), (&Type::Double, "int32|double".to_owned()));
    // A long whose contract names nothing took both kinds of whole numbers, and still does.
    let wider =
        evolved(&contract(vec![field("n", Type::Long, "")]), &[json!({"_id": 1, "n": 0.5})]).contract.expect("wider");
    assert_eq!(top(&wider, "n").expect("kept").accepts, ["int32", "int64", "double"]);
    let oid = json!({"$oid": "507f1f77bcf86cd799439011"});
    for (name, ty, accepts, value) in [
        ("bool to long", Type::Boolean, "", json!(1)),
        ("string to long", Type::String, "", json!(1)),
        ("long to string", Type::Long, "", json!("x")),
        ("double to string", Type::Double, "", json!("x")),
        ("date to string", Type::Timestamp, "", json!("x")),
        ("array to scalar", Type::Array(Box::new(Type::Long)), "", json!(1)),
        ("scalar to array", Type::Long, "", json!([1])),
        ("scalar to document", Type::Long, "", json!({"a": 1})),
        ("map to array", Type::Map(Box::new(Type::Long)), "", json!([1])),
        ("timestamp to int", Type::Long, "timestamp", json!(1)),
        ("uuid to bytes", Type::Uuid, "uuid", json!({"$binary": {"base64": "AA==", "subType": "00"}})),
        ("bytes to uuid", Type::Bytes, "binData", json!({"$uuid": "73ffd264-44b3-4c69-90e8-e7d10dfc035d"})),
        ("bytes to column", Type::Bytes, "binData", json!({"$binary": {"base64": "AA==", "subType": "07"}})),
        ("decimals to strings", Type::String, "decimal128|int32", json!("x")),
        ("longs to decimals", Type::Long, "", json!({"$numberDecimal": "1.5"})),
        ("decimal to ObjectId", Type::Decimal { precision: 4, scale: 2 }, "", oid.clone()),
    ] {
        let before = contract(vec![field("v", ty, accepts)]);
        let evolution = evolved(&before, &[json!({"_id": 1, "v": value})]);
        assert_eq!((evolution.contract, refused_of(&evolution.refused)), (None, vec![("MC602", "v")]), "{name}");
        assert!(fits(&before, &document(json!({"_id": 1, "v": value})), UnknownFields::Report).is_err(), "{name}");
    }
}

fn refused_of(refused: &[moorline_pipeline::contract::evolve::Refused]) -> Vec<(&'static str, &str)> {
    refused.iter().map(|refused| (refused.rule, refused.path.as_str())).collect()
}

#[test]
fn text_comes_to_take_what_is_written_as_text() {
    let oid = json!({"$oid": "507f1f77bcf86cd799439011"});
    for (before, value, after) in [
        ("", oid.clone(), "string|symbol|javascript|objectId"),
        ("objectId", json!("x"), "objectId|string"),
        ("decimal128", json!(1), "decimal128|int32"),
        ("string|objectId", json!({"$symbol": "x"}), "string|objectId|symbol"),
    ] {
        let contract = contract(vec![field("v", Type::String, before)]);
        let wider = evolved(&contract, &[json!({"_id": 1, "v": value})]).contract.expect("wider");
        assert_eq!(top(&wider, "v").expect("kept").accepts.join("|"), after);
        assert!(fits(&wider, &document(json!({"_id": 1, "v": value})), UnknownFields::Report).is_ok());
    }
}

#[test]
fn a_record_never_becomes_a_map_and_sixteen_new_names_at_once_are_refused() {
    let before = infer_all(&[document(json!({"_id": 1, "r": {"a": 1}}))]).contract;
    let names = |count: usize| (0..count).map(|n| (format!("k{n}"), json!(n))).collect::<Map<String, Json>>();
    let fifteen = evolved(&before, &[json!({"_id": 2, "r": names(15)})]);
    assert!(refused(&fifteen).is_empty());
    let wider = fifteen.contract.expect("wider");
    assert!(matches!(&top(&wider, "r").expect("kept").ty, Type::Record(Record { fields, .. }) if fields.len() == 16));
    let sixteen = evolved(&before, &[json!({"_id": 2, "r": names(16)})]);
    assert_eq!((sixteen.contract.is_none(), refused(&sixteen)), (true, vec![("MC616", "r")]));
    // Nulls are no new fields, so they don't count, and the one that is new is added.
    let mut nulls: Map<String, Json> = (0..20).map(|n| (format!("k{n}"), Json::Null)).collect();
    nulls.insert("new".into(), json!(1));
    let evolution = evolved(&before, &[json!({"_id": 2, "r": nulls})]);
    assert_eq!((added(&evolution), refused(&evolution)), (vec![("r.new", "long")], vec![]));
    // At the top there is no dictionary.
    let mut top = names(40);
    top.insert("_id".into(), json!(2));
    assert_eq!(evolved(&before, &[Json::Object(top)]).added.len(), 40);
}

#[test]
fn names_that_are_taken_are_refused_and_the_others_added() {
    let before = contract(vec![field("a_b", Type::Long, "")]);
    let evolution = evolved(&before, &[json!({"_id": 1, "a.b": 1, "ok": 1, "__op": 1, "-id": 1})]);
    assert_eq!(refused(&evolution), [("MC104", "a.b"), ("MC106", "__op"), ("MC104", "-id")]);
    assert_eq!(added(&evolution), [("ok", "long")]);
    // Two new names with one result: the first is given it.
    let evolution = evolved(&before, &[json!({"_id": 1, "x-y": 1, "x.y": 1})]);
    assert_eq!((added(&evolution), refused(&evolution)), (vec![("x-y", "long")], vec![("MC104", "x.y")]));
    // What says nothing collides with nothing.
    let evolution = evolved(&before, &[json!({"_id": 1, "a.b": null, "a-b": []})]);
    assert_eq!(evolution, Evolution::default());
}

#[test]
fn null_and_an_empty_array_are_no_new_fields() {
    let before = contract(vec![field("a", Type::Long, "")]);
    let new = json!({"_id": 1, "n": null, "u": {"$undefined": true}, "e": [], "l": [null], "d": {"x": null}});
    assert_eq!(evolved(&before, std::slice::from_ref(&new)), Evolution::default());
    assert!(fits(&before, &document(new), UnknownFields::Spill).is_ok());
    let outcome = fits(&before, &document(json!({"_id": 1, "n": null, "e": []})), UnknownFields::Report);
    assert!(outcome.is_ok_and(|outcome| outcome.spilled));
}

#[test]
fn the_limit_of_fields_is_kept() {
    let before = contract(vec![field("a", Type::Long, "")]);
    let limits = Limits { max_fields: 3, ..Limits::default() };
    let evolution =
        within(&before, &[json!({"_id": 1, "b": {"x": 1, "y": 1, "z": 1}, "c": 1, "d": 1, "e": 1})], &limits);
    assert_eq!(added(&evolution), [("c", "long"), ("d", "long")]);
    assert_eq!(refused(&evolution), [("MC614", "b"), ("MC614", "e")]);
}

#[test]
fn what_is_excluded_stays_out_and_a_version_key_is_excluded() {
    let before =
        Contract { excluded: vec!["a".into(), "r.secret".into()], ..contract(vec![field("x", Type::Long, "")]) };
    assert_eq!(evolved(&before, &[json!({"_id": 1, "a": 1})]), Evolution::default());
    let nested = evolved(&before, &[json!({"_id": 1, "r": {"secret": 1, "open": 1}})]).contract.expect("wider");
    let Type::Record(record) = &top(&nested, "r").expect("new").ty else { panic!("no record") };
    assert_eq!(record.fields.len(), 1);
    // Mongoose's version key does not come to be a field because the sample was too early for it.
    let evolution = evolved(&before, &[json!({"_id": 1, "__v": 0})]);
    let wider = evolution.contract.expect("wider");
    assert_eq!((wider.fields.len(), wider.excluded), (1, vec!["a".to_owned(), "r.secret".into(), "__v".into()]));
}

#[test]
fn promises_and_policies_outlive_evolution() {
    let mut before = contract(vec![field("a", Type::Long, "int32")]);
    before.fields[0].required = true;
    before.version = 3;
    before.properties.insert("doc".into(), json!("kept"));
    let wider = evolved(&before, &[json!({"_id": 1, "a": 0.5, "b": 1})]).contract.expect("wider");
    assert!(wider.fields[0].required && !wider.fields[1].required);
    assert_eq!((wider.version, wider.properties, wider.key), (3, before.properties, before.key));
}

#[test]
fn a_sum_of_documents_counts_whatever_their_order() {
    let before = contract(vec![field("n", Type::Long, "")]);
    let documents =
        [json!({"_id": 1, "n": 0.5, "v": 1}), json!({"_id": 2, "n": 1, "v": 0.5}), json!({"_id": 3, "v": null})];
    let forward = evolved(&before, &documents).contract.expect("wider");
    let backward = evolved(&before, &documents.iter().rev().cloned().collect::<Vec<_>>()).contract.expect("wider");
    assert_eq!(forward, backward);
    assert_eq!(top(&forward, "v").expect("new").ty, Type::Double);
}

#[test]
fn values_that_no_type_takes_do_not_stop_the_others() {
    let before = contract(vec![field("s", Type::String, "")]);
    let broken = elements(&[(b"_id", 0x10, &[1, 0, 0, 0]), (b"s", 2, &text(b"\xff")), (b"new", 0x10, &[1, 0, 0, 0])]);
    let evolution = evolve(&before, [broken.as_ref()].into_iter(), &Limits::default());
    assert_eq!(added(&evolution), [("new", "long")]);
}
