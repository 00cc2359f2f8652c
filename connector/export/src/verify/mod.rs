//! Whether an export is what something else holds, or a plain word that this can't be proven.
//!
//! Against the source: [`compare`] holds the rows of an export against those of the source, by the hash of their
//! [canonical form](crate::canonical); [`row`] says where two of them differ, [`verdict`] what follows. Against files:
//! [`folder`] is an export in a folder, [`anchor`] holds its manifest against the anchors, [`files`] its rows against the
//! manifest and the topic. [`topic`] holds records against what anchors count.
//!
//! Invariants: memory is bounded by the caller's budget, and what does not fit is unproven; what can't be proven is
//! never [`Verdict::Accept`]; a difference that was seen at the cut's own time is never taken back.

pub mod anchor;
pub mod compare;
pub mod files;
pub mod folder;
mod pairing;
mod reading;
pub mod row;
mod rows;
pub mod topic;
pub mod verdict;

pub use compare::{Comparison, RowHash, Suspect, SuspectKind};
pub use verdict::{Verdict, overall};

/// A row of files that does not agree, by its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The key, for people.
    pub key: String,
    /// In what way.
    pub kind: DifferenceKind,
    /// Where it stands; empty where that is not told.
    pub place: String,
    /// Paths at which it differs, what the topic has there, what the files have.
    pub fields: Vec<(String, serde_json::Value, serde_json::Value)>,
}

/// How a row of files does not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The topic has it, the files do not.
    Missing,
    /// Both have it, with other values.
    Differs,
    /// The files have it, the topic does not.
    Ghost,
    /// The files have it twice.
    Doubled,
    /// It is not in its place.
    Misplaced,
}

impl DifferenceKind {
    /// The word that stands in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Ghost => "ghost",
            Self::Doubled => "doubled",
            Self::Misplaced => "misplaced",
        }
    }
}
