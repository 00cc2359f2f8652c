//! Which way `_id` is written, by the `_id`s of a sample: spec/types.md section 5.
//!
//! Invariant: no two `_id`s that the server holds apart get one text, so any mix of types is `Any`; no share is too
//! small to count, since a key's kind never changes.

use bson::RawDocument;

use super::kind::Kind;
use super::seen::each;
use crate::contract::extjson::{EARLIEST, LATEST};
use crate::contract::model::KeyKind;
use crate::contract::plan::walk::Value;

/// Kinds of the `_id`s so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyTally(Option<KeyKind>);

/// The key's kind by the `_id`s of documents; `None` where none has one.
pub fn infer_key<'a>(documents: impl Iterator<Item = &'a RawDocument>) -> Option<KeyKind> {
    let mut tally = KeyTally::default();
    for document in documents {
        tally.add(document.as_bytes());
    }
    tally.kind()
}

impl KeyTally {
    /// Adds the `_id` of a document.
    pub(crate) fn add(&mut self, document: &[u8]) {
        // The last of several counts, as everywhere.
        let mut id = None;
        each(document, |name, value| {
            if name == b"_id" {
                id = Some(value);
            }
        });
        let Some(next) = id.map(kind) else { return };
        self.0 = Some(match self.0.take() {
            None => next,
            Some(before) if before == next => before,
            Some(KeyKind::Long | KeyKind::Number) if matches!(next, KeyKind::Long | KeyKind::Number) => KeyKind::Number,
            Some(_) => KeyKind::Any,
        });
    }

    /// The kind that takes all of them.
    pub(crate) fn kind(self) -> Option<KeyKind> {
        self.0
    }
}

fn kind(id: Value<'_>) -> KeyKind {
    match Kind::of(id) {
        Some(Kind::ObjectId) => KeyKind::ObjectId,
        // One that is not UTF-8 is held out by every kind, so it speaks for none but its own.
        Some(Kind::String) => KeyKind::String,
        Some(Kind::Int32 | Kind::Int64) => KeyKind::Long,
        Some(Kind::Double) if is_long(id.double()) => KeyKind::Long,
        // Decimals may be whole today; the kind is for ever.
        Some(Kind::Double | Kind::Decimal) => KeyKind::Number,
        Some(Kind::Uuid) => KeyKind::Uuid,
        Some(Kind::Date) if (EARLIEST..=LATEST).contains(&id.eight()) => KeyKind::Timestamp,
        Some(Kind::Binary) if id.bytes.get(4) == Some(&0) => KeyKind::Base64,
        _ => KeyKind::Any,
    }
}

/// Whether a double is one of the whole numbers that a long holds.
fn is_long(double: f64) -> bool {
    double.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&double)
}
