//! Apache Parquet, by the crates of Apache Arrow: zstd, nested types, statistics a row group and a page.
//!
//! Invariants: batches and row groups end by rows and bytes that depend on the rows alone; a batch is at most
//! [`BATCH_BYTES`] and a row, which bounds memory.

mod columns;
pub(super) mod types;

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use moorline_pipeline::error::Problem;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use self::columns::Column;
use super::{RowWriter, no_place, unwritable};
use crate::datum::Datum;
use crate::schema::Schema;

/// Rows that are turned into columns together.
const BATCH_ROWS: usize = 4_096;
/// About so many bytes of rows are turned into columns together.
const BATCH_BYTES: usize = 4 << 20;
/// A row group ends behind so many rows, or when so many bytes of it are in memory.
const GROUP_ROWS: usize = 1 << 20;
const GROUP_BYTES: usize = 64 << 20;
/// Property of a file with the Avro schema of its rows.
pub const SCHEMA: &str = "moorline.schema";

/// Writes such a file.
pub struct Writer {
    out: ArrowWriter<Box<dyn Write + Send>>,
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    /// Bytes of values that wait in the columns.
    waiting: usize,
}

impl Writer {
    pub(super) fn new(
        schema: &Schema,
        facts: &[(String, String)],
        out: Box<dyn Write + Send>,
    ) -> Result<Self, Problem> {
        let mut metadata = vec![KeyValue::new(SCHEMA.to_owned(), schema.json().to_string())];
        metadata.extend(facts.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone())));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by("moorline".to_owned())
            .set_key_value_metadata(Some(metadata))
            .build();
        let arrow = Arc::new(types::schema(schema));
        let out = ArrowWriter::try_new(out, Arc::clone(&arrow), Some(properties)).map_err(failed)?;
        Ok(Self { out, schema: arrow, columns: columns::of(schema.record()), rows: 0, waiting: 0 })
    }

    fn end_batch(&mut self) -> Result<(), Problem> {
        if self.rows == 0 {
            return Ok(());
        }
        let arrays = self.columns.iter_mut().map(Column::take).collect::<Result<Vec<_>, _>>();
        let batch = arrays.and_then(|arrays| RecordBatch::try_new(Arc::clone(&self.schema), arrays));
        let batch = batch.map_err(|error| no_place("of this batch of rows", error.to_string()))?;
        self.out.write(&batch).map_err(failed)?;
        self.rows = 0;
        self.waiting = 0;
        if self.out.in_progress_size() >= GROUP_BYTES { self.out.flush().map_err(failed) } else { Ok(()) }
    }
}

impl RowWriter for Writer {
    fn write(&mut self, row: &Datum<'_>) -> Result<(), Problem> {
        let values: &[Datum<'_>] = if let Datum::Record(values) = row { values } else { &[] };
        let none = Datum::Null;
        for (place, column) in self.columns.iter_mut().enumerate() {
            column.push(values.get(place).unwrap_or(&none))?;
        }
        self.rows += 1;
        self.waiting += size(row);
        if self.rows >= BATCH_ROWS || self.waiting >= BATCH_BYTES { self.end_batch() } else { Ok(()) }
    }

    fn bytes(&self) -> u64 {
        // What waits in columns is not compressed yet; a quarter is what usual rows become.
        (self.out.bytes_written() + self.out.in_progress_size() + self.waiting / 4) as u64
    }

    fn finish(mut self: Box<Self>) -> Result<(), Problem> {
        self.end_batch()?;
        let mut out = self.out.into_inner().map_err(failed)?;
        out.flush().map_err(|error| unwritable(&error))
    }
}

/// About how many bytes a value has in a column.
fn size(value: &Datum<'_>) -> usize {
    match value {
        Datum::Null | Datum::Boolean(_) => 1,
        Datum::Int(_) | Datum::Float(_) => 4,
        Datum::Long(_) | Datum::Double(_) => 8,
        Datum::Bytes(bytes) => 4 + bytes.len(),
        Datum::Text(text) | Datum::Enum(text) => 4 + text.len(),
        Datum::Record(values) | Datum::Array(values) => 4 + values.iter().map(size).sum::<usize>(),
        Datum::Map(entries) => 4 + entries.iter().map(|(key, value)| 4 + key.len() + size(value)).sum::<usize>(),
    }
}

fn failed(error: parquet::errors::ParquetError) -> Problem {
    unwritable(&std::io::Error::other(error))
}
