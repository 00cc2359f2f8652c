//! A row as the bytes that a writer of its own schema would have written: what files of Avro hold, and the one form in
//! which rows come back from files of any format.
//!
//! Invariant: [`Resolver`](crate::decode::Resolver) of the same schema twice reads the same row from them.

use crate::datum::Datum;
use crate::schema::{Kind, Record, Schema, Shape};

/// Appends a row of the schema; what the row lacks is null.
pub fn row(row: &Datum<'_>, schema: &Schema, out: &mut Vec<u8>) {
    fields(row, schema.record(), out);
}

fn fields(row: &Datum<'_>, record: &Record, out: &mut Vec<u8>) {
    let values: &[Datum<'_>] = if let Datum::Record(values) = row { values } else { &[] };
    for (place, field) in record.fields.iter().enumerate() {
        datum(values.get(place).unwrap_or(&Datum::Null), &field.shape, out);
    }
}

fn datum(value: &Datum<'_>, shape: &Shape, out: &mut Vec<u8>) {
    if branch(shape, matches!(value, Datum::Null), out) {
        return;
    }
    match (value, &shape.kind) {
        (Datum::Boolean(truth), _) => out.push(u8::from(*truth)),
        (Datum::Int(number), _) => long(i64::from(*number), out),
        (Datum::Long(number), _) => long(*number, out),
        (Datum::Float(number), _) => out.extend_from_slice(&number.to_le_bytes()),
        (Datum::Double(number), _) => out.extend_from_slice(&number.to_le_bytes()),
        (Datum::Bytes(value), Kind::Fixed(_)) => out.extend_from_slice(value),
        (Datum::Bytes(value), _) => bytes(value, out),
        (Datum::Text(value), _) => bytes(value.as_bytes(), out),
        (Datum::Enum(symbol), Kind::Enum(known)) => {
            let place = known.symbols.iter().position(|each| each == symbol).unwrap_or_default();
            long(place as i64, out);
        }
        (Datum::Array(items), Kind::Array(inner)) => {
            start(items.len(), out);
            items.iter().for_each(|item| datum(item, inner, out));
            out.push(0);
        }
        (Datum::Map(entries), Kind::Map(inner)) => {
            start(entries.len(), out);
            for (key, value) in entries {
                bytes(key.as_bytes(), out);
                datum(value, inner, out);
            }
            out.push(0);
        }
        (value, Kind::Record(record)) => fields(value, record, out),
        // A resolver gives what its schema says; nothing else gets here.
        _ => {}
    }
}

/// Writes which branch of a union it is; whether all is said with it.
pub(crate) fn branch(shape: &Shape, is_null: bool, out: &mut Vec<u8>) -> bool {
    let Some(null) = shape.null else { return false };
    long(i64::from(if is_null { null } else { 1 - null }), out);
    is_null
}

/// The head of an array or a map of so many items.
pub(crate) fn start(count: usize, out: &mut Vec<u8>) {
    if count > 0 {
        long(count as i64, out);
    }
}

/// Bytes or a text.
pub(crate) fn bytes(value: &[u8], out: &mut Vec<u8>) {
    long(value.len() as i64, out);
    out.extend_from_slice(value);
}

/// A whole number.
pub(crate) fn long(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
