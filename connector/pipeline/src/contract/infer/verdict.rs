//! From kinds and their counts to what a path is: the "infer" column of spec/types.md as one function.
//!
//! Invariants: the verdict depends on counts only, not on the order of documents; a conflict is `Any`, unless those in
//! the way are under 0.5 % of the values, who then have to drift.

use std::collections::BTreeSet;

use super::kind::Kind;
use super::seen::Seen;
use super::{Note, note};
use crate::contract::model::Type;

/// What a path is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing but nulls.
    Undecided,
    /// One of the types without inner types, and what it accepts.
    Leaf(Type, Vec<String>),
    /// Documents.
    Object,
    /// Arrays.
    Array,
    /// Values of types that have no other type in common.
    Any,
}

/// The share of values under which a type counts as an outlier: one in this many.
const OUTLIER: u64 = 200;

/// The verdict on the values of a path, and what is to be said of it.
pub(crate) fn verdict(seen: &Seen, notes: &mut Vec<Note>) -> Verdict {
    let all: BTreeSet<Kind> = seen.kinds.keys().copied().collect();
    let is_outlier = |count: u64| count.saturating_mul(OUTLIER) < seen.present();
    let mut wide = seen.wide > 0;
    let mut kinds = all.clone();
    let mut found = join(&kinds, wide);
    if found == Verdict::Any {
        let dominant: BTreeSet<Kind> = all.iter().copied().filter(|kind| !is_outlier(seen.kinds[kind])).collect();
        let dominant_wide = wide && !is_outlier(seen.wide);
        // A single kind without an own type (regular expressions) stays what it is.
        if !dominant.is_empty() && join(&dominant, dominant_wide) != Verdict::Any {
            (kinds, wide) = (dominant, dominant_wide);
            found = join(&kinds, wide);
        }
    }
    for kind in all.difference(&kinds) {
        let text = format!("{}: {} of {} values, will drift", kind.name(), seen.kinds[kind], seen.present());
        notes.push(note("MC602", text));
    }
    remark(seen, &kinds, &found, notes);
    found
}

fn join(kinds: &BTreeSet<Kind>, wide: bool) -> Verdict {
    let all = |test: fn(Kind) -> bool| kinds.iter().copied().all(test);
    let only = |kind: Kind| kinds.len() == 1 && kinds.contains(&kind);
    if kinds.is_empty() {
        return Verdict::Undecided;
    }
    if all(|kind| matches!(kind, Kind::Int32 | Kind::Int64)) {
        return leaf(Type::Long, kinds);
    }
    if all(Kind::is_number) {
        // One double takes the exactness of every whole number beside it; text would take the numbers' type.
        return if wide { Verdict::Any } else { leaf(Type::Double, kinds) };
    }
    if all(Kind::is_plain_text) {
        return Verdict::Leaf(Type::String, Vec::new());
    }
    if all(|kind| kind.is_text() || kind == Kind::Decimal) {
        return leaf(Type::String, kinds);
    }
    if kinds.contains(&Kind::Decimal) && all(|kind| kind.is_number() || kind == Kind::Decimal) {
        return leaf(Type::String, kinds);
    }
    for (kind, ty) in [
        (Kind::Boolean, Type::Boolean),
        (Kind::Date, Type::Timestamp),
        (Kind::Timestamp, Type::Long),
        (Kind::Binary, Type::Bytes),
        (Kind::Uuid, Type::Uuid),
        (Kind::FloatVector, Type::FloatVector),
        (Kind::IntVector, Type::IntVector),
    ] {
        if only(kind) {
            return if ty == Type::Boolean { Verdict::Leaf(ty, Vec::new()) } else { leaf(ty, kinds) };
        }
    }
    if only(Kind::Object) {
        return Verdict::Object;
    }
    if only(Kind::Array) {
        return Verdict::Array;
    }
    Verdict::Any
}

fn leaf(ty: Type, kinds: &BTreeSet<Kind>) -> Verdict {
    Verdict::Leaf(ty, kinds.iter().map(|kind| kind.name().to_owned()).collect())
}

fn remark(seen: &Seen, kinds: &BTreeSet<Kind>, found: &Verdict, notes: &mut Vec<Note>) {
    let doubles = seen.kinds.get(&Kind::Double).copied().unwrap_or_default();
    if matches!(found, Verdict::Leaf(Type::Double, _)) && seen.fractional < doubles {
        notes.push(note("MC604", format!("{} of {doubles} doubles are whole", doubles - seen.fractional)));
    }
    if doubles > 0 && seen.wide > 0 {
        notes.push(note("MC605", format!("{} whole numbers beyond 2^53 beside doubles", seen.wide)));
    }
    if seen.broken_text > 0 {
        notes.push(note("MC607", format!("{} strings that are not UTF-8, will drift", seen.broken_text)));
    }
    if seen.far_dates > 0 {
        let (first, last) = seen.dates.unwrap_or_default();
        let text = format!("{} dates outside the years 1 to 9999, will drift", seen.far_dates);
        notes.push(note("MC608", format!("{text}: {first} .. {last} ms are seen")));
    }
    if seen.decimals.nonfinite > 0 {
        let shown = seen.decimals.range.map(|(least, most)| format!(" beside {least} .. {most}")).unwrap_or_default();
        notes.push(note("MC606", format!("{} decimals are NaN or infinite{shown}", seen.decimals.nonfinite)));
    }
    if kinds.contains(&Kind::ObjectId) && kinds.iter().any(|kind| kind.is_plain_text()) {
        notes.push(note("MC609", "ObjectIds and strings, both as text".to_owned()));
    }
    if seen.legacy_uuids > 0 && kinds.contains(&Kind::Binary) {
        notes.push(note("MC610", format!("{} UUIDs of subtype 3, in an unknown order of bytes", seen.legacy_uuids)));
    }
    if *found == Verdict::Any && kinds.contains(&Kind::Array) && kinds.len() > 1 {
        notes.push(note("MC613", "one or many: arrays and other values".to_owned()));
    }
}
