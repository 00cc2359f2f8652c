//! The canonical form of a row: the same bytes for the same values, from whichever schema, topic or file they came.
//!
//! Invariants: fields stand by name, sorted by their bytes, and null ones not at all, so that a schema's order, its id
//! and fields that a row does not have change nothing; int and long are one form, float and double another with one
//! NaN; entries of a map stand sorted, the last of two with one key; facts about the change are no part of a row.
//! The form is a promise: `docs/state-digest.md` says it byte by byte.

use std::collections::BTreeMap;

use moorline_pipeline::contract::output::metadata::Column;

use crate::datum::Datum;
use crate::schema::{Kind, Logical, Record, Schema, Shape};

const NULL: u8 = 0;
const BOOLEAN: u8 = 1;
const INTEGER: u8 = 2;
const NUMBER: u8 = 3;
const TEXT: u8 = 4;
const BYTES: u8 = 5;
const DECIMAL: u8 = 6;
const ARRAY: u8 = 7;
const MAP: u8 = 8;
const RECORD: u8 = 9;

/// What the form of a row needs of its schema.
#[derive(Debug)]
pub struct Canonical {
    root: Vec<Member>,
}

/// A field: its place in the row, its name with its length, the form of its value.
#[derive(Debug)]
struct Member {
    place: usize,
    name: Vec<u8>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Nothing that a datum does not say itself.
    Plain,
    /// So many digits behind the point.
    Decimal(u32),
    Items(Box<Form>),
    Record(Vec<Member>),
}

/// Whether a field of a row's root tells of the change and not of the document: `__op`, `__ts_ms` and all that
/// `add.fields` can ask for under its own name. `__spill` and `__missing` say what the document has, and are its state;
/// so is a document's own field that only begins like these (`__v`).
pub fn is_metadata(field: &str, prefix: &str) -> bool {
    let Some(name) = field.strip_prefix(prefix) else { return false };
    // A name with a colon is a request for another name, and no field can have it.
    let within = |block: &str| name.strip_prefix(block).and_then(|rest| rest.strip_prefix('_'));
    let known = |asked: &str| Column::parse(asked).is_some();
    known(name)
        || ["source", "transaction"]
            .into_iter()
            .any(|block| within(block).is_some_and(|rest| known(&format!("{block}.{rest}"))))
}

impl Canonical {
    /// Of rows of a schema; `prefix` is the one of the metadata fields (`field.metadata.prefix`).
    pub fn new(schema: &Schema, prefix: &str) -> Self {
        let mut root = members(schema.record());
        root.retain(|member| !is_metadata(&schema.record().fields[member.place].name, prefix));
        Self { root }
    }

    /// The form of a row behind what `out` has. A row that is no record is one without fields.
    pub fn write(&self, row: &Datum<'_>, out: &mut Vec<u8>) {
        let fields: &[Datum<'_>] = if let Datum::Record(fields) = row { fields } else { &[] };
        record(&self.root, fields, out);
    }
}

fn members(record: &Record) -> Vec<Member> {
    let named = record.fields.iter().enumerate();
    let mut members: Vec<Member> = named
        .map(|(place, field)| {
            let mut name = Vec::with_capacity(field.name.len() + 4);
            text(field.name.as_bytes(), &mut name);
            Member { place, name, form: form(&field.shape) }
        })
        .collect();
    members.sort_by(|a, b| a.name[4..].cmp(&b.name[4..]));
    members
}

fn form(shape: &Shape) -> Form {
    match (&shape.kind, shape.logical) {
        (_, Some(Logical::Decimal { scale, .. })) => Form::Decimal(scale),
        (Kind::Array(items) | Kind::Map(items), _) => Form::Items(Box::new(form(items))),
        (Kind::Record(record), _) => Form::Record(members(record)),
        _ => Form::Plain,
    }
}

fn record(members: &[Member], fields: &[Datum<'_>], out: &mut Vec<u8>) {
    out.push(RECORD);
    let start = out.len();
    count(0, out);
    let mut written = 0u32;
    for member in members {
        match fields.get(member.place) {
            None | Some(Datum::Null) => {}
            Some(value) => {
                out.extend_from_slice(&member.name);
                write(&member.form, value, out);
                written += 1;
            }
        }
    }
    out[start..start + 4].copy_from_slice(&written.to_be_bytes());
}

fn write(form: &Form, value: &Datum<'_>, out: &mut Vec<u8>) {
    match value {
        Datum::Null => out.push(NULL),
        Datum::Boolean(truth) => out.extend_from_slice(&[BOOLEAN, u8::from(*truth)]),
        Datum::Int(number) => integer(i64::from(*number), out),
        Datum::Long(number) => integer(*number, out),
        Datum::Float(number) => double(f64::from(*number), out),
        Datum::Double(number) => double(*number, out),
        Datum::Text(value) | Datum::Enum(value) => {
            out.push(TEXT);
            text(value.as_bytes(), out);
        }
        Datum::Bytes(bytes) => {
            if let Form::Decimal(scale) = form {
                out.push(DECIMAL);
                out.extend_from_slice(&scale.to_be_bytes());
                text(shortest(bytes), out);
            } else {
                out.push(BYTES);
                text(bytes, out);
            }
        }
        Datum::Record(fields) => record(if let Form::Record(members) = form { members } else { &[] }, fields, out),
        Datum::Array(items) => {
            out.push(ARRAY);
            count(items.len(), out);
            let form = inner(form);
            items.iter().for_each(|item| write(form, item, out));
        }
        Datum::Map(entries) => {
            out.push(MAP);
            let sorted: BTreeMap<&str, &Datum<'_>> = entries.iter().map(|(key, value)| (*key, value)).collect();
            count(sorted.len(), out);
            let form = inner(form);
            for (key, value) in sorted {
                text(key.as_bytes(), out);
                write(form, value, out);
            }
        }
    }
}

fn inner(form: &Form) -> &Form {
    if let Form::Items(form) = form { form } else { &Form::Plain }
}

fn integer(number: i64, out: &mut Vec<u8>) {
    out.push(INTEGER);
    out.extend_from_slice(&number.to_be_bytes());
}

fn double(number: f64, out: &mut Vec<u8>) {
    let bits = if number.is_nan() { 0x7FF8_0000_0000_0000 } else { number.to_bits() };
    out.push(NUMBER);
    out.extend_from_slice(&bits.to_be_bytes());
}

/// Lengths are 32 bits: a record of Kafka has less.
fn count(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(number as u32).to_be_bytes());
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// A two's complement number without bytes that only repeat its sign; zero is one byte.
fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        let Some(next) = rest.first() else { return bytes };
        let repeats = matches!((first, next & 0x80), (0, 0) | (0xFF, 0x80));
        if !repeats {
            return bytes;
        }
        bytes = rest;
    }
    &[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex_of(schema: &str, row: Datum<'_>) -> String {
        let mut out = Vec::new();
        Canonical::new(&Schema::parse(schema).unwrap(), "__").write(&row, &mut out);
        hex::encode(out)
    }

    #[test]
    fn order_nulls_and_facts_of_the_change_do_not_matter() {
        let first = hex_of(
            r#"{"type":"record","name":"V","fields":[{"name":"_id","type":"long"},{"name":"b","type":["null","int"]},
            {"name":"a","type":["null","float"]},{"name":"__op","type":["null","string"]}]}"#,
            Datum::Record(vec![Datum::Long(1), Datum::Int(7), Datum::Float(0.5), Datum::Text("u")]),
        );
        let second = hex_of(
            r#"{"type":"record","name":"W","fields":[{"name":"a","type":"double"},{"name":"z","type":["null","int"]},
            {"name":"b","type":"long"},{"name":"_id","type":"int"}]}"#,
            Datum::Record(vec![Datum::Double(0.5), Datum::Null, Datum::Long(7), Datum::Int(1)]),
        );
        assert_eq!(first, second);
        assert_eq!(
            first,
            "0900000003000000035f6964020000000000000001\
             0000000161033fe00000000000000000000162020000000000000007"
        );
    }

    #[test]
    fn facts_of_the_change_are_told_by_their_names() {
        for name in ["__op", "__ts_ms", "__source_ts_ms", "__transaction_id", "__deleted"] {
            assert!(is_metadata(name, "__"), "{name}");
        }
        for name in ["_id", "op", "__v", "__spill", "__missing", "__"] {
            assert!(!is_metadata(name, "__"), "{name}");
        }
    }

    #[test]
    fn decimals_have_one_form_a_number() {
        for (bytes, expected) in [
            (&[][..], &[0][..]),
            (&[0, 0], &[0]),
            (&[0, 0x80], &[0, 0x80]),
            (&[0, 0, 0x7F], &[0x7F]),
            (&[0xFF, 0xFF], &[0xFF]),
            (&[0xFF, 0x7F], &[0xFF, 0x7F]),
            (&[0xFF, 0x80], &[0x80]),
        ] {
            assert_eq!(shortest(bytes), expected);
        }
    }
}
