//! Columns that are filled straight from data: a tree of appenders, compiled once from the schema.
//!
//! Invariant: every column of a record has as many values as the record has, null or not, after each row.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Decimal128Builder, Decimal256Builder, FixedSizeBinaryBuilder, Float32Builder,
    Float64Builder, NullBufferBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, ListArray, MapArray, PrimitiveArray, StructArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer, i256};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};
use moorline_pipeline::error::Problem;

use super::types;
use crate::datum::Datum;
use crate::format::{decimals, no_place};
use crate::schema::{Kind, Logical, Record, Shape};

/// A column and those under it.
pub(super) enum Column {
    Boolean(BooleanBuilder),
    /// Also dates and times, whose type is put on at the end.
    Int(PrimitiveBuilder<Int32Type>, DataType),
    Long(PrimitiveBuilder<Int64Type>, DataType),
    Float(Float32Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Fixed(FixedSizeBinaryBuilder),
    Decimal(Decimal128Builder, DataType, String),
    WideDecimal(Decimal256Builder, DataType, String),
    /// More digits than any number of Parquet has.
    Digits(StringBuilder, u32),
    Record(Vec<Column>, Fields, NullBufferBuilder),
    List(Box<Column>, FieldRef, Offsets),
    Map(StringBuilder, Box<Column>, FieldRef, Offsets),
}

/// Where the items of each row end.
pub(super) struct Offsets {
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Offsets {
    fn new() -> Self {
        Self { ends: vec![0], valid: NullBufferBuilder::new(0) }
    }

    fn push(&mut self, items: Option<usize>) {
        let end = self.ends.last().copied().unwrap_or_default();
        // A batch has far fewer bytes than this number has items.
        self.ends.push(end.saturating_add(items.unwrap_or_default() as i32));
        self.valid.append(items.is_some());
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Option<arrow_buffer::NullBuffer>) {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        (OffsetBuffer::new(ScalarBuffer::from(ends)), self.valid.finish())
    }
}

/// The columns of a record.
pub(super) fn of(record: &Record) -> Vec<Column> {
    record.fields.iter().map(|field| column(&field.shape, &field.name)).collect()
}

fn column(shape: &Shape, name: &str) -> Column {
    let ty = types::ty(shape);
    match (&shape.kind, &ty) {
        (_, DataType::Decimal128(..)) => Column::Decimal(Decimal128Builder::new(), ty, name.to_owned()),
        (_, DataType::Decimal256(..)) => Column::WideDecimal(Decimal256Builder::new(), ty, name.to_owned()),
        (Kind::Boolean, _) => Column::Boolean(BooleanBuilder::new()),
        (Kind::Int, _) => Column::Int(PrimitiveBuilder::new(), ty),
        (Kind::Long, _) => Column::Long(PrimitiveBuilder::new(), ty),
        (Kind::Float, _) => Column::Float(Float32Builder::new()),
        (Kind::Double, _) => Column::Double(Float64Builder::new()),
        (Kind::Text | Kind::Enum(_), _) => Column::Text(StringBuilder::new()),
        (Kind::Bytes | Kind::Fixed(_), DataType::Utf8) => {
            let scale = if let Some(Logical::Decimal { scale, .. }) = shape.logical { scale } else { 0 };
            Column::Digits(StringBuilder::new(), scale)
        }
        (Kind::Bytes, _) => Column::Bytes(BinaryBuilder::new()),
        (Kind::Fixed(size), _) => Column::Fixed(FixedSizeBinaryBuilder::new(i32::try_from(*size).unwrap_or(i32::MAX))),
        (Kind::Record(record), DataType::Struct(fields)) => {
            Column::Record(of(record), fields.clone(), NullBufferBuilder::new(0))
        }
        (Kind::Array(items), DataType::List(field)) => {
            Column::List(Box::new(column(items, name)), Arc::clone(field), Offsets::new())
        }
        (Kind::Map(values), _) => {
            Column::Map(StringBuilder::new(), Box::new(column(values, name)), types::entries(values), Offsets::new())
        }
        (Kind::Record(_) | Kind::Array(_), other) => unreachable!("types::ty gives no {other} for these"),
    }
}

impl Column {
    /// Appends a value; what is of another kind than the column, a resolver gives never, and counts as null.
    pub(super) fn push(&mut self, value: &Datum<'_>) -> Result<(), Problem> {
        match (self, value) {
            (Self::Boolean(out), Datum::Boolean(truth)) => out.append_value(*truth),
            (Self::Int(out, _), Datum::Int(number)) => out.append_value(*number),
            (Self::Long(out, _), Datum::Long(number)) => out.append_value(*number),
            (Self::Float(out), Datum::Float(number)) => out.append_value(*number),
            (Self::Double(out), Datum::Double(number)) => out.append_value(*number),
            (Self::Text(out), Datum::Text(text) | Datum::Enum(text)) => out.append_value(text),
            (Self::Bytes(out), Datum::Bytes(bytes)) => out.append_value(bytes),
            (Self::Fixed(out), Datum::Bytes(bytes)) => {
                out.append_value(bytes).map_err(|error| no_place("of fixed bytes", error.to_string()))?;
            }
            (Self::Decimal(out, ty, name), Datum::Bytes(bytes)) => {
                let number = decimals::widened(bytes).map(i128::from_be_bytes);
                out.append_value(number.ok_or_else(|| too_long(name, ty))?);
            }
            (Self::WideDecimal(out, ty, name), Datum::Bytes(bytes)) => {
                let number = decimals::widened(bytes).map(i256::from_be_bytes);
                out.append_value(number.ok_or_else(|| too_long(name, ty))?);
            }
            (Self::Digits(out, scale), Datum::Bytes(bytes)) => {
                let mut text = String::new();
                decimals::text(bytes, *scale, &mut text);
                out.append_value(text);
            }
            (Self::Record(columns, _, valid), Datum::Record(values)) => {
                valid.append_non_null();
                let none = Datum::Null;
                for (place, column) in columns.iter_mut().enumerate() {
                    column.push(values.get(place).unwrap_or(&none))?;
                }
            }
            (Self::List(column, _, offsets), Datum::Array(items)) => {
                offsets.push(Some(items.len()));
                items.iter().try_for_each(|item| column.push(item))?;
            }
            (Self::Map(keys, column, _, offsets), Datum::Map(entries)) => {
                offsets.push(Some(entries.len()));
                for (key, item) in entries {
                    keys.append_value(key);
                    column.push(item)?;
                }
            }
            (column, _) => column.push_null(),
        }
        Ok(())
    }

    fn push_null(&mut self) {
        match self {
            Self::Boolean(out) => out.append_null(),
            Self::Int(out, _) => out.append_null(),
            Self::Long(out, _) => out.append_null(),
            Self::Float(out) => out.append_null(),
            Self::Double(out) => out.append_null(),
            Self::Text(out) | Self::Digits(out, _) => out.append_null(),
            Self::Bytes(out) => out.append_null(),
            Self::Fixed(out) => out.append_null(),
            Self::Decimal(out, ..) => out.append_null(),
            Self::WideDecimal(out, ..) => out.append_null(),
            Self::Record(columns, _, valid) => {
                valid.append_null();
                columns.iter_mut().for_each(Self::push_null);
            }
            Self::List(_, _, offsets) | Self::Map(_, _, _, offsets) => offsets.push(None),
        }
    }

    /// What was appended, as an array; the column is empty then.
    pub(super) fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Boolean(out) => Arc::new(out.finish()),
            Self::Int(out, ty) => retyped(&out.finish(), ty)?,
            Self::Long(out, ty) => retyped(&out.finish(), ty)?,
            Self::Float(out) => Arc::new(out.finish()),
            Self::Double(out) => Arc::new(out.finish()),
            Self::Text(out) | Self::Digits(out, _) => Arc::new(out.finish()),
            Self::Bytes(out) => Arc::new(out.finish()),
            Self::Fixed(out) => Arc::new(out.finish()),
            Self::Decimal(out, ty, _) => Arc::new(out.finish().with_data_type(ty.clone())),
            Self::WideDecimal(out, ty, _) => Arc::new(out.finish().with_data_type(ty.clone())),
            Self::Record(columns, fields, valid) => {
                let arrays = columns.iter_mut().map(Self::take).collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new(fields.clone(), arrays, valid.finish())?)
            }
            Self::List(column, field, offsets) => {
                let (ends, valid) = offsets.take();
                Arc::new(ListArray::try_new(Arc::clone(field), ends, column.take()?, valid)?)
            }
            Self::Map(keys, column, field, offsets) => {
                let (ends, valid) = offsets.take();
                let DataType::Struct(members) = field.data_type() else { unreachable!("entries are a struct") };
                let entries =
                    StructArray::try_new(members.clone(), vec![Arc::new(keys.finish()), column.take()?], None)?;
                Arc::new(MapArray::try_new(Arc::clone(field), ends, entries, valid, false)?)
            }
        })
    }
}

/// Numbers of a width as the dates or times that they are: the bits stay.
fn retyped<T: arrow_array::ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    ty: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let data = array.to_data().into_builder().data_type(ty.clone()).build()?;
    Ok(arrow_array::make_array(data))
}

fn too_long(name: &str, ty: &DataType) -> Problem {
    no_place(name, format!("a decimal has more digits than its type {ty} has"))
}
