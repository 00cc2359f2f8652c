//! The output's shape where it is not the contract's: nested documents as text, or as columns beside the others.
//!
//! Invariants: the contract stays nested, so that modes may be compared and changed; columns stand in the order of the
//! nested fields, so that a document is still written in one pass; a field at the top never loses its name to a nested
//! one; what is registered tells each column's place in the document (`bson.path`), so that the nested contract comes
//! back from it.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};

use super::forms::Nested;
use super::model::{Contract, Field, Output, Record, Type};
use super::names::{self, Taken};

/// Property of a column: the names in the document from the top down.
const PATH: &str = "bson.path";
/// Property of a column: the Avro names at that path, where one differs.
const NAMES: &str = "bson.names";

/// A field of the output that may stand deeper in the document.
pub(crate) struct Column<'c> {
    /// Avro name in the output.
    pub(crate) name: String,
    /// The field.
    pub(crate) field: &'c Field,
    /// The records around it, from the top down.
    pub(crate) above: Vec<&'c Field>,
}

impl Column<'_> {
    /// What the registered field says beside its own properties.
    pub(crate) fn properties(&self) -> Map<String, Json> {
        let mut out = Map::new();
        if self.above.is_empty() {
            return out;
        }
        let all = || self.above.iter().copied().chain([self.field]);
        out.insert(PATH.to_owned(), all().map(|field| json!(field.bson_name)).collect());
        if all().any(|field| field.name != field.bson_name) {
            out.insert(NAMES.to_owned(), all().map(|field| json!(field.name)).collect());
        }
        out
    }
}

/// Whether the field is a document's, and no record that stands for a value of another type.
pub(crate) fn is_document(field: &Field) -> bool {
    matches!(field.ty, Type::Record(_)) && !field.accepts.iter().any(|name| name == "regex" || name == "timestamp")
}

/// The contract's fields as the output has them, but for flattening.
pub(crate) fn fields<'c>(contract: &'c Contract, output: &Output) -> Cow<'c, [Field]> {
    if output.nested == Nested::Json {
        contract.fields.iter().map(as_text).collect::<Vec<_>>().into()
    } else {
        Cow::Borrowed(&contract.fields)
    }
}

fn as_text(field: &Field) -> Field {
    let (ty, accepts) = match &field.ty {
        Type::Record(_) | Type::Map(_) | Type::Entries { .. } | Type::Array(_) | Type::FullArray(_) => {
            (Type::Any, vec!["any".to_owned()])
        }
        // A vector is an array to a sink as well; its bytes hold all of it.
        Type::FloatVector | Type::IntVector => (Type::Bytes, field.accepts.clone()),
        _ => return field.clone(),
    };
    Field { ty, accepts, ..field.clone() }
}

/// The columns of a flattened contract, in the order in which they are written.
pub(crate) fn columns<'c>(fields: &'c [Field], delimiter: &str, metadata_prefix: &str) -> Vec<Column<'c>> {
    let mut taken = Taken::default();
    taken.take("_id");
    for name in names::reserved(metadata_prefix) {
        taken.take(&name);
    }
    for field in fields.iter().filter(|field| !is_document(field)) {
        taken.take(&field.name);
    }
    let mut out = Vec::new();
    gather(fields, delimiter, &[], &mut taken, &mut out);
    out
}

fn gather<'c>(fields: &'c [Field], delimiter: &str, above: &[&'c Field], taken: &mut Taken, out: &mut Vec<Column<'c>>) {
    for field in fields {
        match &field.ty {
            Type::Record(record) if is_document(field) => {
                let above = [above, &[field]].concat();
                gather(&record.fields, delimiter, &above, taken, out);
            }
            _ if above.is_empty() => out.push(Column { name: field.name.clone(), field, above: Vec::new() }),
            _ => {
                let parts: Vec<&str> =
                    above.iter().map(|field| field.name.as_str()).chain([field.name.as_str()]).collect();
                let name = taken.give(parts.join(delimiter));
                out.push(Column { name, field, above: above.to_vec() });
            }
        }
    }
}

/// Whether every column of the first contract has its name in the second as well: what a reader of columns binds.
pub(crate) fn keeps_names(before: &Contract, after: &Contract, output: &Output) -> bool {
    let Nested::Flatten(delimiter) = &output.nested else { return true };
    let named = |contract: &Contract| {
        let columns = columns(&contract.fields, delimiter, &output.metadata_prefix);
        columns.iter().map(|column| (column.properties().remove(PATH), column.name.clone())).collect::<Vec<_>>()
    };
    let after = named(after);
    named(before).iter().all(|(path, name)| path.is_none() || after.contains(&(path.clone(), name.clone())))
}

/// Registered fields with what was flattened nested again; `record` is the name of the document's own record.
pub(crate) fn nested(fields: Vec<Field>, record: &str) -> Vec<Field> {
    let mut records = Taken::default();
    for name in names::RECORDS.into_iter().chain([record]) {
        records.take(name);
    }
    for field in &fields {
        take_records(field, &mut records);
    }
    let mut out = Vec::new();
    for mut field in fields {
        let list = |name: &str, field: &mut Field| -> Option<Vec<String>> {
            let list = field.properties.shift_remove(name)?;
            list.as_array()?.iter().map(|part| part.as_str().map(str::to_owned)).collect()
        };
        let path = list(PATH, &mut field).unwrap_or_default();
        let names = list(NAMES, &mut field).unwrap_or_else(|| path.clone());
        if path.len() < 2 || names.len() != path.len() {
            out.push(field);
            continue;
        }
        let parts: Vec<(String, String)> = path.into_iter().zip(names).collect();
        insert(&mut out, &parts, record, field, &mut records);
    }
    out
}

fn insert(list: &mut Vec<Field>, parts: &[(String, String)], above: &str, mut field: Field, records: &mut Taken) {
    let Some(((bson_name, name), rest)) = parts.split_first() else { return };
    if rest.is_empty() {
        (field.bson_name, field.name) = (bson_name.clone(), name.clone());
        list.push(field);
        return;
    }
    let at = list.iter().position(|each| each.bson_name == *bson_name && is_document(each)).unwrap_or_else(|| {
        let ty = Type::Record(Record {
            name: records.give(format!("{above}_{name}")),
            fields: Vec::new(),
            properties: Map::new(),
        });
        list.push(Field {
            name: name.clone(),
            bson_name: bson_name.clone(),
            ty,
            accepts: Vec::new(),
            required: false,
            properties: Map::new(),
        });
        list.len() - 1
    });
    if let Type::Record(record) = &mut list[at].ty {
        let above = record.name.clone();
        insert(&mut record.fields, rest, &above, field, records);
    }
}

fn take_records(field: &Field, records: &mut Taken) {
    if let Type::Record(record) = field.ty.innermost() {
        records.take(&record.name);
        record.fields.iter().for_each(|field| take_records(field, records));
    }
}
