//! A field's default, as the bytes that a writer would have written: so that defaults are read as all else is.
//!
//! Invariant: the default of a union is a value of either branch, as Avro 1.12 has it; what is no value of the type gives
//! nothing at all.

use serde_json::Value as Json;

use crate::encode::{branch, bytes, long, start};
use crate::schema::{Kind, Shape};

/// Appends the default; `None` where it is no value of the type.
pub(super) fn write(value: &Json, shape: &Shape, out: &mut Vec<u8>) -> Option<()> {
    if branch(shape, value.is_null(), out) {
        return Some(());
    }
    match &shape.kind {
        Kind::Boolean => out.push(u8::from(value.as_bool()?)),
        Kind::Int => long(i64::from(i32::try_from(value.as_i64()?).ok()?), out),
        Kind::Long => long(value.as_i64()?, out),
        Kind::Float => out.extend_from_slice(&(number(value)? as f32).to_le_bytes()),
        Kind::Double => out.extend_from_slice(&number(value)?.to_le_bytes()),
        Kind::Text => bytes(value.as_str()?.as_bytes(), out),
        Kind::Bytes => bytes(&letters(value)?, out),
        Kind::Fixed(size) => {
            let value = letters(value)?;
            if value.len() != *size {
                return None;
            }
            out.extend_from_slice(&value);
        }
        Kind::Enum(known) => {
            let symbol = value.as_str()?;
            long(known.symbols.iter().position(|each| each == symbol)? as i64, out);
        }
        Kind::Record(record) => {
            let members = value.as_object()?;
            for field in &record.fields {
                write(members.get(&field.name).or(field.default.as_ref())?, &field.shape, out)?;
            }
        }
        Kind::Array(items) => {
            let values = value.as_array()?;
            start(values.len(), out);
            for value in values {
                write(value, items, out)?;
            }
            out.push(0);
        }
        Kind::Map(values) => {
            let members = value.as_object()?;
            start(members.len(), out);
            for (key, value) in members {
                bytes(key.as_bytes(), out);
                write(value, values, out)?;
            }
            out.push(0);
        }
    }
    Some(())
}

/// A number; what JSON has no number for stands as text.
fn number(value: &Json) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity" | "INF") => Some(f64::INFINITY),
        Some("-Infinity" | "-INF") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64(),
    }
}

/// Bytes stand in a default as the letters of these numbers.
fn letters(value: &Json) -> Option<Vec<u8>> {
    value.as_str()?.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
}
