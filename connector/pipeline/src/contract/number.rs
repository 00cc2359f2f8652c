//! Numbers by value, whatever BSON type carries them: what an `_id`'s text and the server's unique index are about.
//!
//! Invariant: two numbers have one [`KeyNumber`] exactly when the server holds them equal.

use super::decimal::{Decimal, Number};
use super::plan::walk::{Value, tag};

/// A number by value: whole numbers, those that an int64 holds apart, else what a double holds, else a decimal.
pub(crate) enum KeyNumber {
    Integer(i64),
    /// Digits of a whole number that no int64 holds.
    Whole(String),
    /// Not whole, or no number at all.
    Double(f64),
    /// Neither whole nor exactly a double.
    Decimal(Decimal),
}

/// The value of a BSON number, whatever type carries it; the tag must be that of a number.
pub(crate) fn key_number(value: Value) -> KeyNumber {
    let double = match value.tag {
        tag::INT32 => return KeyNumber::Integer(value.four().into()),
        tag::INT64 => return KeyNumber::Integer(value.eight()),
        tag::DOUBLE => value.double(),
        _ => {
            let decimal = Decimal::from_bytes(value.array());
            match decimal.to_number() {
                Some(Number::Integer(n)) => return KeyNumber::Integer(n),
                Some(Number::Double(x)) => x,
                None => {
                    let text = decimal.shortest();
                    let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
                    return if whole { KeyNumber::Whole(text) } else { KeyNumber::Decimal(decimal) };
                }
            }
        }
    };
    match whole_number(double) {
        Some(n) => KeyNumber::Integer(n),
        // All digits of a whole double, as the decimal that equals it has them.
        None if double.is_finite() && double.fract() == 0.0 => KeyNumber::Whole(format!("{double:.0}")),
        None => KeyNumber::Double(double),
    }
}

/// The int64 that equals the double.
pub(crate) fn whole_number(x: f64) -> Option<i64> {
    // The bounds are -2^63 and 2^63, both doubles; the upper one is no int64.
    (x.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x)).then_some(x as i64)
}
