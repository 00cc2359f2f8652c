//! The choices among types and forms of values, and what happens to values that a type can't hold.
//!
//! Invariant: as everywhere, an enum has a variant for each word that is acted on, in the order of the key's definition.

use std::fmt;

use crate::choice::{Choice, choice};
use crate::codes;
use crate::given::Given;
use crate::report::Report;

choice! {
    /// `decimal.handling.mode`.
    DecimalMode {
        /// Plain text.
        String = "string",
        /// `decimal(p,s)`.
        Precise = "precise",
        /// A double.
        Double = "double",
    }
}

choice! {
    /// `decimal.rounding`.
    DecimalRounding {
        /// More digits drift.
        Unnecessary = "unnecessary",
        /// To the nearest, a tie to the even digit.
        HalfEven = "half_even",
    }
}

choice! {
    /// `decimal.nonfinite`.
    DecimalNonFinite {
        /// The document drifts.
        Drift = "drift",
        /// Null.
        Null = "null",
    }
}

choice! {
    /// `binary.handling.mode`.
    BinaryMode {
        /// Bytes.
        Bytes = "bytes",
        /// Base64 text.
        Base64 = "base64",
        /// Base64 text with `-` and `_`.
        Base64UrlSafe = "base64-url-safe",
        /// Hexadecimal text.
        Hex = "hex",
    }
}

choice! {
    /// `double.nonfinite`.
    DoubleNonFinite {
        /// As they are.
        Keep = "keep",
        /// Null.
        Null = "null",
        /// The document drifts.
        Drift = "drift",
    }
}

choice! {
    /// `date.out.of.range`.
    DateOutOfRange {
        /// The document drifts.
        Drift = "drift",
        /// The nearest date of the range.
        Clamp = "clamp",
        /// Null.
        Null = "null",
        /// As it is.
        Keep = "keep",
    }
}

choice! {
    /// `string.nul`.
    StringNul {
        /// As it is.
        Keep = "keep",
        /// Without NUL characters.
        Strip = "strip",
        /// The document drifts.
        Drift = "drift",
    }
}

choice! {
    /// `string.invalid.utf8`.
    InvalidUtf8 {
        /// The document drifts.
        Drift = "drift",
        /// U+FFFD in its place.
        Replace = "replace",
    }
}

choice! {
    /// `duplicate.key`.
    DuplicateKey {
        /// The last counts.
        Last = "last",
        /// The document drifts.
        Drift = "drift",
    }
}

choice! {
    /// `uuid.legacy`.
    UuidLegacy {
        /// Bytes.
        Bytes = "bytes",
        /// The order of Java's driver.
        Java = "java",
        /// The order of C#'s driver.
        CSharp = "csharp",
        /// The order of Python's driver.
        Python = "python",
    }
}

choice! {
    /// `array.items.nullable`.
    ItemsNullable {
        /// Always.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

choice! {
    /// `missing.fields`.
    MissingFields {
        /// Null, as what is null.
        Null = "null",
        /// Listed in `__missing`.
        List = "list",
    }
}

choice! {
    /// `integers`.
    Integers {
        /// Always `long`.
        Long = "long",
        /// `int` for int32 alone.
        Exact = "exact",
    }
}

choice! {
    /// `numbers`.
    Numbers {
        /// Doubles are doubles.
        Double = "double",
        /// Whole doubles are whole numbers.
        Integral = "integral",
    }
}

choice! {
    /// `field.name.adjustment.mode`, `schema.name.adjustment.mode`.
    NameAdjustment {
        /// `_`.
        Avro = "avro",
        /// `_uxxxx`.
        AvroUnicode = "avro_unicode",
    }
}

choice! {
    /// `nested.handling.mode`.
    NestedMode {
        /// Records.
        Struct = "struct",
        /// JSON text.
        Json = "json",
        /// Columns.
        Flatten = "flatten",
    }
}

/// Types and forms of values.
#[derive(Clone, Debug)]
pub struct TypeChoices {
    /// decimal128 in new fields; `None` is `string`, but where a person looks.
    pub decimal_handling_mode: Option<DecimalMode>,
    /// More digits than a decimal of the contract has.
    pub decimal_rounding: DecimalRounding,
    /// NaN and infinities under a decimal of the contract.
    pub decimal_nonfinite: DecimalNonFinite,
    /// Binary in new fields.
    pub binary_handling_mode: BinaryMode,
    /// NaN and infinities in a double.
    pub double_nonfinite: DoubleNonFinite,
    /// `first..last`, two days `YYYY-MM-DD` that exist.
    pub date_range: String,
    /// A date beyond that range.
    pub date_out_of_range: DateOutOfRange,
    /// A string with a NUL character.
    pub string_nul: StringNul,
    /// Text that is not UTF-8.
    pub string_invalid_utf8: InvalidUtf8,
    /// One name twice in a document.
    pub duplicate_key: DuplicateKey,
    /// Binary subtype 3 in new fields.
    pub uuid_legacy: UuidLegacy,
    /// Items of new arrays.
    pub array_items_nullable: ItemsNullable,
    /// Whether a value that is no array is an array of one.
    pub array_accept_scalar: bool,
    /// Whether missing fields are listed.
    pub missing_fields: MissingFields,
    /// New fields of int32.
    pub integers: Integers,
    /// New fields of whole doubles.
    pub numbers: Numbers,
    /// Names of new fields.
    pub field_name_adjustment_mode: NameAdjustment,
    /// Namespaces of records.
    pub schema_name_adjustment_mode: NameAdjustment,
    /// Documents in documents.
    pub nested_handling_mode: NestedMode,
    /// What joins names under `flatten`: letters, digits, `_`.
    pub flatten_struct_delimiter: String,
}

/// The choices, and mistakes in the two that are text.
pub(crate) fn choices(given: &Given, report: &mut Report<'_>) -> TypeChoices {
    let choices = TypeChoices {
        decimal_handling_mode: given.chosen("decimal.handling.mode"),
        decimal_rounding: given.choice("decimal.rounding"),
        decimal_nonfinite: given.choice("decimal.nonfinite"),
        binary_handling_mode: given.choice("binary.handling.mode"),
        double_nonfinite: given.choice("double.nonfinite"),
        date_range: given.text("date.range"),
        date_out_of_range: given.choice("date.out.of.range"),
        string_nul: given.choice("string.nul"),
        string_invalid_utf8: given.choice("string.invalid.utf8"),
        duplicate_key: given.choice("duplicate.key"),
        uuid_legacy: given.choice("uuid.legacy"),
        array_items_nullable: given.choice("array.items.nullable"),
        array_accept_scalar: given.boolean("array.accept.scalar").unwrap_or_default(),
        missing_fields: given.choice("missing.fields"),
        integers: given.choice("integers"),
        numbers: given.choice("numbers"),
        field_name_adjustment_mode: given.choice("field.name.adjustment.mode"),
        schema_name_adjustment_mode: given.choice("schema.name.adjustment.mode"),
        nested_handling_mode: given.choice("nested.handling.mode"),
        flatten_struct_delimiter: given.text("flatten.struct.delimiter"),
    };
    let days = choices.date_range.split_once("..").map(|(first, last)| (first.trim(), last.trim()));
    // Days in this form stand in the order of their letters.
    let range = days.is_some_and(|(first, last)| is_day(first) && is_day(last) && first <= last);
    if let (Some(line), false) = (given.line("date.range"), range) {
        let what = format!("`date.range` cannot be {}", given.shown("date.range"));
        let fix = vec!["first..last, as in the default date.range=0001-01-01..9999-12-31".to_owned()];
        report.mistake(line, codes::BAD_VALUE, what, "it takes two days that exist, the earlier first", fix);
    }
    let good = choices.flatten_struct_delimiter.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if let (Some(line), false) = (given.line("flatten.struct.delimiter"), good) {
        let what = format!("`flatten.struct.delimiter` cannot be {}", given.shown("flatten.struct.delimiter"));
        let fix = vec!["letters, digits and `_`; the default is flatten.struct.delimiter=_".to_owned()];
        report.mistake(line, codes::BAD_VALUE, what, "names in Avro have no other characters", fix);
    }
    choices
}

/// Whether a text is a day `YYYY-MM-DD` of the years 1 to 9999.
fn is_day(text: &str) -> bool {
    let form = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if !form {
        return false;
    }
    let number = |part: &str| part.parse::<u32>().unwrap_or_default();
    let (year, month, day) = (number(&text[..4]), number(&text[5..7]), number(&text[8..]));
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year > 0 && (1..=longest).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Answer, Kind};
    use crate::keys;

    #[test]
    fn the_words_of_a_choice_are_those_of_its_type() {
        fn agree<C: Choice>(key: &str) {
            let Some(Kind::Choice(words)) = keys::find(key).map(|definition| definition.kind) else {
                panic!("{key} is no choice");
            };
            let taken = words.iter().filter(|word| matches!(word.answer, Answer::Taken)).map(|word| word.name);
            assert!(taken.eq(C::VALUES.iter().map(|(name, _)| *name)), "{key}");
        }
        agree::<DecimalMode>("decimal.handling.mode");
        agree::<DecimalRounding>("decimal.rounding");
        agree::<DecimalNonFinite>("decimal.nonfinite");
        agree::<BinaryMode>("binary.handling.mode");
        agree::<DoubleNonFinite>("double.nonfinite");
        agree::<DateOutOfRange>("date.out.of.range");
        agree::<StringNul>("string.nul");
        agree::<InvalidUtf8>("string.invalid.utf8");
        agree::<DuplicateKey>("duplicate.key");
        agree::<UuidLegacy>("uuid.legacy");
        agree::<ItemsNullable>("array.items.nullable");
        agree::<MissingFields>("missing.fields");
        agree::<Integers>("integers");
        agree::<Numbers>("numbers");
        agree::<NameAdjustment>("field.name.adjustment.mode");
        agree::<NameAdjustment>("schema.name.adjustment.mode");
        agree::<NestedMode>("nested.handling.mode");
    }

    #[test]
    fn days_that_exist() {
        assert!(is_day("2024-02-29") && is_day("0001-01-01") && is_day("9999-12-31"));
        assert!(!is_day("2023-02-29") && !is_day("0000-01-01") && !is_day("2024-13-01") && !is_day("24-01-01"));
        assert!(!is_day("2024-01-0\u{e9}"));
    }
}
