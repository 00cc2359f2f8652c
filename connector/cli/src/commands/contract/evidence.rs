//! What was seen in the documents, as a table or as JSON.

use moorline_pipeline::contract::infer::{Inferred, PathReport};
use moorline_pipeline::contract::model::{Field, Type};
use serde_json::{Map, Value, json};

use super::super::{table, words};

/// The table of one collection.
pub(super) fn human(inferred: &Inferred) -> String {
    let mut table = table::plain(&["PATH", "CHOSEN", "SEEN", "MISSING", "NULL", "NOTES"], &[3, 4]);
    for path in &inferred.report {
        let seen: Vec<String> =
            path.seen.iter().map(|(name, count)| format!("{name} {}", words::count(*count as i64))).collect();
        let notes: Vec<String> = path.notes.iter().map(|note| format!("{} {}", note.rule, note.text)).collect();
        table.add_row([
            path.path.clone(),
            path.chosen.clone(),
            seen.join(", "),
            words::count(path.missing as i64),
            words::count(path.null as i64),
            notes.join("; "),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

/// The same for machines.
pub(super) fn machine(inferred: &Inferred) -> Value {
    let path = |path: &PathReport| {
        let seen: Map<String, Value> =
            path.seen.iter().map(|(name, count)| ((*name).to_owned(), (*count).into())).collect();
        let notes: Vec<Value> = path.notes.iter().map(|note| json!({"rule": note.rule, "text": note.text})).collect();
        json!({
            "path": path.path, "chosen": path.chosen, "seen": seen,
            "missing": path.missing, "null": path.null, "notes": notes,
        })
    };
    Value::Array(inferred.report.iter().map(path).collect())
}

/// `17 fields, 1 map, 1 undecided`.
pub(super) fn counts(inferred: &Inferred) -> String {
    // The key is a field too, and stands apart from the others in a contract.
    let mut text = words::plural(inferred.contract.fields.len() + 1, "field");
    let maps = inferred.contract.fields.iter().map(maps).sum();
    if maps > 0 {
        text += &format!(", {}", words::plural(maps, "map"));
    }
    if !inferred.undecided.is_empty() {
        text += &format!(", {} undecided", inferred.undecided.len());
    }
    text
}

fn maps(field: &Field) -> usize {
    fn of(ty: &Type) -> usize {
        match ty {
            Type::Map(value) | Type::Entries { values: value, .. } => 1 + of(value),
            Type::Array(item) | Type::FullArray(item) => of(item),
            Type::Record(record) => record.fields.iter().map(maps).sum(),
            _ => 0,
        }
    }
    of(&field.ty)
}
