//! A row by names and values, so that neither the schema's id nor the order of fields nor the width of a number counts.
//!
//! Rows come as JSON of an Avro datum: decimals and bytes as text, times as numbers. Invariants: a field that is null and
//! one that is not there are one; `5` and `5.0` are one number, since a wider schema writes the same value so; all else
//! that differs gives other bytes, types included.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Whole doubles up to here are the whole number that they say.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// SHA-256 of a row's canonical form.
pub type RowHash = [u8; 32];

/// The hash of a row.
pub fn hash(row: &Map<String, Value>) -> RowHash {
    let mut out = Vec::new();
    object(row, &mut out);
    Sha256::digest(&out).into()
}

/// Appends a value's canonical form.
fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(b'0'),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"bT" } else { b"bF" }),
        Value::Number(number) => text(b'n', &digits(number), out),
        Value::String(string) => text(b's', string, out),
        Value::Array(items) => {
            out.push(b'[');
            items.iter().for_each(|item| self::value(item, out));
            out.push(b']');
        }
        Value::Object(members) => object(members, out),
    }
}

fn object(members: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut sorted: Vec<_> = members.iter().filter(|(_, member)| !member.is_null()).collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.push(b'{');
    for (name, member) in sorted {
        text(b'k', name, out);
        value(member, out);
    }
    out.push(b'}');
}

/// The length keeps a text apart from what follows it.
fn text(tag: u8, text: &str, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(text.len() as u64).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn digits(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(x) if number.is_f64() && x.fract() == 0.0 && x.abs() < EXACT && !(x == 0.0 && x.is_sign_negative()) => {
            (x as i64).to_string()
        }
        _ => number.to_string(),
    }
}

/// Paths (JSON pointers) at which two rows differ, with what stands there; at most `most`.
pub fn differences(source: &Value, export: &Value, most: usize) -> Vec<(String, Value, Value)> {
    let mut found = Vec::new();
    walk(source, export, "", most, &mut found);
    found
}

fn walk(source: &Value, export: &Value, path: &str, most: usize, found: &mut Vec<(String, Value, Value)>) {
    if found.len() >= most {
        return;
    }
    if let (Value::Object(ours), Value::Object(theirs)) = (source, export) {
        let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
        for name in names {
            let member = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or(Value::Null);
            let step = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
            walk(&member(ours), &member(theirs), &step, most, found);
        }
        return;
    }
    let form = |of: &Value| {
        let mut out = Vec::new();
        value(of, &mut out);
        out
    };
    if form(source) != form(export) {
        found.push((path.to_owned(), source.clone(), export.clone()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> RowHash {
        hash(value.as_object().unwrap())
    }

    #[test]
    fn what_is_the_same_value_is_the_same_row() {
        assert_eq!(
            of(json!({"a": 5, "b": null, "c": {"x": 1, "y": 2}})),
            of(json!({"c": {"y": 2, "x": 1.0}, "a": 5.0}))
        );
    }

    #[test]
    fn what_differs_is_another_row() {
        let rows = [
            json!({"a": 5}),
            json!({"a": "5"}),
            json!({"a": [5]}),
            json!({"a": 5.5}),
            json!({"a": 9_007_199_254_740_993_i64}),
            json!({"a": 9_007_199_254_740_992.0}),
            json!({"a": -0.0}),
            json!({"a": 0}),
            json!({"a": true}),
            json!({"a": {}}),
            json!({"a": [null]}),
            json!({"a": []}),
            json!({"ab": "c"}),
            json!({"a": "bc"}),
            json!({}),
        ];
        let hashes: std::collections::HashSet<RowHash> = rows.iter().cloned().map(of).collect();
        assert_eq!(hashes.len(), rows.len());
    }

    #[test]
    fn a_difference_has_its_path_and_both_values() {
        let found = differences(&json!({"a": {"b/c": 1}, "d": 2}), &json!({"a": {"b/c": 2}, "d": 2.0, "e": "x"}), 5);
        assert_eq!(found, [("/a/b~1c".into(), json!(1), json!(2)), ("/e".into(), Value::Null, json!("x"))]);
        assert_eq!(differences(&json!({"a": 1, "b": 1}), &json!({}), 1).len(), 1);
    }
}
