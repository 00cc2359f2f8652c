//! Dates and times as ISO 8601 has them, over the whole range of their numbers.
//!
//! Invariants: years outside 0000 to 9999 have a sign and at least six digits, so that nobody takes them for others;
//! fractions have as many digits as the unit; a time of day outside of a day has no text.

use std::fmt::Write as _;

const SECONDS_A_DAY: i64 = 86_400;

/// A day by its number since 1970.
pub(crate) fn date(days: i64, out: &mut String) {
    // Days since 0000-03-01, in eras of 400 years: the leap day is the last of a year that begins in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, before) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + before;
    // Writing to a string never fails.
    let _ = if (0..=9999).contains(&year) { write!(out, "{year:04}") } else { write!(out, "{year:+07}") };
    let _ = write!(out, "-{month:02}-{of_month:02}");
}

/// A timestamp by its number of units since 1970; a second has `10^digits` of them.
pub(super) fn timestamp(number: i64, digits: u32, local: bool, out: &mut String) {
    let units = 10i64.pow(digits);
    let seconds = number.div_euclid(units);
    date(seconds.div_euclid(SECONDS_A_DAY), out);
    out.push('T');
    clock(seconds.rem_euclid(SECONDS_A_DAY), number.rem_euclid(units), digits, out);
    if !local {
        out.push('Z');
    }
}

/// A time of day by its number of units since midnight; whether it is one.
pub(super) fn time(number: i64, digits: u32, out: &mut String) -> bool {
    let units = 10i64.pow(digits);
    if !(0..SECONDS_A_DAY * units).contains(&number) {
        return false;
    }
    clock(number / units, number % units, digits, out);
    true
}

fn clock(seconds: i64, fraction: i64, digits: u32, out: &mut String) {
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}.{fraction:0width$}", width = digits as usize);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_near_and_far() {
        for (number, digits, expected) in [
            (0, 3, "1970-01-01T00:00:00.000Z"),
            (-1, 3, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, 3, "2000-02-29T00:00:00.000Z"),
            (253_402_300_799_999, 3, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, 3, "+010000-01-01T00:00:00.000Z"),
            (-62_135_596_800_000, 3, "0001-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, 3, "-000001-12-31T23:59:59.999Z"),
            (i64::MAX, 3, "+292278994-08-17T07:12:55.807Z"),
            (i64::MIN, 3, "-292275055-05-16T16:47:04.192Z"),
            (1_000_001, 6, "1970-01-01T00:00:01.000001Z"),
        ] {
            let mut out = String::new();
            timestamp(number, digits, false, &mut out);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        assert!(time(86_399_999, 3, &mut out) && out == "23:59:59.999");
        assert!(!time(86_400_000, 3, &mut out) && !time(-1, 3, &mut out));
    }
}
