//! Extended JSON v2, canonical and relaxed, written straight from raw BSON: no value tree, one buffer.
//!
//! Invariants: what is written is JSON in UTF-8; text that is not UTF-8 is an error and is replaced only where that is
//! asked for and told; documents are followed 256 levels deep and no further (the server stops at about 200), so no
//! input exhausts the stack; on an error `out` is as it was.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::RawDocument;

use super::decimal::Decimal;
use super::number::{KeyNumber, key_number};
use super::plan::excluded::Excluded;
use super::plan::walk::{Elements, Malformed, Value, tag};
use super::plan::wire;
use crate::model::Id;

/// Levels that are followed.
const DEPTH: u32 = 256;
/// 9999-12-31T23:59:59.999Z in milliseconds.
pub(crate) const LATEST: i64 = 253_402_300_799_999;
/// 0001-01-01T00:00:00Z in milliseconds.
pub(crate) const EARLIEST: i64 = -62_135_596_800_000;

/// Why there is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A string or a name is not UTF-8.
    #[error("text that is not UTF-8")]
    InvalidUtf8,
    /// The bytes are no BSON.
    #[error("bytes that are not BSON")]
    Malformed,
    /// Nested too deep.
    #[error("documents nested over {DEPTH} deep")]
    TooDeep,
}

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What the lossy text lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bytes that are not UTF-8 are U+FFFD in the text.
    pub replaced: bool,
    /// The document could not be walked: the text is `{"$binary":..}` of all its bytes.
    pub malformed: bool,
}

/// Appends the relaxed text of a document.
pub fn relaxed(document: &RawDocument, out: &mut Vec<u8>) -> Result<(), Error> {
    whole(Style::Relaxed, document.as_bytes(), out)
}

/// Appends the canonical text of a document: every value keeps its type.
pub fn canonical(document: &RawDocument, out: &mut Vec<u8>) -> Result<(), Error> {
    whole(Style::Canonical, document.as_bytes(), out)
}

/// Appends a canonical text whatever the bytes are, for the quarantine, and says what is not in it. What the contract
/// excludes is left out: a topic must not leak what another hides.
pub fn canonical_lossy(document: &[u8], excluded: &[String], out: &mut Vec<u8>) -> Lost {
    let start = out.len();
    let excluded = Excluded::of(excluded);
    let mut writer = Writer { style: Style::Canonical, lossy: true, replaced: false, out };
    if writer.document(document, (!excluded.is_empty()).then_some(&excluded), 0).is_ok() {
        return Lost { replaced: writer.replaced, malformed: false };
    }
    out.truncate(start);
    binary(0, document, out);
    Lost { replaced: false, malformed: true }
}

/// The canonical text of an `_id` whatever its bytes are.
pub fn id_text(id: &Id) -> String {
    let mut out = Vec::new();
    let mut writer = Writer { style: Style::Canonical, lossy: true, replaced: false, out: &mut out };
    let element = Elements::of(id.as_bytes()).and_then(|mut elements| elements.next());
    match element {
        Ok(Some((_, value))) if writer.value(value, None, 0).is_ok() => {}
        _ => {
            out.clear();
            binary(0, id.as_bytes(), &mut out);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Types kept.
    Canonical,
    /// Numbers and dates as JSON has them.
    Relaxed,
    /// Relaxed, where numbers that the server holds equal have one text, and no two other values share one.
    Key,
}

/// Appends the text of one value, without what is excluded; `lossy` where text that is not UTF-8 is replaced.
pub(crate) fn value(
    style: Style,
    value: Value,
    excluded: Option<&Excluded>,
    lossy: bool,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let start = out.len();
    Writer { style, lossy, replaced: false, out }.value(value, excluded, 0).inspect_err(|_| out.truncate(start))
}

fn whole(style: Style, document: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    value(style, Value { tag: tag::DOCUMENT, bytes: document }, None, false, out)
}

struct Writer<'o> {
    style: Style,
    lossy: bool,
    replaced: bool,
    out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    fn document(&mut self, bytes: &[u8], excluded: Option<&Excluded>, depth: u32) -> Result<(), Error> {
        let mut elements = Elements::of(bytes)?;
        if depth >= DEPTH {
            return Err(Error::TooDeep);
        }
        self.out.push(b'{');
        let mut first = true;
        while let Some((name, value)) = elements.next()? {
            let below = excluded.and_then(|excluded| excluded.below(name));
            if below.is_some_and(Excluded::here) {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            self.name(name)?;
            self.out.push(b':');
            self.value(value, below, depth + 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, bytes: &[u8], excluded: Option<&Excluded>, depth: u32) -> Result<(), Error> {
        let mut elements = Elements::of(bytes)?;
        if depth >= DEPTH {
            return Err(Error::TooDeep);
        }
        self.out.push(b'[');
        let mut first = true;
        while let Some((_, value)) = elements.next()? {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            self.value(value, excluded, depth + 1)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn value(&mut self, value: Value, excluded: Option<&Excluded>, depth: u32) -> Result<(), Error> {
        match value.tag {
            tag::STRING => self.string(value.text())?,
            tag::DOCUMENT => self.document(value.bytes, excluded, depth)?,
            tag::ARRAY => self.array(value.bytes, excluded, depth)?,
            tag::DOUBLE | tag::INT32 | tag::INT64 | tag::DECIMAL => self.number(value),
            tag::BOOLEAN => self.push(if value.bytes[0] == 0 { "false" } else { "true" }),
            tag::NULL => self.push("null"),
            tag::UNDEFINED => self.push(r#"{"$undefined":true}"#),
            tag::MIN_KEY => self.push(r#"{"$minKey":1}"#),
            tag::MAX_KEY => self.push(r#"{"$maxKey":1}"#),
            tag::OBJECT_ID => self.object_id(value.bytes),
            tag::DATE => self.date(value.eight()),
            tag::TIMESTAMP => {
                let [i, t] = [value.eight() as u32, (value.eight() >> 32) as u32];
                self.format(format_args!(r#"{{"$timestamp":{{"t":{t},"i":{i}}}}}"#));
            }
            tag::BINARY => match value.binary() {
                Ok((subtype, payload)) => binary(subtype, payload, self.out),
                Err(_) if self.lossy => binary(value.bytes[4], &value.bytes[5..], self.out),
                Err(malformed) => return Err(malformed.into()),
            },
            tag::REGEX => {
                let (pattern, options) = value.regex()?;
                self.push(r#"{"$regularExpression":{"pattern":"#);
                self.string(pattern)?;
                self.push(r#","options":"#);
                self.string(options)?;
                self.push("}}");
            }
            tag::DB_POINTER => {
                let (namespace, id) = value.db_pointer()?;
                self.push(r#"{"$dbPointer":{"$ref":"#);
                self.string(namespace)?;
                self.push(r#","$id":"#);
                self.object_id(&id);
                self.push("}}");
            }
            tag::CODE | tag::SYMBOL => {
                self.push(if value.tag == tag::CODE { r#"{"$code":"# } else { r#"{"$symbol":"# });
                self.string(value.text())?;
                self.push("}");
            }
            tag::CODE_WITH_SCOPE => {
                let (code, scope) = value.code_with_scope()?;
                self.push(r#"{"$code":"#);
                self.string(code)?;
                self.push(r#","$scope":"#);
                self.document(scope, excluded, depth + 1)?;
                self.push("}");
            }
            _ => return Err(Error::Malformed),
        }
        Ok(())
    }

    fn number(&mut self, value: Value) {
        match (self.style, value.tag) {
            (Style::Key, _) => match key_number(value) {
                KeyNumber::Integer(n) => self.format(format_args!("{n}")),
                KeyNumber::Whole(digits) => self.push(&digits),
                KeyNumber::Double(x) if x.is_finite() => self.format(format_args!("{x:?}")),
                KeyNumber::Double(x) => self.wrapped("numberDouble", double_name(x)),
                KeyNumber::Decimal(decimal) => self.wrapped("numberDecimal", &decimal.shortest()),
            },
            (Style::Canonical, tag::INT32) => self.format(format_args!(r#"{{"$numberInt":"{}"}}"#, value.four())),
            (Style::Canonical, tag::INT64) => self.format(format_args!(r#"{{"$numberLong":"{}"}}"#, value.eight())),
            (_, tag::INT32) => self.format(format_args!("{}", value.four())),
            (_, tag::INT64) => self.format(format_args!("{}", value.eight())),
            (_, tag::DECIMAL) => self.wrapped("numberDecimal", &Decimal::from_bytes(value.array()).scientific()),
            (style, _) => match value.double() {
                x if !x.is_finite() => self.wrapped("numberDouble", double_name(x)),
                x if style == Style::Canonical => self.format(format_args!(r#"{{"$numberDouble":"{x:?}"}}"#)),
                x => self.format(format_args!("{x:?}")),
            },
        }
    }

    fn date(&mut self, millis: i64) {
        if self.style != Style::Canonical && (0..=LATEST).contains(&millis) {
            self.push(r#"{"$date":""#);
            iso8601(millis, self.out);
            self.push(r#""}"#);
        } else {
            self.format(format_args!(r#"{{"$date":{{"$numberLong":"{millis}"}}}}"#));
        }
    }

    fn name(&mut self, name: &[u8]) -> Result<(), Error> {
        match name.strip_prefix(b"$") {
            // A key's text must not be that of another value: {"$oid": ".."} as a document is written with an escape.
            Some(others) if self.style == Style::Key => self.quoted(r"\u0024", others),
            _ => self.string(name),
        }
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.quoted("", bytes)
    }

    fn quoted(&mut self, prefix: &str, bytes: &[u8]) -> Result<(), Error> {
        self.out.push(b'"');
        self.push(prefix);
        match std::str::from_utf8(bytes) {
            Ok(_) => escaped(bytes, self.out),
            Err(_) if self.lossy => {
                self.replaced = true;
                escaped(String::from_utf8_lossy(bytes).as_bytes(), self.out);
            }
            Err(_) => return Err(Error::InvalidUtf8),
        }
        self.out.push(b'"');
        Ok(())
    }

    fn object_id(&mut self, id: &[u8]) {
        self.push(r#"{"$oid":""#);
        wire::hex(id, self.out);
        self.push(r#""}"#);
    }

    fn wrapped(&mut self, name: &str, text: &str) {
        self.format(format_args!(r#"{{"${name}":"{text}"}}"#));
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn format(&mut self, arguments: std::fmt::Arguments) {
        format(arguments, self.out);
    }
}

/// Name of a double that JSON has no number for; one for all NaN.
pub(crate) fn double_name(x: f64) -> &'static str {
    match x {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

pub(crate) fn format(arguments: std::fmt::Arguments, out: &mut Vec<u8>) {
    out.write_fmt(arguments).expect("a Vec takes whatever is written");
}

/// The inside of a JSON string, of bytes that are UTF-8.
pub(crate) fn escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, byte) in text.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(br#"\""#),
            b'\\' => out.extend_from_slice(br"\\"),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\t' => out.extend_from_slice(br"\t"),
            other => format(format_args!("\\u{other:04x}"), out),
        }
    }
    out.extend_from_slice(&text[from..]);
}

fn binary(subtype: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"$binary":{"base64":""#);
    base64(payload, out);
    format(format_args!(r#"","subType":"{subtype:02x}"}}}}"#), out);
}

/// Standard base64 with padding.
pub(crate) fn base64(payload: &[u8], out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + payload.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(payload, &mut out[at..]).expect("the buffer is as long as the text");
    out.truncate(at + written);
}

/// ISO 8601 in UTC, with milliseconds where there are some; for years 1 to 9999.
pub(crate) fn iso8601(millis: i64, out: &mut Vec<u8>) {
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // Days from civil, counted in eras of 400 years that begin in March, so that a leap day is a year's last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, fraction) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format(format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"), out);
    if fraction > 0 {
        format(format_args!(".{fraction:03}"), out);
    }
    out.push(b'Z');
}
