//! One of several types for the values of a path, as the configuration's forms ask for it.
//!
//! Invariant: a form is only taken where every value of the sample has it; else the type stays the one that takes all.

use std::borrow::Cow;

use super::kind::Kind;
use super::seen::Seen;
use super::{Note, note};
use crate::contract::forms::{Binaries, Decimals, Forms, LegacyUuids};
use crate::contract::model::Type;

/// Precisions that decimals are given, with room for four more digits than were seen: what sinks have columns for.
const PRECISIONS: [u32; 4] = [12, 18, 28, 38];
const ROOM: u32 = 4;

/// The values as the forms count them: UUIDs of subtype 3 are UUIDs where their order of bytes is known.
pub(super) fn counted<'s>(seen: &'s Seen, forms: &Forms) -> Cow<'s, Seen> {
    let binaries = seen.kinds.get(&Kind::Binary).copied().unwrap_or_default();
    if forms.legacy_uuids == LegacyUuids::Bytes || binaries == 0 || seen.legacy_uuids != binaries {
        return Cow::Borrowed(seen);
    }
    let mut counted = seen.clone();
    counted.kinds.remove(&Kind::Binary);
    *counted.kinds.entry(Kind::Uuid).or_default() += binaries;
    Cow::Owned(counted)
}

/// Whole numbers whatever type carries them, under `numbers=integral`.
pub(super) fn integral(seen: &Seen, forms: &Forms, notes: &mut Vec<Note>) -> Option<(Type, Vec<String>)> {
    let doubles = seen.kinds.get(&Kind::Double).copied().unwrap_or_default();
    let whole = forms.integral_numbers && doubles > 0 && seen.fractional == 0 && seen.large == 0;
    if !whole || !seen.kinds.keys().all(|kind| kind.is_number()) {
        return None;
    }
    notes.push(note("MC604", format!("all {doubles} doubles are whole: fractions will drift")));
    Some((Type::Long, names(seen)))
}

/// The form of a type without inner types.
pub(super) fn of(
    ty: Type,
    accepts: Vec<String>,
    seen: &Seen,
    forms: &Forms,
    notes: &mut Vec<Note>,
) -> (Type, Vec<String>) {
    let only = |name: &str| accepts.len() == 1 && accepts[0] == name;
    let decimals = accepts.iter().any(|name| name == Kind::Decimal.name())
        && accepts.iter().all(|name| NUMBERS.iter().any(|kind| kind.name() == name));
    match ty {
        Type::Long if forms.exact_integers && only(Kind::Int32.name()) => (Type::Int, accepts),
        Type::Bytes if forms.binaries != Binaries::Bytes && only(Kind::Binary.name()) => (Type::String, accepts),
        Type::Uuid if forms.legacy_uuids != LegacyUuids::Bytes => legacy(accepts, seen),
        Type::String if decimals => match forms.decimals {
            Decimals::Text => (Type::String, accepts),
            Decimals::Double if seen.wide == 0 => (Type::Double, accepts),
            Decimals::Double => (Type::String, accepts),
            Decimals::Precise => match precise(seen, notes) {
                Some(ty) => (ty, accepts),
                None => (Type::String, accepts),
            },
        },
        ty => (ty, accepts),
    }
}

const NUMBERS: [Kind; 4] = [Kind::Int32, Kind::Int64, Kind::Double, Kind::Decimal];

/// What a UUID field takes where some of its values are of subtype 3.
fn legacy(mut accepts: Vec<String>, seen: &Seen) -> (Type, Vec<String>) {
    if seen.legacy_uuids > 0 {
        accepts.insert(0, Kind::Binary.name().to_owned());
    }
    if seen.legacy_uuids == seen.kinds.get(&Kind::Uuid).copied().unwrap_or_default() {
        accepts.retain(|name| name != Kind::Uuid.name());
    }
    (Type::Uuid, accepts)
}

fn precise(seen: &Seen, notes: &mut Vec<Note>) -> Option<Type> {
    let decimals = &seen.decimals;
    let digits = (decimals.before + decimals.after).max(1);
    let shown = decimals.range.map(|(least, most)| format!(", {least} .. {most}")).unwrap_or_default();
    let why = if decimals.nonfinite > 0 {
        Some(format!("{} NaN or infinite", decimals.nonfinite))
    } else if digits > PRECISIONS[3] {
        Some("over 38 digits".to_owned())
    } else if seen.fractional > 0 || seen.large > 0 {
        Some("doubles beside them".to_owned())
    } else {
        None
    };
    let observed = format!("seen as decimal({digits},{}){shown}", decimals.after);
    if let Some(why) = why {
        notes.push(note("MC606", format!("{observed}; {why}: text")));
        return None;
    }
    let precision = PRECISIONS.into_iter().find(|precision| digits + ROOM <= *precision).unwrap_or(PRECISIONS[3]);
    notes.push(note("MC606", format!("{observed}; more digits will drift")));
    Some(Type::Decimal { precision, scale: decimals.after })
}

fn names(seen: &Seen) -> Vec<String> {
    seen.kinds.keys().map(|kind| kind.name().to_owned()).collect()
}
