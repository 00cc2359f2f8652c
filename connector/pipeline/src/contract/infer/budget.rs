//! At most so many leaves: the least frequent subtrees become `any`, then the least frequent fields are left out.
//!
//! Invariant: what is folded or left out is named in the report (MC614); ties fall on what came last.

use super::choose::{any, word};
use super::{PathReport, UNDECIDED, note};
use crate::contract::model::{Field, Type};

/// Leaves of a list of fields.
pub(crate) fn leaves(fields: &[Field]) -> usize {
    fields.iter().map(|field| leaves_of(&field.ty)).sum()
}

/// Leaves of a type.
pub(crate) fn leaves_of(ty: &Type) -> usize {
    match ty {
        Type::Record(record) => leaves(&record.fields),
        Type::Map(inner) | Type::Array(inner) | Type::FullArray(inner) | Type::Entries { values: inner, .. } => {
            leaves_of(inner)
        }
        _ => 1,
    }
}

/// Folds until the fields have at most `max` leaves.
pub(super) fn fold(fields: &mut Vec<Field>, report: &mut [PathReport], max: usize) {
    let mut count = leaves(fields);
    if count <= max {
        return;
    }
    let mut subtrees: Vec<(u64, usize)> = Vec::new();
    for (at, path) in report.iter().enumerate() {
        subtrees.push((path.seen.iter().map(|(_, values)| values).sum(), at));
    }
    subtrees.sort_by_key(|(frequency, at)| (*frequency, std::cmp::Reverse(*at)));
    for (_, at) in &subtrees {
        if count <= max {
            return;
        }
        let Some(field) = find(fields, "", &report[*at].path) else { continue };
        let before = leaves_of(&field.ty);
        if before > 1 {
            count -= before - 1;
            (field.ty, field.accepts) = any();
            report[*at].chosen = word(&field.ty);
            report[*at].notes.push(note("MC614", format!("{before} fields below, folded")));
        }
    }
    for (_, at) in &subtrees {
        if count <= max {
            return;
        }
        if let Some(place) = fields.iter().position(|field| field.bson_name == report[*at].path) {
            count -= leaves_of(&fields[place].ty);
            fields.remove(place);
            report[*at].chosen = UNDECIDED.to_owned();
            report[*at].notes.push(note("MC614", "over the limit of fields, left out".to_owned()));
        }
    }
}

/// The field at a dotted path as the chooser writes it.
fn find<'a>(fields: &'a mut [Field], above: &str, path: &str) -> Option<&'a mut Field> {
    for field in fields {
        let here = if above.is_empty() { field.bson_name.clone() } else { format!("{above}.{}", field.bson_name) };
        let Some(rest) = path.strip_prefix(&here) else { continue };
        if rest.is_empty() {
            return Some(field);
        }
        let (inner, suffix) = innermost(&mut field.ty);
        let here = format!("{here}{suffix}");
        if let Type::Record(record) = inner
            && let Some(found) = find(&mut record.fields, &here, path)
        {
            return Some(found);
        }
    }
    None
}

/// The type inside arrays and maps, and how they stand in a path.
fn innermost(ty: &mut Type) -> (&mut Type, String) {
    match ty {
        Type::Array(inner) | Type::FullArray(inner) => {
            let (ty, suffix) = innermost(inner);
            (ty, format!("[]{suffix}"))
        }
        Type::Map(inner) | Type::Entries { values: inner, .. } => {
            let (ty, suffix) = innermost(inner);
            (ty, format!("{{}}{suffix}"))
        }
        other => (other, String::new()),
    }
}
