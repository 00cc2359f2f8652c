//! A contract from a sample of documents, and what was seen to justify it.
//!
//! In reading order: `kind` (what a value is), `seen` (counts by path), `verdict` (counts to a type), `dictionary`
//! (documents that are maps), `form` (one of several types),
//! `choose` (a path's whole type), `budget` (folding what is too much), `key` (`_id`).
//!
//! Invariants: the same documents in the same order give the same contract; fields stand by first appearance; what is
//! only null or always an empty array is not in the contract; no wire type depends on a guess that later data may
//! break where a safe one exists (decimals are text).

pub(crate) mod budget;
pub(crate) mod choose;
mod dictionary;
pub(crate) mod form;
mod key;
pub(crate) mod kind;
pub(crate) mod seen;
pub(crate) mod verdict;

use bson::RawDocument;

pub(crate) use choose::Chooser;
pub use key::infer_key;

use self::key::KeyTally;
use self::kind::Kind;
use self::seen::{Scope, Shape};
use super::forms::Forms;
use super::model::{Contract, KeyKind, Limits};
use super::names::{self, Adjustment};
use crate::model::Namespace;

/// A contract, and the evidence for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// The contract.
    pub contract: Contract,
    /// Every path, in the contract's order; what is undecided or left out among them.
    pub report: Vec<PathReport>,
    /// Paths that are not in the contract: only null, always empty, or over the limit of fields.
    pub undecided: Vec<String>,
}

/// What was seen at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct PathReport {
    /// Dotted BSON path, `[]` for an array's items, `{}` for a dictionary's values.
    pub path: String,
    /// The type in a word (`map<long>`), `undecided` or `excluded`.
    pub chosen: String,
    /// BSON types and how many values have each.
    pub seen: Vec<(&'static str, u64)>,
    /// Documents at the path above without it.
    pub missing: u64,
    /// Nulls.
    pub null: u64,
    /// What a reviewer is to know.
    pub notes: Vec<Note>,
}

/// A rule of spec/contracts.md and its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// For example `MC602`.
    pub rule: &'static str,
    /// Counts in words.
    pub text: String,
}

/// What a person may ask for, who looks at the result.
#[derive(Clone, Debug)]
pub struct Options {
    /// Marks as required what every document has, never null.
    pub mark_required: bool,
    /// Prefix of the metadata fields, whose names no field gets.
    pub metadata_prefix: String,
    /// Which forms fields get.
    pub forms: Forms,
    /// How names become names in Avro.
    pub adjustment: Adjustment,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mark_required: false,
            metadata_prefix: names::METADATA_PREFIX.to_owned(),
            forms: Forms::default(),
            adjustment: Adjustment::Avro,
        }
    }
}

/// What drivers and libraries write for themselves: Mongoose's version, queryable encryption's index.
const EXCLUDED: [&str; 2] = ["__v", "__safeContent__"];

/// The contract of documents, as a connector infers it with nobody looking; `None` without any document.
pub fn infer<'a>(
    namespace: &Namespace,
    documents: impl Iterator<Item = &'a RawDocument>,
    limits: &Limits,
) -> Option<Inferred> {
    infer_with(namespace, documents, limits, &Options::default())
}

/// The same with options.
pub fn infer_with<'a>(
    namespace: &Namespace,
    documents: impl Iterator<Item = &'a RawDocument>,
    limits: &Limits,
    options: &Options,
) -> Option<Inferred> {
    let mut shape = Shape::default();
    let mut key = KeyTally::default();
    for document in documents {
        key.add(document.as_bytes());
        shape.add(document.as_bytes(), Scope::new(limits.max_depth, None));
    }
    if shape.documents == 0 {
        return None;
    }
    let name = names::record(namespace);
    let mut chooser = Chooser::new(limits.max_depth, options);
    let excluded = excluded(&shape);
    let mut fields = chooser.document(&shape, &name, &excluded);
    let mut report = chooser.into_report();
    budget::fold(&mut fields, &mut report, limits.max_fields);
    let undecided = report.iter().filter(|path| path.chosen == UNDECIDED).map(|path| path.path.clone()).collect();
    Some(Inferred {
        contract: Contract {
            namespace: namespace.clone(),
            name,
            avro_namespace: names::sanitise(namespace.db()),
            version: 1,
            key: key.kind().unwrap_or(KeyKind::Any),
            fields,
            excluded,
            on_drift: None,
            unknown: None,
            properties: serde_json::Map::new(),
            key_properties: serde_json::Map::new(),
        },
        report,
        undecided,
    })
}

/// Whether a field at the top is left out by itself.
pub(crate) fn is_excluded(name: &str, seen: &seen::Seen) -> bool {
    let whole = seen.kinds.keys().all(|kind| matches!(kind, Kind::Int32 | Kind::Int64));
    EXCLUDED.contains(&name) && (name != EXCLUDED[0] || (whole && seen.present() > 0))
}

fn excluded(shape: &Shape) -> Vec<String> {
    let ours = shape.keys().iter().filter(|key| is_excluded(&key.name, &key.seen));
    ours.map(|key| key.name.clone()).collect()
}

pub(crate) const UNDECIDED: &str = "undecided";

fn note(rule: &'static str, text: String) -> Note {
    Note { rule, text }
}
