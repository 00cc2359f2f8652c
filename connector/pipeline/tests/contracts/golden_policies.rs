//! What happens to values that a type can't hold: each policy by configuration and by the contract's field, as bytes; and
//! what drifts under it.

use bson::RawDocumentBuf;
use moorline_pipeline::contract::model::{Misfit, Output};
use moorline_pipeline::contract::plan::{Plan, UnknownFields};
use moorline_pipeline::contract::values::{
    BadText, DateRange, DuplicateKey, NonFinite, Nul, OutOfRange, Rounding, Values,
};
use serde_json::{Value as Json, json};

use crate::golden::{Golden, any};
use crate::golden_choices::contract_of;
use crate::stage::{document, elements, encode, output, text};

const ONE: (&[u8], u8, &[u8]) = (b"_id", 0x10, &[1, 0, 0, 0]);

fn with(values: Values) -> Output {
    Output { values, ..output() }
}

/// One value under a field, by the configuration and by a property of the field: null, a value, or the rule of its drift.
fn case(
    golden: &mut Golden,
    (field, values, properties): (&Json, Values, &Json),
    (shown, document): (Json, RawDocumentBuf),
    expected: Result<Json, &str>,
) {
    let mut own = field.clone();
    for (name, value) in properties.as_object().expect("properties") {
        own[name] = value.clone();
    }
    for (how, field, output) in [("configuration", field, with(values)), ("contract", &own, output())] {
        let contract = contract_of(field);
        let title = format!("{properties}, by {how}");
        match &expected {
            Ok(expected) => {
                let decoded = golden.case_of(&title, &contract, &output, &[(shown.clone(), document.clone())]);
                assert_eq!(&decoded[0]["v"], expected, "{title}: {shown}");
            }
            Err(rule) => {
                let plan = Plan::compile(&contract, &output, 1, 2, UnknownFields::Report);
                let misfit: Misfit = encode(&plan, &document).expect_err(&title);
                assert_eq!((misfit.rule, misfit.path.as_str()), (*rule, "/v"), "{title}: {shown}");
            }
        }
    }
}

fn of(value: &Json) -> (Json, RawDocumentBuf) {
    let whole = json!({"_id": 1, "v": value});
    (whole.clone(), document(whole))
}

#[test]
fn numbers() {
    let mut golden = Golden::new("policies-numbers.json");
    let default = Values::default();
    let double = json!({"type": "double"});
    let number = |text: &str| json!({"$numberDouble": text});
    for (policy, word) in [(NonFinite::Null, "null"), (NonFinite::Drift, "drift"), (NonFinite::Keep, "keep")] {
        let rule =
            (&double, Values { double_nonfinite: policy, ..default }, &json!({"moorline.double.nonfinite": word}));
        for (text, kept) in [("NaN", "NaN"), ("-Infinity", "-inf")] {
            let expected = match policy {
                NonFinite::Null => Ok(Json::Null),
                NonFinite::Drift => Err("MC618"),
                NonFinite::Keep => Ok(json!({"double": kept})),
            };
            case(&mut golden, rule, of(&number(text)), expected);
        }
        case(&mut golden, rule, of(&json!(1)), Ok(json!({"double": "1.0"})));
    }
    let decimal = json!({"bson.type": "decimal128", "type": {"type": "bytes", "logicalType": "decimal",
        "precision": 4, "scale": 2}});
    let text = |text: &str| json!({"$numberDecimal": text});
    let unscaled = |text: &str| Ok(json!({"unscaled": text}));
    let rounds = json!({"moorline.decimal.rounding": "half_even"});
    let rounded = (&decimal, Values { decimal_rounding: Rounding::HalfEven, ..default }, &rounds);
    case(&mut golden, rounded, of(&text("1.005")), unscaled("100"));
    case(&mut golden, rounded, of(&text("1.015")), unscaled("102"));
    case(&mut golden, rounded, of(&text("-1.0151")), unscaled("-102"));
    case(&mut golden, rounded, of(&json!(0.1)), unscaled("10"));
    case(&mut golden, rounded, of(&json!(7)), unscaled("700"));
    case(&mut golden, rounded, of(&text("99.995")), Err("MC606"));
    case(&mut golden, rounded, of(&text("NaN")), Err("MC606"));
    let nulls = json!({"moorline.decimal.nonfinite": "null"});
    let nonfinite = (&decimal, Values { decimal_nonfinite: NonFinite::Null, ..default }, &nulls);
    for special in ["NaN", "Infinity", "-Infinity"] {
        case(&mut golden, nonfinite, of(&text(special)), Ok(Json::Null));
    }
    case(&mut golden, nonfinite, of(&number("NaN")), Ok(Json::Null));
    case(&mut golden, nonfinite, of(&text("1.005")), Err("MC606"));
    golden.finish();
}

#[test]
fn dates() {
    let mut golden = Golden::new("policies-dates.json");
    let millis = json!({"type": {"type": "long", "logicalType": "timestamp-millis"}, "bson.type": "date"});
    let long = json!({"type": "long", "bson.type": "date"});
    let iso = json!({"type": "string", "bson.type": "date"});
    let range = DateRange::parse("1900-01-01..2299-12-31").expect("a range");
    let date = |millis: i64| json!({"$date": {"$numberLong": millis.to_string()}});
    let policies = [
        (OutOfRange::Drift, "drift"),
        (OutOfRange::Clamp, "clamp"),
        (OutOfRange::Null, "null"),
        (OutOfRange::Keep, "keep"),
    ];
    for (policy, word) in policies {
        let values = Values { date_range: range, date_out_of_range: policy, ..Values::default() };
        let properties = json!({"moorline.date.range": "1900-01-01..2299-12-31", "moorline.date.out.of.range": word});
        for (field, shape) in [(&millis, "millis"), (&long, "long"), (&iso, "iso")] {
            let rule = (field, values, &properties);
            let shown = |millis: i64, text: &str| match shape {
                "millis" => json!({"millis": millis}),
                "long" => json!(millis),
                _ => json!(text),
            };
            let far = match policy {
                OutOfRange::Drift => Err("MC608"),
                OutOfRange::Clamp => Ok(shown(range.last, "2299-12-31T23:59:59.999Z")),
                OutOfRange::Null => Ok(Json::Null),
                OutOfRange::Keep => Ok(shown(range.last + 1, "2300-01-01T00:00:00Z")),
            };
            case(&mut golden, rule, of(&date(range.last + 1)), far);
            case(&mut golden, rule, of(&date(range.first)), Ok(shown(range.first, "1900-01-01T00:00:00Z")));
        }
    }
    golden.finish();
}

#[test]
fn texts() {
    let mut golden = Golden::new("policies-texts.json");
    let default = Values::default();
    let string = json!({"type": "string"});
    for (policy, word, expected) in [
        (Nul::Keep, "keep", Ok(json!("a\u{0}b"))),
        (Nul::Strip, "strip", Ok(json!("ab"))),
        (Nul::Drift, "drift", Err("MC618")),
    ] {
        let rule = (&string, Values { string_nul: policy, ..default }, &json!({"moorline.string.nul": word}));
        case(&mut golden, rule, of(&json!("a\u{0}b")), expected);
        case(&mut golden, rule, of(&json!("ab")), Ok(json!("ab")));
    }
    let broken = || (json!({"_id": 1, "v": "a, the byte ff, b"}), elements(&[ONE, (b"v", 2, &text(b"a\xffb"))]));
    for (policy, word) in [(BadText::Drift, "drift"), (BadText::Replace, "replace")] {
        let properties = json!({"moorline.string.invalid.utf8": word});
        let values = Values { string_invalid: policy, ..default };
        let replaced = |text: &str| if policy == BadText::Replace { Ok(json!(text)) } else { Err("MC607") };
        case(&mut golden, (&string, values, &properties), broken(), replaced("a\u{fffd}b"));
        let anything = json!({"type": any(), "bson.type": "any"});
        case(&mut golden, (&anything, values, &properties), broken(), replaced("\"a\u{fffd}b\""));
    }
    golden.finish();
}

#[test]
fn a_name_twice() {
    let contract = contract_of(&json!({"type": "long"}));
    let twice = elements(&[ONE, (b"v", 0x10, &[1, 0, 0, 0]), (b"v", 0x10, &[2, 0, 0, 0])]);
    let unknown = elements(&[ONE, (b"x", 0x10, &[1, 0, 0, 0]), (b"x", 0x10, &[2, 0, 0, 0])]);
    for policy in [DuplicateKey::Last, DuplicateKey::Drift] {
        let output = with(Values { duplicate_key: policy, ..Values::default() });
        let plan = Plan::compile(&contract, &output, 1, 2, UnknownFields::Spill);
        for (document, path) in [(&twice, "/v"), (&unknown, "")] {
            match (policy, encode(&plan, document)) {
                (DuplicateKey::Last, Ok((_, outcome))) => assert_eq!(outcome.duplicates, 1),
                (DuplicateKey::Drift, Err(misfit)) => {
                    assert_eq!((misfit.rule, misfit.name, misfit.path.as_str()), ("MC104", "duplicate-key", path));
                }
                (policy, other) => panic!("{policy:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn null_by_policy_needs_a_place_for_null() {
    let field = json!({"type": {"type": "array", "items": "double"}});
    let output = with(Values { double_nonfinite: NonFinite::Null, ..Values::default() });
    let plan = Plan::compile(&contract_of(&field), &output, 1, 2, UnknownFields::Report);
    let nan = document(json!({"_id": 1, "v": [{"$numberDouble": "NaN"}]}));
    let misfit = encode(&plan, &nan).expect_err("no place for null");
    assert_eq!((misfit.rule, misfit.path.as_str()), ("MC612", "/v/*"));
    let null = document(json!({"_id": 1, "v": [1.5, null]}));
    let misfit = encode(&plan, &null).expect_err("no place for null");
    assert_eq!((misfit.rule, misfit.name, misfit.path.as_str()), ("MC612", "null-item", "/v/*"));
}
