//! From a contract to the tables that the walk reads.
//!
//! Invariant: what is decided by the contract and the configuration is decided here, so that the walk compares bytes and
//! tags only; a value under no rule but the defaults costs nothing for there being rules.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::excluded::Excluded;
use super::ruled::Ruled;
use super::walk::{tag, type_name};
use crate::contract::flat;
use crate::contract::forms::Nested;
use crate::contract::model::{Contract, Field, Output, Type};
use crate::contract::values::{BadText, Values};

/// Types of BSON as a set: bit `tag`, and three of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepts(u32);

/// A type and what it takes.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) accepts: Accepts,
}

/// How values of a type are written.
#[derive(Debug)]
pub(super) enum Node {
    Boolean,
    Int,
    Long,
    Double,
    String,
    Uuid,
    Bytes,
    Timestamp,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Any {
        excluded: Option<Box<Excluded>>,
        /// Whether text that is not UTF-8 is replaced.
        replaces: bool,
    },
    Record(Box<Record>),
    /// A record whose fields stand beside the others: no branch of its own.
    Flat(Box<Record>),
    /// A regular expression or a timestamp as a record of its parts.
    Parts(Box<[Part]>),
    Map {
        values: Box<Typed>,
        excluded: Option<Box<Excluded>>,
    },
    Array(Box<Typed>),
    /// An array with more to say than that its items are nullable.
    List {
        items: Box<Typed>,
        /// Items have a branch before them.
        nullable: bool,
        /// A value that is no array is an array of one.
        accepts_scalar: bool,
    },
    FloatVector,
    IntVector,
    /// A value under a rule that is not the default.
    Ruled(Box<Ruled>),
}

/// A part of a value that is written as a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Pattern,
    Options,
    Time,
    Increment,
    /// What no such value has.
    Nothing,
}

/// A record. The top level's first name is `_id`, which is no field of `fields`.
#[derive(Debug)]
pub(super) struct Record {
    /// Names in documents, each with the zero that ends it there.
    pub(super) names: Vec<Box<[u8]>>,
    /// The same names without the zero, for those that come out of order.
    pub(super) places: HashMap<Box<[u8]>, usize>,
    /// 1 where the first name is `_id`.
    pub(super) keyed: usize,
    pub(super) fields: Vec<Member>,
    pub(super) excluded: Option<Box<Excluded>>,
}

/// A field of a record.
#[derive(Debug)]
pub(super) struct Member {
    /// Its Avro name, for paths.
    pub(super) name: String,
    pub(super) required: bool,
    /// Excluded all the same: always null.
    pub(super) hidden: bool,
    /// `undefined` is a value to it, and no null.
    pub(super) undefined: bool,
    /// Fields of the output that are null where it is missing: one, or the columns of a flattened record.
    pub(super) nulls: usize,
    pub(super) typed: Typed,
}

/// What holds for a whole contract.
#[derive(Clone, Copy)]
struct Context {
    values: Values,
    /// Whether documents right below the top are columns.
    flat: bool,
}

/// What holds at one field.
#[derive(Clone, Copy)]
struct Place<'a> {
    accepts: &'a [String],
    properties: &'a Map<String, Json>,
    values: Values,
    flat: bool,
    /// Whether a branch stands before the value.
    nullable: bool,
}

/// The tables of a contract.
pub(super) fn contract(contract: &Contract, output: &Output) -> Record {
    let excluded = Excluded::of(&contract.excluded);
    let context = Context { values: output.values, flat: matches!(output.nested, Nested::Flatten(_)) };
    let fields = flat::fields(contract, output);
    record(&fields, Some("_id"), (!excluded.is_empty()).then_some(&excluded), context)
}

fn record(fields: &[Field], key: Option<&str>, excluded: Option<&Excluded>, context: Context) -> Record {
    let bson_names = || key.into_iter().chain(fields.iter().map(|field| field.bson_name.as_str()));
    let mut places = HashMap::new();
    for (place, name) in bson_names().enumerate() {
        places.entry(name.as_bytes().into()).or_insert(place);
    }
    Record {
        names: bson_names().map(|name| [name.as_bytes(), &[0]].concat().into()).collect(),
        places,
        keyed: usize::from(key.is_some()),
        fields: fields.iter().map(|field| member(field, excluded, context)).collect(),
        excluded: excluded.cloned().map(Box::new),
    }
}

fn member(field: &Field, excluded: Option<&Excluded>, context: Context) -> Member {
    let below = excluded.and_then(|excluded| excluded.below(field.bson_name.as_bytes()));
    let hidden = below.is_some_and(Excluded::here);
    let place = Place {
        accepts: &field.accepts,
        properties: &field.properties,
        values: context.values.of_field(&field.properties),
        flat: context.flat && flat::is_document(field),
        nullable: true,
    };
    let typed = typed(&field.ty, place, below, context);
    Member {
        name: field.name.clone(),
        required: field.required && !hidden,
        hidden,
        undefined: matches!(typed.node, Node::Any { .. }) && field.accepts.iter().any(|name| name == "undefined"),
        nulls: columns(&typed.node),
        typed,
    }
}

fn columns(node: &Node) -> usize {
    match node {
        Node::Flat(record) => record.fields.iter().map(|member| member.nulls).sum(),
        _ => 1,
    }
}

/// `accepts` and the policies speak of the innermost items of arrays and maps, so they go down with them.
fn typed(ty: &Type, place: Place<'_>, excluded: Option<&Excluded>, context: Context) -> Typed {
    let here = || excluded.cloned().map(Box::new);
    let inner = |items: &Type, nullable: bool, excluded| {
        Box::new(typed(items, Place { flat: false, nullable, ..place }, excluded, context))
    };
    let node = match ty {
        Type::Boolean => Node::Boolean,
        Type::Int => Node::Int,
        Type::Long => Node::Long,
        Type::Double => Node::Double,
        Type::String => Node::String,
        Type::Uuid => Node::Uuid,
        Type::Bytes => Node::Bytes,
        Type::Timestamp => Node::Timestamp,
        Type::Decimal { precision, scale } => Node::Decimal { precision: *precision, scale: *scale },
        Type::Any => Node::Any { excluded: here(), replaces: place.values.string_invalid == BadText::Replace },
        Type::Record(inner) if place.accepts == ["regex"] || place.accepts == ["timestamp"] => {
            Node::Parts(inner.fields.iter().map(|field| Part::named(&field.bson_name)).collect())
        }
        Type::Record(inner) => {
            // Inside an array there are no columns, however deep the documents.
            let context = Context { flat: place.flat, ..context };
            let record = Box::new(record(&inner.fields, None, excluded, context));
            if place.flat { Node::Flat(record) } else { Node::Record(record) }
        }
        Type::Map(values) | Type::Entries { values, .. } => {
            let below = excluded.and_then(|excluded| excluded.below(b"*"));
            Node::Map { values: inner(values, true, below), excluded: here() }
        }
        Type::Array(items) if !place.values.array_accept_scalar => Node::Array(inner(items, true, excluded)),
        Type::Array(items) | Type::FullArray(items) => {
            let nullable = matches!(ty, Type::Array(_));
            let accepts_scalar = place.values.array_accept_scalar;
            Node::List { items: inner(items, nullable, excluded), nullable, accepts_scalar }
        }
        Type::FloatVector => Node::FloatVector,
        Type::IntVector => Node::IntVector,
    };
    let plain = Typed { node, accepts: Accepts::of(ty, place.accepts, place.values) };
    match Ruled::of(&plain, place.properties, place.values, place.nullable) {
        None => plain,
        Some(rules) => Typed { accepts: plain.accepts, node: Node::Ruled(Box::new(rules.over(plain))) },
    }
}

impl Part {
    fn named(bson_name: &str) -> Self {
        match bson_name {
            "pattern" => Self::Pattern,
            "options" => Self::Options,
            "t" => Self::Time,
            "i" => Self::Increment,
            _ => Self::Nothing,
        }
    }
}

impl Accepts {
    const UUID: u32 = 20;

    fn of(ty: &Type, names: &[String], values: Values) -> Self {
        let named = names.iter().fold(0, |set, name| set | Self::bit_of_name(name));
        let bits = |tags: &[u8]| tags.iter().fold(0, |set, tag| set | 1 << tag);
        let only = |tag: u8| (named & bits(&[tag]) != 0).then(|| bits(&[tag]));
        Self(match ty {
            Type::Int => bits(&[tag::INT32]),
            Type::Long => only(tag::TIMESTAMP)
                .or_else(|| only(tag::DATE))
                .unwrap_or_else(|| bits(&[tag::INT32, tag::INT64]) | named & bits(&[tag::DOUBLE])),
            Type::Double => bits(&[tag::DOUBLE, tag::INT32, tag::INT64]) | named & bits(&[tag::DECIMAL]),
            Type::String if named == 0 => bits(&[tag::STRING, tag::SYMBOL, tag::CODE]),
            Type::String => named,
            Type::Boolean => bits(&[tag::BOOLEAN]),
            Type::Uuid => 1 << Self::UUID,
            Type::Bytes => only(tag::OBJECT_ID).unwrap_or_else(|| bits(&[tag::BINARY]) | named & 1 << Self::UUID),
            Type::Timestamp => {
                let text = if values.iso8601 { bits(&[tag::STRING]) } else { 0 };
                only(tag::TIMESTAMP).unwrap_or_else(|| bits(&[tag::DATE])) | text
            }
            Type::Decimal { .. } => bits(&[tag::DECIMAL, tag::INT32, tag::INT64, tag::DOUBLE]),
            Type::Record(_) if names == ["regex"] || names == ["timestamp"] => named,
            Type::Record(_) | Type::Map(_) | Type::Entries { .. } => bits(&[tag::DOCUMENT]),
            Type::Array(_) | Type::FullArray(_) => bits(&[tag::ARRAY]),
            Type::FloatVector | Type::IntVector => bits(&[tag::BINARY]),
            Type::Any => u32::MAX,
        })
    }

    fn bit_of_name(name: &str) -> u32 {
        match name {
            "uuid" => 1 << Self::UUID,
            _ => (tag::DOUBLE..=tag::DECIMAL).find(|tag| type_name(*tag) == name).map_or(0, |tag| 1 << tag),
        }
    }

    /// Whether values of the tag are taken; a UUID is asked for by [`Self::has_uuid`].
    #[inline]
    pub(super) fn has(self, tag: u8) -> bool {
        tag < 32 && self.0 >> tag & 1 == 1
    }

    pub(super) fn has_uuid(self) -> bool {
        self.0 >> Self::UUID & 1 == 1
    }
}

impl Typed {
    /// What is expected, as `bson.type` would say it.
    pub(super) fn expected(&self) -> String {
        if matches!(self.node, Node::Any { .. }) {
            return "any".into();
        }
        let tags = (tag::DOUBLE..=tag::DECIMAL).filter(|tag| self.accepts.has(*tag)).map(type_name);
        let names: Vec<&str> = tags.chain(self.accepts.has_uuid().then_some("uuid")).collect();
        names.join("|")
    }
}
