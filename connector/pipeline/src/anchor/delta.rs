//! What one transaction adds to a collection's running totals.
//!
//! Invariant: adding deltas in any grouping gives the same totals; only their order matters, and only for what replaces
//! (contract, snapshot, versions).

use std::collections::BTreeMap;

use super::{Counts, Digest, Inexact};
use crate::offsets::SnapshotProgress;

/// One collection's share of a transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectionDelta {
    /// Records by kind.
    pub counts: Counts,
    /// Digest over all of them.
    pub digest: Digest,
    /// Value schemas used: registry id, and digest of the schema's text.
    pub value_schemas: BTreeMap<u32, String>,
    /// The contract in force, where it changed.
    pub contract: Option<String>,
    /// The snapshot's progress, where rows are in.
    pub snapshot: Option<SnapshotProgress>,
    /// Whether the export's snapshot is complete with this transaction.
    pub completed: bool,
    /// What makes the collection inexact from this transaction on.
    pub inexact: Vec<Inexact>,
    /// Versions that evolution has added: day and count, where they changed.
    pub versions: Option<(String, u32)>,
}

impl CollectionDelta {
    /// Adds what came after.
    pub fn add(&mut self, later: Self) {
        self.counts.add(&later.counts);
        self.digest.add(&later.digest);
        self.value_schemas.extend(later.value_schemas);
        self.contract = later.contract.or_else(|| self.contract.take());
        self.snapshot = later.snapshot.or_else(|| self.snapshot.take());
        self.completed |= later.completed;
        self.inexact.extend(later.inexact);
        self.versions = later.versions.or_else(|| self.versions.take());
    }
}
