//! ISO 8601 dates and times as people and drivers write them, to milliseconds since 1970.
//!
//! Invariants: a text is taken whole or not at all; years 1 to 9999; a time without a zone is in UTC; what is finer than
//! a millisecond is cut off, as drivers do.

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The first millisecond of a day `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || day < 1 || day > longest {
        return None;
    }
    // Eras of 400 years that begin in March, as where dates are written.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * DAY_MS)
}

/// A day, or a day and a time: `2024-05-01`, `2024-05-01T10:00:00.250Z`, `2024-05-01 10:00+02:00`.
pub(crate) fn instant(text: &str) -> Option<i64> {
    let date = day(text.get(..10)?)?;
    let rest = &text.as_bytes()[10..];
    let Some((b'T' | b't' | b' ', time)) = rest.split_first() else { return rest.is_empty().then_some(date) };
    let end = time.iter().position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-')).unwrap_or(time.len());
    let (time, zone) = time.split_at(end);
    Some(date + of_day(time)? - offset(zone)?)
}

fn of_day(time: &[u8]) -> Option<i64> {
    let (clock, fraction) = match time.iter().position(|byte| matches!(byte, b'.' | b',')) {
        Some(point) => (&time[..point], &time[point + 1..]),
        None => (time, [].as_slice()),
    };
    let (hour, minute, second) = match clock.len() {
        5 if clock[2] == b':' => (digits(&clock[..2])?, digits(&clock[3..])?, 0),
        8 if clock[2] == b':' && clock[5] == b':' => {
            (digits(&clock[..2])?, digits(&clock[3..5])?, digits(&clock[6..])?)
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 || (clock.len() < time.len() && fraction.is_empty()) {
        return None;
    }
    digits(&fraction[..fraction.len().min(9)])?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let millis = (0..3).fold(0, |millis, at| millis * 10 + fraction.get(at).map_or(0, |byte| i64::from(byte - b'0')));
    Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
}

fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = match zone.split_first() {
        None => return Some(0),
        Some((b'Z' | b'z', [])) => return Some(0),
        Some((b'+', rest)) => (1, rest),
        Some((b'-', rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (digits(rest)?, 0),
        4 => (digits(&rest[..2])?, digits(&rest[2..])?),
        5 if rest[2] == b':' => (digits(&rest[..2])?, digits(&rest[3..])?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// Digits and nothing else, at most nine; none are zero.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [0, -1, 951_782_400_000, 1_760_000_000_123, -62_135_596_800_000, 253_402_300_799_999] {
            let mut text = Vec::new();
            crate::contract::extjson::iso8601(millis, &mut text);
            assert_eq!(instant(std::str::from_utf8(&text).expect("ASCII")), Some(millis));
        }
    }

    #[test]
    fn other_spellings() {
        let noon = instant("2024-02-29T12:00:00Z");
        assert!(noon.is_some());
        for text in
            ["2024-02-29 12:00", "2024-02-29T14:00:00.000+02:00", "2024-02-29T07:00-0500", "2024-02-29T12:00:00,0009"]
        {
            assert_eq!(instant(text), noon, "{text}");
        }
        assert_eq!(instant("2024-02-29"), noon.map(|noon| noon - DAY_MS / 2));
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "2024",
            "2023-02-29",
            "2024-02-30",
            "2024-13-01",
            "0000-01-01",
            "2024-02-29T",
            "2024-02-29T24:00",
            "2024-02-29T12:00:60",
            "2024-02-29T12:00:00.",
            "2024-02-29T12:00:00.1x",
            "2024-02-29T12:00Zx",
            "tomorrow",
            "2024-02-29T12:00+25:00",
            "ä024-02-29",
            "2024-02-29ä",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
