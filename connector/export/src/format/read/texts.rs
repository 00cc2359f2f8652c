//! Texts that stand for dates, times and decimals, read back: the inverse of `instants` and `decimals`.
//!
//! Invariant: a text is taken only if its number is written as that very text, so that one value has one text.

use std::fmt::Write as _;

use super::super::{decimals, instants};
use crate::encode;
use crate::schema::{Kind, Logical, Shape};

/// Digits of a decimal, as in a schema.
const MOST_DIGITS: usize = 1_100;

/// The number of a date, time or timestamp; `None` where the text is none.
pub(super) fn instant(text: &str, logical: Logical) -> Option<i64> {
    let (digits, local) = match logical {
        Logical::Date => {
            let number = date(text)?;
            return written(text, |out| instants::date(number, out)).then_some(number);
        }
        Logical::TimeMillis | Logical::TimeMicros => {
            let digits = if logical == Logical::TimeMillis { 3 } else { 6 };
            let number = clock(text, digits)?;
            let mut out = String::with_capacity(text.len());
            return (instants::time(number, digits, &mut out) && out == text).then_some(number);
        }
        Logical::Uuid | Logical::Decimal { .. } => return None,
        Logical::TimestampMillis => (3, false),
        Logical::TimestampMicros => (6, false),
        Logical::TimestampNanos => (9, false),
        Logical::LocalTimestampMillis => (3, true),
        Logical::LocalTimestampMicros => (6, true),
        Logical::LocalTimestampNanos => (9, true),
    };
    let (day, time) = text.strip_suffix('Z').unwrap_or(text).split_once('T')?;
    let units = 10i128.pow(digits);
    let number = i128::from(date(day)?) * 86_400 * units + i128::from(clock(time, digits)?);
    let number = i64::try_from(number).ok()?;
    written(text, |out| instants::timestamp(number, digits, local, out)).then_some(number)
}

fn written(text: &str, write: impl FnOnce(&mut String)) -> bool {
    let mut out = String::with_capacity(text.len());
    write(&mut out);
    out == text
}

fn date(text: &str) -> Option<i64> {
    let (rest, day) = text.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| number.unsigned_abs() < 1 << 40);
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last one of an era of 400 years.
    let shifted = year - i64::from(month <= 2);
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let march = (month + 9) % 12;
    let of_year = (153 * march + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn clock(text: &str, digits: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    let mut parts = whole.split(':').map(|part| part.parse::<i64>().ok().filter(|number| (0..60).contains(number)));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let fraction: i64 =
        fraction.parse().ok().filter(|_| fraction.len() == digits as usize && parts.next().is_none())?;
    Some((hour * 3600 + minute * 60 + second) * 10i64.pow(digits) + fraction)
}

/// A decimal's two's complement bytes.
pub(super) fn decimal(text: &str, scale: u32) -> Result<Vec<u8>, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() > MOST_DIGITS || digits.is_empty() {
        return Err(format!("a decimal of {} digits", digits.len()));
    }
    // The magnitude in bytes, least significant first.
    let mut magnitude: Vec<u8> = vec![0];
    for digit in digits.bytes().filter(|byte| *byte != b'.') {
        if !digit.is_ascii_digit() {
            return Err("a decimal with something else than digits".to_owned());
        }
        let mut carry = u32::from(digit - b'0');
        for byte in &mut magnitude {
            carry += u32::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            magnitude.push(carry as u8);
        }
    }
    // A byte more holds the sign.
    magnitude.push(0);
    if text.starts_with('-') {
        let mut carry = true;
        for byte in &mut magnitude {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    magnitude.reverse();
    let bytes = shortened(&magnitude).to_vec();
    let mut again = String::new();
    decimals::text(&bytes, scale, &mut again);
    if again == text { Ok(bytes) } else { Err(format!("a decimal that is not written so: {again} is")) }
}

/// Without bytes that only repeat the sign.
fn shortened(mut bytes: &[u8]) -> &[u8] {
    while let [first, second, ..] = bytes
        && matches!((first, second & 0x80), (0, 0) | (0xFF, 0x80))
    {
        bytes = &bytes[1..];
    }
    bytes
}

/// Appends bytes, a decimal's too, as the type has them: with their length, or of the one length that it has.
pub(super) fn sized(bytes: &[u8], shape: &Shape, out: &mut Vec<u8>) -> Result<(), String> {
    match (&shape.kind, shape.logical) {
        (Kind::Fixed(size), Some(Logical::Decimal { .. })) => {
            let short = shortened(bytes);
            let sign = if short.first().is_some_and(|first| first & 0x80 != 0) { 0xFF } else { 0 };
            let missing = size.checked_sub(short.len()).ok_or("a decimal of more bytes than its type")?;
            out.resize(out.len() + missing, sign);
            out.extend_from_slice(short);
        }
        (Kind::Fixed(size), _) if bytes.len() != *size => {
            let mut why = String::new();
            let _ = write!(why, "{} bytes, and the type has {size}", bytes.len());
            return Err(why);
        }
        (Kind::Fixed(_), _) => out.extend_from_slice(bytes),
        (_, Some(Logical::Decimal { .. })) => encode::bytes(shortened(bytes), out),
        _ => encode::bytes(bytes, out),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        for number in [0, -1, 1, 951_782_400_000, 253_402_300_800_000, -62_167_219_200_001, i64::MAX, i64::MIN] {
            for (logical, digits, local) in [
                (Logical::TimestampMillis, 3, false),
                (Logical::TimestampNanos, 9, false),
                (Logical::LocalTimestampMicros, 6, true),
            ] {
                let mut text = String::new();
                instants::timestamp(number, digits, local, &mut text);
                assert_eq!(instant(&text, logical), Some(number), "{text}");
                assert_eq!(instant(&text[1..], logical), None, "{text}");
            }
        }
        for days in (i64::from(i32::MIN)..=i64::from(i32::MAX)).step_by(99_999_989) {
            let mut text = String::new();
            instants::date(days, &mut text);
            assert_eq!(instant(&text, Logical::Date), Some(days), "{text}");
        }
        assert_eq!(instant("2025-02-30", Logical::Date), None);
        assert_eq!(instant("24:00:00.000", Logical::TimeMillis), None);
        assert_eq!(instant("23:59:59.999", Logical::TimeMillis), Some(86_399_999));
        for number in [0i128, 1, -1, 127, 128, -128, -129, 255, 256, -256, i128::MAX, i128::MIN] {
            let mut text = String::new();
            decimals::text(&number.to_be_bytes(), 3, &mut text);
            let bytes = decimal(&text, 3).unwrap();
            assert_eq!(decimals::widened::<16>(&bytes), Some(number.to_be_bytes()), "{text}");
        }
        for text in ["", "-", "1.2", "01.000", "1.00x", "-0.000", "1"] {
            assert!(decimal(text, 3).is_err(), "{text}");
        }
    }
}
