//! The text of a file as entries: properties or JSON, by what it begins with.
//!
//! Invariants: each entry knows its line; no value is judged here; nothing of a text that can't be read is quoted.

pub(crate) mod json;
pub(crate) mod properties;

/// A key with its value, as they stand in the file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
    /// The line on which the key stands, from 1.
    pub(crate) line: usize,
}

/// What is wrong with the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It can't be read: why, and what to do.
    Unreadable(String, String),
    /// A key has an object: the flat keys with which it should be written.
    Nested(String, Vec<String>),
    /// A key has a list or null.
    NoText(String, &'static str),
    /// `name` stands outside of `config` and in it, with another value.
    OtherName,
    /// A key beside `config` that belongs in it, or nowhere.
    Beside(String),
}

/// Entries in the order of lines, and faults with theirs.
#[derive(Default)]
pub(crate) struct Content {
    /// What could be read.
    pub(crate) entries: Vec<Entry>,
    /// What could not.
    pub(crate) faults: Vec<(usize, Fault)>,
    /// Whether the text as a whole could not be read, so that nothing should be missed in it.
    pub(crate) broken: bool,
}

/// Reads a text in whichever form it has.
pub(crate) fn read(text: &str) -> Content {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) { json::read(text) } else { properties::read(text) }
}

/// The line, from 1, at a place in a text.
pub(crate) fn line_at(text: &str, place: usize) -> usize {
    let before = text.as_bytes().get(..place).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
