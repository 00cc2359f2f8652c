//! How values of BSON become values of Avro, where there is a choice: `docs/types.md`.
//!
//! Invariant: a key that changes a type speaks of fields that no contract has yet; a key that changes what happens to a
//! value speaks of all fields whose contract says nothing else.

use crate::definition::{Definition, Kind, Word, key, word};

const DECIMALS: &[Word] = &[word("string"), word("precise"), word("double")];
const NONFINITE_DECIMALS: &[Word] = &[word("drift"), word("null")];
const ROUNDINGS: &[Word] = &[word("unnecessary"), word("half_even")];
const BINARIES: &[Word] = &[word("bytes"), word("base64"), word("base64-url-safe"), word("hex")];
const NONFINITE: &[Word] = &[word("keep"), word("null"), word("drift")];
const OUT_OF_RANGE: &[Word] = &[word("drift"), word("clamp"), word("null"), word("keep")];
const NUL: &[Word] = &[word("keep"), word("strip"), word("drift")];
const BAD_TEXT: &[Word] = &[word("drift"), word("replace")];
const DUPLICATES: &[Word] = &[word("last"), word("drift")];
const UUIDS: &[Word] = &[word("bytes"), word("java"), word("csharp"), word("python")];
const NULLABLE: &[Word] = &[word("always"), word("never")];
const MISSING: &[Word] = &[word("null"), word("list")];
const INTEGERS: &[Word] = &[word("long"), word("exact")];
const NUMBERS: &[Word] = &[word("double"), word("integral")];

const fn choice(name: &'static str, words: &'static [Word], about: &'static str) -> Definition {
    key(name, Kind::Choice(words), about).ours().low().default(words[0].name)
}

pub(super) const KEYS: &[Definition] = &[
    key(
        "decimal.handling.mode",
        Kind::Choice(DECIMALS),
        "decimal128 in new fields: plain text, `decimal(p,s)` with room over the sample, or a rounded double.",
    )
    .low()
    .derived("`string`; `contract infer`, where a person looks, proposes as `precise` does"),
    choice(
        "decimal.rounding",
        ROUNDINGS,
        "A number with more digits than the `decimal(p,s)` of its contract: drift, or rounded, a tie to the even digit.",
    ),
    choice("decimal.nonfinite", NONFINITE_DECIMALS, "NaN and infinities under a `decimal(p,s)` of the contract."),
    choice("binary.handling.mode", BINARIES, "Binary in new fields: `bytes`, or text; UUIDs and vectors stay apart.")
        .like("="),
    choice("double.nonfinite", NONFINITE, "NaN and infinities in a double."),
    key("date.range", Kind::Text, "Dates that count as such, whole days, both ends in.")
        .default("0001-01-01..9999-12-31")
        .ours()
        .low(),
    choice("date.out.of.range", OUT_OF_RANGE, "A date beyond that range."),
    choice("string.nul", NUL, "A string with a NUL character, which PostgreSQL refuses."),
    choice("string.invalid.utf8", BAD_TEXT, "Text that is not UTF-8: drift, or U+FFFD in its place."),
    choice("duplicate.key", DUPLICATES, "One name twice in a document: the last counts, or drift."),
    choice(
        "uuid.legacy",
        UUIDS,
        "Binary subtype 3 in new fields: `bytes`, or UUIDs in the order of bytes of the driver that wrote them.",
    ),
    choice(
        "array.items.nullable",
        NULLABLE,
        "Whether items of new arrays may be null; `never` makes null items drift.",
    ),
    key("array.accept.scalar", Kind::Boolean, "Whether a value that is no array is taken for an array of one.")
        .default("false")
        .ours()
        .low(),
    choice(
        "missing.fields",
        MISSING,
        "`list` adds `__missing`, the paths of the contract's fields that a document lacks.",
    ),
    choice("integers", INTEGERS, "New fields of int32 alone: `long`, or `int`, which an int64 will widen."),
    choice(
        "numbers",
        NUMBERS,
        "New fields of doubles that are all whole: `double`, or `long`, which refuses fractions.",
    ),
];
