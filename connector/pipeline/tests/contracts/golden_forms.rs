//! What the configuration makes of a sample where a row of the type table has more than one form.

use bson::RawDocumentBuf;
use moorline_pipeline::contract::forms::{Binaries, Decimals, Forms, LegacyUuids};
use moorline_pipeline::contract::infer::{Inferred, Options, infer_with};
use moorline_pipeline::contract::model::{Limits, Type};
use serde_json::{Value as Json, json};

use crate::golden::{Golden, any};
use crate::golden_choices::comes_back;
use crate::stage::{document, namespace, output, registered_field, rules, top};

fn inferred(values: &[Json], forms: Forms) -> Inferred {
    let documents: Vec<RawDocumentBuf> =
        values.iter().zip(1..).map(|(value, n)| document(json!({"_id": n, "v": value}))).collect();
    let options = Options { forms, ..Options::default() };
    let documents = documents.iter().map(RawDocumentBuf::as_ref);
    infer_with(&namespace(), documents, &Limits::default(), &options).expect("there are documents")
}

fn case(golden: &mut Golden, title: &str, forms: Forms, (ty, accepts): (Json, &str), cases: &[(Json, Json)]) {
    let values: Vec<Json> = cases.iter().map(|(value, _)| value.clone()).collect();
    let contract = inferred(&values, forms).contract;
    assert_eq!(registered_field(&contract, "v")["type"], json!(["null", ty]), "{title}");
    assert_eq!(top(&contract, "v").expect("decided").accepts.join("|"), accepts, "{title}");
    let documents: Vec<Json> = values.iter().zip(1..).map(|(value, n)| json!({"_id": n, "v": value})).collect();
    for (record, (value, expected)) in golden.case(title, &contract, &documents).iter().zip(cases) {
        assert_eq!(&record["v"], expected, "{title}: {value}");
    }
    comes_back(&contract, &output());
}

fn decimal(text: &str) -> Json {
    json!({"$numberDecimal": text})
}

fn double(text: &str) -> Json {
    json!({"$numberDouble": text})
}

fn decimal_type(precision: u32, scale: u32) -> Json {
    json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale, "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Decimal",
        "connect.parameters": {"scale": scale.to_string(), "connect.decimal.precision": precision.to_string()}})
}

#[test]
fn numbers() {
    let mut golden = Golden::new("forms-numbers.json");
    let default = Forms::default();
    let (precise, rounded) =
        (Forms { decimals: Decimals::Precise, ..default }, Forms { decimals: Decimals::Double, ..default });
    let (exact, integral) = (Forms { exact_integers: true, ..default }, Forms { integral_numbers: true, ..default });
    let unscaled = |text: &str| json!({"unscaled": text});
    let numbers = "int32|decimal128";
    case(
        &mut golden,
        "decimals precise",
        precise,
        (decimal_type(12, 2), numbers),
        &[
            (decimal("1.50"), unscaled("150")),
            (decimal("-99999.99"), unscaled("-9999999")),
            (json!(7), unscaled("700")),
        ],
    );
    case(
        &mut golden,
        "decimals precise, 38 digits",
        precise,
        (decimal_type(38, 1), "decimal128"),
        &[(decimal("999999999999999999999999999999999.9"), unscaled("9999999999999999999999999999999999"))],
    );
    case(
        &mut golden,
        "decimals precise, NaN among them",
        precise,
        (json!("string"), "decimal128"),
        &[(decimal("1.5"), json!("1.5")), (decimal("NaN"), json!("NaN"))],
    );
    case(
        &mut golden,
        "decimals precise, fractions beside them",
        precise,
        (json!("string"), "double|decimal128"),
        &[(decimal("1.5"), json!("1.5")), (double("0.25"), json!("0.25"))],
    );
    case(
        &mut golden,
        "decimals as doubles",
        rounded,
        (json!("double"), numbers),
        &[(decimal("0.10"), json!({"double": "0.1"})), (json!(7), json!({"double": "7.0"}))],
    );
    case(&mut golden, "int32 exact", exact, (json!("int"), "int32"), &[(json!(7), json!({"int": 7}))]);
    case(
        &mut golden,
        "int32 and int64 exact",
        exact,
        (json!("long"), "int32|int64"),
        &[(json!(7), json!(7)), (json!({"$numberLong": "8"}), json!(8))],
    );
    case(
        &mut golden,
        "numbers integral",
        integral,
        (json!("long"), "int32|int64|double"),
        &[
            (double("8.0"), json!(8)),
            (json!(7), json!(7)),
            (json!({"$numberLong": "9007199254740993"}), json!(9_007_199_254_740_993_i64)),
        ],
    );
    case(
        &mut golden,
        "numbers integral, fractions",
        integral,
        (json!("double"), "double"),
        &[(double("8.5"), json!({"double": "8.5"}))],
    );
    golden.finish();
}

#[test]
fn bytes_and_arrays() {
    let mut golden = Golden::new("forms-others.json");
    let default = Forms::default();
    let binary = |subtype: &str, base64: &str| json!({"$binary": {"base64": base64, "subType": subtype}});
    for (title, binaries, text) in [
        ("binary as base64", Binaries::Base64, "+/8="),
        ("binary as base64-url-safe", Binaries::Base64UrlSafe, "-_8="),
        ("binary as hex", Binaries::Hex, "fbff"),
    ] {
        let forms = Forms { binaries, ..default };
        case(&mut golden, title, forms, (json!("string"), "binData"), &[(binary("00", "+/8="), json!(text))]);
    }
    let uuid = json!({"type": "string", "logicalType": "uuid", "connect.version": 1,
        "connect.name": "io.debezium.data.Uuid"});
    let shown = json!({"uuid": "00112233-4455-6677-8899-aabbccddeeff"});
    for (title, legacy_uuids, stored) in [
        ("legacy UUIDs of Java", LegacyUuids::Java, "d2ZVRDMiEQD/7t3Mu6qZiA=="),
        ("legacy UUIDs of C#", LegacyUuids::CSharp, "MyIRAFVEd2aImaq7zN3u/w=="),
        ("legacy UUIDs of Python", LegacyUuids::Python, "ABEiM0RVZneImaq7zN3u/w=="),
    ] {
        let forms = Forms { legacy_uuids, ..default };
        case(&mut golden, title, forms, (uuid.clone(), "binData"), &[(binary("03", stored), shown.clone())]);
        let both = [(binary("03", stored), shown.clone()), (binary("04", "ABEiM0RVZneImaq7zN3u/w=="), shown.clone())];
        case(&mut golden, &format!("{title} and UUIDs"), forms, (uuid.clone(), "binData|uuid"), &both);
    }
    let full = Forms { nullable_items: false, ..default };
    let array = |items: Json| json!({"type": "array", "items": items});
    case(&mut golden, "items never null", full, (array(json!("long")), "int32"), &[(json!([1, 2]), json!([1, 2]))]);
    case(
        &mut golden,
        "items never null, one is",
        full,
        (array(json!(["null", "long"])), "int32"),
        &[(json!([1, null]), json!([1, null]))],
    );
    golden.finish();
    // Bare `int` is how a vector is written.
    let both = Forms { nullable_items: false, exact_integers: true, ..default };
    let contract = inferred(&[json!([1])], both).contract;
    assert_eq!(top(&contract, "v").expect("decided").ty, Type::Array(Box::new(Type::Int)));
}

#[test]
fn one_or_many_is_an_array_where_that_was_asked_for() {
    let forms = Forms { accept_scalar: true, ..Forms::default() };
    let values = [json!(["a", "b"]), json!("c"), json!(null)];
    let found = inferred(&values, forms);
    assert_eq!(top(&found.contract, "v").expect("decided").ty, Type::Array(Box::new(Type::String)));
    // Documents one or many as well, with the fields of both.
    let documents = [json!([{"a": 1}]), json!({"b": "x"})];
    let Type::Array(items) = &top(&inferred(&documents, forms).contract, "v").expect("decided").ty.clone() else {
        panic!("no array")
    };
    let Type::Record(record) = &**items else { panic!("{items:?}") };
    assert_eq!(record.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    // Without it: text, and the proposal; and no proposal where the items have no type in common.
    let found = inferred(&values, Forms::default());
    assert_eq!(registered_field(&found.contract, "v")["type"], json!(["null", any()]));
    let proposed = |found: &Inferred| {
        found.report.iter().any(|path| {
            path.notes.iter().any(|note| note.rule == "MC613" && note.text.contains("array.accept.scalar=true"))
        })
    };
    assert!(proposed(&found));
    assert!(!proposed(&inferred(&[json!(["a"]), json!(1)], Forms::default())));
    assert_eq!(top(&inferred(&[json!(["a"]), json!(1)], forms).contract, "v").expect("decided").ty, Type::Any);
}

#[test]
fn what_was_seen_stands_in_the_notes() {
    let note = |found: &Inferred, rule: &str| {
        let notes = found.report.iter().flat_map(|path| &path.notes);
        notes.filter(|note| note.rule == rule).map(|note| note.text.clone()).collect::<Vec<_>>().join("; ")
    };
    let precise = Forms { decimals: Decimals::Precise, ..Forms::default() };
    let found = inferred(&[decimal("1.50"), decimal("-10.125")], precise);
    assert_eq!(note(&found, "MC606"), "seen as decimal(5,3), -10.125 .. 1.5; more digits will drift");
    let found = inferred(&[decimal("1.50"), decimal("NaN")], Forms::default());
    assert_eq!(note(&found, "MC606"), "1 decimals are NaN or infinite beside 1.5 .. 1.5");
    let far = json!({"$date": {"$numberLong": "253402300800000"}});
    let found = inferred(&[far, json!({"$date": {"$numberLong": "7"}})], Forms::default());
    assert!(note(&found, "MC608").ends_with("7 .. 253402300800000 ms are seen"), "{}", note(&found, "MC608"));
    assert!(rules(&inferred(&[json!(1)], precise)).is_empty());
}
