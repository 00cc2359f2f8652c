//! The field `_id` of a contract or of a registered schema to the key's kind.
//!
//! Invariant: no kind is guessed; what is not written as one of ours is a problem.

use serde_json::{Map, Value as Json};

use super::read::Reader;
use super::render;
use crate::contract::model::KeyKind;

impl Reader {
    /// The key's kind by the field `_id` or a part of it.
    pub(crate) fn key(&mut self, members: &Map<String, Json>, pointer: &str) -> Option<KeyKind> {
        let accepts = members.get("bson.type").and_then(Json::as_str);
        let ty = members.get("type").unwrap_or(&Json::Null);
        let kind = ty.as_str().or_else(|| ty.get("type").and_then(Json::as_str)).unwrap_or_default();
        let numbers = |text: &str| text.split('|').all(|part| render::NUMBERS.split('|').any(|number| number == part));
        match (kind, accepts) {
            ("string", Some("objectId")) => Some(KeyKind::ObjectId),
            ("string", Some("string") | None) => Some(KeyKind::String),
            ("string", Some("uuid")) => Some(KeyKind::Uuid),
            ("string", Some("binData")) => Some(KeyKind::Base64),
            ("string", Some("any")) => Some(KeyKind::Any),
            ("string", Some(text)) if numbers(text) => Some(KeyKind::Number),
            ("long", _) if ty.get("logicalType").is_some_and(|logical| logical == "timestamp-millis") => {
                Some(KeyKind::Timestamp)
            }
            ("long", _) if ty.get("logicalType").is_none() => Some(KeyKind::Long),
            ("record", _) => self.key_document(ty, pointer),
            _ => {
                let what = format!("_id can't be {ty} of {}", accepts.unwrap_or("nothing named"));
                self.wrong(pointer, "MC402", what, "\"type\": \"string\", \"bson.type\": \"any\" holds every _id");
                None
            }
        }
    }

    fn key_document(&mut self, ty: &Json, pointer: &str) -> Option<KeyKind> {
        let list = ty.get("fields").and_then(Json::as_array).cloned().unwrap_or_default();
        if list.is_empty() {
            self.wrong(
                pointer,
                "MC507",
                "the record of _id has no fields",
                "declare them, in the order of the documents",
            );
            return None;
        }
        let mut parts = Vec::new();
        for (index, part) in list.iter().enumerate() {
            let pointer = format!("{pointer}/type/fields/{index}");
            let members = part.as_object()?;
            let name = self.text(members, "name", &pointer)?;
            let bson_name = self.optional_text(members, "bson.name", &pointer).unwrap_or(name);
            if parts.iter().any(|(other, _)| *other == bson_name) {
                self.wrong(&pointer, "MC104", format!("two parts of _id read {bson_name}"), "remove one");
            }
            parts.push((bson_name, self.key(members, &pointer)?));
        }
        Some(KeyKind::Document(parts))
    }
}
