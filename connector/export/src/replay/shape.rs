//! The schema of an export's rows, made of the schema of the records.
//!
//! Invariants: fields keep their order, names and logical types; what a row may lack is nullable: in a difference and in
//! a log, where a delete has its key only, that is every field; a named type is defined where it first stands.

use std::collections::BTreeMap;

use moorline_pipeline::error::Problem;
use serde_json::{Map, Value as Json, json};

/// The text of a schema as JSON.
pub(super) fn parsed(text: &str) -> Result<Json, Problem> {
    serde_json::from_str(text).map_err(|error| {
        Problem::new(
            "MOOR-6100",
            "a schema can't be read",
            "schema of the rows",
            error.to_string(),
            "the text must be an Avro schema in JSON: a record",
        )
    })
}

/// The fields of a record.
pub(super) fn fields(schema: &Json) -> &[Json] {
    schema["fields"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether a record is Debezium's envelope.
pub(super) fn is_envelope(schema: &Json) -> bool {
    ["before", "after", "source", "op"].iter().all(|wanted| fields(schema).iter().any(|field| field["name"] == *wanted))
}

/// The same record with every field nullable.
pub(super) fn nullable(schema: &Json) -> Json {
    let made = fields(schema).iter().map(|field| {
        let mut field = field.clone();
        let is_null = |kind: &Json| kind == "null";
        let holds_null = field["type"].as_array().is_some_and(|union| union.iter().any(is_null));
        if !holds_null {
            field["type"] = json!(["null", field["type"]]);
            field["default"] = Json::Null;
        }
        field
    });
    with(schema, made.collect())
}

/// The same record with other fields.
pub(super) fn with(schema: &Json, fields: Vec<Json>) -> Json {
    let mut made = schema.clone();
    made["fields"] = Json::Array(fields);
    made
}

/// The same record with one field more, or with another of this name in its place; and where it stands.
pub(super) fn set(schema: &Json, field: Json) -> (Json, usize) {
    let mut all = fields(schema).to_vec();
    let place = all.iter().position(|known| known["name"] == field["name"]).unwrap_or(all.len());
    if place == all.len() {
        all.push(field)
    } else {
        all[place] = field
    }
    (with(schema, all), place)
}

/// The record with these fields only, in the schema's order; types that were defined in a field that is left out are
/// defined where they stand first.
pub(super) fn pick(schema: &Json, names: &[String]) -> Result<Json, Problem> {
    let known: Vec<&str> = fields(schema).iter().filter_map(|field| field["name"].as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Problem::new(
            "MOOR-6129",
            format!("the rows have no field `{unknown}`"),
            "--columns",
            format!("they have {}", known.join(", ")),
            "name fields as they stand in the topic's schema",
        ));
    }
    let mut types = BTreeMap::new();
    let own = schema["namespace"].as_str().unwrap_or_default();
    gather(&schema["fields"], own, &mut types);
    let is_in = |field: &&Json| field["name"].as_str().is_some_and(|name| names.iter().any(|wanted| wanted == name));
    let chosen: Vec<Json> = fields(schema).iter().filter(is_in).cloned().collect();
    let mut made = with(schema, chosen);
    let mut defined = Vec::new();
    define(&mut made["fields"], own, &types, &mut defined);
    Ok(made)
}

/// Full name of a type that is named in a namespace.
fn full(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// The name of a definition, and the namespace within it.
fn named(object: &Map<String, Json>, namespace: &str) -> Option<(String, String)> {
    let kind = object.get("type").and_then(Json::as_str)?;
    let name = object.get("name").and_then(Json::as_str)?;
    if !matches!(kind, "record" | "enum" | "fixed") {
        return None;
    }
    let namespace = object.get("namespace").and_then(Json::as_str).unwrap_or(namespace);
    let name = full(name, namespace);
    let within = name.rsplit_once('.').map_or("", |(within, _)| within).to_owned();
    Some((name, within))
}

fn gather(part: &Json, namespace: &str, types: &mut BTreeMap<String, Json>) {
    match part {
        Json::Array(items) => items.iter().for_each(|item| gather(item, namespace, types)),
        Json::Object(object) => {
            let name = named(object, namespace);
            let within = name.as_ref().map_or(namespace, |(_, within)| within);
            for key in ["type", "fields", "items", "values"] {
                object.get(key).into_iter().for_each(|inner| gather(inner, within, types));
            }
            if let Some((name, within)) = name {
                let mut whole = object.clone();
                whole.insert("name".to_owned(), name.as_str().into());
                whole.entry("namespace").or_insert_with(|| within.into());
                types.insert(name, Json::Object(whole));
            }
        }
        _ => {}
    }
}

fn define(part: &mut Json, namespace: &str, types: &BTreeMap<String, Json>, defined: &mut Vec<String>) {
    match part {
        Json::Array(items) => items.iter_mut().for_each(|item| define(item, namespace, types, defined)),
        Json::Object(object) => {
            let name = named(object, namespace);
            if let Some((name, _)) = &name {
                defined.push(name.clone());
            }
            let within = name.as_ref().map_or(namespace, |(_, within)| within).to_owned();
            for key in ["type", "fields", "items", "values"] {
                if let Some(inner) = object.get_mut(key) {
                    define(inner, &within, types, defined);
                }
            }
        }
        Json::String(name) => {
            let name = full(name, namespace);
            if let Some(definition) = types.get(&name)
                && !defined.contains(&name)
            {
                *part = definition.clone();
                define(part, namespace, types, defined);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_defined_where_it_first_stands() {
        let point = json!({"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]});
        let schema = json!({"type": "record", "name": "a", "namespace": "n", "fields": [
            {"name": "one", "type": ["null", point], "default": null}, {"name": "two", "type": "n.Point"},
            {"name": "three", "type": "Point"}]});
        let picked = pick(&schema, &["three".to_owned(), "two".to_owned()]).unwrap();
        assert_eq!(fields(&picked).len(), 2);
        assert_eq!(fields(&picked)[0]["type"]["name"], "n.Point");
        assert_eq!(fields(&picked)[1]["type"], "Point");
        assert_eq!(pick(&schema, &["four".to_owned()]).unwrap_err().code, "MOOR-6129");
        let all = nullable(&schema);
        assert_eq!(fields(&all)[0], fields(&schema)[0]);
        assert_eq!(fields(&all)[1], json!({"name": "two", "type": ["null", "n.Point"], "default": null}));
    }
}
