//! Avro's JSON to types of ours: for contract files and for what is registered, problems by JSON pointer.
//!
//! Invariants: nothing is taken that would be lost in writing it again; every problem is found, not only the first.

use serde_json::{Map, Value as Json};

use super::choices::FIELD_PROPERTIES;
use super::place::step;
use super::render;
use crate::contract::model::{Field, Record, Type};
use crate::contract::names::{self, Taken};
use crate::contract::plan::walk;

/// A problem at a JSON pointer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) pointer: String,
    pub(crate) code: &'static str,
    pub(crate) what: String,
    pub(crate) fix: String,
}

/// What a contract may not say in any Avro reader.
pub(crate) const SHAPE: &str = "MOOR-4009";
/// A property of ours that does not exist.
pub(crate) const PROPERTY: &str = "MOOR-4011";

const RECORD_PROPERTIES: [&str; 2] = ["tags", "owner"];
/// Tags of BSON's types but for minKey and maxKey, which stand apart.
const TAGS: std::ops::RangeInclusive<u8> = walk::tag::DOUBLE..=walk::tag::DECIMAL;

/// Reads parts of a schema, and collects what is wrong with them.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
    records: Taken,
}

impl Reader {
    pub(crate) fn wrong(&mut self, pointer: &str, code: &'static str, what: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(Problem { pointer: pointer.to_owned(), code, what: what.into(), fix: fix.into() });
    }

    /// Takes a record's name; names of the topic's own records are taken already.
    pub(crate) fn record_name(&mut self, name: &str, pointer: &str) {
        if names::sanitise(name) != name {
            self.wrong(
                pointer,
                SHAPE,
                format!("{name} is no Avro name"),
                format!("\"name\": \"{}\"", names::sanitise(name)),
            );
        }
        if names::RECORDS.contains(&name) {
            self.wrong(pointer, "MC106", format!("the record {name} would hide the topic's own"), "call it otherwise");
        } else if !self.records.take(name) {
            self.wrong(
                pointer,
                "MC104",
                format!("two records are called {name}"),
                format!("call one of them {name}_2"),
            );
        }
    }

    /// Fields from `first` on; `hidden` names those that metadata would hide.
    pub(crate) fn fields(
        &mut self,
        list: &[Json],
        first: usize,
        pointer: &str,
        hidden: impl Fn(&str) -> bool,
    ) -> Vec<Field> {
        let mut taken = Taken::default();
        let mut bound = Taken::default();
        // The document's own list begins with the key, which is read apart.
        if !list.is_empty() && first == 1 {
            taken.take("_id");
            bound.take("_id");
        }
        let mut fields = Vec::new();
        for (index, json) in list.iter().enumerate().skip(first) {
            let pointer = format!("{pointer}/{index}");
            let Some(field) = self.field(json, &pointer) else { continue };
            if hidden(&field.name) {
                let fix = format!("\"name\": \"{}_2\", \"bson.name\": \"{}\"", field.name, field.bson_name);
                self.wrong(&pointer, "MC106", format!("{} would hide metadata", field.name), fix);
            }
            if !taken.take(&field.name) {
                let fix = format!("\"name\": \"{}_2\", \"bson.name\": \"{}\"", field.name, field.bson_name);
                self.wrong(&pointer, "MC104", format!("two fields are called {}", field.name), fix);
            }
            if !bound.take(&field.bson_name) {
                let what = format!("two fields read {} of the document", field.bson_name);
                self.wrong(&pointer, "MC104", what, "remove one, or set its bson.name");
            }
            fields.push(field);
        }
        fields
    }

    fn field(&mut self, json: &Json, pointer: &str) -> Option<Field> {
        let Some(members) = json.as_object() else {
            self.wrong(
                pointer,
                SHAPE,
                "a field is an object",
                r#"{"name": "a", "type": ["null", "string"], "default": null}"#,
            );
            return None;
        };
        let name = self.text(members, "name", pointer)?;
        if names::sanitise(&name) != name {
            let fix = format!("\"name\": \"{}\", \"bson.name\": \"{name}\"", names::field(&name));
            self.wrong(&format!("{pointer}/name"), SHAPE, format!("{name} is no Avro name"), fix);
        }
        let bson_name = self.optional_text(members, "bson.name", pointer).unwrap_or_else(|| name.clone());
        let accepts = self.optional_text(members, "bson.type", pointer);
        if let Some(other) = accepts.iter().flat_map(|text| text.split('|')).find(|part| !is_bson_type(part.trim())) {
            let what = format!("{other} is no type of BSON");
            self.wrong(&format!("{pointer}/bson.type"), SHAPE, what, "names as in \"int32|int64\", or any");
        }
        let required = match members.get("moorline.required") {
            None => false,
            Some(Json::Bool(required)) => *required,
            Some(_) => {
                self.wrong(&format!("{pointer}/moorline.required"), SHAPE, "required is true or false", "true");
                false
            }
        };
        if members.get("default").is_some_and(|default| !default.is_null()) {
            let pointer = format!("{pointer}/default");
            self.wrong(&pointer, "MC212", format!("{name} has a default that is not null"), "\"default\": null");
        }
        let properties = self.properties(
            members,
            &["name", "type", "default", "bson.name", "bson.type", "moorline.required"],
            &FIELD_PROPERTIES,
            pointer,
        );
        self.policies(&properties, pointer);
        let at = pointer;
        let pointer = format!("{pointer}/type");
        let Some(json) = members.get("type") else {
            self.wrong(&pointer, SHAPE, format!("{name} has no type"), "\"type\": [\"null\", \"string\"]");
            return None;
        };
        let ty = self.nullable(json, &pointer, &name, "MC301")?;
        let accepts: Vec<String> =
            accepts.map(|text| text.split('|').map(|part| part.trim().to_owned()).collect()).unwrap_or_default();
        // Hints may be left out: text that takes anything is Extended JSON.
        let ty = if accepts.iter().any(|name| name == "any") { any_of(ty) } else { ty };
        if *ty.innermost() == Type::Int && accepts != ["int32"] {
            self.unknown("int", &format!("{pointer}/1"), &name);
            return None;
        }
        self.parts(&ty, &accepts, at);
        Some(Field { name, bson_name, ty, accepts, required, properties })
    }

    /// `["null", T]`; a bare T breaks the rule `bare`.
    pub(super) fn nullable(&mut self, json: &Json, pointer: &str, name: &str, bare: &'static str) -> Option<Type> {
        let Some(branches) = json.as_array() else {
            let fix = format!("[\"null\", {json}], and \"moorline.required\": true for a promise");
            self.wrong(pointer, bare, format!("{name} is not nullable on the wire"), fix);
            return None;
        };
        match branches.as_slice() {
            [null, ty] if null == "null" => self.ty(ty, &format!("{pointer}/1"), name),
            [ty, null] if null == "null" => {
                self.wrong(
                    pointer,
                    "MC212",
                    format!("null stands last in the union of {name}"),
                    format!("[\"null\", {ty}]"),
                );
                None
            }
            _ => {
                let what = format!("the union of {name} is not [\"null\", T]");
                self.wrong(pointer, "MC211", what, "one type beside null, or the type any for a mix");
                None
            }
        }
    }

    fn ty(&mut self, json: &Json, pointer: &str, name: &str) -> Option<Type> {
        let bare = |text: &str| {
            Some(match text {
                "boolean" => Type::Boolean,
                "int" => Type::Int,
                "long" => Type::Long,
                "double" => Type::Double,
                "string" => Type::String,
                "bytes" => Type::Bytes,
                _ => return None,
            })
        };
        if let Some(text) = json.as_str() {
            let ty = bare(text);
            if ty.is_none() {
                self.unknown(text, pointer, name);
            }
            return ty;
        }
        let Some(members) = json.as_object() else {
            let rule = if json.is_array() { "MC211" } else { SHAPE };
            self.wrong(
                pointer,
                rule,
                format!("{name} has a type that is none"),
                "a type's name, or an object with \"type\"",
            );
            return None;
        };
        let Some(kind) = members.get("type").and_then(Json::as_str) else {
            self.wrong(pointer, SHAPE, format!("the type of {name} has no \"type\""), "\"type\": \"string\"");
            return None;
        };
        let known: &[&str] = match kind {
            "enum" => {
                self.unknown(kind, pointer, name);
                return None;
            }
            "record" => return self.record(members, pointer).map(Type::Record),
            "map" => &["type", "values"],
            "array" => &["type", "items"],
            _ => {
                &["type", "logicalType", "precision", "scale", "connect.name", "connect.version", "connect.parameters"]
            }
        };
        if let Some(other) = members.keys().find(|member| !known.contains(&member.as_str())) {
            let pointer = format!("{pointer}/{}", step(other));
            self.wrong(
                &pointer,
                SHAPE,
                format!("{other} inside the type of {name}"),
                "write it beside the field's name",
            );
            return None;
        }
        match kind {
            "map" => {
                let values = members.get("values").unwrap_or(&Json::Null);
                let inner = self.nullable(values, &format!("{pointer}/values"), name, "MC306")?;
                return Some(Type::Map(Box::new(inner)));
            }
            "array" => {
                let items = members.get("items").unwrap_or(&Json::Null);
                return match items.as_str() {
                    Some("float") => Some(Type::FloatVector),
                    Some("int") => Some(Type::IntVector),
                    _ if items.get(render::ENTRIES).is_some() => self.entries(items, &format!("{pointer}/items"), name),
                    _ if items.is_array() => {
                        let inner = self.nullable(items, &format!("{pointer}/items"), name, "MC306")?;
                        Some(Type::Array(Box::new(inner)))
                    }
                    // No union: items that are promised never to be null.
                    _ => Some(Type::FullArray(Box::new(self.ty(items, &format!("{pointer}/items"), name)?))),
                };
            }
            _ => {}
        }
        let found = match (kind, members.get("logicalType").and_then(Json::as_str), members.get("connect.name")) {
            ("string", Some("uuid"), _) => Some(Type::Uuid),
            ("string", None, Some(connect)) if connect == "io.debezium.data.Json" => Some(Type::Any),
            ("long", Some("timestamp-millis"), _) => Some(Type::Timestamp),
            ("bytes", Some("decimal"), _) => Some(self.decimal(members, pointer, name)?),
            (_, None, None) => bare(kind),
            _ => None,
        };
        let Some(found) = found else {
            self.unknown(&json.to_string(), pointer, name);
            return None;
        };
        self.hints(members, &found, pointer, name);
        Some(found)
    }

    /// Connect's hints may be left out, but not differ: a sink would make something else of the values.
    fn hints(&mut self, members: &Map<String, Json>, ty: &Type, pointer: &str, name: &str) {
        let whole = render::ty(ty, |_| true);
        for (member, value) in members {
            if member != "type" && whole.get(member) != Some(value) {
                let pointer = format!("{pointer}/{}", step(member));
                let fix = whole
                    .get(member)
                    .map_or_else(|| format!("remove {member}"), |ours| format!("\"{member}\": {ours}"));
                self.wrong(&pointer, "MC210", format!("{member} of {name} is not what its type asks for"), fix);
            }
        }
    }

    fn decimal(&mut self, members: &Map<String, Json>, pointer: &str, name: &str) -> Option<Type> {
        let number = |member: &str| members.get(member).and_then(Json::as_u64).and_then(|n| u32::try_from(n).ok());
        let (precision, scale) =
            (number("precision"), if members.contains_key("scale") { number("scale") } else { Some(0) });
        let valid =
            precision.zip(scale).filter(|(precision, scale)| (1..=38).contains(precision) && scale <= precision);
        let Some((precision, scale)) = valid else {
            let shown = |member: &str| members.get(member).unwrap_or(&Json::Null);
            let what = format!("decimal({},{}) of {name}", shown("precision"), shown("scale"));
            self.wrong(pointer, "MC504", what, "a precision from 1 to 38, a scale up to it; or string");
            return None;
        };
        Some(Type::Decimal { precision, scale })
    }

    fn record(&mut self, members: &Map<String, Json>, pointer: &str) -> Option<Record> {
        let name = self.text(members, "name", pointer)?;
        self.record_name(&name, &format!("{pointer}/name"));
        let properties = self.properties(members, &["type", "name", "fields"], &RECORD_PROPERTIES, pointer);
        let list = members.get("fields").and_then(Json::as_array).cloned().unwrap_or_default();
        let pointer = format!("{pointer}/fields");
        if list.is_empty() {
            self.wrong(&pointer, "MC507", format!("the record {name} has no fields"), "the type any");
            return None;
        }
        let fields = self.fields(&list, 0, &pointer, |_| false);
        Some(Record { name, fields, properties })
    }

    pub(super) fn unknown(&mut self, found: &str, pointer: &str, name: &str) {
        let (rule, fix) = match found {
            "int" => ("MC201", "long, which later values fit as well; or \"bson.type\": \"int32\" beside it"),
            "float" => ("MC201", "double, which later values fit as well"),
            "enum" => ("MC213", "string, with moorline.allowed"),
            _ => (SHAPE, "boolean, long, double, string, bytes, record, map, array, or one of the logical types"),
        };
        self.wrong(pointer, rule, format!("{name} is {found}, which is no type of a contract"), fix);
    }

    /// What stands there beside what is known; an unknown property of ours is a problem.
    pub(crate) fn properties(
        &mut self,
        members: &Map<String, Json>,
        known: &[&str],
        ours: &[&str],
        pointer: &str,
    ) -> Map<String, Json> {
        let mut kept = Map::new();
        for (name, value) in members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            if let Some(rest) = name.strip_prefix("moorline.")
                && !ours.contains(&rest)
            {
                let fix = format!(
                    "one of {}",
                    ours.iter().map(|name| format!("moorline.{name}")).collect::<Vec<_>>().join(", ")
                );
                self.wrong(
                    &format!("{pointer}/{}", step(name)),
                    PROPERTY,
                    format!("{name} is no property of a contract"),
                    fix,
                );
            }
            kept.insert(name.clone(), value.clone());
        }
        kept
    }

    pub(super) fn text(&mut self, members: &Map<String, Json>, name: &str, pointer: &str) -> Option<String> {
        let text = members.get(name).and_then(Json::as_str).map(str::to_owned);
        if text.is_none() {
            self.wrong(pointer, SHAPE, format!("\"{name}\" is missing, or no string"), format!("\"{name}\": \"...\""));
        }
        text
    }

    pub(crate) fn optional_text(&mut self, members: &Map<String, Json>, name: &str, pointer: &str) -> Option<String> {
        members.contains_key(name).then(|| self.text(members, name, pointer)).flatten()
    }
}

/// Whether `bson.type` may have the name.
fn is_bson_type(name: &str) -> bool {
    const OTHERS: [&str; 2] = ["uuid", "any"];
    OTHERS.contains(&name)
        || TAGS.chain([walk::tag::MIN_KEY, walk::tag::MAX_KEY]).any(|tag| walk::type_name(tag) == name)
}

/// A type of text as Extended JSON, also inside arrays and maps.
fn any_of(ty: Type) -> Type {
    match ty {
        Type::String => Type::Any,
        Type::Array(items) => Type::Array(Box::new(any_of(*items))),
        Type::FullArray(items) => Type::FullArray(Box::new(any_of(*items))),
        Type::Entries { name, values } => Type::Entries { name, values: Box::new(any_of(*values)) },
        Type::Map(values) => Type::Map(Box::new(any_of(*values))),
        other => other,
    }
}
