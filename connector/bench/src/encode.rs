//! Encoding alone, on one core: the product's table against apache-avro with a tree of values.
//!
//! Invariant: both write the same bytes for the same documents, which is checked before the clock runs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use apache_avro::schema::{RecordSchema, Schema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use bson::{Bson, Document, RawDocumentBuf};
use clap::Args;

use crate::documents::order;
use crate::figures::Figures;
use crate::processes::{Meter, Own};
use crate::records::{Tables, meta};

const DOCUMENTS: u64 = 5_000;
const SPAN: Duration = Duration::from_millis(1_500);
/// Bytes of Confluent's frame.
const FRAME: usize = 5;

/// Flags of `encode`.
#[derive(Args)]
pub(crate) struct Encode {}

impl Encode {
    pub(crate) fn run(self) -> Result<serde_json::Value> {
        let documents: Vec<RawDocumentBuf> = (0..DOCUMENTS).map(|n| order(n, 0)).collect();
        let mut tables = Tables::new()?;
        let tree = Tree::new(&tables)?;
        let mut out = Vec::new();
        for document in &documents {
            out.clear();
            tables.value(document, &mut out)?;
            ensure!(out[FRAME..] == tree.value(document)?, "the two ways differ: {document:?}");
        }
        let table = rate("encode-table", &documents, |batch| {
            out.clear();
            batch.iter().try_for_each(|document| tables.record(document, &mut out).map(drop))
        })?;
        let tree = rate("encode-tree", &documents, |batch| {
            batch.iter().try_for_each(|document| {
                std::hint::black_box((tree.key(document)?, tree.value(document)?));
                Ok(())
            })
        })?;
        Ok(serde_json::to_value([table, tree])?)
    }
}

fn rate(
    measurement: &str,
    documents: &[RawDocumentBuf],
    mut encode: impl FnMut(&[RawDocumentBuf]) -> Result<()>,
) -> Result<Figures> {
    encode(documents)?;
    let bytes: usize = documents.iter().map(|document| document.as_bytes().len()).sum();
    let (mut rounds, began, meter) = (0, Instant::now(), Meter::start(Own::Itself)?);
    while began.elapsed() < SPAN {
        documents.chunks(1_000).try_for_each(&mut encode)?;
        rounds += 1;
    }
    let mut figures = meter.stop(measurement, rounds * DOCUMENTS)?;
    // Of one core: other processes on it don't count.
    figures.seconds = figures.cpu.own;
    figures.bytes = Some(rounds * bytes as u64);
    Ok(figures)
}

/// apache-avro's way: a document, a tree of values, a datum.
struct Tree {
    key: GenericDatumWriter<'static>,
    value: GenericDatumWriter<'static>,
    schema: &'static Schema,
}

impl Tree {
    fn new(tables: &Tables) -> Result<Self> {
        let (key, value) = tables.schemas();
        // Writers borrow their schemas; these live as long as this process, which ends soon.
        let schema = |text: &str| anyhow::Ok(&*Box::leak(Box::new(Schema::parse_str(text)?)));
        let (key, value) = (schema(&key)?, schema(&value)?);
        Ok(Self {
            key: GenericDatumWriter::builder(key).build()?,
            value: GenericDatumWriter::builder(value).build()?,
            schema: value,
        })
    }

    fn key(&self, document: &RawDocumentBuf) -> Result<Vec<u8>> {
        let id = document.get_object_id("_id")?.to_hex();
        written(&self.key, Value::Record(vec![("_id".to_owned(), Value::String(id))]))
    }

    fn value(&self, document: &RawDocumentBuf) -> Result<Vec<u8>> {
        let document = Document::try_from(document.as_ref())?;
        let Schema::Record(schema) = self.schema else { return Err(anyhow!("the value is no record")) };
        let mut tree = record(schema, &document)?;
        let Value::Record(fields) = &mut tree else { unreachable!("a record was made") };
        let meta = meta();
        for (name, value) in fields.iter_mut() {
            let value_of = match name.as_str() {
                "__op" => Value::String(char::from(meta.op).to_string()),
                "__deleted" => Value::Boolean(meta.deleted),
                "__ts_ms" => Value::Long(meta.ts_ms),
                "__cluster_time" => Value::Long(meta.cluster_time),
                "__seq" => Value::Int(meta.seq),
                "__image_time" => Value::Long(meta.image_time),
                "__snapshot" => Value::Boolean(meta.snapshot),
                _ => continue,
            };
            *value = Value::Union(1, Box::new(value_of));
        }
        written(&self.value, tree)
    }
}

fn written(writer: &GenericDatumWriter<'_>, value: Value) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    writer.write_value(&mut out, value)?;
    Ok(out)
}

fn record(schema: &RecordSchema, document: &Document) -> Result<Value> {
    let fields = schema.fields.iter().map(|field| {
        let value = document.get(&field.name).filter(|value| **value != Bson::Null);
        Ok((field.name.clone(), of(&field.schema, value)?))
    });
    Ok(Value::Record(fields.collect::<Result<_>>()?))
}

fn of(schema: &Schema, value: Option<&Bson>) -> Result<Value> {
    if let Schema::Union(union) = schema {
        let Some(value) = value else { return Ok(Value::Union(0, Box::new(Value::Null))) };
        let inner = union.variants().get(1).context("a union of null and a type")?;
        return Ok(Value::Union(1, Box::new(of(inner, Some(value))?)));
    }
    Ok(match (schema, value) {
        (Schema::Record(inner), Some(Bson::Document(document))) => record(inner, document)?,
        (Schema::Array(inner), Some(Bson::Array(items))) => {
            Value::Array(items.iter().map(|item| of(&inner.items, Some(item))).collect::<Result<_>>()?)
        }
        (Schema::String, Some(Bson::String(text))) => Value::String(text.clone()),
        (Schema::String, Some(Bson::ObjectId(id))) => Value::String(id.to_hex()),
        (Schema::String, Some(Bson::Decimal128(decimal))) => Value::String(decimal.to_string()),
        (Schema::Boolean, Some(Bson::Boolean(value))) => Value::Boolean(*value),
        (Schema::Double, Some(Bson::Double(value))) => Value::Double(*value),
        (Schema::Long, Some(Bson::Int32(value))) => Value::Long(i64::from(*value)),
        (Schema::Long, Some(Bson::Int64(value))) => Value::Long(*value),
        (Schema::TimestampMillis, Some(Bson::DateTime(time))) => Value::TimestampMillis(time.timestamp_millis()),
        (schema, value) => return Err(anyhow!("{value:?} for {schema:?}")),
    })
}
