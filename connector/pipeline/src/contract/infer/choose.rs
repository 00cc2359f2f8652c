//! The whole type of a path: records, maps and arrays down to their leaves, with names, in the order of appearance.
//!
//! Invariants: a record has at least one field; no name is given twice in a record, no record's name twice in a
//! contract; an array's items are never `any`, then the array as a whole is; a shape repeats in itself once at most.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::dictionary::dictionary;
use super::form;
use super::kind::Kind;
use super::seen::{Seen, Shape};
use super::verdict::{Verdict, verdict};
use super::{Note, Options, PathReport, UNDECIDED, note};
use crate::contract::forms::Forms;
use crate::contract::model::{Field, Record, Type};
use crate::contract::names::{self, Taken};

/// Chooses types, and keeps the names given and the evidence.
pub(crate) struct Chooser<'a> {
    options: &'a Options,
    max_depth: usize,
    records: Taken,
    report: Vec<PathReport>,
}

/// A place in a document: where the choice is made.
#[derive(Clone)]
pub(crate) struct Place {
    /// Dotted BSON path.
    pub(crate) path: String,
    /// Name of a record that would be made here.
    pub(crate) record: String,
    /// Level of the value: 1 for a field of the document.
    pub(crate) level: usize,
    /// Names of the fields of the records above.
    pub(crate) above: Vec<BTreeSet<String>>,
}

/// A type and what its leaf accepts.
pub(crate) type Choice = (Type, Vec<String>);

impl<'a> Chooser<'a> {
    pub(crate) fn new(max_depth: usize, options: &'a Options) -> Self {
        let mut records = Taken::default();
        for name in names::RECORDS {
            records.take(name);
        }
        Self { options, max_depth, records, report: Vec::new() }
    }

    /// Takes the name of a record that is there already.
    pub(crate) fn take_record(&mut self, name: &str) {
        self.records.take(name);
    }

    pub(crate) fn into_report(self) -> Vec<PathReport> {
        self.report
    }

    /// The fields of the document itself; `_id` is the key's, what is excluded is only reported.
    pub(crate) fn document(&mut self, shape: &Shape, record: &str, excluded: &[String]) -> Vec<Field> {
        self.records.take(record);
        let mut taken = Taken::default();
        taken.take("_id");
        for name in names::reserved(&self.options.metadata_prefix) {
            taken.take(&name);
        }
        let place = Place { path: String::new(), record: record.to_owned(), level: 0, above: Vec::new() };
        self.fields(shape, &place, taken, |name| name == "_id" || excluded.iter().any(|other| other == name))
    }

    fn fields(&mut self, shape: &Shape, place: &Place, mut taken: Taken, skip: impl Fn(&str) -> bool) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut above = place.above.clone();
        above.push(shape.keys().iter().map(|key| key.name.clone()).collect());
        for key in shape.keys() {
            let path = if place.path.is_empty() { key.name.clone() } else { format!("{}.{}", place.path, key.name) };
            if skip(&key.name) {
                if key.name != "_id" {
                    self.say(path, "excluded".to_owned(), &key.seen, shape, Vec::new());
                }
                continue;
            }
            let name = self.options.adjustment.field(&key.name);
            let record = format!("{}_{name}", place.record);
            let at = self.report.len();
            self.say(path.clone(), UNDECIDED.to_owned(), &key.seen, shape, Vec::new());
            let mut notes = Vec::new();
            let below = Place { path, record, level: place.level + 1, above: above.clone() };
            if let Some((ty, accepts)) = self.choose(&key.seen, &below, &mut notes) {
                self.report[at].chosen = word(&ty);
                let required = self.options.mark_required && key.seen.present() >= shape.documents;
                let (name, bson_name) = (self.given(name, &mut taken, place, &fields, &mut notes), key.name.clone());
                let properties = properties(&ty, &accepts, &key.seen, &self.options.forms);
                fields.push(Field { name, bson_name, properties, ty, accepts, required });
            }
            self.report[at].notes = notes;
        }
        fields
    }

    /// A field's name that no other at its place has, and what a reviewer is to know of it.
    fn given(
        &self,
        wanted: String,
        taken: &mut Taken,
        place: &Place,
        before: &[Field],
        notes: &mut Vec<Note>,
    ) -> String {
        let given = taken.give(wanted.clone());
        if given != wanted {
            let reserved = place.level == 0 && names::is_reserved(&wanted, &self.options.metadata_prefix);
            let (rule, whose) = if reserved { ("MC106", "metadata's") } else { ("MC104", "another field's") };
            notes.push(note(rule, format!("{wanted} is {whose}: named {given}")));
        }
        if let Some(other) = before.iter().find(|other| other.name.eq_ignore_ascii_case(&given)) {
            notes.push(note("MC105", format!("{given} differs from {} by case only", other.name)));
        }
        given
    }

    /// The type of a path; `None` while it is undecided.
    pub(crate) fn choose(&mut self, seen: &Seen, place: &Place, notes: &mut Vec<Note>) -> Option<Choice> {
        let forms = self.options.forms;
        let seen = &*form::counted(seen, &forms);
        if let Some(choice) = form::integral(seen, &forms, notes) {
            return Some(choice);
        }
        let mixed = seen.kinds.len() > 1 && seen.kinds.contains_key(&Kind::Array);
        if mixed && forms.accept_scalar && seen.items.is_some() {
            let below = Place { path: format!("{}[]", place.path), level: place.level + 1, ..place.clone() };
            if let Some((ty, accepts)) = self.choose(&one_or_many(seen), &below, &mut Vec::new())
                && ty != Type::Any
            {
                notes.push(note("MC613", "one or many: all as arrays".to_owned()));
                return Some((self.array_of(ty, seen.items.as_deref()), accepts));
            }
        }
        match verdict(seen, notes) {
            Verdict::Undecided => None,
            Verdict::Leaf(ty, accepts) => Some(form::of(ty, accepts, seen, &forms, notes)),
            Verdict::Any => {
                if mixed && !matches!(verdict(&one_or_many(seen), &mut Vec::new()), Verdict::Any | Verdict::Array) {
                    let proposal = "array.accept.scalar=true would take all as arrays";
                    notes.push(note("MC613", proposal.to_owned()));
                }
                Some(any())
            }
            Verdict::Array => self.array(seen, place, notes),
            Verdict::Object => self.object(seen, place, notes),
        }
    }

    /// The array of a type; never of nulls where that was asked for and no item was null.
    fn array_of(&self, ty: Type, items: Option<&Seen>) -> Type {
        // Bare `int` items are how a vector is written.
        let full = !self.options.forms.nullable_items && items.is_none_or(|items| items.null == 0) && ty != Type::Int;
        if full { Type::FullArray(Box::new(ty)) } else { Type::Array(Box::new(ty)) }
    }

    fn array(&mut self, seen: &Seen, place: &Place, notes: &mut Vec<Note>) -> Option<Choice> {
        let Some(items) = seen.items.as_deref() else {
            notes.push(note("MC507", format!("arrays below level {}", self.max_depth)));
            return Some(any());
        };
        if items.null > 0 {
            notes.push(note("MC612", format!("{} of {} items are null", items.null, items.total)));
        }
        let below = Place { path: format!("{}[]", place.path), level: place.level + 1, ..place.clone() };
        match self.choose(items, &below, notes)? {
            (Type::Any, accepts) => Some((Type::Any, accepts)),
            (ty, accepts) => Some((self.array_of(ty, Some(items)), accepts)),
        }
    }

    fn object(&mut self, seen: &Seen, place: &Place, notes: &mut Vec<Note>) -> Option<Choice> {
        let Some(shape) = seen.shape.as_deref() else {
            notes.push(note("MC507", format!("documents below level {}", self.max_depth)));
            return Some(any());
        };
        if shape.keys().is_empty() {
            notes.push(note("MC611", format!("{} documents, all empty", shape.documents)));
            return Some(any());
        }
        if let Some(found) = dictionary(shape) {
            let pattern = found.pattern.map(|name| format!(", most like {name}")).unwrap_or_default();
            let numbers = format!("{} keys, {} entries in {} documents", found.keys, found.entries, found.documents);
            notes.push(note("MC616", format!("{numbers}{pattern}: a dictionary")));
            let below = Place { path: format!("{}{{}}", place.path), level: place.level + 1, ..place.clone() };
            let (ty, accepts) = self.choose(&shape.values(), &below, notes)?;
            return Some((Type::Map(Box::new(ty)), accepts));
        }
        let names: BTreeSet<String> = shape.keys().iter().map(|key| key.name.clone()).collect();
        if place.above.iter().filter(|above| **above == names).count() >= 2 {
            notes.push(note("MC507", "a shape that repeats in itself".to_owned()));
            return Some(any());
        }
        let name = self.records.give(place.record.clone());
        let below = Place { record: name.clone(), ..place.clone() };
        let mut fields = self.fields(shape, &below, Taken::default(), |_| false);
        // How deep a geometry's arrays are depends on each document's `type`, which no sample settles.
        if is_geometry(shape) {
            let path = format!("{}.coordinates", below.path);
            for field in fields.iter_mut().filter(|field| field.bson_name == "coordinates") {
                (field.ty, field.accepts) = any();
                self.report.iter_mut().filter(|each| each.path == path).for_each(|each| each.chosen = word(&field.ty));
            }
        }
        let properties = serde_json::Map::new();
        (!fields.is_empty()).then(|| (Type::Record(Record { name, fields, properties }), Vec::new()))
    }

    fn say(&mut self, path: String, chosen: String, seen: &Seen, shape: &Shape, notes: Vec<Note>) {
        self.report.push(PathReport {
            path,
            chosen,
            seen: seen.kinds.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
            missing: shape.documents.saturating_sub(seen.total),
            null: seen.null,
            notes,
        });
    }
}

/// The items of the arrays and the values beside them as one.
fn one_or_many(seen: &Seen) -> Seen {
    let mut scalars = seen.clone();
    let arrays = scalars.kinds.remove(&Kind::Array).unwrap_or_default();
    let mut all = scalars.items.take().map(|items| *items).unwrap_or_default();
    // What is null beside arrays is no item.
    scalars.total -= arrays + scalars.null;
    scalars.null = 0;
    all.absorb(&scalars);
    all
}

/// What a new field says beside its type, also of what is inside arrays and dictionaries: the form of its bytes, and
/// that a client encrypted them.
pub(crate) fn properties(ty: &Type, accepts: &[String], seen: &Seen, forms: &Forms) -> serde_json::Map<String, Json> {
    let binary = || accepts.iter().any(|name| name == Kind::Binary.name());
    let (form, encrypted) = match ty {
        Type::Bytes => (None, seen.encrypted > 0),
        Type::String if binary() => (forms.binaries.property(), seen.encrypted > 0),
        Type::Uuid if binary() => (forms.legacy_uuids.property(), false),
        Type::Array(items) | Type::FullArray(items) => {
            let inner = seen.items.as_deref().map(|seen| properties(items, accepts, seen, forms));
            return inner.unwrap_or_default();
        }
        Type::Map(values) => {
            let inner = seen.shape.as_deref().map(|seen| properties(values, accepts, &seen.values(), forms));
            return inner.unwrap_or_default();
        }
        _ => (None, false),
    };
    let tag = encrypted.then(|| ("moorline.tags".to_owned(), json!(["encrypted"])));
    form.into_iter().chain(tag).collect()
}

/// Anything, as Extended JSON text.
pub(crate) fn any() -> Choice {
    (Type::Any, vec!["any".to_owned()])
}

/// A type in a word, for people.
pub(crate) fn word(ty: &Type) -> String {
    match ty {
        Type::Boolean => "boolean".to_owned(),
        Type::Int => "int".to_owned(),
        Type::Long => "long".to_owned(),
        Type::Double => "double".to_owned(),
        Type::String => "string".to_owned(),
        Type::Uuid => "uuid".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Timestamp => "timestamp-millis".to_owned(),
        Type::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        Type::Any => "any".to_owned(),
        Type::Record(_) => "record".to_owned(),
        Type::Map(values) => format!("map<{}>", word(values)),
        Type::Entries { values, .. } => format!("entries<{}>", word(values)),
        Type::Array(items) | Type::FullArray(items) => format!("array<{}>", word(items)),
        Type::FloatVector => "array<float>".to_owned(),
        Type::IntVector => "array<int>".to_owned(),
    }
}

fn is_geometry(shape: &Shape) -> bool {
    let known = |name: &str| matches!(name, "type" | "coordinates" | "bbox" | "crs");
    let only = |name: &str, kind| shape.get(name).is_some_and(|seen| seen.kinds.keys().all(|k| *k == kind));
    shape.keys().iter().all(|key| known(&key.name)) && only("type", Kind::String) && only("coordinates", Kind::Array)
}
