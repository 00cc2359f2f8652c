//! What the tests stand on: one collection, its output, documents from Extended JSON, and plans over them.

use bson::raw::RawBsonRef;
use bson::{Bson, Document, RawDocument, RawDocumentBuf};
use moorline_pipeline::contract::derive;
use moorline_pipeline::contract::infer::{Inferred, infer};
use moorline_pipeline::contract::model::{Contract, Field, KeyKind, Limits, Misfit, Output, Type};
use moorline_pipeline::contract::plan::{Meta, Outcome, Plan, Scratch, UnknownFields};
use moorline_pipeline::model::Namespace;
use serde_json::{Map, Value as Json};

pub(crate) const KEY_ID: u32 = 111;
pub(crate) const VALUE_ID: u32 = 0x0102_0304;

pub(crate) const META: Meta = Meta {
    op: b'u',
    deleted: false,
    ts_ms: 1_760_000_000_123,
    cluster_time: 1_760_000_000 << 32 | 7,
    seq: 3,
    image_time: 1_760_000_000 << 32 | 9,
    snapshot: true,
};

pub(crate) fn namespace() -> Namespace {
    Namespace::new("shop", "orders")
}

pub(crate) fn output() -> Output {
    Output { topic: "eu-1.shop.orders".into(), ..Output::default() }
}

/// A value written as Extended JSON.
pub(crate) fn value(json: Json) -> Bson {
    Bson::try_from(json).expect("Extended JSON")
}

/// A document written as Extended JSON.
pub(crate) fn document(json: Json) -> RawDocumentBuf {
    match value(json) {
        Bson::Document(document) => raw(&document),
        other => panic!("{other} is no document"),
    }
}

pub(crate) fn raw(document: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).expect("a document")
}

/// A document from elements as they stand in BSON: whatever names, twice if need be.
pub(crate) fn elements(elements: &[(&[u8], u8, &[u8])]) -> RawDocumentBuf {
    let content: Vec<u8> =
        elements.iter().flat_map(|(name, tag, value)| [&[*tag], *name, &[0], *value].concat()).collect();
    let bytes = [&(content.len() as i32 + 5).to_le_bytes(), content.as_slice(), &[0]].concat();
    RawDocumentBuf::from_bytes(bytes).expect("framed")
}

/// The bytes that a text has as a BSON string.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as i32 + 1).to_le_bytes(), bytes, &[0]].concat()
}

pub(crate) fn infer_all(documents: &[RawDocumentBuf]) -> Inferred {
    infer_within(documents, &Limits::default())
}

pub(crate) fn infer_within(documents: &[RawDocumentBuf], limits: &Limits) -> Inferred {
    infer(&namespace(), documents.iter().map(RawDocumentBuf::as_ref), limits).expect("there are documents")
}

/// A contract of these fields, keyed by whole numbers.
pub(crate) fn contract(fields: Vec<Field>) -> Contract {
    Contract {
        namespace: namespace(),
        name: "orders".into(),
        avro_namespace: "shop".into(),
        version: 1,
        key: KeyKind::Long,
        fields,
        excluded: Vec::new(),
        on_drift: None,
        unknown: None,
        properties: Map::new(),
        key_properties: Map::new(),
    }
}

/// A field; `accepts` as `bson.type` has it.
pub(crate) fn field(name: &str, ty: Type, accepts: &str) -> Field {
    Field {
        name: name.into(),
        bson_name: name.into(),
        ty,
        accepts: accepts.split('|').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        required: false,
        properties: Map::new(),
    }
}

/// A contract's field at the top.
pub(crate) fn top<'a>(contract: &'a Contract, bson_name: &str) -> Option<&'a Field> {
    contract.fields.iter().find(|field| field.bson_name == bson_name)
}

pub(crate) fn plan(contract: &Contract, unknown: UnknownFields) -> Plan {
    Plan::compile(contract, &output(), KEY_ID, VALUE_ID, unknown)
}

pub(crate) fn encode(plan: &Plan, document: &RawDocument) -> Result<(Vec<u8>, Outcome), Misfit> {
    let mut out = Vec::new();
    let outcome = plan.value(document, &META, &mut Scratch::default(), &mut out)?;
    Ok((out, outcome))
}

pub(crate) fn encode_id(plan: &Plan, id: RawBsonRef<'_>) -> Result<Vec<u8>, Misfit> {
    let mut out = Vec::new();
    plan.key(id, &mut out)?;
    Ok(out)
}

pub(crate) fn fits(contract: &Contract, document: &RawDocument, unknown: UnknownFields) -> Result<Outcome, Misfit> {
    plan(contract, unknown).fits(document, &mut Scratch::default())
}

/// What the value's schema says of a field.
pub(crate) fn registered_field(contract: &Contract, name: &str) -> Json {
    let schema: Json = serde_json::from_str(&derive::value_schema(contract, &output())).expect("JSON");
    let fields = schema["fields"].as_array().expect("fields").iter();
    fields.clone().find(|field| field["name"] == name).unwrap_or_else(|| panic!("no field {name}")).clone()
}

/// The rules that a report has notes of, at any path.
pub(crate) fn rules(inferred: &Inferred) -> Vec<&'static str> {
    inferred.report.iter().flat_map(|path| path.notes.iter().map(|note| note.rule)).collect()
}
