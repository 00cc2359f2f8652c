//! Widening a contract by documents that did not fit: new fields, and the few changes of type that every reader of the
//! old schema survives.
//!
//! Invariants: no field is removed, renamed or narrowed; a record never becomes a map; a type only goes from whole
//! numbers to doubles, and text only comes to take more kinds of values; what can't be widened is named and left as it
//! was, so that its documents meet the policy. The same documents in the same order give the same contract.

use std::collections::BTreeSet;

use bson::RawDocument;
use serde_json::{Map, Value as Json};

use super::infer::budget;
use super::infer::choose::{Place, properties, word};
use super::infer::kind::Kind;
use super::infer::seen::{Scope, Seen, Shape};
use super::infer::{self, Chooser, Options};
use super::model::{Contract, Field, Limits, Record, Type};
use super::names::{self, Taken};
use super::plan::excluded::Excluded;

/// What came of an evolution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evolution {
    /// The wider contract; `None` where nothing could be widened. Where `added` is empty it only leaves out more, which
    /// no schema shows: it is no version.
    pub contract: Option<Contract>,
    /// What was widened, in the contract's order.
    pub added: Vec<Widened>,
    /// What was not.
    pub refused: Vec<Refused>,
}

/// A field that was added or widened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widened {
    /// Dotted BSON path.
    pub path: String,
    /// Its type now, in a word.
    pub ty: String,
}

/// A change that no reader of the old schema would survive, or that a limit forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The rule, for example `MC602`.
    pub rule: &'static str,
    /// Dotted BSON path.
    pub path: String,
    /// What the contract has.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// New fields under one path below the top after which it looks like a dictionary: a person should say so.
const DICTIONARY_GUARD: usize = 16;

/// Widens a contract by documents, as far as it can be widened, with the defaults of the configuration.
pub fn evolve<'a>(contract: &Contract, documents: impl Iterator<Item = &'a RawDocument>, limits: &Limits) -> Evolution {
    evolve_with(contract, documents, limits, &Options::default())
}

/// The same with options: new fields get their names and forms by them.
pub fn evolve_with<'a>(
    contract: &Contract,
    documents: impl Iterator<Item = &'a RawDocument>,
    limits: &Limits,
    options: &Options,
) -> Evolution {
    let excluded = Excluded::of(&contract.excluded);
    let scope = Scope::new(limits.max_depth, (!excluded.is_empty()).then_some(&excluded));
    let mut shape = Shape::default();
    for document in documents {
        shape.add(document.as_bytes(), scope);
    }
    let mut widening = Widening {
        chooser: Chooser::new(limits.max_depth, options),
        options,
        room: limits.max_fields.saturating_sub(budget::leaves(&contract.fields)),
        left_out: Vec::new(),
        result: Evolution::default(),
    };
    widening.chooser.take_record(&contract.name);
    widening.take_records(&contract.fields);
    let mut fields = contract.fields.clone();
    let mut taken = Taken::default();
    taken.take("_id");
    for name in names::reserved(&options.metadata_prefix) {
        taken.take(&name);
    }
    let place = Place { path: String::new(), record: contract.name.clone(), level: 0, above: Vec::new() };
    widening.fields(&mut fields, &shape, &place, taken);
    let mut evolution = std::mem::take(&mut widening.result);
    let excluded = [contract.excluded.as_slice(), &widening.left_out].concat();
    if fields != contract.fields || excluded != contract.excluded {
        evolution.contract = Some(Contract { fields, excluded, ..contract.clone() });
    }
    evolution
}

/// The kinds that a text field takes, spelled out: nothing named stands for strings and what is written as them.
pub(crate) fn spelled(accepts: Vec<String>) -> Vec<String> {
    if !accepts.is_empty() {
        return accepts;
    }
    [Kind::String, Kind::Symbol, Kind::JavaScript].iter().map(|kind| kind.name().to_owned()).collect()
}

/// One evolution on its way.
struct Widening<'a> {
    chooser: Chooser<'a>,
    options: &'a Options,
    /// Leaves that may still be added.
    room: usize,
    /// Names at the top that inference would exclude as well.
    left_out: Vec<String>,
    result: Evolution,
}

impl Widening<'_> {
    fn take_records(&mut self, fields: &[Field]) {
        for field in fields {
            let mut ty = &field.ty;
            while let Type::Array(inner)
            | Type::FullArray(inner)
            | Type::Map(inner)
            | Type::Entries { values: inner, .. } = ty
            {
                if let Type::Entries { name, .. } = ty {
                    self.chooser.take_record(name);
                }
                ty = inner;
            }
            if let Type::Record(record) = ty {
                self.chooser.take_record(&record.name);
                self.take_records(&record.fields);
            }
        }
    }

    /// The fields of a record against the documents seen at its place.
    fn fields(&mut self, fields: &mut Vec<Field>, shape: &Shape, place: &Place, mut taken: Taken) {
        for field in fields.iter() {
            taken.take(&field.name);
        }
        let top = place.level == 0;
        let mut above = place.above.clone();
        above.push(shape.keys().iter().map(|key| key.name.clone()).collect::<BTreeSet<_>>());
        let known: BTreeSet<String> = fields.iter().map(|field| field.bson_name.clone()).collect();
        let below = |name: &str, record: String| Place {
            path: if place.path.is_empty() { name.to_owned() } else { format!("{}.{name}", place.path) },
            record,
            level: place.level + 1,
            above: above.clone(),
        };
        for field in fields.iter_mut() {
            if let Some(seen) = shape.get(&field.bson_name) {
                let place = below(&field.bson_name, format!("{}_{}", place.record, field.name));
                let mut accepts = field.accepts.clone();
                if self.widen(&mut field.ty, &mut accepts, &field.properties, seen, &place) {
                    field.accepts = accepts;
                    self.result.added.push(Widened { path: place.path, ty: word(&field.ty) });
                }
            }
        }
        let is_ours = |name: &str| known.contains(name) || (top && name == "_id");
        // Nulls are no new field, and so can't be refused either.
        let new = shape.keys().iter().filter(|key| !is_ours(&key.name) && key.seen.present() > 0);
        let (left_out, new): (Vec<_>, Vec<_>) = new.partition(|key| top && infer::is_excluded(&key.name, &key.seen));
        self.left_out.extend(left_out.into_iter().map(|key| key.name.clone()));
        if !top && new.len() >= DICTIONARY_GUARD {
            self.refuse("MC616", &place.path, "a record", format!("{} new names at once: a dictionary?", new.len()));
            return;
        }
        for key in new {
            let name = self.options.adjustment.field(&key.name);
            let place = below(&key.name, format!("{}_{name}", place.record));
            let Some((ty, accepts)) = self.chooser.choose(&key.seen, &place, &mut Vec::new()) else { continue };
            if taken.has(&name) {
                let rule =
                    if top && names::is_reserved(&name, &self.options.metadata_prefix) { "MC106" } else { "MC104" };
                self.refuse(rule, &place.path, &format!("the name {name} for another field"), key.name.clone());
                continue;
            }
            let leaves = budget::leaves_of(&ty);
            if leaves > self.room {
                self.refuse("MC614", &place.path, "no more fields", word(&ty));
                continue;
            }
            self.room -= leaves;
            taken.take(&name);
            self.result.added.push(Widened { path: place.path, ty: word(&ty) });
            let properties = properties(&ty, &accepts, &key.seen, &self.options.forms);
            let bson_name = key.name.clone();
            fields.push(Field { name, bson_name, ty, accepts, required: false, properties });
        }
    }

    /// Widens the type at a place; whether the place itself has changed.
    fn widen(
        &mut self,
        ty: &mut Type,
        accepts: &mut Vec<String>,
        properties: &Map<String, Json>,
        seen: &Seen,
        place: &Place,
    ) -> bool {
        let mut changed = false;
        let options = self.options;
        let forms = &options.forms;
        for kind in seen.kinds.keys().copied() {
            match (&mut *ty, kind) {
                (Type::Record(record), Kind::Object) if !stands_for_another(accepts) => {
                    self.record(record, seen, place);
                }
                (Type::Map(values) | Type::Entries { values, .. }, Kind::Object) => {
                    if let Some(shape) = &seen.shape {
                        let below =
                            Place { path: format!("{}{{}}", place.path), level: place.level + 1, ..place.clone() };
                        changed |= self.widen(values, accepts, properties, &shape.values(), &below);
                    }
                }
                (Type::Array(items) | Type::FullArray(items), Kind::Array) => {
                    if let Some(seen) = &seen.items {
                        let below =
                            Place { path: format!("{}[]", place.path), level: place.level + 1, ..place.clone() };
                        changed |= self.widen(items, accepts, properties, seen, &below);
                    }
                }
                (Type::Array(items) | Type::FullArray(items), kind)
                    if forms.accept_scalar && takes(items, accepts, properties, kind) => {}
                (Type::Double, _) if seen.wide > 0 && kind == Kind::Int64 => {
                    self.refuse("MC605", &place.path, "a number that a double holds exactly", kind.name());
                }
                (ty, kind) if takes(ty, accepts, properties, kind) => {}
                (Type::Int, Kind::Int64) => {
                    *ty = Type::Long;
                    accepts.push(kind.name().to_owned());
                    changed = true;
                }
                (Type::Long, Kind::Double)
                    if forms.integral_numbers && is_whole(accepts) && seen.fractional == 0 && seen.large == 0 =>
                {
                    if accepts.is_empty() {
                        accepts.extend([Kind::Int32, Kind::Int64].map(|kind| kind.name().to_owned()));
                    }
                    accepts.push(kind.name().to_owned());
                    changed = true;
                }
                (Type::Int, Kind::Double) if seen.wide == 0 => {
                    *ty = Type::Double;
                    accepts.push(kind.name().to_owned());
                    changed = true;
                }
                (Type::Long, Kind::Double)
                    if !named(accepts, Kind::Timestamp) && !named(accepts, Kind::Date) && seen.wide == 0 =>
                {
                    *ty = Type::Double;
                    if accepts.is_empty() {
                        accepts.extend([Kind::Int32, Kind::Int64].map(|kind| kind.name().to_owned()));
                    }
                    if !named(accepts, kind) {
                        accepts.push(kind.name().to_owned());
                    }
                    changed = true;
                }
                (Type::String, kind) if is_written_as_text(accepts, kind) => {
                    *accepts = spelled(std::mem::take(accepts));
                    accepts.push(kind.name().to_owned());
                    changed = true;
                }
                (ty, kind) => {
                    let expected = if accepts.is_empty() { word(ty) } else { accepts.join("|") };
                    self.refuse("MC602", &place.path, &expected, kind.name());
                }
            }
        }
        changed
    }

    fn record(&mut self, record: &mut Record, seen: &Seen, place: &Place) {
        if let Some(shape) = &seen.shape {
            let place = Place { record: record.name.clone(), ..place.clone() };
            self.fields(&mut record.fields, shape, &place, Taken::default());
        }
    }

    fn refuse(&mut self, rule: &'static str, path: &str, expected: &str, found: impl Into<String>) {
        let (path, expected) = (path.to_owned(), expected.to_owned());
        self.result.refused.push(Refused { rule, path, expected, found: found.into() });
    }
}

fn named(accepts: &[String], kind: Kind) -> bool {
    accepts.iter().any(|name| name == kind.name())
}

/// Whether a long takes numbers, and whole ones only.
fn is_whole(accepts: &[String]) -> bool {
    ![Kind::Timestamp, Kind::Date, Kind::Double].iter().any(|kind| named(accepts, *kind))
}

/// Whether a record is written for values that are no documents.
fn stands_for_another(accepts: &[String]) -> bool {
    matches!(accepts, [name] if name == Kind::Regex.name() || name == Kind::Timestamp.name())
}

/// Whether a type takes values of a kind already.
fn takes(ty: &Type, accepts: &[String], properties: &Map<String, Json>, kind: Kind) -> bool {
    match ty {
        Type::Any => true,
        Type::Int => kind == Kind::Int32,
        Type::Long | Type::Timestamp if named(accepts, Kind::Timestamp) => kind == Kind::Timestamp,
        Type::Long if named(accepts, Kind::Date) => kind == Kind::Date,
        Type::Long => matches!(kind, Kind::Int32 | Kind::Int64) || (kind == Kind::Double && named(accepts, kind)),
        Type::Double => kind.is_number() || (kind == Kind::Decimal && named(accepts, kind)),
        Type::String if accepts.is_empty() => kind.is_plain_text(),
        Type::String => named(accepts, kind) && kind != Kind::OddBinary,
        Type::Boolean => kind == Kind::Boolean,
        Type::Uuid => kind == Kind::Uuid || (kind == Kind::Binary && named(accepts, kind)),
        Type::Bytes if named(accepts, Kind::ObjectId) => kind == Kind::ObjectId,
        Type::Bytes => {
            matches!(kind, Kind::Binary | Kind::FloatVector | Kind::IntVector)
                || (kind == Kind::Uuid && named(accepts, kind))
        }
        Type::Timestamp => kind == Kind::Date || (kind == Kind::String && properties.contains_key("moorline.coerce")),
        Type::Decimal { .. } => kind == Kind::Decimal || kind.is_number(),
        Type::FloatVector => kind == Kind::FloatVector,
        Type::IntVector => kind == Kind::IntVector,
        Type::Record(_) if stands_for_another(accepts) => named(accepts, kind),
        Type::Record(_) | Type::Map(_) | Type::Entries { .. } => kind == Kind::Object,
        Type::Array(_) | Type::FullArray(_) => kind == Kind::Array,
    }
}

/// Whether a kind is text beside what a text field takes: numbers beside decimals and decimals beside text only; other
/// text, but never numbers beside strings, whichever came first, since `"1"` and `1` would become one value.
fn is_written_as_text(accepts: &[String], kind: Kind) -> bool {
    let decimals = named(accepts, Kind::Decimal);
    let text = accepts.is_empty() || [Kind::String, Kind::ObjectId].iter().any(|kind| named(accepts, *kind));
    let numbers = [Kind::Int32, Kind::Int64, Kind::Double].iter().any(|kind| named(accepts, *kind));
    (kind.is_text() && !numbers) || (kind == Kind::Decimal && text) || (kind.is_number() && decimals && !text)
}
