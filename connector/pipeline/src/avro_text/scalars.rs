//! The leaves: strings, bytes, decimals, doubles.
//!
//! Invariants: what is written is JSON, also for a double that JSON has no number for (Connect's converter quotes it
//! too); a decimal has all its digits and no exponent, and one too long to be a number is refused.

use super::{Decimals, Documents};
use crate::contract::extjson::{base64, double_name, escaped, format};

/// The longest decimal in bytes: over a thousand digits, where the work to write them out is still nothing.
const MOST_DECIMAL: usize = 512;

/// A string in quotes.
pub(super) fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    string(text, &mut out);
    out
}

/// A string in quotes.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text.as_bytes(), out);
    out.push(b'"');
}

/// A string that is JSON by its schema.
pub(super) fn document(text: &str, documents: Documents, out: &mut Vec<u8>) {
    // Read through once, without a tree: what is no JSON, or too deep, stays the string that it is.
    let inline = documents == Documents::Inline && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if inline {
        out.extend_from_slice(text.trim().as_bytes());
    } else {
        string(text, out);
    }
}

/// Bytes in base64.
pub(super) fn bytes(data: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    base64(data, out);
    out.push(b'"');
}

/// Sixteen bytes as a UUID.
pub(super) fn uuid(data: &[u8], out: &mut Vec<u8>) {
    let text = hex::encode(data);
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| text.get(range).unwrap_or_default());
    format(format_args!(r#""{a}-{b}-{c}-{d}-{e}""#), out);
}

/// A double; of a float the shortest text that gives the float again is chosen by the caller.
pub(super) fn double(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        // `Debug` keeps `1.0` a double, and turns to exponents where digits would be zeros only.
        format(format_args!("{number:?}"), out);
    } else {
        format(format_args!(r#""{}""#, double_name(number)), out);
    }
}

/// A float.
pub(super) fn float(number: f32, out: &mut Vec<u8>) {
    if number.is_finite() {
        format(format_args!("{number:?}"), out);
    } else {
        double(f64::from(number), out);
    }
}

/// A decimal from its unscaled big-endian bytes; `None` if it is too long to be a number.
pub(super) fn decimal(data: &[u8], scale: usize, decimals: Decimals, out: &mut Vec<u8>) -> Option<()> {
    match decimals {
        Decimals::Base64 => bytes(data, out),
        Decimals::Number => digits(data, scale, out)?,
        Decimals::Text => {
            out.push(b'"');
            digits(data, scale, out)?;
            out.push(b'"');
        }
    }
    Some(())
}

fn digits(data: &[u8], scale: usize, out: &mut Vec<u8>) -> Option<()> {
    if data.len() > MOST_DECIMAL {
        return None;
    }
    let negative = data.first().is_some_and(|byte| *byte >= 0x80);
    let mut magnitude = data.to_vec();
    if negative {
        // Two's complement: turn all bits, add one.
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    // Division by ten, digit after digit from the last; at least one stands before the point.
    let mut reversed = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) || reversed.len() <= scale {
        let mut rest = 0_u32;
        for byte in &mut magnitude {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 10) as u8;
            rest = value % 10;
        }
        reversed.push(b'0' + rest as u8);
    }
    if negative && reversed.iter().any(|digit| *digit != b'0') {
        out.push(b'-');
    }
    for (place, digit) in reversed.iter().enumerate().rev() {
        out.push(*digit);
        if place == scale && scale > 0 {
            out.push(b'.');
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(unscaled: i128, scale: usize) -> String {
        let mut out = Vec::new();
        digits(&unscaled.to_be_bytes(), scale, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_have_all_their_digits() {
        for (unscaled, scale, expected) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (1250, 2, "12.50"),
            (-5, 3, "-0.005"),
            (-100, 2, "-1.00"),
            (7, 0, "7"),
            (-1, 0, "-1"),
            (10, 1, "1.0"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
            (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
        ] {
            assert_eq!(number(unscaled, scale), expected);
        }
        let mut out = Vec::new();
        assert_eq!(digits(&[], 0, &mut out), Some(()));
        assert_eq!(digits(&[0xff], 0, &mut out), Some(()));
        assert_eq!(out, b"0-1");
        assert_eq!(digits(&[1; MOST_DECIMAL + 1], 0, &mut out), None);
    }

    #[test]
    fn doubles_are_json() {
        let text = |number| {
            let mut out = Vec::new();
            double(number, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!([1.0, -0.0, 0.1, 1e300].map(text), ["1.0", "-0.0", "0.1", "1e300"]);
        assert_eq!([f64::NAN, f64::INFINITY].map(text), ["\"NaN\"", "\"Infinity\""]);
        let mut out = Vec::new();
        float(0.1, &mut out);
        assert_eq!(out, b"0.1");
    }

    #[test]
    fn json_stands_in_its_place_only_where_it_is_json() {
        let text = |text, documents| {
            let mut out = Vec::new();
            document(text, documents, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(r#"{"a":1}"#, Documents::Inline), r#"{"a":1}"#);
        assert_eq!(text(r#"{"a":1}"#, Documents::Strings), r#""{\"a\":1}""#);
        assert_eq!(text("{}{}", Documents::Inline), r#""{}{}""#);
        assert_eq!(text(&"[".repeat(100_000), Documents::Inline).len(), 100_002);
    }
}
