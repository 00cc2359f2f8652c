//! Where two rows differ, as people read them: rows as JSON, by the paths of their members.
//!
//! Invariants: a member that is null and one that is not there are one; `5` and `5.0` are one number, since a wider schema
//! writes the same value so. Whether rows are the same is said by the hash of their canonical form, not here.

use serde_json::{Map, Value};

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
    if !same(source, export) {
        found.push((path.to_owned(), source.clone(), export.clone()));
    }
}

fn same(source: &Value, export: &Value) -> bool {
    match (source, export) {
        (Value::Number(ours), Value::Number(theirs)) if ours.is_f64() != theirs.is_f64() => {
            ours.as_f64().is_some_and(|number| Some(number) == theirs.as_f64())
        }
        _ => source == export,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_has_its_path_and_both_values() {
        let found = differences(&json!({"a": {"b/c": 1}, "d": 2}), &json!({"a": {"b/c": 2}, "d": 2.0, "e": "x"}), 5);
        assert_eq!(found, [("/a/b~1c".into(), json!(1), json!(2)), ("/e".into(), Value::Null, json!("x"))]);
        assert_eq!(differences(&json!({"a": 1, "b": 1}), &json!({}), 1).len(), 1);
        assert_eq!(differences(&json!({"a": [5], "b": null}), &json!({"a": ["5"]}), 5).len(), 1);
    }
}
