//! When documents are dictionaries: every threshold of spec/types.md section 4, on it and just beside it.

use bson::RawDocumentBuf;
use moorline_pipeline::contract::model::Type;
use serde_json::{Map, Value as Json, json};

use crate::stage::{document, infer_all, rules, top};

/// Documents with these keys under `v`; the values are whole numbers.
fn sample(keys: &[Vec<String>]) -> Vec<RawDocumentBuf> {
    let of = |(n, keys): (usize, &Vec<String>)| {
        let entries: Map<String, Json> = keys.iter().map(|key| (key.clone(), json!(n))).collect();
        document(json!({"_id": n, "v": entries}))
    };
    keys.iter().enumerate().map(of).collect()
}

fn is_map(sample: &[RawDocumentBuf]) -> bool {
    let inferred = infer_all(sample);
    let found = matches!(top(&inferred.contract, "v").expect("decided").ty, Type::Map(_));
    assert_eq!(rules(&inferred).contains(&"MC616"), found, "a verdict of dictionary is told with its numbers");
    found
}

/// `documents` documents with keys of one pattern, each key once, `each` keys a document.
fn patterned(documents: usize, each: usize, form: impl Fn(usize) -> String) -> Vec<RawDocumentBuf> {
    let keys: Vec<Vec<String>> = (0..documents).map(|n| (0..each).map(|m| form(n * each + m)).collect()).collect();
    sample(&keys)
}

#[test]
fn at_least_twenty_documents() {
    assert!(is_map(&patterned(20, 2, |n| n.to_string())));
    assert!(!is_map(&patterned(19, 2, |n| n.to_string())));
}

#[test]
fn at_least_thirty_two_keys() {
    let cycling = |distinct: usize| patterned(64, 1, move |n| format!("{}", n % distinct));
    assert!(is_map(&cycling(32)));
    assert!(!is_map(&cycling(31)));
}

#[test]
fn at_least_four_times_the_keys_of_a_document() {
    // 40 keys, 10 of them in each document: U = 4 m.
    let cycling = |distinct: usize| patterned(40, 10, move |n| format!("{}", n % distinct));
    assert!(is_map(&cycling(40)));
    assert!(!is_map(&cycling(39)));
}

#[test]
fn new_keys_in_the_second_half_or_one_pattern() {
    // Words that have no pattern: 40 keys, of which `late` come in the second half of 80 documents.
    let words = |late: usize| {
        let first = 40 - late;
        let keys: Vec<Vec<String>> = (0..80)
            .map(|n| {
                let key = if n < 40 { n % first } else { first + (n - 40) % late.max(1) };
                vec![format!("word {}", ["x"; 50][..=key].concat())]
            })
            .collect();
        sample(&keys)
    };
    assert!(is_map(&words(8)), "a fifth of the keys is new");
    assert!(!is_map(&words(7)));
    // 40 keys in the first half, `odd` of them words: no new ones in the second.
    let mixed = |odd: usize| {
        let key = move |n: usize| {
            let n = n % 40;
            if n < odd { format!("word {}", ["x"; 50][..=n].concat()) } else { format!("SKU-{n}") }
        };
        patterned(80, 1, key)
    };
    assert!(is_map(&mixed(4)), "nine in ten match");
    assert!(!is_map(&mixed(5)));
}

#[test]
fn every_pattern_counts() {
    type Form = fn(usize) -> String;
    let forms: [(&str, Form); 10] = [
        ("integer", |n| n.to_string()),
        ("negative integer", |n| format!("-{}", n + 1)),
        ("ObjectId", |n| format!("507f1f77bcf86cd7994390{n:02x}")),
        ("UUID", |n| format!("73ffd264-44b3-4c69-90e8-e7d10dfc03{n:02x}")),
        ("date", |n| format!("2026-{:02}-{:02}", n % 12 + 1, n / 12 + 1)),
        ("e-mail", |n| format!("user{n}@example.com")),
        ("locale", |n| format!("{}{}_DE", char::from(b'a' + (n / 26) as u8), char::from(b'a' + (n % 26) as u8))),
        ("code", |n| format!("WH-{n}")),
        ("code without a dash", |n| format!("ABCDE{n}")),
        ("short code", |n| format!("AB{n}")),
    ];
    for (title, form) in forms {
        // All keys come in the first half, so only the pattern speaks.
        assert!(is_map(&patterned(80, 1, |n| form(n % 40))), "{title}");
    }
    let no_forms: [(&str, Form); 4] = [
        ("one letter", |n| format!("A{n}")),
        ("six letters", |n| format!("ABCDEF{n}")),
        ("small letters", |n| format!("ab{n}")),
        ("a number with a dot", |n| format!("{n}.5")),
    ];
    for (title, form) in no_forms {
        assert!(!is_map(&patterned(80, 1, |n| form(n % 40))), "{title}");
    }
}

#[test]
fn no_key_in_more_than_half_of_the_documents() {
    let with_common = |times: usize| {
        let keys: Vec<Vec<String>> =
            (0..40).map(|n| if n < times { vec![n.to_string(), "100".into()] } else { vec![n.to_string()] }).collect();
        sample(&keys)
    };
    assert!(is_map(&with_common(20)));
    assert!(!is_map(&with_common(21)));
}

#[test]
fn values_widen_to_one_type_or_any() {
    let of = |value: fn(usize) -> Json| {
        let sample: Vec<_> = (0..40).map(|n| document(json!({"_id": n, "v": {n.to_string(): value(n)}}))).collect();
        top(&infer_all(&sample).contract, "v").expect("decided").clone()
    };
    assert_eq!(of(|n| json!(n)).ty, Type::Map(Box::new(Type::Long)));
    let mixed = of(|n| if n % 2 == 0 { json!(n) } else { json!(0.5) });
    assert_eq!((mixed.ty, mixed.accepts.join("|")), (Type::Map(Box::new(Type::Double)), "int32|double".into()));
    let conflict = of(|n| if n % 2 == 0 { json!(n) } else { json!("x") });
    assert_eq!(conflict.ty, Type::Map(Box::new(Type::Any)));
    // Documents as values are one shape, whatever their key.
    let Type::Map(values) = of(|n| json!({"a": n, "b": null})).ty else { panic!("no map") };
    let Type::Record(record) = *values else { panic!("no record") };
    assert_eq!(record.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn items_of_arrays_are_documents_too() {
    let sample = [document(json!({"_id": 1, "v": (0..40).map(|n| json!({n.to_string(): n})).collect::<Vec<_>>()}))];
    let inferred = infer_all(&sample);
    assert_eq!(
        top(&inferred.contract, "v").expect("decided").ty,
        Type::Array(Box::new(Type::Map(Box::new(Type::Long))))
    );
}
