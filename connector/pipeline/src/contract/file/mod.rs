//! The contract file `schemas/<db>.<coll>.avsc`: read with every problem's line, and written so that diffs show fields.
//!
//! In reading order: `read` (JSON to types), `choices` (where there are several ways), `key` (`_id` to its kind), `render` (types to JSON), `place` (lines),
//! `print` (text).
//!
//! Invariants: `parse(write(c)) == c`; what a person wrote beside our properties is kept; an unknown property of ours,
//! or a type that would be lost in writing, is a problem and never ignored.

mod choices;
mod key;
mod place;
mod print;
pub(crate) mod read;
pub(crate) mod render;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use self::place::Places;
use self::read::{Reader, SHAPE};
use super::model::{Contract, Drift, KeyKind, Unknown};
use super::names;
use crate::model::Namespace;

/// What is wrong with a contract file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// From 1.
    pub line: u32,
    /// From 1; `None` where the line is all that is known.
    pub column: Option<u32>,
    /// `MC104` and other rules; `MOOR-4009` for what is no contract, `MOOR-4011` for a property that does not exist.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub what: String,
    /// What to write instead.
    pub fix: String,
}

const PROPERTIES: [&str; 11] = [
    "contract",
    "collection",
    "owner",
    "consumers",
    "on.drift",
    "compatibility",
    "unknown",
    "excluded",
    "ignore",
    "tags",
    "profile",
];

/// The file's name in `contract.path`: what a topic's name does not allow is percent-encoded.
pub fn file_name(namespace: &Namespace) -> String {
    let mut out = String::new();
    for letter in namespace.as_str().chars() {
        if names::is_topic_letter(letter) {
            out.push(letter);
        } else {
            let mut bytes = [0; 4];
            out.extend(letter.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    out + ".avsc"
}

/// SHA-256 of a contract file's text, in hex.
pub fn contract_hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The text of a contract's file.
pub fn write(contract: &Contract) -> String {
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("record"));
    out.insert("name".to_owned(), json!(contract.name));
    out.insert("namespace".to_owned(), json!(contract.avro_namespace));
    out.insert("moorline.contract".to_owned(), json!(contract.version));
    out.insert("moorline.collection".to_owned(), json!(contract.namespace.as_str()));
    if let Some((word, _)) = DRIFTS.iter().find(|(_, drift)| Some(*drift) == contract.on_drift) {
        out.insert("moorline.on.drift".to_owned(), json!(word));
    }
    if let Some((word, _)) = UNKNOWNS.iter().find(|(_, unknown)| Some(*unknown) == contract.unknown) {
        out.insert("moorline.unknown".to_owned(), json!(word));
    }
    if !contract.excluded.is_empty() {
        out.insert("moorline.excluded".to_owned(), json!(contract.excluded));
    }
    render::append(&mut out, &contract.properties, |_| true);
    let mut key = render::key(&contract.key);
    key.insert("moorline.key".to_owned(), json!(true));
    render::append(&mut key, &contract.key_properties, |_| true);
    let mut fields = vec![Json::Object(key)];
    fields.extend(render::fields(&contract.fields, |_| true));
    out.insert("fields".to_owned(), Json::Array(fields));
    print::print(&Json::Object(out))
}

const DRIFTS: [(&str, Drift); 4] =
    [("evolve", Drift::Evolve), ("spill", Drift::Spill), ("quarantine", Drift::Quarantine), ("halt", Drift::Halt)];
const UNKNOWNS: [(&str, Unknown); 3] =
    [("drift", Unknown::Drift), ("spill", Unknown::Spill), ("ignore", Unknown::Ignore)];

/// The contract of a file's text, or everything that is wrong with it, in the order of the lines.
pub fn parse(text: &str, namespace: &Namespace) -> Result<Contract, Vec<FileProblem>> {
    parse_beside(text, namespace, names::METADATA_PREFIX)
}

/// The same where the metadata fields have another prefix: what would hide them is a problem.
pub fn parse_beside(text: &str, namespace: &Namespace, metadata_prefix: &str) -> Result<Contract, Vec<FileProblem>> {
    let json: Json = serde_json::from_str(text).map_err(|error| {
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
        let column = u32::try_from(error.column()).ok();
        let fix = "correct the JSON here".to_owned();
        vec![FileProblem { line, column, code: SHAPE, what: format!("this is no JSON: {error}"), fix }]
    })?;
    let places = Places::of(text);
    let mut reader = Reader::default();
    for pointer in &places.twice {
        reader.wrong(pointer, SHAPE, "the name stands twice in one object", "remove one of them");
    }
    let contract = contract(&json, namespace, metadata_prefix, &mut reader);
    let mut problems: Vec<FileProblem> = Vec::new();
    for problem in reader.problems {
        let (line, column) = places.get(&problem.pointer);
        problems.push(FileProblem {
            line,
            column: Some(column),
            code: problem.code,
            what: problem.what,
            fix: problem.fix,
        });
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    match contract {
        Some(contract) if problems.is_empty() => Ok(contract),
        _ if problems.is_empty() => Err(vec![FileProblem {
            line: 1,
            column: None,
            code: SHAPE,
            what: "this is no contract".to_owned(),
            fix: "a record with \"name\" and \"fields\"".to_owned(),
        }]),
        _ => Err(problems),
    }
}

fn contract(json: &Json, namespace: &Namespace, metadata_prefix: &str, reader: &mut Reader) -> Option<Contract> {
    let Some(members) = json.as_object().filter(|members| members.get("type").is_some_and(|ty| ty == "record")) else {
        reader.wrong("", SHAPE, "a contract is an Avro record", "{\"type\": \"record\", ...}");
        return None;
    };
    let name = reader.optional_text(members, "name", "").unwrap_or_else(|| names::record(namespace));
    reader.record_name(&name, "/name");
    let avro_namespace =
        reader.optional_text(members, "namespace", "").unwrap_or_else(|| names::sanitise(namespace.db()));
    if names::avro_namespace(&avro_namespace) != avro_namespace {
        let fix = format!("\"namespace\": \"{}\"", names::avro_namespace(&avro_namespace));
        reader.wrong("/namespace", SHAPE, format!("{avro_namespace} is no Avro namespace"), fix);
    }
    let version = match members.get("moorline.contract").map(|version| version.as_u64().map(u32::try_from)) {
        None => 1,
        Some(Some(Ok(version))) if version > 0 => version,
        Some(_) => {
            reader.wrong(
                "/moorline.contract",
                SHAPE,
                "moorline.contract counts majors, from 1",
                "\"moorline.contract\": 1",
            );
            1
        }
    };
    if let Some(collection) = members.get("moorline.collection").filter(|other| **other != namespace.as_str()) {
        let fix = format!("\"moorline.collection\": \"{namespace}\", or call the file otherwise");
        reader.wrong(
            "/moorline.collection",
            SHAPE,
            format!("this is the contract of {collection}, not of {namespace}"),
            fix,
        );
    }
    let on_drift = word(members, "moorline.on.drift", &DRIFTS, reader);
    let unknown = word(members, "moorline.unknown", &UNKNOWNS, reader);
    let excluded = excluded(members, reader);
    let read = [
        "type",
        "name",
        "namespace",
        "fields",
        "moorline.contract",
        "moorline.collection",
        "moorline.on.drift",
        "moorline.unknown",
        "moorline.excluded",
    ];
    let properties = reader.properties(members, &read, &PROPERTIES, "");
    let list = members.get("fields").and_then(Json::as_array).cloned().unwrap_or_default();
    let key = key(&list, reader);
    let first = usize::from(list.first().is_some_and(|field| field.get("name").is_some_and(|name| name == "_id")));
    let fields = reader.fields(&list, first, "/fields", |name| names::is_reserved(name, metadata_prefix));
    let (key, key_properties) = key?;
    let namespace = namespace.clone();
    Some(Contract {
        namespace,
        name,
        avro_namespace,
        version,
        key,
        fields,
        excluded,
        on_drift,
        unknown,
        properties,
        key_properties,
    })
}

fn key(list: &[Json], reader: &mut Reader) -> Option<(KeyKind, Map<String, Json>)> {
    let Some(members) =
        list.first().and_then(Json::as_object).filter(|members| members.get("name").is_some_and(|name| name == "_id"))
    else {
        let fix = r#"{"name": "_id", "type": "string", "bson.type": "objectId", "moorline.key": true}"#;
        reader.wrong("/fields", "MC403", "the first field is not _id", fix);
        return None;
    };
    let kind = reader.key(members, "/fields/0")?;
    let whole = render::key(&kind);
    if whole.get("type") != members.get("type") {
        let fix = format!("\"type\": {}", whole.get("type").unwrap_or(&Json::Null));
        reader.wrong("/fields/0/type", "MC402", "the type of _id is not as keys of its kind are written", fix);
    }
    let known = ["name", "type", "bson.type", "moorline.key"];
    Some((kind, reader.properties(members, &known, &["key", "tags", "owner"], "/fields/0")))
}

fn word<T: Copy>(members: &Map<String, Json>, name: &str, words: &[(&str, T)], reader: &mut Reader) -> Option<T> {
    let value = members.get(name)?;
    let found = words.iter().find(|(word, _)| value == word).map(|(_, found)| *found);
    if found.is_none() {
        let fix = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        reader.wrong(&format!("/{name}"), SHAPE, format!("{name} can't be {value}"), format!("one of {fix}"));
    }
    found
}

fn excluded(members: &Map<String, Json>, reader: &mut Reader) -> Vec<String> {
    let Some(value) = members.get("moorline.excluded") else { return Vec::new() };
    let paths: Option<Vec<String>> =
        value.as_array().and_then(|paths| paths.iter().map(|path| path.as_str().map(str::to_owned)).collect());
    paths.unwrap_or_else(|| {
        reader.wrong(
            "/moorline.excluded",
            SHAPE,
            "moorline.excluded is a list of paths",
            "[\"__v\", \"internal.audit\"]",
        );
        Vec::new()
    })
}
