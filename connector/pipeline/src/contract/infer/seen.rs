//! What a sample holds, path by path: counts of kinds, and the shapes of documents with their keys in order.
//!
//! Invariants: keys stand in the order of first appearance; a key counts once a document, by its last value; nothing below
//! the deepest level is looked at; a document that turns out malformed counts as far as it could be read.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Kind;
use crate::contract::decimal::Decimal;
use crate::contract::plan::excluded::Excluded;
use crate::contract::plan::walk::{Elements, Value};

/// Whole numbers beyond this have no exact double.
pub(crate) const EXACT: u64 = 1 << 53;
/// 0001-01-01 and 9999-12-31 in milliseconds: what sinks can hold.
const DATES: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;
/// Binary subtype 3: a UUID in an order of bytes that depends on the driver that wrote it.
const LEGACY_UUID: u8 = 3;
/// Binary subtype 6: what a client encrypted.
const ENCRYPTED: u8 = 6;
/// However deep the configuration allows: JSON parsers stop at 128 levels, and a level of documents takes four.
const DEEPEST: usize = 24;

/// Values at one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Values, nulls among them.
    pub(crate) total: u64,
    /// Null and undefined.
    pub(crate) null: u64,
    /// By kind.
    pub(crate) kinds: BTreeMap<Kind, u64>,
    /// Whole numbers beyond 2^53.
    pub(crate) wide: u64,
    /// Doubles that are not whole; NaN and the infinities too.
    pub(crate) fractional: u64,
    /// Doubles beyond 2^53, all of which are whole.
    pub(crate) large: u64,
    /// Decimals: how many digits, between which.
    pub(crate) decimals: Decimals,
    /// Dates outside the years 1 to 9999.
    pub(crate) far_dates: u64,
    /// The first and the last date.
    pub(crate) dates: Option<(i64, i64)>,
    /// Strings that are not UTF-8.
    pub(crate) broken_text: u64,
    /// UUIDs of subtype 3.
    pub(crate) legacy_uuids: u64,
    /// Binaries of subtype 6.
    pub(crate) encrypted: u64,
    /// The documents here, where they were looked into.
    pub(crate) shape: Option<Box<Shape>>,
    /// Items of the arrays here, where they were looked into.
    pub(crate) items: Option<Box<Seen>>,
}

/// What the decimals at a path need.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decimals {
    /// Most digits before the point, whole numbers beside them counted in.
    pub(crate) before: u32,
    /// Most digits after the point.
    pub(crate) after: u32,
    /// NaN and infinities.
    pub(crate) nonfinite: u64,
    /// The least and the greatest, as near as a double comes.
    pub(crate) range: Option<(f64, f64)>,
}

impl Decimals {
    fn add(&mut self, decimal: Decimal) {
        let Some((before, after)) = decimal.digits() else {
            self.nonfinite += 1;
            return;
        };
        let value = decimal.nearest();
        self.absorb(Self { before, after, nonfinite: 0, range: Some((value, value)) });
    }

    fn add_whole(&mut self, magnitude: u64) {
        self.before = self.before.max(magnitude.checked_ilog10().map_or(0, |log| log + 1));
    }

    fn absorb(&mut self, other: Self) {
        self.before = self.before.max(other.before);
        self.after = self.after.max(other.after);
        self.nonfinite += other.nonfinite;
        self.range = match (self.range, other.range) {
            (Some(ours), Some(theirs)) => Some((ours.0.min(theirs.0), ours.1.max(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
    }
}

/// Documents at one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// Documents.
    pub(crate) documents: u64,
    keys: Vec<Key>,
    index: BTreeMap<String, usize>,
}

/// A key of the documents at one path.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Its BSON name.
    pub(crate) name: String,
    /// In which of the documents it first stood, from 1.
    pub(crate) first: u64,
    /// Its values.
    pub(crate) seen: Seen,
}

/// How far to look.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    level: usize,
    deepest: usize,
    excluded: Option<&'a Excluded>,
}

impl<'a> Scope<'a> {
    /// From the top, leaving out what is excluded.
    pub(crate) fn new(max_depth: usize, excluded: Option<&'a Excluded>) -> Self {
        Self { level: 1, deepest: max_depth.clamp(1, DEEPEST), excluded }
    }
    fn below(self, excluded: Option<&'a Excluded>) -> Self {
        Self { level: self.level + 1, excluded, ..self }
    }
}

impl Seen {
    fn add(&mut self, value: Value<'_>, scope: Scope<'_>) {
        self.total += 1;
        let Some(kind) = Kind::of(value) else {
            self.null += 1;
            return;
        };
        *self.kinds.entry(kind).or_default() += 1;
        match kind {
            Kind::Decimal => self.decimals.add(Decimal::from_bytes(value.array())),
            Kind::Int32 => self.decimals.add_whole(value.four().unsigned_abs().into()),
            Kind::Int64 => self.decimals.add_whole(value.eight().unsigned_abs()),
            Kind::Double if value.double().fract() == 0.0 && value.double().abs() <= EXACT as f64 => {
                self.decimals.add_whole(value.double().abs() as u64);
            }
            Kind::Date => {
                let (first, last) = self.dates.unwrap_or((value.eight(), value.eight()));
                self.dates = Some((first.min(value.eight()), last.max(value.eight())));
            }
            _ => {}
        }
        match kind {
            Kind::Double if value.double().abs() > EXACT as f64 && value.double().is_finite() => self.large += 1,
            Kind::Int64 if value.eight().unsigned_abs() > EXACT => self.wide += 1,
            Kind::Double if value.double().fract() != 0.0 => self.fractional += 1,
            Kind::Date if !DATES.contains(&value.eight()) => self.far_dates += 1,
            kind if kind.is_plain_text() && std::str::from_utf8(value.text()).is_err() => self.broken_text += 1,
            Kind::Binary if value.bytes.get(4) == Some(&LEGACY_UUID) => self.legacy_uuids += 1,
            Kind::Binary if value.bytes.get(4) == Some(&ENCRYPTED) => self.encrypted += 1,
            Kind::Object if scope.level < scope.deepest => {
                self.shape.get_or_insert_default().add(value.bytes, scope.below(scope.excluded));
            }
            Kind::Array if scope.level < scope.deepest => {
                let items = self.items.get_or_insert_default();
                let scope = scope.below(scope.excluded);
                each(value.bytes, |_, item| items.add(item, scope));
            }
            _ => {}
        }
    }

    /// Values that are there.
    pub(crate) fn present(&self) -> u64 {
        self.total - self.null
    }

    /// Adds another path's values: those of a dictionary's keys are one path.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.total += other.total;
        self.null += other.null;
        self.wide += other.wide;
        self.fractional += other.fractional;
        self.large += other.large;
        self.decimals.absorb(other.decimals);
        self.far_dates += other.far_dates;
        self.dates = match (self.dates, other.dates) {
            (Some(ours), Some(theirs)) => Some((ours.0.min(theirs.0), ours.1.max(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
        self.broken_text += other.broken_text;
        self.legacy_uuids += other.legacy_uuids;
        self.encrypted += other.encrypted;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += count;
        }
        if let Some(shape) = &other.shape {
            self.shape.get_or_insert_default().absorb(shape);
        }
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().absorb(items);
        }
    }
}

impl Shape {
    /// Adds a document's bytes.
    pub(crate) fn add(&mut self, document: &[u8], scope: Scope<'_>) {
        self.documents += 1;
        let mut elements = Vec::new();
        // A name that is not UTF-8 can be no field's.
        each(document, |name, value| elements.extend(std::str::from_utf8(name).map(|name| (name, value))));
        // Of equal names the last counts, as where documents are encoded.
        let mut later = BTreeSet::new();
        elements.reverse();
        elements.retain(|(name, _)| later.insert(*name));
        for (name, value) in elements.into_iter().rev() {
            let excluded = scope.excluded.and_then(|excluded| excluded.below(name.as_bytes()));
            if !excluded.is_some_and(Excluded::here) {
                let first = self.documents;
                self.key(name, first).seen.add(value, Scope { excluded, ..scope });
            }
        }
    }

    /// Its keys, by first appearance.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// A key by its BSON name.
    pub(crate) fn get(&self, name: &str) -> Option<&Seen> {
        self.index.get(name).map(|at| &self.keys[*at].seen)
    }

    /// All values whatever their key.
    pub(crate) fn values(&self) -> Seen {
        let mut all = Seen::default();
        for key in &self.keys {
            all.absorb(&key.seen);
        }
        all
    }

    fn key(&mut self, name: &str, first: u64) -> &mut Key {
        let at = match self.index.get(name) {
            Some(at) => *at,
            None => {
                self.index.insert(name.to_owned(), self.keys.len());
                self.keys.push(Key { name: name.to_owned(), first, seen: Seen::default() });
                self.keys.len() - 1
            }
        };
        &mut self.keys[at]
    }

    fn absorb(&mut self, other: &Self) {
        for key in &other.keys {
            let first = self.documents + key.first;
            self.key(&key.name, first).seen.absorb(&key.seen);
        }
        self.documents += other.documents;
    }
}

/// Each element as far as the bytes can be read.
pub(crate) fn each<'a>(document: &'a [u8], mut visit: impl FnMut(&'a [u8], Value<'a>)) {
    let Ok(mut elements) = Elements::of(document) else { return };
    while let Ok(Some((name, value))) = elements.next() {
        visit(name, value);
    }
}
