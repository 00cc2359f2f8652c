//! Outputs that are not shaped as their contract: nested documents as text or columns, missing fields listed, names
//! adjusted.

use bson::RawDocumentBuf;
use moorline_pipeline::contract::evolve::evolve_with;
use moorline_pipeline::contract::forms::Nested;
use moorline_pipeline::contract::infer::{Options, infer_with};
use moorline_pipeline::contract::model::{Contract, Limits, Output};
use moorline_pipeline::contract::names::Adjustment;
use moorline_pipeline::contract::plan::{Plan, UnknownFields};
use moorline_pipeline::contract::values::{OutOfRange, Values};
use moorline_pipeline::contract::{derive, file, merge};
use serde_json::{Value as Json, json};

use crate::golden::Golden;
use crate::golden_choices::comes_back;
use crate::stage::{document, encode, infer_all, namespace, output, rules};

fn flat() -> Output {
    Output { nested: Nested::Flatten("_".into()), ..output() }
}

fn documents() -> Vec<(Json, RawDocumentBuf)> {
    let all = [
        json!({"_id": 1, "a": {"b-c": 1, "d": {"e": "x", "f": [1, 2]}}, "g": true, "h": {"i": [{"j": 1.5}]}}),
        json!({"_id": 2, "a": {"d": null}, "g": null}),
        json!({"_id": 3}),
    ];
    all.into_iter().map(|json| (json.clone(), document(json))).collect()
}

fn contract() -> Contract {
    let documents: Vec<RawDocumentBuf> = documents().into_iter().map(|(_, document)| document).collect();
    infer_all(&documents).contract
}

fn field_names(contract: &Contract, output: &Output) -> Vec<String> {
    let schema: Json = serde_json::from_str(&derive::value_schema(contract, output)).expect("JSON");
    let names = schema["fields"].as_array().expect("fields").iter().map(|field| field["name"].as_str());
    names.map(|name| name.expect("a name").to_owned()).filter(|name| !name.starts_with("__")).collect()
}

#[test]
fn columns() {
    let mut golden = Golden::new("shapes-flatten.json");
    let contract = contract();
    let decoded = golden.case_of("flatten", &contract, &flat(), &documents());
    assert_eq!(field_names(&contract, &flat()), ["_id", "a_b_c", "a_d_e", "a_d_f", "g", "h_i"]);
    let row = |n: usize| ["a_b_c", "a_d_e", "a_d_f", "g", "h_i"].map(|name| decoded[n][name].clone());
    let (x, list, j) = (json!("x"), json!([1, 2]), json!([{"j": {"double": "1.5"}}]));
    assert_eq!(row(0), [json!(1), x, list, json!(true), j]);
    assert!(row(1).iter().chain(&row(2)).all(Json::is_null));
    golden.finish();
    // What is registered has all that is needed to come back, and the file's own names are kept.
    comes_back(&contract, &flat());
    let key = derive::key_schema(&contract, &flat());
    let registered =
        merge::from_registered(&derive::value_schema(&contract, &flat()), &key, &namespace(), &flat()).expect("ours");
    assert_eq!(registered.fields, contract.fields);
    assert_eq!(merge::merge(contract.clone(), registered).fields, contract.fields);
}

#[test]
fn a_column_never_takes_the_name_of_a_field_and_keeps_its_own() {
    let clash = [document(json!({"_id": 1, "a": {"b": 1}, "a_b": "x", "m": {"op": 1}}))];
    let contract = infer_all(&clash).contract;
    let output = Output { metadata_prefix: "m_".into(), ..flat() };
    assert_eq!(field_names(&contract, &output)[..5], ["_id", "a_b_2", "a_b", "m_op_2", "m_op"]);
    let options = Options::default();
    let wider = |json: Json| {
        let documents = [document(json)];
        let documents = documents.iter().map(RawDocumentBuf::as_ref);
        evolve_with(&contract, documents, &Limits::default(), &options).contract.expect("wider")
    };
    assert!(derive::keeps_names(&contract, &wider(json!({"_id": 1, "a": {"c": 1}})), &output));
    // The new field would be called as the column was.
    assert!(!derive::keeps_names(&contract, &wider(json!({"_id": 1, "a_b_2": 1})), &output));
}

#[test]
fn a_required_field_of_a_missing_document_is_no_drift() {
    let text = json!({"type": "record", "name": "orders", "namespace": "shop", "fields": [
        {"name": "_id", "type": "long", "bson.type": "int32|int64"},
        {"name": "a", "default": null, "type": ["null", {"type": "record", "name": "orders_a", "fields": [
            {"name": "b", "type": ["null", "long"], "default": null, "moorline.required": true}]}]}]});
    let contract = file::parse(&text.to_string(), &namespace()).expect("a contract");
    let plan = Plan::compile(&contract, &flat(), 1, 2, UnknownFields::Report);
    assert!(encode(&plan, &document(json!({"_id": 1}))).is_ok());
    let misfit = encode(&plan, &document(json!({"_id": 1, "a": {}}))).expect_err("required");
    assert_eq!((misfit.rule, misfit.path.as_str()), ("MC601", "/a/b"));
    let misfit = encode(&plan, &document(json!({"_id": 1, "a": 1}))).expect_err("no document");
    assert_eq!((misfit.rule, misfit.path.as_str()), ("MC602", "/a"));
}

#[test]
fn texts_for_whatever_is_nested() {
    let mut golden = Golden::new("shapes-json.json");
    let output = Output { nested: Nested::Json, ..output() };
    let vector = json!({"$binary": {"base64": "JwAAAMA/", "subType": "09"}});
    let rows: Vec<(Json, RawDocumentBuf)> = [
        json!({"_id": 1, "a": {"b": 1}, "c": [1, null], "d": "x", "v": vector}),
        json!({"_id": 2, "a": {"b": null}, "c": [], "d": null, "v": null}),
    ]
    .into_iter()
    .map(|json| (json.clone(), document(json)))
    .collect();
    let sample: Vec<RawDocumentBuf> = rows.iter().map(|(_, document)| document.clone()).collect();
    let contract = infer_all(&sample).contract;
    let decoded = golden.case_of("json", &contract, &output, &rows);
    let first = ["a", "c", "d", "v"].map(|name| decoded[0][name].clone());
    assert_eq!(first, [json!(r#"{"b":1}"#), json!("[1,null]"), json!("x"), json!({"bytes": "27000000c03f"})]);
    assert_eq!(decoded[1]["c"], json!("[]"));
    golden.finish();
    comes_back(&contract, &output);
}

#[test]
fn missing_fields_are_told_from_null() {
    let mut golden = Golden::new("shapes-missing.json");
    let output = Output { missing: true, ..output() };
    let rows: Vec<(Json, RawDocumentBuf)> = [
        json!({"_id": 1, "a": 1, "b": {"c": 1, "d": 1}, "e": [{"f": 1, "g": 1}]}),
        json!({"_id": 2, "a": null, "b": {"c": null}, "e": [{"f": 1}, null, {"g": 1}]}),
        json!({"_id": 3}),
    ]
    .into_iter()
    .map(|json| (json.clone(), document(json)))
    .collect();
    let sample: Vec<RawDocumentBuf> = rows.iter().map(|(_, document)| document.clone()).collect();
    let contract = infer_all(&sample).contract;
    let decoded = golden.case_of("missing", &contract, &output, &rows);
    let missing = |n: usize| decoded[n]["__missing"].clone();
    assert_eq!(missing(0), json!([]));
    assert_eq!(missing(1), json!(["b.d", "e.0.g", "e.2.f"]));
    assert_eq!(missing(2), json!(["a", "b", "e"]));
    golden.finish();
    comes_back(&contract, &output);
}

#[test]
fn names_by_unicode() {
    let mut golden = Golden::new("shapes-unicode.json");
    let sample = [document(json!({"_id": 1, "first-name": "a", "first_name": "b", "größe": {"a.b": 1}}))];
    let options = Options { adjustment: Adjustment::Unicode, ..Options::default() };
    let documents = sample.iter().map(RawDocumentBuf::as_ref);
    let inferred = infer_with(&namespace(), documents, &Limits::default(), &options).expect("a document");
    let output = Output { adjustment: Adjustment::Unicode, ..output() };
    let names = ["_id", "first_u002dname", "first_u005fname", "gr_u00f6_u00dfe"];
    assert_eq!(field_names(&inferred.contract, &output), names);
    let schema: Json = serde_json::from_str(&derive::value_schema(&inferred.contract, &output)).expect("JSON");
    assert_eq!(schema["namespace"], json!("eu_u002d1.shop.orders"));
    let row = json!({"_id": 1, "first-name": "a", "first_name": "b", "größe": {"a.b": 1}});
    let decoded = golden.case_of("avro_unicode", &inferred.contract, &output, &[(row.clone(), document(row))]);
    assert_eq!(decoded[0]["gr_u00f6_u00dfe"], json!({"a_u002eb": 1}));
    golden.finish();
    comes_back(&inferred.contract, &output);
    assert!(!rules(&inferred).contains(&"MC104"));
}

#[test]
fn names_that_meet_are_told() {
    let sample = [document(json!({"_id": 1, "a-b": 1, "a.b": 2, "A_b": 3, "m_op": 4, "__op": 5, "missing": 6}))];
    let options = Options { metadata_prefix: "m_".into(), ..Options::default() };
    let documents = sample.iter().map(RawDocumentBuf::as_ref);
    let inferred = infer_with(&namespace(), documents, &Limits::default(), &options).expect("a document");
    let of = |path: &str| {
        let report = inferred.report.iter().find(|report| report.path == path).expect("reported");
        report.notes.iter().map(|note| note.rule).collect::<Vec<_>>()
    };
    assert_eq!((of("a-b"), of("a.b"), of("A_b"), of("m_op")), (vec![], vec!["MC104"], vec!["MC105"], vec!["MC106"]));
    // Under another prefix `__op` is a name as any other, at inference, evolution and in the file.
    assert_eq!(of("__op"), Vec::<&str>::new());
    let text = file::write(&inferred.contract);
    assert_eq!(file::parse(&text, &namespace()).expect_err("hides")[0].code, "MC106");
    assert!(file::parse_beside(&text, &namespace(), "m_").is_ok());
    let new = [document(json!({"_id": 1, "m_seq": 1, "__seq": 1}))];
    let evolution =
        evolve_with(&inferred.contract, new.iter().map(RawDocumentBuf::as_ref), &Limits::default(), &options);
    assert_eq!(evolution.added.iter().map(|added| added.path.as_str()).collect::<Vec<_>>(), ["__seq"]);
    assert_eq!(evolution.refused[0].rule, "MC106");
}

#[test]
fn what_is_only_left_out_is_no_version() {
    let contract = infer_all(&[document(json!({"_id": 1, "a": 1}))]).contract;
    let new = [document(json!({"_id": 1, "a": 1, "__v": 3}))];
    let documents = new.iter().map(RawDocumentBuf::as_ref);
    let evolution = evolve_with(&contract, documents, &Limits::default(), &Options::default());
    let wider = evolution.contract.expect("left out");
    assert!(evolution.added.is_empty());
    assert_eq!(derive::value_schema(&wider, &output()), derive::value_schema(&contract, &output()));
}

#[test]
fn policies_of_the_configuration_change_no_schema() {
    let values = Values { date_out_of_range: OutOfRange::Keep, array_accept_scalar: true, ..Values::default() };
    let other = Output { values, ..output() };
    assert_eq!(derive::value_schema(&contract(), &other), derive::value_schema(&contract(), &output()));
}
