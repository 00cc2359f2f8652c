//! Where a contract file chooses among several ways to write a value: properties with words of their own, and records
//! that stand for something else than a document.
//!
//! Invariant: what a plan would not understand is a problem here, so that a plan never has to guess.

use serde_json::{Map, Value as Json};

use super::place::step;
use super::read::{Reader, SHAPE};
use crate::contract::forms;
use crate::contract::model::Type;
use crate::contract::values::{self, Values};

/// The properties of ours that a field may have.
pub(super) const FIELD_PROPERTIES: [&str; 19] = {
    const OTHERS: [&str; 10] =
        ["required", "allowed", "range", "map.keys", "on.drift", "tags", "mask", "owner", "key", "ignore"];
    let mut all = [""; 19];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OTHERS.len() { OTHERS[at] } else { values::PROPERTIES[at - OTHERS.len()] };
        at += 1;
    }
    all
};

impl Reader {
    /// Policies and forms have words of their own.
    pub(super) fn policies(&mut self, properties: &Map<String, Json>, pointer: &str) {
        for (name, value) in properties {
            let wrong = if let Some(words) = forms::words(name) {
                (!words.iter().any(|word| value == word)).then(|| words.join(", "))
            } else if let Some(policy) = name.strip_prefix("moorline.").filter(|p| values::PROPERTIES.contains(p)) {
                Values::default().set(policy, value).err()
            } else {
                None
            };
            if let Some(fix) = wrong {
                let pointer = format!("{pointer}/{}", step(name));
                self.wrong(&pointer, SHAPE, format!("{name} can't be {value}"), format!("one of {fix}"));
            }
        }
    }

    /// A record that stands for a value of another type than a document has that value's parts.
    pub(super) fn parts(&mut self, ty: &Type, accepts: &[String], pointer: &str) {
        let Type::Record(record) = ty.innermost() else { return };
        let (kind, parts, inner) = match accepts {
            [kind] if kind == "regex" => (kind, ["pattern", "options"], Type::String),
            [kind] if kind == "timestamp" => (kind, ["t", "i"], Type::Long),
            _ => return,
        };
        let fits = record.fields.len() == 2
            && record.fields.iter().all(|field| parts.contains(&field.bson_name.as_str()) && field.ty == inner);
        if !fits {
            let what = format!("the record {} is no {kind}", record.name);
            self.wrong(&format!("{pointer}/type"), SHAPE, what, format!("the fields {} and {}", parts[0], parts[1]));
        }
    }

    /// The record `{key, value}` of a dictionary's entries.
    pub(super) fn entries(&mut self, items: &Json, pointer: &str, name: &str) -> Option<Type> {
        let record = items.as_object().filter(|record| record.get("type").is_some_and(|ty| ty == "record"));
        let fields = record.and_then(|record| record.get("fields")).and_then(Json::as_array).map(Vec::as_slice);
        let (Some(record), Some([key, value])) = (record, fields) else {
            return self.no_entries(pointer, name);
        };
        if key.get("name").is_none_or(|name| name != "key") || key.get("type").is_none_or(|ty| ty != "string") {
            return self.no_entries(pointer, name);
        }
        if value.get("name").is_none_or(|name| name != "value") {
            return self.no_entries(pointer, name);
        }
        let record_name = self.text(record, "name", pointer)?;
        self.record_name(&record_name, &format!("{pointer}/name"));
        let ty = value.get("type").unwrap_or(&Json::Null);
        let inner = self.nullable(ty, &format!("{pointer}/fields/1/type"), name, "MC306")?;
        Some(Type::Entries { name: record_name, values: Box::new(inner) })
    }

    fn no_entries(&mut self, pointer: &str, name: &str) -> Option<Type> {
        let what = format!("the items of {name} are no entries of a dictionary");
        let fix = r#"the fields {"name": "key", "type": "string"} and {"name": "value", "type": ["null", ...]}"#;
        self.wrong(pointer, SHAPE, what, fix);
        None
    }
}
