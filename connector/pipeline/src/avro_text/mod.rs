//! Avro bytes as JSON text, in one pass: for a person's eyes (`tail`), and for topics that hold JSON.
//!
//! [`AvroText`] is a writer's schema, compiled once: [`schema`] reads it, [`walk`] goes along the bytes, [`scalars`] and
//! [`times`] write what stands at the leaves. A [`Style`] says how values look that JSON has no form for.
//!
//! Invariants: no value tree is built; no bytes whatever and no schema whatever make it panic, run for ever or go deeper
//! than [`walk::MOST_DEPTH`]; after an error nothing of the value is left in the output; names and their order are the
//! schema's.

mod scalars;
mod schema;
mod times;
mod walk;

use std::fmt;

use schema::Node;

/// How times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// As the number on the wire: milliseconds since 1970, days, ...
    Numbers,
    /// ISO 8601.
    Iso,
}

/// How decimals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimals {
    /// The unscaled bytes in base64: Connect's `decimal.format=BASE64`.
    Base64,
    /// A JSON number with all its digits: Connect's `decimal.format=NUMERIC`.
    Number,
    /// The same digits as a string, which no reader rounds.
    Text,
}

/// How strings are written that are JSON by their schema (`connect.name` `io.debezium.data.Json`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// As the string that they are.
    Strings,
    /// As JSON in its place, where the text is JSON.
    Inline,
}

/// How values look that JSON has no form for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Times and dates.
    pub times: Times,
    /// Decimals.
    pub decimals: Decimals,
    /// JSON in strings.
    pub documents: Documents,
}

impl Style {
    /// As Kafka Connect's `JsonConverter` writes with `schemas.enable=false` and `decimal.format=NUMERIC`: times as
    /// numbers, bytes as base64.
    pub const CONNECT: Self = Self { times: Times::Numbers, decimals: Decimals::Number, documents: Documents::Strings };
    /// For people: ISO times, decimals as text with all digits, JSON in its place.
    pub const HUMAN: Self = Self { times: Times::Iso, decimals: Decimals::Text, documents: Documents::Inline };
}

/// A schema that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the schema can't be read: {}", self.0)
    }
}

impl std::error::Error for Unreadable {}

/// Bytes that the schema did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Offset in the bytes at which it was seen.
    pub at: usize,
    /// What was seen.
    pub why: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.why)
    }
}

impl std::error::Error for Malformed {}

/// A writer's schema, ready to turn its bytes into text.
#[derive(Debug)]
pub struct AvroText {
    nodes: Vec<Node>,
    root: usize,
}

impl AvroText {
    /// Reads a schema (Avro's JSON form, one schema with all that it names).
    pub fn new(schema: &str) -> Result<Self, Unreadable> {
        let (nodes, root) = schema::compile(schema)?;
        Ok(Self { nodes, root })
    }

    /// Appends the JSON of a datum, which must be all of `bytes` (without a frame), to `out`.
    pub fn write(&self, bytes: &[u8], style: Style, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let start = out.len();
        walk::datum(&self.nodes, self.root, bytes, style, out).inspect_err(|_| out.truncate(start))
    }

    /// The JSON of a datum, as text of its own.
    pub fn text(&self, bytes: &[u8], style: Style) -> Result<String, Malformed> {
        let mut out = Vec::with_capacity(bytes.len() * 4);
        self.write(bytes, style, &mut out)?;
        // Everything that is written is UTF-8 by itself; lossy only so that a mistake here could not panic.
        Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

/// The registry's id and the datum behind Confluent's frame; `None` where there is no such frame.
pub fn unframed(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (frame, datum) = bytes.split_first_chunk::<5>()?;
    let [0, id @ ..] = frame else { return None };
    Some((u32::from_be_bytes(*id), datum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_zero_and_an_id() {
        assert_eq!(unframed(&[0, 0, 0, 1, 2, 7]), Some((258, &[7][..])));
        assert_eq!(unframed(&[0, 0, 0, 0, 1]), Some((1, &[][..])));
        assert_eq!(unframed(&[1, 0, 0, 0, 1, 7]), None);
        assert_eq!(unframed(&[0, 0, 0, 0]), None);
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let text = AvroText::new(r#"{"type": "array", "items": "string"}"#).unwrap();
        let mut out = b"before".to_vec();
        let error = text.write(&[4, 2, b'a', 2], Style::HUMAN, &mut out).unwrap_err();
        assert_eq!((error.at, &out[..]), (4, &b"before"[..]));
        text.write(&[2, 2, b'a', 0], Style::HUMAN, &mut out).unwrap();
        assert_eq!(out, br#"before["a"]"#);
        assert_eq!(text.text(&[0, 0], Style::HUMAN).unwrap_err().why, "more bytes than the schema says");
    }
}
