//! `tests/golden/avro_text/forms.json`: bytes and their text in both styles, written by hand from Avro's specification
//! and from what Kafka Connect's converter writes. `golden/contracts`: every record of every contract case.

use std::fs;
use std::path::PathBuf;

use moorline_pipeline::avro_text::{AvroText, Decimals, Style, unframed};
use serde_json::Value as Json;

use crate::expected;

fn golden(path: &str) -> Json {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn forms_by_hand() {
    let cases = golden("avro_text/forms.json");
    let cases = cases.as_array().expect("a list");
    assert!(cases.len() >= 30);
    for case in cases {
        let text = AvroText::new(&case["schema"].to_string()).unwrap_or_else(|error| panic!("{case}: {error}"));
        let bytes = hex::decode(case["bytes"].as_str().expect("hex")).expect("hex");
        for (name, style) in [("connect", Style::CONNECT), ("human", Style::HUMAN)] {
            let expected = if case.get(name).is_some() { &case[name] } else { &case["both"] };
            let found = text.text(&bytes, style).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(found, expected.as_str().expect("text"), "{name}: {case}");
        }
        if let Some(expected) = case.get("base64") {
            let style = Style { decimals: Decimals::Base64, ..Style::CONNECT };
            assert_eq!(text.text(&bytes, style).unwrap(), expected.as_str().unwrap(), "{case}");
        }
    }
}

/// Keys and values of all golden contracts say in text what another library reads in them, names in order.
#[test]
fn every_record_of_the_contracts_golden_files() {
    let mut records = 0;
    for file in ["arrays", "decimal", "dictionary", "documents", "keys", "nulls", "numbers", "scalars", "spill", "text"]
    {
        for case in golden(&format!("contracts/{file}.json"))["cases"].as_array().expect("cases") {
            for record in case["records"].as_array().expect("records") {
                for (schema, bytes) in [("key_schema", "key"), ("value_schema", "value")] {
                    let schema = case[schema].to_string();
                    let framed = hex::decode(record[bytes].as_str().expect("hex")).expect("hex");
                    let (_, datum) = unframed(&framed).expect("a frame");
                    let text = AvroText::new(&schema).expect("a schema");
                    let found = text.text(datum, Style::CONNECT).unwrap_or_else(|error| panic!("{record}: {error}"));
                    let found: Json = serde_json::from_str(&found).unwrap_or_else(|error| panic!("{found}: {error}"));
                    let expected = expected::connect(&expected::value(&schema, datum));
                    if !expected.to_string().contains("unscaled") {
                        assert_eq!(found, expected, "{schema}");
                    }
                    let names = |json: &Json| json.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
                    assert_eq!(names(&found), names(&expected));
                    let human = text.text(datum, Style::HUMAN).unwrap();
                    let human: Json = serde_json::from_str(&human).unwrap_or_else(|error| panic!("{human}: {error}"));
                    assert_eq!(names(&human), names(&expected));
                    records += 1;
                }
            }
        }
    }
    assert!(records > 200, "{records}");
}
