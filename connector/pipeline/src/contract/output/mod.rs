//! What a topic's records look like beside what the contract says: their form, their metadata, whose they are.
//!
//! * [`Output`] is what a derived schema and a compiled plan depend on beside the contract.
//! * [`metadata`] has the facts that a flat value may carry, each under its name; [`envelope`] the schema of Debezium's
//!   envelope around a typed document.
//! * [`transaction`] has the records of the transaction topic and of heartbeats.
//! * [`renames`] has other names of topics than `<prefix>.<db>.<coll>`.
//! * [`Rules`] makes a collection's output from what the configuration says of all of them.

pub(super) mod envelope;
pub mod metadata;
pub mod renames;
pub mod transaction;

use metadata::Column;
use renames::Renames;
use serde::{Deserialize, Serialize};

use super::forms::Nested;
use super::model::{Drift, Unknown};
use super::names::{self, Adjustment, METADATA_PREFIX};
use super::values::Values;
use crate::model::Namespace;

/// Names and metadata of the output: what a derived schema depends on beside the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The topic; record names are `<topic>.Key` and `<topic>.Value`, with characters that Avro refuses as `_`.
    pub topic: String,
    /// Prefix of the metadata fields, `__`.
    pub metadata_prefix: String,
    /// Whether the value has `__spill`: always where drift is `evolve` or unknown fields are spilled.
    pub spill: bool,
    /// The form of values.
    pub form: Form,
    /// Who writes, as values say it.
    pub origin: Origin,
    /// `missing.fields=list`: whether the value has `__missing`, the dotted paths of fields that the document lacks.
    pub missing: bool,
    /// What nested documents become.
    pub nested: Nested,
    /// How the topic's name becomes the records' namespace.
    pub adjustment: Adjustment,
    /// What happens to single values; changes no schema.
    pub values: Values,
    /// Whether records are Avro or JSON text; changes no schema.
    pub converters: Converters,
}

/// `key.converter`, `value.converter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Converters {
    /// Keys.
    pub key: Converter,
    /// Values.
    pub value: Converter,
}

/// How a datum is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Converter {
    /// Avro, in Confluent's frame.
    #[default]
    Avro,
    /// JSON text of the same datum, for a person's eyes, without a frame.
    Json,
}

impl Converter {
    /// As it is configured.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avro => "avro",
            Self::Json => "json",
        }
    }
}

/// `output.format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The state after the change, flat, with these metadata fields behind the document's.
    Document(Vec<Column>),
    /// Debezium's envelope, with typed documents before and after.
    Envelope,
}

/// Who writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Moorline's version.
    pub version: String,
    /// `topic.prefix`.
    pub name: String,
}

/// What the configuration says of every collection's output.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `topic.prefix`.
    pub prefix: String,
    /// `topic.delimiter`.
    pub delimiter: String,
    /// `topic.rename.*`.
    pub renames: Renames,
    /// All that does not depend on the collection.
    pub template: Output,
}

impl Rules {
    /// The topic of a collection.
    pub fn topic(&self, namespace: &Namespace) -> String {
        self.renames.of(namespace, names::topic(&self.prefix, &self.delimiter, namespace))
    }

    /// The output of a collection: spilled fields have a place where drift or the contract may send them there.
    pub fn output(&self, namespace: &Namespace, on_drift: Drift, unknown: Unknown) -> Output {
        Output {
            topic: self.topic(namespace),
            spill: matches!(on_drift, Drift::Evolve | Drift::Spill) || unknown == Unknown::Spill,
            ..self.template.clone()
        }
    }
}

impl Default for Output {
    fn default() -> Self {
        Self {
            topic: String::new(),
            metadata_prefix: METADATA_PREFIX.to_owned(),
            spill: true,
            form: Form::default(),
            origin: Origin::default(),
            missing: false,
            nested: Nested::Struct,
            adjustment: Adjustment::Avro,
            values: Values::default(),
            converters: Converters::default(),
        }
    }
}

impl Output {
    /// The metadata fields of a flat value.
    pub fn columns(&self) -> &[Column] {
        match &self.form {
            Form::Document(columns) => columns,
            Form::Envelope => &[],
        }
    }

    /// Whether a field of that Avro name would hide metadata of this output.
    pub fn is_reserved(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(&self.metadata_prefix) else { return false };
        rest == names::SPILL || rest == names::MISSING || self.columns().iter().any(|column| column.name == rest)
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::Document(metadata::usual())
    }
}
