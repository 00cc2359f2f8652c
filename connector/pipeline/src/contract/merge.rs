//! A contract back from what is registered, where the file is gone, and a file's contract with a registry ahead of it.
//!
//! Invariants: what is derived from `from_registered` of a derived schema is that schema again, so a restart without
//! files finds the same ids; a merge never narrows what is registered, and never takes a policy from it.

use serde_json::{Map, Value as Json};
use thiserror::Error;

use super::derive;
use super::file::read::Reader;
use super::file::render;
use super::flat;
use super::model::{Contract, Field, Output, Type};
use super::names;
use super::output::{Form, envelope};
use crate::model::Namespace;

/// The registered schemas are not derived from a contract.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}")]
pub struct NotOurs {
    /// What in them no contract gives.
    pub what: String,
}

/// The contract that these schemas were derived from, but for its policies, which are never registered.
pub fn from_registered(value: &str, key: &str, namespace: &Namespace, output: &Output) -> Result<Contract, NotOurs> {
    let key = record(key, "Key", output)?;
    let value = match output.form {
        Form::Document(_) => record(value, "Value", output)?,
        Form::Envelope => within(record(value, envelope::NAME, output)?)?,
    };
    let mut reader = Reader::default();
    let list = value.get("fields").and_then(Json::as_array).cloned().unwrap_or_default();
    let id = list.first().and_then(Json::as_object).ok_or_else(|| not_ours("the value has no fields"))?;
    let key_field = key.get("fields").and_then(|fields| fields.get(0)).and_then(Json::as_object);
    let key_field = key_field.ok_or_else(|| not_ours("the key has no fields"))?;
    let kind = reader.key(key_field, "key");
    // The document's fields end where metadata begins.
    let reserved = |field: &Json| {
        let name = field.get("name").and_then(Json::as_str);
        name.is_some_and(|name| output.is_reserved(name) || names::is_reserved(name, &output.metadata_prefix))
    };
    let end = list.iter().position(reserved).unwrap_or(list.len());
    let fields = reader.fields(&list[..end], 1, "value", |_| false);
    let fields = flat::nested(fields, &names::record(namespace));
    let key_properties = properties(id, &["name", "type", "bson.type"]);
    if let Some(problem) = reader.problems.first() {
        return Err(not_ours(format!("{}: {}", problem.pointer, problem.what)));
    }
    let contract = Contract {
        namespace: namespace.clone(),
        name: names::record(namespace),
        avro_namespace: names::sanitise(namespace.db()),
        version: 1,
        key: kind.ok_or_else(|| not_ours("the key is of no kind of ours"))?,
        fields,
        excluded: Vec::new(),
        on_drift: None,
        unknown: None,
        properties: properties(&value, &["type", "name", "namespace", "fields"]),
        key_properties,
    };
    if Some(&Json::Object(render::key(&contract.key))) != key.get("fields").and_then(|fields| fields.get(0)) {
        return Err(not_ours("the key's field _id is not as ours are written"));
    }
    Ok(contract)
}

/// The value's record within an envelope: `before` defines it.
fn within(envelope: Map<String, Json>) -> Result<Map<String, Json>, NotOurs> {
    let before = envelope.get("fields").and_then(Json::as_array).and_then(|fields| fields.first());
    let before = before.filter(|field| field.get("name").is_some_and(|name| name == "before"));
    let types = before.and_then(|field| field.get("type")).and_then(Json::as_array);
    let value = types.and_then(|types| types.iter().find_map(Json::as_object)).filter(|value| {
        value.get("name").and_then(Json::as_str).is_some_and(|name| name == "Value" || name.ends_with(".Value"))
    });
    value.cloned().ok_or_else(|| not_ours("the envelope has no record Value in `before`"))
}

fn record(text: &str, name: &str, output: &Output) -> Result<Map<String, Json>, NotOurs> {
    let mut json: Json = serde_json::from_str(text).map_err(|error| not_ours(format!("no JSON: {error}")))?;
    let namespace = output.adjustment.namespace(&output.topic);
    let found = relative(&mut json, &namespace);
    let Json::Object(members) = json else { return Err(not_ours(format!("{name} is no record"))) };
    let full = format!("{namespace}.{name}");
    if found.as_ref() == Some(&full) {
        return Ok(members);
    }
    Err(not_ours(format!("the record is called {}, not {full}", found.unwrap_or_default())))
}

/// Takes the topic's namespace from every record's name, where a parser has written it in one of the two ways that Avro
/// has; gives the full name of the outermost record.
fn relative(schema: &mut Json, namespace: &str) -> Option<String> {
    let mut found = None;
    match schema {
        Json::Object(members) => {
            if members.get("type").is_some_and(|ty| ty == "record")
                && let Some(name) = members.get("name").and_then(Json::as_str)
            {
                let own = members.get("namespace").and_then(Json::as_str).filter(|_| !name.contains('.'));
                let full = own.map_or_else(|| name.to_owned(), |own| format!("{own}.{name}"));
                if let Some(short) = full.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('.')) {
                    let short = Json::from(short);
                    members.shift_remove("namespace");
                    members.insert("name".to_owned(), short);
                }
                found = Some(full);
            }
            members.values_mut().for_each(|member| drop(relative(member, namespace)));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| drop(relative(item, namespace))),
        _ => {}
    }
    found
}

fn properties(members: &Map<String, Json>, known: &[&str]) -> Map<String, Json> {
    let kept = members.iter().filter(|(name, _)| !known.contains(&name.as_str()) && derive::is_registered(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn not_ours(what: impl Into<String>) -> NotOurs {
    NotOurs { what: what.into() }
}

/// The file's contract, with the fields and the wider types that evolution registered since it was written. The file
/// keeps its policies, documentation and promises; the key's kind is the registered one, which is frozen.
pub fn merge(file: Contract, registered: Contract) -> Contract {
    let excluded = file.excluded.clone();
    let fields = fields(file.fields, registered.fields, "", &excluded);
    Contract { key: registered.key, fields, ..file }
}

/// Fields in the registered order, which positional readers and the schema's id depend on; then the file's own.
fn fields(file: Vec<Field>, registered: Vec<Field>, above: &str, excluded: &[String]) -> Vec<Field> {
    let mut file: Vec<Option<Field>> = file.into_iter().map(Some).collect();
    let mut out = Vec::new();
    for theirs in registered {
        let path = format!("{above}{}", theirs.bson_name);
        let ours = file.iter_mut().find(|ours| ours.as_ref().is_some_and(|ours| ours.bson_name == theirs.bson_name));
        match ours.and_then(Option::take) {
            Some(ours) => out.push(field(ours, theirs, &path, excluded)),
            // Left out on purpose since: the checks of a contract's changes speak of it, not the merge.
            None if excluded.contains(&path) => {}
            None => out.push(theirs),
        }
    }
    for ours in file.into_iter().flatten() {
        // A name that the registered contract gave to another field stays that field's.
        if out.iter().all(|field| field.name != ours.name) {
            out.push(ours);
        }
    }
    out
}

fn field(ours: Field, theirs: Field, path: &str, excluded: &[String]) -> Field {
    let (ty, wider) = ty(ours.ty, theirs.ty, &format!("{path}."), excluded);
    let mut accepts = if wider { theirs.accepts.clone() } else { ours.accepts.clone() };
    if ty_is_text(&ty) && !wider {
        accepts = union(ours.accepts, theirs.accepts);
    }
    Field {
        ty,
        accepts,
        name: theirs.name,
        bson_name: ours.bson_name,
        required: ours.required,
        properties: ours.properties,
    }
}

/// The type of both, and whether it is the registered one because that is wider.
fn ty(ours: Type, theirs: Type, above: &str, excluded: &[String]) -> (Type, bool) {
    match (ours, theirs) {
        (Type::Int, wider @ (Type::Long | Type::Double)) => (wider, true),
        (Type::Long, Type::Double) => (Type::Double, true),
        (Type::Record(mut ours), Type::Record(theirs)) => {
            ours.name = theirs.name;
            ours.fields = fields(ours.fields, theirs.fields, above, excluded);
            (Type::Record(ours), false)
        }
        (Type::Map(ours), Type::Map(theirs)) => {
            let (inner, wider) = ty(*ours, *theirs, above, excluded);
            (Type::Map(Box::new(inner)), wider)
        }
        (Type::Array(ours), Type::Array(theirs)) => {
            let (inner, wider) = ty(*ours, *theirs, above, excluded);
            (Type::Array(Box::new(inner)), wider)
        }
        (Type::FullArray(ours), Type::FullArray(theirs)) => {
            let (inner, wider) = ty(*ours, *theirs, above, excluded);
            (Type::FullArray(Box::new(inner)), wider)
        }
        (Type::Entries { values: ours, .. }, Type::Entries { name, values: theirs }) => {
            let (inner, wider) = ty(*ours, *theirs, above, excluded);
            (Type::Entries { name, values: Box::new(inner) }, wider)
        }
        // The file differs on purpose; the registry and the checks have their say.
        (ours, _) => (ours, false),
    }
}

fn ty_is_text(ty: &Type) -> bool {
    *ty.innermost() == Type::String
}

/// What either accepts; nothing named stands for strings.
fn union(ours: Vec<String>, theirs: Vec<String>) -> Vec<String> {
    if ours.is_empty() && theirs.is_empty() {
        return ours;
    }
    let mut all = super::evolve::spelled(theirs);
    for name in super::evolve::spelled(ours) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}
