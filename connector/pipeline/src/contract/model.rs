//! What a contract is: the document's shape in types of ours, each of which has one Avro form.
//!
//! Invariants: every field but the key is nullable on the wire; a wire union is only `["null", T]`; the key's kind is
//! frozen once registered; `bson_name` is what binds a field, its Avro name is only how it is called.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::Namespace;

pub use super::output::Output;

/// The contract of one collection. Describes the document only: key, metadata fields and `__spill` are derived.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The collection.
    pub namespace: Namespace,
    /// Avro name of the document's record, prefix-free (`orders`).
    pub name: String,
    /// Avro namespace of the file (`shop`).
    pub avro_namespace: String,
    /// `moorline.contract`: counts majors, from 1.
    pub version: u32,
    /// How `_id` is written.
    pub key: KeyKind,
    /// Fields but `_id`, in order.
    pub fields: Vec<Field>,
    /// Names left out on purpose (`moorline.excluded`), as dotted BSON paths.
    pub excluded: Vec<String>,
    /// What happens to a document that does not fit; `None` takes the configuration's.
    pub on_drift: Option<Drift>,
    /// What happens to unknown fields where drift is not `evolve`; `None` takes the configuration's.
    pub unknown: Option<Unknown>,
    /// Further properties of the file's record (`doc`, owners, consumers, ...), kept as they are, in order.
    pub properties: serde_json::Map<String, Json>,
    /// Properties of the `_id` field beside its type, kept as they are.
    pub key_properties: serde_json::Map<String, Json>,
}

/// A field of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Avro name.
    pub name: String,
    /// Name in the document.
    pub bson_name: String,
    /// Its type.
    pub ty: Type,
    /// BSON types accepted, as `bson.type` says (`int32|int64`); empty where the type says it all. Where the type is
    /// an array or a map, it speaks of the innermost items.
    ///
    /// The names: `double`, `string`, `object`, `array`, `binData`, `uuid`, `undefined`, `objectId`, `bool`, `date`,
    /// `null`, `regex`, `dbPointer`, `javascript`, `symbol`, `javascriptWithScope`, `int32`, `timestamp`, `int64`,
    /// `decimal128`, `minKey`, `maxKey`; and `any` where the type is [`Type::Any`].
    ///
    /// What a type takes: `Long` int32 and int64 always, timestamps or dates (milliseconds) only where `timestamp` or
    /// `date` is named and then nothing else; `Double` double, and whole numbers of at most 2^53 always; `String` exactly
    /// what is named (empty: string, symbol, javascript), numbers beside `decimal128` as plain text; `Timestamp` dates,
    /// or timestamps without their increment where `timestamp` is named; `Bytes` binary, or ObjectIds where `objectId`
    /// is named; a `Record` of `pattern` and `options`, or of `t` and `i`, takes `regex`, or `timestamp`, where that is
    /// named; the others what their type says.
    pub accepts: Vec<String>,
    /// `moorline.required`: a promise of the contract, never of the wire.
    pub required: bool,
    /// Further properties, kept as they are, in order.
    pub properties: serde_json::Map<String, Json>,
}

/// Types of values; spec/types.md section 2 says which BSON types each takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Avro `boolean`.
    Boolean,
    /// Avro `int`: int32 alone.
    Int,
    /// Avro `long`: int32, int64, timestamps (t * 2^32 + i) by `accepts`.
    Long,
    /// Avro `double`: double, and int32/int64 where accepted.
    Double,
    /// Avro `string`: strings, symbols, code, ObjectIds (hex), decimals (plain text), by `accepts`.
    String,
    /// Avro `string` with logical type `uuid`: binary subtype 4.
    Uuid,
    /// Avro `bytes`: binary.
    Bytes,
    /// Avro `long` with `timestamp-millis` and Connect's name: dates.
    Timestamp,
    /// Avro `bytes` with logical type `decimal`: by contract only.
    Decimal {
        /// Digits.
        precision: u32,
        /// Digits after the point.
        scale: u32,
    },
    /// Relaxed Extended JSON text with Debezium's name `io.debezium.data.Json`: anything.
    Any,
    /// A nested record, named by its path.
    Record(Record),
    /// A dictionary: Avro `map` of nullable values.
    Map(Box<Type>),
    /// A dictionary as an Avro `array` of records `{key, value}`, for sinks without maps.
    Entries {
        /// Avro name of that record.
        name: String,
        /// Its nullable values.
        values: Box<Type>,
    },
    /// An array of nullable items.
    Array(Box<Type>),
    /// An array whose items are never null.
    FullArray(Box<Type>),
    /// Binary subtype 9, float32: Avro `array<float>`.
    FloatVector,
    /// Binary subtype 9, int8: Avro `array<int>`.
    IntVector,
}

/// A nested record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Avro name (`orders_items`).
    pub name: String,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// Further properties.
    pub properties: serde_json::Map<String, Json>,
}

/// How the key `_id` is written; spec/types.md section 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ObjectIds only: 24 hex digits, Avro `string`, `bson.type` `objectId`.
    ObjectId,
    /// Strings only.
    String,
    /// Whole numbers of any type: Avro `long`.
    Long,
    /// Fractional doubles, decimals: canonical number text.
    Number,
    /// Binary subtype 4: text.
    Uuid,
    /// Dates: timestamp-millis.
    Timestamp,
    /// Binary of subtype 0 only, base64 text: another subtype with the same bytes is another `_id` to the server.
    Base64,
    /// A document declared in the contract, in this order; field name and kind.
    Document(Vec<(String, KeyKind)>),
    /// Any mix, undeclared documents: compact relaxed Extended JSON text, numbers canonical.
    Any,
}

/// `moorline.on.drift`, `contract.on.drift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Widen the contract within the version budget.
    Evolve,
    /// Unknown fields to `__spill`; wrong types to quarantine.
    Spill,
    /// To the quarantine topic.
    Quarantine,
    /// Stop.
    Halt,
}

/// `moorline.unknown`, `contract.unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// An unknown field makes the document drift.
    Drift,
    /// To the map `__spill`.
    Spill,
    /// Left out, silently by contract.
    Ignore,
}

/// Limits of inference and evolution; defaults are those of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Leaves of a contract.
    pub max_fields: usize,
    /// Levels.
    pub max_depth: usize,
    /// Versions that `evolve` may add a day.
    pub version_budget: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_fields: 1000, max_depth: 12, version_budget: 10 }
    }
}

impl Type {
    /// The type inside arrays and dictionaries, which `accepts` speaks of.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::Array(inner) | Self::FullArray(inner) | Self::Map(inner) | Self::Entries { values: inner, .. } => {
                inner.innermost()
            }
            other => other,
        }
    }
}

/// Why a document did not fit, for the quarantine headers and for evolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The rule, for example `MC602`, `MC603`, `MC607`, `MC608`, `MC402`.
    pub rule: &'static str,
    /// A short name: `type-drift`, `unknown-field`, `invalid-utf8`, `value-out-of-range`, `key-type`, `missing-required`.
    pub name: &'static str,
    /// JSON pointer of Avro names as far as they exist, else BSON names.
    pub path: String,
    /// What the contract expects.
    pub expected: String,
    /// What was found, as a BSON type name.
    pub found: String,
}

/// Counts by path and BSON type that evolution adds up; see [`super::evolve`].
pub type Evidence = BTreeMap<String, BTreeMap<String, u64>>;
