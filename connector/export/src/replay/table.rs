//! Records as rows: what a record's bytes say of the state, along one schema for all files of a collection.
//!
//! A null value, `__deleted` in a flat one and `op` `d` in an envelope mean that the key is gone. In a difference such a
//! key has a row of its own, with its key's fields and `__op` `d`; in a log every record has a row, with the place where
//! it stands. Invariants: rows of all writers' schemas are resolved to the one schema; what can't be resolved is told
//! with the schema's id and the offset, and never left out.

use std::collections::BTreeMap;

use moorline_pipeline::error::Problem;
use serde_json::{Value as Json, json};

use super::shape;
use crate::datum::Datum;
use crate::decode::Resolver;
use crate::fold::Last;
use crate::manifest::Mode;
use crate::schema::Schema;

/// Bytes before a datum: a zero and the schema's id.
const FRAME: usize = 5;
/// The field that says what became of a key in a difference.
const OP: &str = "__op";
/// Where a record of a log stands.
const PLACE: [&str; 3] = ["__partition", "__offset", "__timestamp"];

/// What a table is made of.
pub struct Texts<'a> {
    /// The key's schema.
    pub key: &'a str,
    /// Values' schemas by registry id.
    pub values: &'a BTreeMap<i32, String>,
    /// Id of the newest schema at the cut; without it the highest counts.
    pub newest: Option<i32>,
    /// Schema that is asked for; else the newest.
    pub reader: Option<&'a str>,
    /// Fields that are asked for; empty for all.
    pub columns: &'a [String],
    /// `field.metadata.prefix`.
    pub metadata_prefix: &'a str,
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
    /// Milliseconds since 1970, where the topic has it.
    pub timestamp: Option<i64>,
    /// Key bytes.
    pub key: &'a [u8],
    /// Value bytes; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
}

impl<'a> From<&'a Last> for Record<'a> {
    /// What comes out of a fold; it has no timestamp any more.
    fn from(last: &'a Last) -> Self {
        let (partition, offset, value) = (last.partition, last.offset, last.value.as_deref());
        Self { partition, offset, timestamp: None, key: &last.key, value }
    }
}

/// A row and what it stands for.
pub struct Row<'a> {
    /// Fields along [`Table::schema`].
    pub datum: Datum<'a>,
    /// Whether the key is gone.
    pub deleted: bool,
}

/// Makes rows.
pub struct Table {
    mode: Mode,
    /// The rows' schema.
    schema: Schema,
    envelope: bool,
    key: Resolver,
    /// Where the key's fields go.
    key_places: Vec<usize>,
    values: BTreeMap<i32, Resolver>,
    /// Place in what is read of the field that says that a flat document is gone.
    deleted: Option<usize>,
    /// Place of `__op`.
    op: Option<usize>,
    /// Place of the first of [`PLACE`].
    place: usize,
}

impl Table {
    /// Compiles the ways from all schemas to one.
    pub fn new(mode: Mode, texts: &Texts<'_>) -> Result<Self, Problem> {
        let newest = texts.newest.and_then(|id| texts.values.get(&id)).or_else(|| texts.values.values().next_back());
        let newest = newest.map(String::as_str);
        let newest = shape::parsed(newest.unwrap_or(r#"{"type": "record", "name": "Empty", "fields": []}"#))?;
        let envelope = shape::is_envelope(&newest) && mode != Mode::Log;
        let mut rows = match texts.reader {
            Some(reader) => shape::parsed(reader)?,
            None if envelope => {
                let inner = Schema::parse(&newest.to_string())?.within("after").ok_or_else(no_document)?;
                inner.json().clone()
            }
            None => newest.clone(),
        };
        if !texts.columns.is_empty() {
            rows = shape::pick(&rows, texts.columns)?;
        }
        let (mut op, mut place) = (None, 0);
        if mode != Mode::State {
            rows = shape::nullable(&rows);
        }
        if mode == Mode::Difference {
            let field = json!({"name": OP, "type": ["null", "string"], "default": null});
            let (made, at) = shape::set(&rows, field);
            (rows, op) = (made, Some(at));
        }
        let key_schema = shape::parsed(texts.key)?;
        let (mut key_fields, mut key_places) = (Vec::new(), Vec::new());
        for field in shape::fields(&key_schema) {
            let known = shape::fields(&rows).iter().position(|known| known["name"] == field["name"]);
            match known {
                Some(at) => {
                    key_fields.push(shape::fields(&rows)[at].clone());
                    key_places.push(at);
                }
                None if mode != Mode::State => {
                    // A key that says of the document what no field says under its name: `id` beside `_id`.
                    let kept = shape::nullable(&json!({"fields": [field]}))["fields"][0].clone();
                    key_fields.push(kept.clone());
                    let (made, at) = shape::set(&rows, kept);
                    rows = made;
                    key_places.push(at);
                }
                None => {}
            }
        }
        if mode == Mode::Log {
            let kinds = [json!("int"), json!("long"), json!({"type": "long", "logicalType": "timestamp-millis"})];
            for (number, (name, kind)) in PLACE.iter().zip(kinds).enumerate() {
                let field = json!({"name": name, "type": ["null", kind], "default": null});
                let (made, at) = shape::set(&rows, field);
                rows = made;
                place = if number == 0 { at } else { place };
            }
        }
        let schema = Schema::parse(&rows.to_string())?;
        // A reader that does not ask whether a document is gone is told all the same.
        let mark = format!("{}deleted", texts.metadata_prefix);
        let marked = |schema: &Json| shape::fields(schema).iter().position(|field| field["name"] == mark.as_str());
        let mut reading = rows.clone();
        let mut deleted = None;
        if let Some(at) = marked(&newest) {
            let hidden = shape::nullable(&json!({"fields": [shape::fields(&newest)[at]]}))["fields"][0].clone();
            deleted = marked(&reading);
            if deleted.is_none() {
                let (made, at) = shape::set(&reading, hidden);
                (reading, deleted) = (made, Some(at));
            }
        }
        let reading = Schema::parse(&reading.to_string())?;
        let reading = if envelope { reading.envelope() } else { reading };
        let mut values = BTreeMap::new();
        for (id, text) in texts.values {
            let resolver = Schema::parse(text).and_then(|writer| Resolver::new(&writer, &reading));
            values.insert(*id, resolver.map_err(|problem| of_schema(problem, *id))?);
        }
        let key_reader = shape::with(&key_schema, key_fields);
        let key = if key_places.is_empty() { &key_schema } else { &key_reader };
        let key = Resolver::new(&Schema::parse(texts.key)?, &Schema::parse(&key.to_string())?)?;
        Ok(Self { mode, schema, envelope, key, key_places, values, deleted, op, place })
    }

    /// The rows' schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The row of a record; `None` where it has none: a key that is gone, in a state.
    pub fn row<'a>(&'a self, record: &Record<'a>) -> Result<Option<Row<'a>>, Problem> {
        let width = self.schema.record().fields.len();
        let mut document = self.document(record)?;
        let deleted = document.is_none();
        if deleted && self.mode == Mode::State {
            return Ok(None);
        }
        if document.is_none() || self.mode != Mode::State {
            let mut fields = document.take().unwrap_or_default();
            fields.resize(width, Datum::Null);
            self.add_key(record, &mut fields, deleted)?;
            document = Some(fields);
        }
        let mut fields = document.unwrap_or_default();
        fields.truncate(width);
        if let Some(op) = self.op {
            fields[op] = Datum::Text(if deleted { "d" } else { "u" });
        }
        if self.mode == Mode::Log {
            fields[self.place] = Datum::Int(record.partition);
            fields[self.place + 1] = Datum::Long(record.offset);
            fields[self.place + 2] = record.timestamp.map_or(Datum::Null, Datum::Long);
        }
        Ok(Some(Row { datum: Datum::Record(fields), deleted }))
    }

    /// The fields that a value gives; `None` where its key is gone. A log's rows show also what says so.
    fn document<'a>(&'a self, record: &Record<'a>) -> Result<Option<Vec<Datum<'a>>>, Problem> {
        let Some(value) = record.value else { return Ok(None) };
        let (id, datum) = unframed(value).ok_or_else(|| no_avro(record))?;
        let resolver = self.values.get(&id).ok_or_else(|| unlisted(record, id))?;
        let read = resolver.read(datum).map_err(|problem| at(problem, record, id))?;
        let Datum::Record(mut fields) = read else { return Err(at(no_document(), record, id)) };
        if self.envelope {
            let op = fields.pop();
            return match (op, fields.pop()) {
                (Some(Datum::Text("d")), _) => Ok(None),
                (_, Some(Datum::Record(after))) => Ok(Some(after)),
                // What an update changed alone is never a key's last word.
                _ => Err(at(no_document(), record, id)),
            };
        }
        let gone = self.deleted.and_then(|place| fields.get(place));
        let gone = matches!(gone, Some(Datum::Boolean(true) | Datum::Text("true")));
        Ok((!gone || self.mode == Mode::Log).then_some(fields))
    }

    fn add_key<'a>(&'a self, record: &Record<'a>, fields: &mut [Datum<'a>], deleted: bool) -> Result<(), Problem> {
        let (id, datum) = unframed(record.key).ok_or_else(|| no_avro(record))?;
        let read = self.key.read(datum).map_err(|problem| at(problem, record, id))?;
        let Datum::Record(key) = read else { return Err(at(no_document(), record, id)) };
        for (place, part) in self.key_places.iter().zip(key) {
            if deleted || matches!(fields[*place], Datum::Null) {
                fields[*place] = part;
            }
        }
        Ok(())
    }
}

/// The schema's id and the datum behind Confluent's frame.
pub(crate) fn unframed(bytes: &[u8]) -> Option<(i32, &[u8])> {
    match bytes {
        [0, a, b, c, d, ..] => Some((i32::from_be_bytes([*a, *b, *c, *d]), &bytes[FRAME..])),
        _ => None,
    }
}

fn place(record: &Record<'_>) -> String {
    format!("partition {}, offset {}", record.partition, record.offset)
}

fn at(problem: Problem, record: &Record<'_>, id: i32) -> Problem {
    Problem { place: format!("{}, schema {id}: {}", place(record), problem.place), ..problem }
}

fn of_schema(problem: Problem, id: i32) -> Problem {
    Problem { place: format!("schema {id}: {}", problem.place), ..problem }
}

fn no_avro(record: &Record<'_>) -> Problem {
    Problem::new(
        "MOOR-6124",
        "the records are no Avro, and only Avro can be replayed",
        place(record),
        "the topic was written as JSON text (key.converter, value.converter), which carries no schema's id",
        "write a topic with Avro converters, by a connector of its own, and replay that one",
    )
}

fn unlisted(record: &Record<'_>, id: i32) -> Problem {
    Problem::new(
        "MOOR-6016",
        format!("a record uses schema {id}, which the anchor does not list"),
        place(record),
        "the records are not those that the anchor stands for",
        "check the cut: moorline anchors show --check",
    )
}

fn no_document() -> Problem {
    Problem::new(
        "MOOR-6102",
        "a record does not fit its schema",
        "after",
        "the last record of a key tells no whole document",
        "check the cut: moorline anchors show --check",
    )
}
