//! Values: what happens to a single value that its type can't hold as it is, or that sinks can't.
//!
//! Invariants: nothing here changes a schema, so a policy may change from one run to the next; the default of each never
//! changes a value, it keeps it or makes the document drift; a field's `moorline.*` property is over the
//! configuration's, and is never registered. Everything is decided when a plan is compiled.

use serde_json::{Map, Value as Json};

use super::extjson::{EARLIEST, LATEST};

/// `double.nonfinite`, `decimal.nonfinite`: NaN and the infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonFinite {
    /// As they are; a decimal of the contract has no such values.
    Keep,
    /// Null.
    Null,
    /// The document does not fit.
    Drift,
}

/// `decimal.rounding`: more digits than the contract's scale has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// The document does not fit.
    Unnecessary,
    /// To the nearest, a tie to the even digit.
    HalfEven,
}

/// `date.out.of.range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfRange {
    /// The document does not fit.
    Drift,
    /// The nearest date of the range.
    Clamp,
    /// Null.
    Null,
    /// As it is.
    Keep,
}

/// `string.nul`: a string with the character U+0000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nul {
    /// As it is.
    Keep,
    /// Without these characters.
    Strip,
    /// The document does not fit.
    Drift,
}

/// `string.invalid.utf8`: text that is not UTF-8, as some drivers wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadText {
    /// The document does not fit.
    Drift,
    /// What is not UTF-8 becomes U+FFFD.
    Replace,
}

/// `duplicate.key`: one name twice in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateKey {
    /// The last counts.
    Last,
    /// The document does not fit.
    Drift,
}

/// Dates in milliseconds since 1970, both ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateRange {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

/// What happens to single values; the defaults are those of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// NaN and infinities in a double.
    pub double_nonfinite: NonFinite,
    /// NaN and infinities under a decimal of the contract.
    pub decimal_nonfinite: NonFinite,
    /// More digits than a decimal of the contract has.
    pub decimal_rounding: Rounding,
    /// Dates that count as such.
    pub date_range: DateRange,
    /// A date beyond that range.
    pub date_out_of_range: OutOfRange,
    /// A string with a NUL character.
    pub string_nul: Nul,
    /// Text that is not UTF-8.
    pub string_invalid: BadText,
    /// `array.accept.scalar`: whether a scalar becomes an array of one item.
    pub array_accept_scalar: bool,
    /// One name twice.
    pub duplicate_key: DuplicateKey,
    /// `moorline.coerce` of a field: whether ISO 8601 text is taken for a date.
    pub iso8601: bool,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            double_nonfinite: NonFinite::Keep,
            decimal_nonfinite: NonFinite::Drift,
            decimal_rounding: Rounding::Unnecessary,
            date_range: DateRange { first: EARLIEST, last: LATEST },
            date_out_of_range: OutOfRange::Drift,
            string_nul: Nul::Keep,
            string_invalid: BadText::Drift,
            array_accept_scalar: false,
            duplicate_key: DuplicateKey::Last,
            iso8601: false,
        }
    }
}

/// The properties of a field that say a policy, without `moorline.`.
pub(crate) const PROPERTIES: [&str; 9] = [
    "double.nonfinite",
    "decimal.nonfinite",
    "decimal.rounding",
    "date.range",
    "date.out.of.range",
    "string.nul",
    "string.invalid.utf8",
    "array.accept.scalar",
    "coerce",
];

impl Values {
    /// As a field's properties have it.
    pub(crate) fn of_field(self, properties: &Map<String, Json>) -> Self {
        let mut values = self;
        for name in PROPERTIES {
            if let Some(value) = properties.get(&format!("moorline.{name}")) {
                // A file with another word is refused before anything is compiled.
                let _ = values.set(name, value);
            }
        }
        values
    }

    /// Sets the policy of a name; else what may be written there.
    pub(crate) fn set(&mut self, name: &str, value: &Json) -> Result<(), String> {
        let nonfinite = [("keep", NonFinite::Keep), ("null", NonFinite::Null), ("drift", NonFinite::Drift)].as_slice();
        match name {
            "double.nonfinite" => choose(&mut self.double_nonfinite, value, nonfinite),
            "decimal.nonfinite" => choose(&mut self.decimal_nonfinite, value, &nonfinite[1..]),
            "decimal.rounding" => choose(
                &mut self.decimal_rounding,
                value,
                &[("unnecessary", Rounding::Unnecessary), ("half_even", Rounding::HalfEven)],
            ),
            "date.range" => match value.as_str().and_then(DateRange::parse) {
                Some(range) => {
                    self.date_range = range;
                    Ok(())
                }
                None => Err("two dates, as in \"0001-01-01..9999-12-31\"".to_owned()),
            },
            "date.out.of.range" => choose(
                &mut self.date_out_of_range,
                value,
                &[
                    ("drift", OutOfRange::Drift),
                    ("clamp", OutOfRange::Clamp),
                    ("null", OutOfRange::Null),
                    ("keep", OutOfRange::Keep),
                ],
            ),
            "string.nul" => choose(
                &mut self.string_nul,
                value,
                &[("keep", Nul::Keep), ("strip", Nul::Strip), ("drift", Nul::Drift)],
            ),
            "string.invalid.utf8" => {
                choose(&mut self.string_invalid, value, &[("drift", BadText::Drift), ("replace", BadText::Replace)])
            }
            "array.accept.scalar" => match value.as_bool() {
                Some(accept) => {
                    self.array_accept_scalar = accept;
                    Ok(())
                }
                None => Err("true or false".to_owned()),
            },
            "coerce" => choose(&mut self.iso8601, value, &[("iso8601", true)]),
            _ => Err("no such property".to_owned()),
        }
    }
}

fn choose<T: Copy>(place: &mut T, value: &Json, words: &[(&str, T)]) -> Result<(), String> {
    match words.iter().find(|(word, _)| value == word) {
        Some((_, chosen)) => {
            *place = *chosen;
            Ok(())
        }
        None => Err(words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")),
    }
}

impl DateRange {
    /// Of `first..last`, two days of ISO 8601, whole days both; `None` where it is no such range.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once("..")?;
        let (first, last) = (super::iso8601::day(first.trim())?, super::iso8601::day(last.trim())?);
        (first <= last).then(|| Self { first, last: last + super::iso8601::DAY_MS - 1 })
    }

    /// Whether a date is in it.
    #[inline]
    pub(crate) fn has(self, millis: i64) -> bool {
        (self.first..=self.last).contains(&millis)
    }

    /// As people write it.
    pub(crate) fn shown(self) -> String {
        let mut out = Vec::new();
        for (place, millis) in [self.first, self.last].into_iter().enumerate() {
            if place > 0 {
                out.extend_from_slice(b"..");
            }
            let start = out.len();
            super::extjson::iso8601(millis, &mut out);
            // The day alone: ten letters for the years 1 to 9999, which is all that can be written.
            out.truncate(start + 10);
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_days_both_whole() {
        assert_eq!(DateRange::parse("0001-01-01..9999-12-31"), Some(Values::default().date_range));
        let range = DateRange::parse("1900-01-01 .. 2299-12-31").expect("a range");
        assert_eq!(range.shown(), "1900-01-01..2299-12-31");
        assert!(range.has(range.last) && !range.has(range.last + 1) && (range.last + 1) % 86_400_000 == 0);
        for wrong in ["", "1900-01-01", "2299-12-31..1900-01-01", "1900-13-01..2000-01-01", "0000-01-01..2000-01-01"] {
            assert_eq!(DateRange::parse(wrong), None, "{wrong}");
        }
    }
}
