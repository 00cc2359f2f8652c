//! What is registered: key and value schemas, derived from a contract and the topic it goes to.
//!
//! Invariants: `moorline.*` is never registered; `_id` stands first in the value, of the key's type, not nullable; the
//! metadata fields stand behind the document's, then `__missing`, `__spill` last of all; the key's schema depends on the key's kind and the
//! topic alone, since its id is part of the key's bytes.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::file::render;
use super::flat;
use super::forms::Nested;
use super::model::{Contract, Output};
use super::names;
use super::output::{Form, envelope};
use crate::jcs;

/// The schema of the topic's keys, as JSON text: the record `<topic>.Key` of `_id`.
pub fn key_schema(contract: &Contract, output: &Output) -> String {
    let key = Json::Object(render::key(&contract.key));
    record("Key", output, &Map::new(), vec![key]).to_string()
}

/// The schema of the topic's values, as JSON text: the record `<topic>.Value`, or `<topic>.Envelope` around it.
pub fn value_schema(contract: &Contract, output: &Output) -> String {
    let mut key = render::key(&contract.key);
    render::append(&mut key, &contract.key_properties, is_registered);
    let mut fields = vec![Json::Object(key)];
    match &output.nested {
        Nested::Flatten(delimiter) => {
            let columns = flat::columns(&contract.fields, delimiter, &output.metadata_prefix);
            fields.extend(columns.iter().map(|column| render::column(column, is_registered)));
        }
        Nested::Struct | Nested::Json => {
            fields.extend(render::fields(&flat::fields(contract, output), is_registered));
        }
    }
    fields.extend(output.columns().iter().map(|column| metadata(&column.name, column.fact.ty(), output)));
    if output.missing {
        fields.push(metadata(names::MISSING, json!({"type": "array", "items": "string"}), output));
    }
    if output.spill {
        fields.push(metadata(names::SPILL, json!({"type": "map", "values": "string"}), output));
    }
    let value = record("Value", output, &contract.properties, fields);
    match output.form {
        Form::Document(_) => value,
        Form::Envelope => {
            let name = format!("{}.Value", output.adjustment.namespace(&output.topic));
            record(envelope::NAME, output, &Map::new(), envelope::fields(value, &name))
        }
    }
    .to_string()
}

/// Fields of the contract that the metadata of this output would hide, MC106: with any, nothing may be registered.
pub fn hidden(contract: &Contract, output: &Output) -> Vec<String> {
    let names = contract.fields.iter().map(|field| &field.name);
    names.filter(|name| output.is_reserved(name)).cloned().collect()
}

/// Whether every column of the first contract's output has its name in the second's as well.
pub fn keeps_names(before: &Contract, after: &Contract, output: &Output) -> bool {
    flat::keeps_names(before, after, output)
}

/// SHA-256, in hex, of a schema's canonical JSON: the same whoever wrote the text; `""` counts as no JSON's text.
pub fn schema_digest(text: &str) -> String {
    let canonical =
        serde_json::from_str::<Json>(text).map_or_else(|_| text.to_owned(), |schema| jcs::canonical(&schema));
    hex::encode(Sha256::digest(canonical.as_bytes()))
}

/// Properties that are part of the wire's contract.
pub(crate) fn is_registered(property: &str) -> bool {
    property.starts_with("bson.") || property.starts_with("connect.") || matches!(property, "doc" | "aliases")
}

fn metadata(name: &str, ty: Json, output: &Output) -> Json {
    Json::Object(render::nullable_field(&format!("{}{name}", output.metadata_prefix), ty))
}

fn record(name: &str, output: &Output, properties: &Map<String, Json>, fields: Vec<Json>) -> Json {
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("record"));
    out.insert("name".to_owned(), json!(name));
    out.insert("namespace".to_owned(), json!(output.adjustment.namespace(&output.topic)));
    render::append(&mut out, properties, is_registered);
    out.insert("fields".to_owned(), Json::Array(fields));
    Json::Object(out)
}
