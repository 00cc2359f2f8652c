//! Flat JSON, also in the form `{"name", "config"}` of Connect's REST interface.
//!
//! Values are kept as slices of the text, so that each has a place and thereby a line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Content, Entry, Fault, line_at};

/// The members of an object, in order, also those that are there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of keys and values")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Reads a text that begins like JSON.
pub(crate) fn read(text: &str) -> Content {
    let mut content = Content::default();
    let members = match serde_json::from_str::<Members<'_>>(text) {
        Ok(Members(members)) => members,
        Err(error) => {
            let line = error.line().max(1);
            // The parser's own words may quote the text, which may hold a secret.
            let why = match error.classify() {
                serde_json::error::Category::Eof => "it ends before its last bracket".to_owned(),
                _ => format!("it is no JSON object from column {} on", error.column()),
            };
            let fix = "write one object of keys and texts: {\"name\": \"shop\", ...}, without comments".to_owned();
            content.faults.push((line, Fault::Unreadable(why, fix)));
            content.broken = true;
            return content;
        }
    };
    let config = members.iter().find(|(key, raw)| key == "config" && raw.get().starts_with('{'));
    let Some((_, config)) = config else {
        take(text, members, &mut content);
        return content;
    };
    if let Ok(Members(inner)) = serde_json::from_str::<Members<'_>>(config.get()) {
        take(text, inner, &mut content);
    }
    beside(text, &members, &mut content);
    content
}

/// What stands beside `config`: the name, and what other tools put there.
fn beside(text: &str, members: &[(String, &RawValue)], content: &mut Content) {
    for (key, raw) in members.iter().filter(|(key, _)| key != "config") {
        let line = line_of(text, raw);
        if key != "name" {
            content.faults.push((line, Fault::Beside(key.clone())));
            continue;
        }
        let Ok(value) = scalar(raw) else {
            content.faults.push((line, Fault::NoText(key.clone(), "neither an object nor a list")));
            continue;
        };
        match content.entries.iter().find(|entry| entry.key == "name") {
            Some(entry) if entry.value == value => {}
            Some(_) => content.faults.push((line, Fault::OtherName)),
            None => content.entries.push(Entry { key: key.clone(), value, line }),
        }
    }
}

fn take(text: &str, members: Vec<(String, &RawValue)>, content: &mut Content) {
    for (key, raw) in members {
        let line = line_of(text, raw);
        match scalar(raw) {
            Ok(value) => content.entries.push(Entry { key, value, line }),
            Err(Value::Object(object)) => {
                let mut flat = Vec::new();
                flatten(&key, &object, &mut flat);
                content.faults.push((line, Fault::Nested(key, flat)));
            }
            Err(Value::Null) => content.faults.push((line, Fault::NoText(key, "null is no value"))),
            Err(_) => content.faults.push((line, Fault::NoText(key, "a list is written as one text, with commas"))),
        }
    }
}

/// The text of a scalar, as Connect makes it; else what it is.
fn scalar(raw: &RawValue) -> Result<String, Value> {
    match serde_json::from_str::<Value>(raw.get()) {
        Ok(Value::String(text)) => Ok(text),
        Ok(Value::Number(_) | Value::Bool(_)) => Ok(raw.get().to_owned()),
        Ok(other) => Err(other),
        Err(_) => Err(Value::Null),
    }
}

/// Most keys of a nested object that are told.
const TOLD: usize = 20;

fn flatten(prefix: &str, object: &serde_json::Map<String, Value>, into: &mut Vec<String>) {
    for (key, value) in object {
        let key = format!("{prefix}.{key}");
        match value {
            Value::Object(inner) if !inner.is_empty() => flatten(&key, inner, into),
            _ if into.len() < TOLD => into.push(key),
            _ => return,
        }
    }
}

fn line_of(text: &str, raw: &RawValue) -> usize {
    line_at(text, (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(content: &Content) -> Vec<(&str, &str, usize)> {
        content.entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str(), entry.line)).collect()
    }

    #[test]
    fn both_forms_and_scalars() {
        let flat = read("{\n \"name\": \"shop\",\n \"tasks.max\": 2,\n \"x\": true,\n \"a\\u002eb\": \"\\n\"}");
        assert_eq!(pairs(&flat), [("name", "shop", 2), ("tasks.max", "2", 3), ("x", "true", 4), ("a.b", "\n", 5)]);
        let wrapped = read("{\"name\": \"shop\",\n \"config\": {\n  \"tasks.max\": \"2\"}}");
        assert_eq!(pairs(&wrapped), [("tasks.max", "2", 3), ("name", "shop", 1)]);
        assert!(wrapped.faults.is_empty());
    }

    #[test]
    fn what_is_not_flat_is_told_with_its_keys() {
        let content = read("{\"a\": {\"b\": {\"c\": 1}, \"d\": 2},\n\"l\": [1],\n\"n\": null}");
        assert_eq!(content.faults[0], (1, Fault::Nested("a".into(), vec!["a.b.c".into(), "a.d".into()])));
        assert!(matches!(content.faults[1], (2, Fault::NoText(..))));
        assert!(matches!(content.faults[2], (3, Fault::NoText(..))));
    }

    #[test]
    fn names_that_differ_and_strange_members() {
        let content = read("{\"name\": \"a\", \"initial_state\": \"STOPPED\", \"config\": {\"name\": \"b\"}}");
        assert_eq!(content.faults.len(), 2);
        assert_eq!(content.faults[0].1, Fault::OtherName);
        assert_eq!(content.faults[1].1, Fault::Beside("initial_state".into()));
    }

    #[test]
    fn what_is_no_json_quotes_nothing() {
        for text in ["{\"a\": hunter2}", "{\"a\": \"hunter2\"", "[\"hunter2\"]", "{} hunter2", "{"] {
            let content = read(text);
            assert!(content.broken, "{text}");
            assert!(!format!("{:?}", content.faults).contains("hunter2"), "{text}");
        }
    }
}
