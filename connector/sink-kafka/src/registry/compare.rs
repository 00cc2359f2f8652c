//! Whether two texts are the same schema: registries write `{"type": "string"}` as `"string"`, and order keys anew.
//!
//! Invariant: a difference in anything that a registry keeps (documentation, defaults, properties) is a difference.

use serde_json::Value;

/// Whether two schemas' texts mean the same; texts that are no JSON are compared as they are.
pub fn same_schema(one: &str, other: &str) -> bool {
    match (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) {
        (Ok(one), Ok(other)) => plain(one) == plain(other),
        _ => one == other,
    }
}

/// A type that is written as an object with nothing else in it, as its name.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut map: serde_json::Map<String, Value> = map.into_iter().map(|(k, v)| (k, inner(v))).collect();
            match map.remove("type") {
                Some(only) if map.is_empty() => only,
                Some(kind) => {
                    map.insert("type".to_owned(), kind);
                    Value::Object(map)
                }
                None => Value::Object(map),
            }
        }
        other => inner(other),
    }
}

/// What stands in a key: schemas within, and everything else as it is.
fn inner(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        object @ Value::Object(_) => plain(object),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_count_and_content_does() {
        let record = |fields: &str| format!(r#"{{"type":"record","name":"r","fields":[{fields}]}}"#);
        let long = record(r#"{"name":"a","type":["null",{"type":"string"}],"default":null}"#);
        let short = record(r#"{"default":null,"name":"a","type":["null","string"]}"#);
        assert!(same_schema(&long, &short));
        assert!(same_schema(r#"{"type":"string"}"#, r#""string""#));
        assert!(!same_schema(&short, &record(r#"{"name":"a","type":["null","long"],"default":null}"#)));
        let documented = record(r#"{"name":"a","type":["null","string"],"default":null,"doc":"x"}"#);
        assert!(!same_schema(&short, &documented));
    }
}
