//! Avro's logical types of time, as ISO 8601.
//!
//! Invariants: any 64 bits are some time, so nothing here fails; a fraction has as many digits as its unit.

use crate::contract::extjson::{format, iso8601};

/// A logical type of time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    /// Days since 1970.
    Date,
    /// Time of day, in parts of which a second has so many.
    OfDay(Parts),
    /// Since 1970; with a zone (UTC) or without.
    Stamp(Parts, bool),
}

/// Parts of a second.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parts {
    Millis,
    Micros,
    Nanos,
}

impl Parts {
    const fn digits(self) -> usize {
        match self {
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }

    const fn in_a_second(self) -> i64 {
        10_i64.pow(self.digits() as u32)
    }
}

impl Time {
    /// Of a logical type that stands on `int`.
    pub(super) fn of_int(logical: &str) -> Option<Self> {
        match logical {
            "date" => Some(Self::Date),
            "time-millis" => Some(Self::OfDay(Parts::Millis)),
            _ => None,
        }
    }

    /// Of a logical type that stands on `long`.
    pub(super) fn of_long(logical: &str) -> Option<Self> {
        Some(match logical {
            "time-micros" => Self::OfDay(Parts::Micros),
            "timestamp-millis" => Self::Stamp(Parts::Millis, true),
            "timestamp-micros" => Self::Stamp(Parts::Micros, true),
            "timestamp-nanos" => Self::Stamp(Parts::Nanos, true),
            "local-timestamp-millis" => Self::Stamp(Parts::Millis, false),
            "local-timestamp-micros" => Self::Stamp(Parts::Micros, false),
            "local-timestamp-nanos" => Self::Stamp(Parts::Nanos, false),
            _ => return None,
        })
    }

    /// Appends it, without quotes.
    pub(super) fn write(self, number: i64, out: &mut Vec<u8>) {
        match self {
            // Days stand on `int`, so their milliseconds fit.
            Self::Date => {
                iso8601(number.saturating_mul(86_400_000), out);
                out.truncate(out.len() - "T00:00:00Z".len());
            }
            Self::OfDay(parts) => {
                let (seconds, fraction) = split(number, parts);
                let (sign, seconds) = if seconds < 0 { ("-", seconds.unsigned_abs()) } else { ("", seconds as u64) };
                let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                format(format_args!("{sign}{hour:02}:{minute:02}:{second:02}"), out);
                after_point(fraction, parts, out);
            }
            Self::Stamp(parts, zone) => {
                let (seconds, fraction) = split(number, parts);
                // Of milliseconds a part stays below the largest number when whole seconds are multiplied back.
                iso8601(seconds.saturating_mul(1000), out);
                out.pop();
                after_point(fraction, parts, out);
                if zone {
                    out.push(b'Z');
                }
            }
        }
    }
}

/// Whole seconds, rounded down, and the parts that are left.
fn split(number: i64, parts: Parts) -> (i64, i64) {
    (number.div_euclid(parts.in_a_second()), number.rem_euclid(parts.in_a_second()))
}

fn after_point(fraction: i64, parts: Parts, out: &mut Vec<u8>) {
    if fraction > 0 {
        format(format_args!(".{fraction:0digits$}", digits = parts.digits()), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(time: Option<Time>, number: i64) -> String {
        let mut out = Vec::new();
        time.unwrap().write(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_type_as_iso_8601() {
        let (int, long) = (Time::of_int, Time::of_long);
        for (time, number, expected) in [
            (int("date"), 20_780, "2026-11-23"),
            (int("date"), -1, "1969-12-31"),
            (int("time-millis"), 43_200_001, "12:00:00.001"),
            (long("time-micros"), 43_200_000_000, "12:00:00"),
            (long("timestamp-millis"), 1_795_435_200_007, "2026-11-23T12:00:00.007Z"),
            (long("timestamp-micros"), 1_795_435_200_000_007, "2026-11-23T12:00:00.000007Z"),
            (long("timestamp-nanos"), 1_795_435_200_000_000_007, "2026-11-23T12:00:00.000000007Z"),
            (long("local-timestamp-millis"), -1, "1969-12-31T23:59:59.999"),
            (long("timestamp-millis"), -62_135_596_800_000, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(text(time, number), expected);
        }
    }

    #[test]
    fn any_number_is_some_time() {
        for number in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            for logical in ["time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos"] {
                assert!(!text(Time::of_long(logical), number).is_empty());
            }
        }
        assert!(!text(Time::of_int("date"), i64::from(i32::MIN)).is_empty());
        assert!(!text(Time::of_int("time-millis"), i64::from(i32::MIN)).is_empty());
    }
}
