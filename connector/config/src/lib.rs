//! The configuration of a connector: Kafka Connect's flat keys, read, checked and documented.
//!
//! [`read`] takes the text of a file and gives a [`Checked`] configuration, or every mistake that is in it. Each key
//! has one definition, from which come its check, `docs/configuration.md` and `schemas/moorline-config.schema.json`.
//!
//! Invariants: no text makes [`read`] panic; all mistakes of a file are told at once, in the order of its lines; no
//! secret stands in a message; nothing is ignored in silence.

mod assembly;
mod choice;
mod client_keys;
pub mod codes;
mod config;
mod contradictions;
mod definition;
mod digest;
mod documentation;
mod environment;
mod forms;
mod given;
mod java_keys;
mod json_schema;
mod keys;
mod listener;
mod mistake;
mod nearest;
mod patterns;
mod placeholder;
mod reader;
mod redaction;
mod report;
mod retention;
mod text;
mod topic_renames;
mod topic_rules;
mod transforms;
mod type_choices;
mod value;

pub use choice::{
    AnchorDigest, AuthenticationMechanism, CaptureMode, Choice, CompressionType, ContractMode, Converter,
    DeleteHandling, Drift, ErrorsTolerance, FullUpdateType, MatchMode, OplogGuard, OutputFormat, OversizeHandling,
    SnapshotMode, Unknown,
};
pub use client_keys::ClientKeys;
pub use config::{Config, TopicGroup, TopicPattern, TopicRenames, TopicRule};
pub use environment::Environment;
pub use forms::FACTS;
pub use listener::ListenAddress;
pub use mistake::Mistake;
pub use placeholder::{Lookup, Reference};
pub use retention::Retention;
pub use type_choices::{
    BinaryMode, DateOutOfRange, DecimalMode, DecimalNonFinite, DecimalRounding, DoubleNonFinite, DuplicateKey,
    Integers, InvalidUtf8, ItemsNullable, MissingFields, NameAdjustment, NestedMode, Numbers, StringNul, TypeChoices,
    UuidLegacy,
};

/// A configuration that may be used.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it says.
    pub config: Config,
    /// What was accepted without effect, or may not mean what it looks like; in the order of lines.
    pub warnings: Vec<Mistake>,
    /// SHA-256, in hex, over the effective configuration without secrets.
    pub digest: String,
    /// Secrets that stand in the text itself, in the order of lines.
    pub literal_secrets: Vec<LiteralSecret>,
}

/// A secret that stands in the configuration as text, where a placeholder could stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiteralSecret {
    /// Its key.
    pub key: String,
    /// File and line.
    pub place: String,
}

/// Reads and checks a configuration, properties or JSON. `place` is what messages call the file.
pub fn read(text: &str, place: &str, lookup: &dyn Lookup) -> Result<Checked, Vec<Mistake>> {
    reader::read(text, place, lookup)
}

/// The page `docs/configuration.md`.
pub fn documentation() -> String {
    documentation::page()
}

/// The JSON schema of a configuration, flat or in the form `{"name", "config"}`.
pub fn json_schema() -> serde_json::Value {
    json_schema::schema()
}
