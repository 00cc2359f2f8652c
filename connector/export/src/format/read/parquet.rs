//! Apache Parquet, by the crates of Apache Arrow: batches of columns, row by row as Avro bytes.
//!
//! Invariants: columns are those of the schema, by name, order and type, whoever wrote the file; pages are measured
//! ([`super::pages`]) before the crates make room for them; what panics in there is an error here.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Decimal256Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array,
    Int64Array, PrimitiveArray, RecordBatch, StringArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{IS_GUARDED, RowReader, pages, texts};
use crate::encode;
use crate::format::parquet::types;
use crate::schema::{Enum, Kind, Logical, Record, Schema, Shape};

/// Rows of a batch.
const BATCH_ROWS: usize = 1024;

/// Reads such a file.
pub(super) struct Reader {
    schema: Schema,
    batches: ParquetRecordBatchReader,
    columns: Vec<Column>,
    rows: usize,
    at: usize,
    row: Vec<u8>,
}

impl Reader {
    pub(super) fn new(schema: &Schema, file: File) -> Result<Self, String> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let opened = guarded(|| {
            let source = pages::Measured::new(file)?;
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(source.clone(), options);
            let builder = builder.map_err(|error| error.to_string())?;
            source.check(builder.metadata())?;
            builder.with_batch_size(BATCH_ROWS).build().map_err(|error| error.to_string())
        })?;
        Ok(Self { schema: schema.clone(), batches: opened, columns: Vec::new(), rows: 0, at: 0, row: Vec::new() })
    }

    /// Reads the next batch; whether there is one.
    fn advance(&mut self) -> Result<bool, String> {
        let batches = &mut self.batches;
        let next = guarded(|| batches.next().transpose().map_err(|error| error.to_string()))?;
        let Some(batch) = next else { return Ok(false) };
        self.columns = columns(self.schema.record(), &batch)?;
        (self.rows, self.at) = (batch.num_rows(), 0);
        Ok(true)
    }
}

impl RowReader for Reader {
    fn row(&mut self) -> Result<Option<&[u8]>, String> {
        while self.at == self.rows {
            if !self.advance()? {
                return Ok(None);
            }
        }
        self.row.clear();
        for (column, field) in self.columns.iter().zip(&self.schema.record().fields) {
            column.put(self.at, &field.shape, &mut self.row).map_err(|what| format!("{}: {what}", field.name))?;
        }
        self.at += 1;
        Ok(Some(&self.row))
    }
}

/// The crates check much of what they read, and panic on the rest.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let before = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    done.unwrap_or_else(|_| Err("its pages are not what they claim to be".to_owned()))
}

fn columns(record: &Record, batch: &RecordBatch) -> Result<Vec<Column>, String> {
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    members(record, &names, batch.columns())
}

fn members(record: &Record, names: &[&str], arrays: &[ArrayRef]) -> Result<Vec<Column>, String> {
    let wanted: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
    if wanted != *names {
        return Err(format!("its columns are {}, and the manifest has {}", names.join(", "), wanted.join(", ")));
    }
    let pairs = record.fields.iter().zip(arrays);
    pairs
        .map(|(field, array)| Column::new(&field.shape, array).map_err(|what| format!("{}: {what}", field.name)))
        .collect()
}

/// A column of a batch: which values are null, and the values.
struct Column {
    nulls: Option<NullBuffer>,
    cells: Cells,
}

enum Cells {
    Boolean(BooleanArray),
    /// Also dates and times, whose type is taken off.
    Int(Int32Array),
    Long(Int64Array),
    Float(Float32Array),
    Double(Float64Array),
    Text(StringArray),
    Bytes(BinaryArray),
    Fixed(FixedSizeBinaryArray),
    Decimal(PrimitiveArray<Decimal128Type>),
    WideDecimal(PrimitiveArray<Decimal256Type>),
    Record(Vec<Column>),
    List(OffsetBuffer<i32>, Box<Column>),
    Map(OffsetBuffer<i32>, StringArray, Box<Column>),
}

impl Column {
    fn new(shape: &Shape, array: &ArrayRef) -> Result<Self, String> {
        let ty = array.data_type();
        let other = || format!("its type is {ty}, and the manifest's schema makes it {}", types::ty(shape));
        let cells = match (&shape.kind, ty) {
            (Kind::Record(record), DataType::Struct(fields)) => {
                let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
                Cells::Record(members(record, &names, array.as_struct().columns())?)
            }
            (Kind::Array(items), DataType::List(_)) => {
                let list = array.as_list::<i32>();
                Cells::List(list.offsets().clone(), Box::new(Self::new(items, list.values())?))
            }
            (Kind::Map(values), DataType::Map(..)) => {
                let map = array.as_map();
                let keys = map.keys().as_string_opt::<i32>().ok_or_else(other)?;
                Cells::Map(map.offsets().clone(), keys.clone(), Box::new(Self::new(values, map.values())?))
            }
            (Kind::Record(_) | Kind::Array(_) | Kind::Map(_), _) => return Err(other()),
            _ if *ty != types::ty(shape) => return Err(other()),
            (Kind::Boolean, _) => Cells::Boolean(array.as_boolean().clone()),
            (Kind::Int, _) => Cells::Int(plain::<Int32Type>(array, DataType::Int32)?),
            (Kind::Long, _) => Cells::Long(plain::<Int64Type>(array, DataType::Int64)?),
            (Kind::Float, _) => Cells::Float(array.as_primitive().clone()),
            (Kind::Double, _) => Cells::Double(array.as_primitive().clone()),
            (_, DataType::Utf8) => Cells::Text(array.as_string().clone()),
            (_, DataType::Binary) => Cells::Bytes(array.as_binary().clone()),
            (_, DataType::FixedSizeBinary(_)) => Cells::Fixed(array.as_fixed_size_binary().clone()),
            (_, DataType::Decimal128(..)) => Cells::Decimal(array.as_primitive().clone()),
            (_, DataType::Decimal256(..)) => Cells::WideDecimal(array.as_primitive().clone()),
            _ => return Err(other()),
        };
        Ok(Self { nulls: array.nulls().cloned(), cells })
    }

    fn put(&self, at: usize, shape: &Shape, out: &mut Vec<u8>) -> Result<(), String> {
        let is_null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(at));
        if is_null && !shape.nullable() {
            return Err("null, and the type has none".to_owned());
        }
        if encode::branch(shape, is_null, out) {
            return Ok(());
        }
        match (&self.cells, &shape.kind) {
            (Cells::Boolean(array), _) => out.push(u8::from(array.value(at))),
            (Cells::Int(array), _) => encode::long(i64::from(array.value(at)), out),
            (Cells::Long(array), _) => encode::long(array.value(at), out),
            (Cells::Float(array), _) => out.extend_from_slice(&array.value(at).to_le_bytes()),
            (Cells::Double(array), _) => out.extend_from_slice(&array.value(at).to_le_bytes()),
            (Cells::Text(array), Kind::Enum(known)) => encode::long(symbol(known, array.value(at))?, out),
            (Cells::Text(array), Kind::Bytes | Kind::Fixed(_)) => {
                let scale = if let Some(Logical::Decimal { scale, .. }) = shape.logical { scale } else { 0 };
                texts::sized(&texts::decimal(array.value(at), scale)?, shape, out)?;
            }
            (Cells::Text(array), _) => encode::bytes(array.value(at).as_bytes(), out),
            (Cells::Bytes(array), _) => encode::bytes(array.value(at), out),
            (Cells::Fixed(array), _) => texts::sized(array.value(at), shape, out)?,
            (Cells::Decimal(array), _) => texts::sized(&array.value(at).to_be_bytes(), shape, out)?,
            (Cells::WideDecimal(array), _) => texts::sized(&array.value(at).to_be_bytes(), shape, out)?,
            (Cells::Record(columns), Kind::Record(record)) => {
                for (column, field) in columns.iter().zip(&record.fields) {
                    column.put(at, &field.shape, out).map_err(|what| format!("{}: {what}", field.name))?;
                }
            }
            (Cells::List(ends, column), Kind::Array(items)) => {
                let range = range(ends, at);
                encode::start(range.len(), out);
                range.into_iter().try_for_each(|item| column.put(item, items, out))?;
                out.push(0);
            }
            (Cells::Map(ends, keys, column), Kind::Map(values)) => {
                let range = range(ends, at);
                encode::start(range.len(), out);
                for item in range {
                    encode::bytes(keys.value(item).as_bytes(), out);
                    column.put(item, values, out)?;
                }
                out.push(0);
            }
            _ => return Err("a value of another type".to_owned()),
        }
        Ok(())
    }
}

fn symbol(known: &Enum, symbol: &str) -> Result<i64, String> {
    let place = known.symbols.iter().position(|each| each == symbol);
    place.map(|place| place as i64).ok_or_else(|| "a text that is no symbol of its enum".to_owned())
}

/// The items of a row; offsets were checked when their array was made.
fn range(ends: &OffsetBuffer<i32>, at: usize) -> std::ops::Range<usize> {
    ends[at] as usize..ends[at + 1] as usize
}

/// Dates and times as the numbers that they are: the bits stay.
fn plain<T: arrow_array::ArrowPrimitiveType>(array: &ArrayRef, ty: DataType) -> Result<PrimitiveArray<T>, String> {
    let data = array.to_data().into_builder().data_type(ty).build().map_err(|error| error.to_string())?;
    Ok(PrimitiveArray::from(data))
}
