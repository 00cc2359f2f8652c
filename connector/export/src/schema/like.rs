//! Whether two types are one, whoever wrote their schemas.
//!
//! Invariant: types that are alike have the same Avro bytes for the same value.

use super::{Kind, Record, Shape};

/// By fields, in their order.
pub(super) fn records(one: &Record, other: &Record) -> bool {
    one.fields.len() == other.fields.len()
        && one.fields.iter().zip(&other.fields).all(|(a, b)| a.name == b.name && shapes(&a.shape, &b.shape))
}

fn shapes(one: &Shape, other: &Shape) -> bool {
    one.null == other.null
        && one.logical == other.logical
        && match (&one.kind, &other.kind) {
            (Kind::Array(one), Kind::Array(other)) | (Kind::Map(one), Kind::Map(other)) => shapes(one, other),
            (Kind::Record(one), Kind::Record(other)) => records(one, other),
            (Kind::Fixed(one), Kind::Fixed(other)) => one == other,
            (Kind::Enum(one), Kind::Enum(other)) => one.symbols == other.symbols,
            (one, other) => one.name() == other.name(),
        }
}
