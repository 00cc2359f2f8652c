//! An Avro schema as a tree of shapes: what rows are made of, whichever file they go to.
//!
//! Invariants: the root is a record; a union is null and one other type; no type holds itself, none is empty, so that
//! every value takes at least a byte and has a column; the tree written out whole has at most [`MOST_SHAPES`] shapes and
//! is at most [`MOST_LEVELS`] deep, which bounds whoever walks it.

mod like;
mod parse;

use std::sync::Arc;

use moorline_pipeline::error::Problem;
use serde_json::{Map, Value as Json};

/// More shapes than this are no table.
pub const MOST_SHAPES: usize = 100_000;
/// Deeper documents are no table.
pub const MOST_LEVELS: usize = 100;

/// A schema whose root is a record.
#[derive(Clone, Debug)]
pub struct Schema {
    record: Arc<Record>,
    json: Arc<Json>,
}

/// A type, and whether it may be null.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Place of null in the union, 0 or 1; `None` where there is no union.
    pub null: Option<u8>,
    /// What it is when it is not null.
    pub kind: Kind,
    /// What the value stands for.
    pub logical: Option<Logical>,
    /// Properties of the type beyond Avro's own, such as `connect.name`; empty for a named type.
    pub properties: Map<String, Json>,
}

/// The kinds of values.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are Avro's own")]
pub enum Kind {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Arc<Enum>),
    Record(Arc<Record>),
    Array(Arc<Shape>),
    Map(Arc<Shape>),
}

/// What a value stands for; one that Avro does not let stand on its type is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are Avro's own")]
pub enum Logical {
    /// A two's complement number, most significant byte first, with so many digits behind the point.
    Decimal {
        precision: u32,
        scale: u32,
    },
    Uuid,
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    LocalTimestampMillis,
    LocalTimestampMicros,
    LocalTimestampNanos,
}

/// A record's type.
#[derive(Clone, Debug)]
pub struct Record {
    /// Full name.
    pub name: String,
    /// At least one.
    pub fields: Vec<Field>,
    /// Properties beyond Avro's own.
    pub properties: Map<String, Json>,
}

/// A field of a record.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Other names under which a writer may have it.
    pub aliases: Vec<String>,
    /// What a person is told of it.
    pub doc: Option<String>,
    /// Its type.
    pub shape: Shape,
    /// Its value where a writer has no such field.
    pub default: Option<Json>,
    /// Properties beyond Avro's own, such as `bson.type`.
    pub properties: Map<String, Json>,
}

/// An enum's type.
#[derive(Clone, Debug)]
pub struct Enum {
    /// Full name.
    pub name: String,
    /// At least one.
    pub symbols: Vec<String>,
    /// What stands for a symbol that is not among them.
    pub default: Option<String>,
}

impl Schema {
    /// Reads a schema's JSON text.
    ///
    /// # Errors
    /// MOOR-6100 where it is no Avro schema, or one of which no table can be made.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        parse::schema(text)
    }

    /// The type of the rows.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The schema as JSON.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// The schema of a record that stands in a field of the root, such as `after` of an envelope.
    pub fn within(&self, field: &str) -> Option<Self> {
        let field = self.record.fields.iter().find(|known| known.name == field)?;
        let Kind::Record(record) = &field.shape.kind else { return None };
        let json = parse::definition(&self.json, &record.name)?;
        Some(Self { record: Arc::clone(record), json: Arc::new(json) })
    }

    /// A reader's schema for envelopes around these rows: the record of `after` and `op`, in this order.
    pub fn envelope(&self) -> Self {
        let field = |name: &str, kind: Kind| Field {
            name: name.to_owned(),
            aliases: Vec::new(),
            doc: None,
            shape: Shape { null: Some(0), kind, logical: None, properties: Map::new() },
            default: Some(Json::Null),
            properties: Map::new(),
        };
        let fields = vec![field("after", Kind::Record(Arc::clone(&self.record))), field("op", Kind::Text)];
        let record = Record { name: "Envelope".to_owned(), fields, properties: Map::new() };
        let json = serde_json::json!({"type": "record", "name": "Envelope", "fields": [
            {"name": "after", "type": ["null", *self.json], "default": null},
            {"name": "op", "type": ["null", "string"], "default": null}]});
        Self { record: Arc::new(record), json: Arc::new(json) }
    }

    /// The schema of a record of one field of the root, which is not null in it: what a topic's key is.
    pub fn key(&self, field: &str) -> Option<Self> {
        let field = self.record.fields.iter().find(|known| known.name == field)?;
        let field = Field { shape: Shape { null: None, ..field.shape.clone() }, ..field.clone() };
        let json = self.json["fields"].as_array()?.iter().find(|known| known["name"] == field.name.as_str())?.clone();
        let record = Record { name: "Key".to_owned(), fields: vec![field], properties: Map::new() };
        let json = serde_json::json!({"type": "record", "name": "Key", "fields": [json]});
        Some(Self { record: Arc::new(record), json: Arc::new(json) })
    }

    /// Whether rows of the other schema have the same bytes and the same meaning; names of types do not matter.
    pub fn is_like(&self, other: &Self) -> bool {
        like::records(&self.record, &other.record)
    }

    /// The place of a field of the root.
    pub fn position(&self, field: &str) -> Option<usize> {
        self.record.fields.iter().position(|known| known.name == field)
    }
}

impl Shape {
    /// Whether null is a value of it.
    pub fn nullable(&self) -> bool {
        self.null.is_some()
    }
}

impl Kind {
    /// Its name in Avro.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::Text => "string",
            Self::Fixed(_) => "fixed",
            Self::Enum(_) => "enum",
            Self::Record(_) => "record",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
        }
    }
}
