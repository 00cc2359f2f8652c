//! JSON lines: an object a row, all its fields in the schema's order, null where they are null.
//!
//! Invariant: with the schema at hand every value comes back as it was: what JSON has no form for is text that only one
//! value has.

use std::fmt::Write as _;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use moorline_pipeline::error::Problem;

use super::{RowWriter, decimals, instants, unwritable};
use crate::datum::Datum;
use crate::schema::{Kind, Logical, Record, Schema, Shape};

/// Lines are written together up to here.
const BLOCK_BYTES: usize = 64 * 1024;
/// What most data wants: more levels cost far more time than they save bytes.
const LEVEL: i32 = 3;
/// What compressing takes away, roughly: for the estimate of what is in memory.
const SAVED: u64 = 4;

/// Writes such a file.
pub struct Writer {
    out: Sink,
    schema: Schema,
    lines: String,
    taken: u64,
}

/// Where lines go.
pub(super) enum Sink {
    Plain(Box<dyn Write + Send>),
    Zstd(Box<zstd::Encoder<'static, Box<dyn Write + Send>>>),
    Gzip(Box<GzEncoder<Box<dyn Write + Send>>>),
}

impl Sink {
    pub(super) fn zstd(out: Box<dyn Write + Send>) -> Result<Self, Problem> {
        Ok(Self::Zstd(Box::new(zstd::Encoder::new(out, LEVEL).map_err(|error| unwritable(&error))?)))
    }

    /// Its head has no time and no name, so that the same lines give the same bytes.
    pub(super) fn gzip(out: Box<dyn Write + Send>) -> Self {
        Self::Gzip(Box::new(GzBuilder::new().write(out, Compression::default())))
    }
}

impl Writer {
    pub(super) fn new(schema: &Schema, out: Sink) -> Self {
        Self { out, schema: schema.clone(), lines: String::new(), taken: 0 }
    }

    fn put(&mut self) -> Result<(), Problem> {
        let bytes = self.lines.as_bytes();
        self.taken += bytes.len() as u64;
        match &mut self.out {
            Sink::Plain(out) => out.write_all(bytes),
            Sink::Zstd(out) => out.write_all(bytes),
            Sink::Gzip(out) => out.write_all(bytes),
        }
        .map_err(|error| unwritable(&error))?;
        self.lines.clear();
        Ok(())
    }
}

impl RowWriter for Writer {
    fn write(&mut self, row: &Datum<'_>) -> Result<(), Problem> {
        record(row, self.schema.record(), &mut self.lines);
        self.lines.push('\n');
        if self.lines.len() >= BLOCK_BYTES { self.put() } else { Ok(()) }
    }

    fn bytes(&self) -> u64 {
        let taken = self.taken + self.lines.len() as u64;
        if matches!(self.out, Sink::Plain(_)) { taken } else { taken / SAVED }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Problem> {
        self.put()?;
        let mut out = match self.out {
            Sink::Plain(out) => out,
            Sink::Zstd(out) => out.finish().map_err(|error| unwritable(&error))?,
            Sink::Gzip(out) => out.finish().map_err(|error| unwritable(&error))?,
        };
        out.flush().map_err(|error| unwritable(&error))
    }
}

/// A row as its line, without the end.
pub(crate) fn line(row: &Datum<'_>, schema: &Schema) -> String {
    let mut out = String::new();
    record(row, schema.record(), &mut out);
    out
}

fn record(row: &Datum<'_>, record: &Record, out: &mut String) {
    let values: &[Datum<'_>] = if let Datum::Record(values) = row { values } else { &[] };
    for (place, field) in record.fields.iter().enumerate() {
        // Avro's names have no character that JSON escapes.
        let _ = write!(out, "{}\"{}\":", if place == 0 { '{' } else { ',' }, field.name);
        value(values.get(place).unwrap_or(&Datum::Null), &field.shape, out);
    }
    out.push('}');
}

fn value(datum: &Datum<'_>, shape: &Shape, out: &mut String) {
    match (datum, &shape.kind) {
        (Datum::Null, _) => out.push_str("null"),
        (Datum::Boolean(truth), _) => out.push_str(if *truth { "true" } else { "false" }),
        (Datum::Int(number), _) => whole(i64::from(*number), shape.logical, out),
        (Datum::Long(number), _) => whole(*number, shape.logical, out),
        (Datum::Float(number), _) if number.is_finite() => drop(write!(out, "{number:?}")),
        (Datum::Float(number), _) => not_finite(f64::from(*number), out),
        (Datum::Double(number), _) if number.is_finite() => drop(write!(out, "{number:?}")),
        (Datum::Double(number), _) => not_finite(*number, out),
        (Datum::Text(value) | Datum::Enum(value), _) => text(value, out),
        (Datum::Bytes(bytes), _) => {
            out.push('"');
            match shape.logical {
                Some(Logical::Decimal { scale, .. }) => decimals::text(bytes, scale, out),
                _ => STANDARD.encode_string(bytes, out),
            }
            out.push('"');
        }
        (Datum::Array(items), Kind::Array(inner)) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                value(item, inner, out);
            }
            out.push(']');
        }
        (Datum::Map(entries), Kind::Map(inner)) => {
            out.push('{');
            for (place, (key, item)) in entries.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                text(key, out);
                out.push(':');
                value(item, inner, out);
            }
            out.push('}');
        }
        (row, Kind::Record(inner)) => record(row, inner, out),
        // A resolver gives what its schema says; nothing else gets here.
        _ => out.push_str("null"),
    }
}

fn whole(number: i64, logical: Option<Logical>, out: &mut String) {
    let start = out.len();
    out.push('"');
    let written = match logical {
        Some(Logical::Date) => {
            instants::date(number, out);
            true
        }
        Some(Logical::TimeMillis) => instants::time(number, 3, out),
        Some(Logical::TimeMicros) => instants::time(number, 6, out),
        Some(Logical::Uuid | Logical::Decimal { .. }) | None => false,
        Some(stamp) => {
            let (digits, local) = match stamp {
                Logical::LocalTimestampMillis => (3, true),
                Logical::LocalTimestampMicros => (6, true),
                Logical::LocalTimestampNanos => (9, true),
                Logical::TimestampMicros => (6, false),
                Logical::TimestampNanos => (9, false),
                _ => (3, false),
            };
            instants::timestamp(number, digits, local, out);
            true
        }
    };
    if written {
        out.push('"');
    } else {
        out.truncate(start);
        let _ = write!(out, "{number}");
    }
}

/// JSON has no number for these.
fn not_finite(number: f64, out: &mut String) {
    out.push_str(if number.is_nan() {
        "\"NaN\""
    } else if number > 0.0 {
        "\"Infinity\""
    } else {
        "\"-Infinity\""
    });
}

fn text(value: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (place, byte) in value.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&value[plain..place]);
        out.push_str(escaped);
        if escaped.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        }
        plain = place + 1;
    }
    out.push_str(&value[plain..]);
    out.push('"');
}
