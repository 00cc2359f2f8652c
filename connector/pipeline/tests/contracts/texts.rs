//! Records as JSON text: golden texts of each type and kind of key, and that text says what Avro says.

use std::fmt::Write as _;
use std::path::PathBuf;

use bson::raw::RawBsonRef;
use bson::{Bson, Document, RawDocument};
use moorline_pipeline::avro_text::{AvroText, Style, unframed};
use moorline_pipeline::contract::model::{Contract, KeyKind, Output};
use moorline_pipeline::contract::output::{Converter, Converters, Form};
use moorline_pipeline::contract::plan::{Change, Encoder, Plan, Texts, UnknownFields};
use moorline_pipeline::contract::{derive, file};
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::golden::compare;
use crate::laws_key::KINDS;
use crate::stage::{KEY_ID, META, VALUE_ID, contract, document, infer_all, namespace, output, raw, value};
use crate::wild;

fn text(key: Converter, value: Converter) -> Output {
    Output { converters: Converters { key, value }, ..output() }
}

fn encoder(contract: &Contract, output: &Output) -> Encoder {
    let plan = Plan::compile(contract, output, KEY_ID, VALUE_ID, UnknownFields::Spill);
    Encoder::with_texts(plan.into(), Texts::of(contract, output).expect("a schema that can be followed"))
}

fn key(encoder: &mut Encoder, document: &RawDocument) -> Option<Vec<u8>> {
    let mut out = vec![9];
    let done = encoder.key(document.get("_id").expect("well formed").expect("an _id"), &mut out);
    assert!(done.is_ok() || out == [9], "nothing is left of a misfit");
    done.is_ok().then(|| out.split_off(1))
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// Every document of the golden contracts, as its key and its value would stand in a topic.
#[test]
fn golden_texts() {
    let files =
        ["scalars", "numbers", "decimal", "text", "arrays", "documents", "dictionary", "nulls", "spill", "keys"];
    let mut all = String::new();
    for file in files {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/contracts/{file}.json"));
        let cases: Json = serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON");
        for case in cases["cases"].as_array().expect("cases") {
            let contract = file::parse(&case["contract"].to_string(), &namespace()).expect("a contract");
            let mut encoder = encoder(&contract, &text(Converter::Json, Converter::Json));
            writeln!(all, "# {file}: {}", case["case"].as_str().expect("a title")).expect("a String takes all");
            for record in case["records"].as_array().expect("records") {
                let document = document(record["document"].clone());
                let mut value = Vec::new();
                encoder.value(&document, &META, &mut value).expect("it fits");
                let key = key(&mut encoder, &document).expect("it fits");
                writeln!(all, "{}\n  {}", utf8(key), utf8(value)).expect("a String takes all");
            }
        }
    }
    compare("texts.txt", &all);
}

#[test]
fn deletes_envelopes_and_mixed_forms() {
    let contract = Contract { key: KeyKind::ObjectId, ..contract(Vec::new()) };
    let id = RawBsonRef::ObjectId("507f1f77bcf86cd799439011".parse().expect("an id"));
    let mut out = Vec::new();
    // Text and Avro are chosen for keys and values apart.
    let mut mixed = encoder(&contract, &text(Converter::Avro, Converter::Json));
    mixed.key(id, &mut out).expect("it fits");
    assert_eq!(unframed(&out).map(|(id, datum)| (id, datum.len())), Some((KEY_ID, 25)));
    out.clear();
    mixed.change(&Change::of(id, &META, None), &mut out).expect("it fits");
    let row = utf8(std::mem::take(&mut out));
    assert!(row.starts_with(r#"{"_id":"507f1f77bcf86cd799439011","__op":"u","__deleted":false,"#), "{row}");
    let mut mixed = encoder(&contract, &text(Converter::Json, Converter::Avro));
    mixed.key(id, &mut out).expect("it fits");
    assert_eq!(utf8(std::mem::take(&mut out)), r#"{"_id":"507f1f77bcf86cd799439011"}"#);
    mixed.change(&Change::of(id, &META, None), &mut out).expect("it fits");
    assert_eq!(unframed(&out).map(|(id, _)| id), Some(VALUE_ID));
    let envelope = Output { form: Form::Envelope, ..text(Converter::Json, Converter::Json) };
    out.clear();
    encoder(&contract, &envelope).change(&Change::of(id, &META, None), &mut out).expect("it fits");
    let json: Json = serde_json::from_slice(&out).expect("JSON");
    assert!(json["before"].is_null() && json["after"].is_null() && json["op"] == "u", "{json}");
}

/// Levels that no reader of JSON is asked to follow by recursion.
#[test]
fn a_deep_key_and_the_string_that_looks_like_it_are_two_keys() {
    let deep = (0..150).fold(Bson::Int32(1), |inner, _| Bson::Array(vec![inner]));
    let looks = Bson::String(format!("{}1{}", "[".repeat(150), "]".repeat(150)));
    let mut encoder =
        encoder(&Contract { key: KeyKind::Any, ..contract(Vec::new()) }, &text(Converter::Json, Converter::Json));
    let mut of = |id: Bson| {
        let mut document = Document::new();
        document.insert("_id", Document::from_iter([("a".to_owned(), id)]));
        key(&mut encoder, &raw(&document)).expect("any takes all")
    };
    assert_ne!(of(deep), of(looks));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Text is the walker's text of what Avro would have been, of a reader's JSON, and there is none where there is no Avro.
    #[test]
    fn text_says_what_avro_says(documents in wild::documents(5), others in wild::documents(3)) {
        let contract = infer_all(&documents).contract;
        let schema = AvroText::new(&derive::value_schema(&contract, &output())).expect("a schema");
        let mut avro = encoder(&contract, &output());
        let mut json = encoder(&contract, &text(Converter::Json, Converter::Json));
        for document in documents.iter().chain(&others) {
            let (mut binary, mut written) = (Vec::new(), vec![0xee; 3]);
            let outcome = avro.value(document, &META, &mut binary);
            prop_assert_eq!(&json.value(document, &META, &mut written), &outcome);
            if outcome.is_err() {
                prop_assert_eq!(&written, &[0xee; 3]);
                continue;
            }
            let wanted = schema.text(unframed(&binary).expect("a frame").1, Style::HUMAN).expect("text");
            prop_assert_eq!(&written[3..], wanted.as_bytes());
            let read: Json = serde_json::from_str(&wanted).expect("JSON");
            prop_assert!(read.get("_id").is_some() && read["__op"] == "u");
        }
    }

    /// What places and replaces records: two texts are one exactly where two keys of Avro are one.
    #[test]
    fn keys_are_one_text_exactly_where_they_are_one_key(documents in wild::documents(6)) {
        for kind in KINDS {
            let contract = Contract { key: kind, ..contract(Vec::new()) };
            let mut avro = encoder(&contract, &output());
            let mut json = encoder(&contract, &text(Converter::Json, Converter::Json));
            let mut keys = Vec::new();
            for document in &documents {
                // An `_id`'s text as a string `_id` is the nearest to it that there is.
                let near = key(&mut json, document).map(|text| {
                    let text = utf8(text);
                    let inner = text.trim_start_matches("{\"_id\":").trim_end_matches('}').to_owned();
                    raw(&Document::from_iter([("_id".to_owned(), Bson::String(inner))]))
                });
                for document in [Some(document.clone()), near].into_iter().flatten() {
                    let (one, other) = (key(&mut avro, &document), key(&mut json, &document));
                    prop_assert_eq!(one.is_some(), other.is_some());
                    keys.extend(one.zip(other));
                }
            }
            for (binary, text) in &keys {
                for (other_binary, other_text) in &keys {
                    prop_assert_eq!(binary == other_binary, text == other_text, "{}", String::from_utf8_lossy(text));
                }
            }
        }
    }
}

#[test]
fn a_mixed_key_stays_the_string_that_it_is() {
    // Held here so that the law above is known to have seen keys at all.
    let mixed = r#""{\"$oid\":\"507f1f77bcf86cd799439011\"}""#;
    for (kind, id, wanted) in [
        (KeyKind::Long, "1.0", "1"),
        (KeyKind::String, r#""a""#, r#""a""#),
        (KeyKind::Timestamp, r#"{"$date":{"$numberLong":"7"}}"#, r#""1970-01-01T00:00:00.007Z""#),
        (KeyKind::Any, r#"{"$oid":"507f1f77bcf86cd799439011"}"#, mixed),
    ] {
        let contract = Contract { key: kind, ..contract(Vec::new()) };
        let mut json = encoder(&contract, &text(Converter::Json, Converter::Json));
        let document = Document::from_iter([("_id".to_owned(), value(serde_json::from_str(id).expect("JSON")))]);
        assert_eq!(utf8(key(&mut json, &raw(&document)).expect("it fits")), format!("{{\"_id\":{wanted}}}"));
    }
}
