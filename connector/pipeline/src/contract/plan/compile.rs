//! From a contract to the tables that the walk reads.
//!
//! Invariant: what is decided by the contract alone is decided here, so that the walk compares bytes and tags only.

use std::collections::HashMap;

use super::excluded::Excluded;
use super::walk::{tag, type_name};
use crate::contract::model::{Contract, Field, Type};

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
    Long,
    Double,
    String,
    Uuid,
    Bytes,
    Timestamp,
    Decimal { precision: u32, scale: u32 },
    Any(Option<Box<Excluded>>),
    Record(Box<Record>),
    Map { values: Box<Typed>, excluded: Option<Box<Excluded>> },
    Array(Box<Typed>),
    FloatVector,
    IntVector,
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
    pub(super) typed: Typed,
}

/// The tables of a contract.
pub(super) fn contract(contract: &Contract) -> Record {
    let excluded = Excluded::of(&contract.excluded);
    record(&contract.fields, Some("_id"), (!excluded.is_empty()).then_some(&excluded))
}

fn record(fields: &[Field], key: Option<&str>, excluded: Option<&Excluded>) -> Record {
    let bson_names = || key.into_iter().chain(fields.iter().map(|field| field.bson_name.as_str()));
    let mut places = HashMap::new();
    for (place, name) in bson_names().enumerate() {
        places.entry(name.as_bytes().into()).or_insert(place);
    }
    Record {
        names: bson_names().map(|name| [name.as_bytes(), &[0]].concat().into()).collect(),
        places,
        keyed: usize::from(key.is_some()),
        fields: fields.iter().map(|field| member(field, excluded)).collect(),
        excluded: excluded.cloned().map(Box::new),
    }
}

fn member(field: &Field, excluded: Option<&Excluded>) -> Member {
    let below = excluded.and_then(|excluded| excluded.below(field.bson_name.as_bytes()));
    let hidden = below.is_some_and(Excluded::here);
    Member {
        name: field.name.clone(),
        required: field.required && !hidden,
        hidden,
        typed: typed(&field.ty, &field.accepts, below),
    }
}

/// `accepts` speaks of the innermost items of arrays and maps, so it goes down with them.
fn typed(ty: &Type, accepts: &[String], excluded: Option<&Excluded>) -> Typed {
    let here = || excluded.cloned().map(Box::new);
    let node = match ty {
        Type::Boolean => Node::Boolean,
        Type::Long => Node::Long,
        Type::Double => Node::Double,
        Type::String => Node::String,
        Type::Uuid => Node::Uuid,
        Type::Bytes => Node::Bytes,
        Type::Timestamp => Node::Timestamp,
        Type::Decimal { precision, scale } => Node::Decimal { precision: *precision, scale: *scale },
        Type::Any => Node::Any(here()),
        Type::Record(inner) => Node::Record(Box::new(record(&inner.fields, None, excluded))),
        Type::Map(values) => {
            let below = excluded.and_then(|excluded| excluded.below(b"*"));
            Node::Map { values: Box::new(typed(values, accepts, below)), excluded: here() }
        }
        Type::Array(items) => Node::Array(Box::new(typed(items, accepts, excluded))),
        Type::FloatVector => Node::FloatVector,
        Type::IntVector => Node::IntVector,
    };
    Typed { node, accepts: Accepts::of(ty, accepts) }
}

impl Accepts {
    const UUID: u32 = 20;

    fn of(ty: &Type, names: &[String]) -> Self {
        let named = names.iter().fold(0, |set, name| set | Self::bit_of_name(name));
        let bits = |tags: &[u8]| tags.iter().fold(0, |set, tag| set | 1 << tag);
        Self(match ty {
            Type::Long if named & bits(&[tag::TIMESTAMP]) != 0 => bits(&[tag::TIMESTAMP]),
            Type::Long => bits(&[tag::INT32, tag::INT64]) | named & bits(&[tag::DOUBLE]),
            Type::Double => bits(&[tag::DOUBLE, tag::INT32, tag::INT64]) | named & bits(&[tag::DECIMAL]),
            Type::String if named == 0 => bits(&[tag::STRING, tag::SYMBOL, tag::CODE]),
            Type::String => named,
            Type::Boolean => bits(&[tag::BOOLEAN]),
            Type::Uuid => 1 << Self::UUID,
            Type::Bytes => bits(&[tag::BINARY]) | named & 1 << Self::UUID,
            Type::Timestamp => bits(&[tag::DATE]),
            Type::Decimal { .. } => bits(&[tag::DECIMAL, tag::INT32, tag::INT64, tag::DOUBLE]),
            Type::Record(_) | Type::Map(_) => bits(&[tag::DOCUMENT]),
            Type::Array(_) => bits(&[tag::ARRAY]),
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
        if matches!(self.node, Node::Any(_)) {
            return "any".into();
        }
        let tags = (tag::DOUBLE..=tag::DECIMAL).filter(|tag| self.accepts.has(*tag)).map(type_name);
        let names: Vec<&str> = tags.chain(self.accepts.has_uuid().then_some("uuid")).collect();
        names.join("|")
    }
}
