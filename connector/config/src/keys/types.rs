//! How values of BSON become values of Avro, where there is a choice: `docs/how-it-works.md`, types.
//!
//! Invariant: this version does what the defaults say, and answers all else with "not yet".

use crate::definition::{Definition, Kind, Word, key, later, word};

const DECIMALS: &[Word] = &[word("string"), later("precise"), later("double")];
const NONFINITE_DECIMALS: &[Word] = &[word("drift"), later("null")];
const ROUNDINGS: &[Word] = &[word("unnecessary"), later("half_even")];
const BINARIES: &[Word] = &[word("bytes"), later("base64"), later("base64-url-safe"), later("hex")];
const NONFINITE: &[Word] = &[word("keep"), later("null"), later("drift")];
const OUT_OF_RANGE: &[Word] = &[word("drift"), later("clamp"), later("null"), later("keep")];
const NUL: &[Word] = &[word("keep"), later("strip"), later("drift")];
const UUIDS: &[Word] = &[word("bytes"), later("java"), later("csharp"), later("python")];
const NULLABLE: &[Word] = &[word("always"), later("never")];
const OFF: &[Word] = &[word("false"), later("true")];
const MISSING: &[Word] = &[word("null"), later("list")];
const INTEGERS: &[Word] = &[word("long"), later("exact")];
const NUMBERS: &[Word] = &[word("double"), later("integral")];

const fn choice(name: &'static str, words: &'static [Word], about: &'static str) -> Definition {
    key(name, Kind::Choice(words), about).ours().low().only(&[]).default(words[0].name)
}

pub(super) const KEYS: &[Definition] = &[
    choice("decimal.handling.mode", DECIMALS, "decimal128, where the contract says nothing else: plain text.")
        .like("="),
    choice("decimal.rounding", ROUNDINGS, "A decimal with more digits than its contract has."),
    choice("decimal.nonfinite", NONFINITE_DECIMALS, "NaN and infinities under a decimal of the contract."),
    choice("binary.handling.mode", BINARIES, "Binary values.").like("="),
    choice("double.nonfinite", NONFINITE, "NaN and infinities in a double."),
    key("date.range", Kind::Text, "Dates that count as such.")
        .default("0001-01-01..9999-12-31")
        .ours()
        .low()
        .only(&["0001-01-01..9999-12-31"]),
    choice("date.out.of.range", OUT_OF_RANGE, "A date beyond that range."),
    choice("string.nul", NUL, "A string with a NUL character."),
    choice("uuid.legacy", UUIDS, "UUIDs of binary subtype 3, whose byte order depends on the driver that wrote them."),
    choice("array.items.nullable", NULLABLE, "Whether items of an array may be null."),
    choice("array.accept.scalar", OFF, "Whether a scalar becomes an array of one item."),
    choice("missing.fields", MISSING, "Whether missing fields are told from null."),
    choice("integers", INTEGERS, "int32: always `long`, or `int` where all are."),
    choice("numbers", NUMBERS, "Whole numbers and doubles in one field."),
];
