//! What a value is, finer than BSON's tags: the subtypes of binary that have an Avro form of their own are kinds.
//!
//! Invariant: null and undefined are no kinds, since they are the same as nothing to every type.

use crate::contract::plan::walk::{Value, tag};

/// The kind of a value that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Int32,
    Int64,
    Double,
    Decimal,
    String,
    Symbol,
    JavaScript,
    ObjectId,
    Boolean,
    Date,
    Timestamp,
    Binary,
    Uuid,
    FloatVector,
    IntVector,
    OddBinary,
    Object,
    Array,
    Regex,
    DbPointer,
    JavaScriptWithScope,
    MinKey,
    MaxKey,
}

const UUID: u8 = 4;
const VECTOR: u8 = 9;
const FLOAT32: u8 = 0x27;
const INT8: u8 = 0x03;

impl Kind {
    /// Of a value; `None` for null and undefined.
    pub(crate) fn of(value: Value<'_>) -> Option<Self> {
        Some(match value.tag {
            tag::INT32 => Self::Int32,
            tag::INT64 => Self::Int64,
            tag::DOUBLE => Self::Double,
            tag::DECIMAL => Self::Decimal,
            tag::STRING => Self::String,
            tag::SYMBOL => Self::Symbol,
            tag::CODE => Self::JavaScript,
            tag::OBJECT_ID => Self::ObjectId,
            tag::BOOLEAN => Self::Boolean,
            tag::DATE => Self::Date,
            tag::TIMESTAMP => Self::Timestamp,
            tag::BINARY => binary(value),
            tag::DOCUMENT => Self::Object,
            tag::ARRAY => Self::Array,
            tag::REGEX => Self::Regex,
            tag::DB_POINTER => Self::DbPointer,
            tag::CODE_WITH_SCOPE => Self::JavaScriptWithScope,
            tag::MIN_KEY => Self::MinKey,
            tag::MAX_KEY => Self::MaxKey,
            _ => return None,
        })
    }

    /// Its name in `bson.type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Double => "double",
            Self::Decimal => "decimal128",
            Self::String => "string",
            Self::Symbol => "symbol",
            Self::JavaScript => "javascript",
            Self::ObjectId => "objectId",
            Self::Boolean => "bool",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Binary | Self::FloatVector | Self::IntVector | Self::OddBinary => "binData",
            Self::Uuid => "uuid",
            Self::Object => "object",
            Self::Array => "array",
            Self::Regex => "regex",
            Self::DbPointer => "dbPointer",
            Self::JavaScriptWithScope => "javascriptWithScope",
            Self::MinKey => "minKey",
            Self::MaxKey => "maxKey",
        }
    }

    /// Strings and what is written as one whatever stands beside it.
    pub(crate) fn is_text(self) -> bool {
        self.is_plain_text() || self == Self::ObjectId
    }

    /// What `string` takes where its contract names nothing.
    pub(crate) fn is_plain_text(self) -> bool {
        matches!(self, Self::String | Self::Symbol | Self::JavaScript)
    }

    /// Numbers in binary.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int32 | Self::Int64 | Self::Double)
    }
}

fn binary(value: Value<'_>) -> Kind {
    match value.binary() {
        Ok((UUID, payload)) if payload.len() == 16 => Kind::Uuid,
        Ok((VECTOR, [FLOAT32, 0, floats @ ..])) if floats.len() % 4 == 0 => Kind::FloatVector,
        Ok((VECTOR, [INT8, 0, ..])) => Kind::IntVector,
        // No bytes of ours: columns of time series, subtypes that no specification has, UUIDs of another length.
        Ok((UUID | 7 | 10..128, _)) => Kind::OddBinary,
        _ => Kind::Binary,
    }
}
