//! Laws of keys: equal to the server is one key, different is two keys, in every kind that takes both.

use bson::raw::RawBsonRef;
use bson::{Bson, Decimal128, Document};
use moorline_pipeline::contract::key::encode_key;
use moorline_pipeline::contract::model::KeyKind;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::stage::{raw, value};
use crate::{oracle, wild};

/// The key of an `_id`, or nothing where the kind does not take it.
fn key(kind: &KeyKind, id: &Bson) -> Option<Vec<u8>> {
    let mut document = Document::new();
    document.insert("_id", id.clone());
    let raw = raw(&document);
    let id: RawBsonRef<'_> = raw.get("_id").expect("well formed").expect("an _id");
    let mut out = vec![9];
    match encode_key(kind, id, &mut out) {
        Ok(()) => Some(out.split_off(1)),
        Err(misfit) => {
            assert!(matches!(misfit.rule, "MC402" | "MC608"), "{misfit:?}");
            assert!(misfit.path.starts_with("/_id"), "{misfit:?}");
            assert_eq!(out, [9]);
            None
        }
    }
}

fn text(id: Json) -> String {
    let bytes = key(&KeyKind::Any, &value(id)).expect("any takes all");
    String::from_utf8(bytes[bytes.iter().position(|byte| *byte < 0x80).expect("a length") + 1..].to_vec())
        .expect("UTF-8")
}

/// Every kind but those of several parts.
pub(crate) const KINDS: [KeyKind; 8] = [
    KeyKind::ObjectId,
    KeyKind::String,
    KeyKind::Long,
    KeyKind::Number,
    KeyKind::Uuid,
    KeyKind::Timestamp,
    KeyKind::Base64,
    KeyKind::Any,
];

/// A value as the server's unique index tells it from others: numbers by their exact value, arrays without names.
fn server(value: &Bson) -> String {
    match value {
        Bson::Int32(n) => format!("number {n}"),
        Bson::Int64(n) => format!("number {n}"),
        Bson::Double(x) if x.is_nan() => "number NaN".into(),
        Bson::Double(x) if x.is_infinite() => format!("number {}Infinity", if *x < 0.0 { "-" } else { "" }),
        // Every double is a decimal fraction of at most 1074 places.
        Bson::Double(x) => format!("number {}", trimmed(&format!("{x:.1074}"))),
        Bson::Decimal128(decimal) => format!("number {}", trimmed(&oracle::plain(&decimal.to_string()))),
        Bson::Document(document) => {
            let members: Vec<String> =
                document.iter().map(|(name, value)| format!("{name:?}: {}", server(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Bson::Array(items) => format!("[{}]", items.iter().map(server).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}

fn trimmed(plain: &str) -> String {
    let text = if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { plain };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn number() -> impl Strategy<Value = Bson> {
    prop_oneof![
        wild::double().prop_map(Bson::Double),
        wild::int64().prop_map(Bson::Int64),
        any::<i32>().prop_map(Bson::Int32),
        wild::decimal().prop_map(Bson::Decimal128),
    ]
}

/// The same number in every type that holds it exactly.
fn spellings(n: i64) -> Vec<Bson> {
    let decimal = |text: String| Bson::Decimal128(text.parse::<Decimal128>().expect("a decimal"));
    let mut all = vec![Bson::Int64(n), decimal(n.to_string()), decimal(format!("{n}.000")), decimal(format!("{n}E0"))];
    all.extend(i32::try_from(n).map(Bson::Int32));
    if n % 10 == 0 && n != 0 {
        all.push(decimal(format!("{}E+1", n / 10)));
    }
    if (n as f64) as i128 == i128::from(n) {
        all.push(Bson::Double(n as f64));
    }
    if n == 0 {
        all.extend([Bson::Double(-0.0), decimal("-0".into()), decimal("0E+77".into())]);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_number_has_one_key_whatever_its_type(n in wild::int64()) {
        let mut wrapped = KINDS.to_vec();
        wrapped.push(KeyKind::Document(vec![("a".into(), KeyKind::Long)]));
        for kind in [KeyKind::Long, KeyKind::Number, KeyKind::Any] {
            let keys: Vec<_> = spellings(n).iter().map(|id| key(&kind, id)).collect();
            prop_assert!(keys[0].is_some() && keys.iter().all(|other| *other == keys[0]), "{kind:?} {n}");
            let list = |id: &Bson| Bson::Array(vec![id.clone()]);
            let nested = |id: &Bson| Bson::Document([("a".to_owned(), list(id))].into_iter().collect());
            let keys: Vec<_> = spellings(n).iter().map(|id| key(&KeyKind::Any, &nested(id))).collect();
            prop_assert!(keys.iter().all(|other| *other == keys[0]), "{n} in an array in a document");
        }
    }

    #[test]
    fn numbers_are_one_key_exactly_when_they_are_equal(a in number(), b in number()) {
        for kind in [KeyKind::Long, KeyKind::Number, KeyKind::Any] {
            if let (Some(one), Some(other)) = (key(&kind, &a), key(&kind, &b)) {
                prop_assert_eq!(one == other, server(&a) == server(&b), "{:?}: {} {}", kind, a, b);
            }
        }
    }

    #[test]
    fn a_double_and_its_exact_decimal_are_one(x in wild::double()) {
        // The digits of a double are exact where a decimal has room for them.
        let exact = if x.is_finite() { trimmed(&format!("{x:.1074}")) } else { x.to_string() };
        let digits = exact.chars().filter(char::is_ascii_digit).collect::<String>();
        prop_assume!(digits.trim_start_matches('0').trim_end_matches('0').len() <= 34);
        let Ok(decimal) = exact.replace("inf", "Infinity").parse::<Decimal128>() else { return Ok(()) };
        for kind in [KeyKind::Number, KeyKind::Any] {
            prop_assert_eq!(key(&kind, &Bson::Double(x)), key(&kind, &Bson::Decimal128(decimal)), "{}", x);
        }
    }

    #[test]
    fn two_ids_share_a_key_only_if_the_server_holds_them_equal(a in wild::bson(), b in wild::bson()) {
        for kind in KINDS {
            if let (Some(one), Some(other)) = (key(&kind, &a), key(&kind, &b)) {
                prop_assert_eq!(one == other, server(&a) == server(&b), "{:?}: {} {}", kind, a, b);
            }
        }
    }
}

#[test]
fn values_that_look_alike_have_keys_of_their_own() {
    let hex = "507f1f77bcf86cd799439011";
    let escaped = |name: &str, inner: Bson| Bson::Document([(name.to_owned(), inner)].into_iter().collect());
    let alike = [
        value(json!({"$oid": hex})),
        Bson::String(hex.into()),
        escaped("$oid", Bson::String(hex.into())),
        escaped(r"\u0024oid", Bson::String(hex.into())),
        Bson::String(format!(r#"{{"$oid":"{hex}"}}"#)),
        Bson::Int32(1),
        Bson::String("1".into()),
        Bson::Boolean(true),
        Bson::String("true".into()),
        Bson::Null,
        Bson::Undefined,
        Bson::Symbol("x".into()),
        Bson::JavaScriptCode("x".into()),
        Bson::String("x".into()),
        escaped("$symbol", Bson::String("x".into())),
        escaped("$numberDecimal", Bson::String("1E-1".into())),
        value(json!({"$numberDecimal": "0.1"})),
        Bson::Double(0.1),
        value(json!({"$date": {"$numberLong": "0"}})),
        escaped("$date", Bson::String("1970-01-01T00:00:00Z".into())),
        value(json!({"$timestamp": {"t": 0, "i": 0}})),
        Bson::Array(vec![Bson::Int32(1)]),
        escaped("0", Bson::Int32(1)),
        Bson::Document(Document::new()),
        Bson::Array(Vec::new()),
        value(json!({"$binary": {"base64": "AA==", "subType": "00"}})),
        value(json!({"$binary": {"base64": "AA==", "subType": "05"}})),
        value(json!({"$binary": {"base64": "AA==", "subType": "02"}})),
    ];
    for (place, a) in alike.iter().enumerate() {
        for b in &alike[..place] {
            assert_ne!(key(&KeyKind::Any, a), key(&KeyKind::Any, b), "{a} and {b}");
        }
    }
}

#[test]
fn the_text_of_numbers() {
    let number = |name: &str, text: &str| json!({name: text});
    for (id, expected) in [
        (json!(1), "1"),
        (number("$numberDouble", "-0.0"), "0"),
        (number("$numberLong", "9007199254740993"), "9007199254740993"),
        (number("$numberDecimal", "9007199254740993.0"), "9007199254740993"),
        (number("$numberDouble", "0.1"), "0.1"),
        (number("$numberDecimal", "0.125"), "0.125"),
        (number("$numberDecimal", "0.10"), r#"{"$numberDecimal":"0.1"}"#),
        (number("$numberDecimal", "9223372036854775808"), "9223372036854775808"),
        (number("$numberDouble", "9223372036854775808"), "9223372036854775808"),
        (number("$numberDecimal", "NaN"), r#"{"$numberDouble":"NaN"}"#),
        (number("$numberDouble", "-Infinity"), r#"{"$numberDouble":"-Infinity"}"#),
        (number("$numberDecimal", "1E+23"), "100000000000000000000000"),
        (number("$numberDouble", "1e23"), "99999999999999991611392"),
        (json!({"a": {"$numberDouble": "2.0"}}), r#"{"a":2}"#),
        (json!("a\"b\\c\u{1}"), r#""a\"b\\c\u0001""#),
    ] {
        assert_eq!(text(id.clone()), expected, "{id}");
    }
}

/// `{a, b}` and `{b, a}` are two `_id`s to the server; a declared document takes one order and nothing else.
#[test]
fn a_declared_document_is_held_to_its_order() {
    let kind = KeyKind::Document(vec![("a".into(), KeyKind::Long), ("b".into(), KeyKind::String)]);
    assert_eq!(key(&kind, &value(json!({"a": 1, "b": "x"}))), Some(vec![2, 2, b'x']));
    for refused in [
        json!({"b": "x", "a": 1}),
        json!({"a": 1}),
        json!({"a": 1, "b": "x", "c": null}),
        json!({"a": 1, "b": 2}),
        json!({"a": null, "b": "x"}),
        json!([1, "x"]),
        json!(1),
    ] {
        assert_eq!(key(&kind, &value(refused.clone())), None, "{refused}");
    }
}
