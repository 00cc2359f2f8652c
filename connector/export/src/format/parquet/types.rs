//! An Avro schema's shapes as Arrow's types.
//!
//! Invariant: a type becomes a type of Parquet's own that holds all its values; where there is none, text or bytes.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema as ArrowSchema, TimeUnit};

use crate::schema::{Kind, Logical, Record, Schema, Shape};

/// Digits of a decimal in 128 bits, and in 256.
const DIGITS: (u32, u32) = (38, 76);

/// The schema of a file.
pub(super) fn schema(schema: &Schema) -> ArrowSchema {
    ArrowSchema::new(fields(schema.record()))
}

fn fields(record: &Record) -> Fields {
    record.fields.iter().map(|field| named(&field.name, &field.shape)).collect()
}

fn named(name: &str, shape: &Shape) -> Arc<Field> {
    Arc::new(Field::new(name, ty(shape), shape.nullable()))
}

/// The type of a shape's values.
pub(in crate::format) fn ty(shape: &Shape) -> DataType {
    let utc = || Some(Arc::from("UTC"));
    match (&shape.kind, shape.logical) {
        (_, Some(Logical::Decimal { precision, scale })) => match i8::try_from(scale) {
            Ok(scale) if precision <= DIGITS.0 => DataType::Decimal128(precision as u8, scale),
            Ok(scale) if precision <= DIGITS.1 => DataType::Decimal256(precision as u8, scale),
            _ => DataType::Utf8,
        },
        (_, Some(Logical::Date)) => DataType::Date32,
        (_, Some(Logical::TimeMillis)) => DataType::Time32(TimeUnit::Millisecond),
        (_, Some(Logical::TimeMicros)) => DataType::Time64(TimeUnit::Microsecond),
        (_, Some(Logical::TimestampMillis)) => DataType::Timestamp(TimeUnit::Millisecond, utc()),
        (_, Some(Logical::TimestampMicros)) => DataType::Timestamp(TimeUnit::Microsecond, utc()),
        (_, Some(Logical::TimestampNanos)) => DataType::Timestamp(TimeUnit::Nanosecond, utc()),
        (_, Some(Logical::LocalTimestampMillis)) => DataType::Timestamp(TimeUnit::Millisecond, None),
        (_, Some(Logical::LocalTimestampMicros)) => DataType::Timestamp(TimeUnit::Microsecond, None),
        (_, Some(Logical::LocalTimestampNanos)) => DataType::Timestamp(TimeUnit::Nanosecond, None),
        (Kind::Boolean, _) => DataType::Boolean,
        (Kind::Int, _) => DataType::Int32,
        (Kind::Long, _) => DataType::Int64,
        (Kind::Float, _) => DataType::Float32,
        (Kind::Double, _) => DataType::Float64,
        (Kind::Bytes, _) => DataType::Binary,
        (Kind::Text | Kind::Enum(_), _) => DataType::Utf8,
        (Kind::Fixed(size), _) => DataType::FixedSizeBinary(i32::try_from(*size).unwrap_or(i32::MAX)),
        (Kind::Record(record), _) => DataType::Struct(fields(record)),
        (Kind::Array(items), _) => DataType::List(named("element", items)),
        (Kind::Map(values), _) => DataType::Map(entries(values), false),
    }
}

/// The entries of a map, as Parquet names them.
pub(super) fn entries(values: &Shape) -> Arc<Field> {
    let key = Arc::new(Field::new("key", DataType::Utf8, false));
    let members = Fields::from(vec![key, named("value", values)]);
    Arc::new(Field::new("key_value", DataType::Struct(members), false))
}
