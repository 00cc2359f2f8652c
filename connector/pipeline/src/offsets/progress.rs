//! A collection's running totals: what must outlive a `kill -9` so that the next anchor is right.
//!
//! Invariants: totals and offsets count exactly the records that stand in the topic at the same commit; `begin` of a
//! partition is its end at the lane's last anchor; an export's `first` never changes.

use std::collections::BTreeMap;

use crate::anchor::{Counts, Digest, Inexact};
use crate::contract::output::Converter;
use crate::model::{Namespace, Uuid};

use super::SnapshotProgress;

/// The format that is written and read.
pub const FORMAT: u32 = 1;

/// Progress of one collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The collection.
    pub namespace: Namespace,
    /// Its epoch.
    pub epoch: Uuid,
    /// Id of the export.
    pub export: String,
    /// Number of the export within the collection, from 1.
    pub export_number: u32,
    /// Whether every range of the export's snapshot is in.
    pub export_complete: bool,
    /// Topic of the data.
    pub topic: String,
    /// Kafka's id of the topic, where the broker tells.
    pub topic_id: Option<String>,
    /// Partitions at first write: what places keys, also if the topic grows.
    pub partition_count: i32,
    /// SHA-256 of the contract in force, hex.
    pub contract: Option<String>,
    /// Registry id of the key schema.
    pub key_schema_id: u32,
    /// Digest of the key schema's text.
    pub key_schema_digest: String,
    /// How keys are written: what was written under one form can't be replaced or deleted under another.
    pub key_converter: Converter,
    /// Value schemas used by records of this export: registry id and digest of the text.
    pub value_schemas: BTreeMap<u32, String>,
    /// Records by kind.
    pub counts: Counts,
    /// Digest over all records; `None` where it was ever switched off within this export.
    pub digest: Option<Digest>,
    /// Partitions with at least one record of the export.
    pub partitions: BTreeMap<i32, PartitionProgress>,
    /// What makes the collection inexact.
    pub inexact: Vec<Inexact>,
    /// The snapshot's progress; `None` before its first rows and where there is none.
    pub snapshot: Option<SnapshotProgress>,
    /// Day (`YYYY-MM-DD`) on which evolution last added versions.
    pub versions_day: Option<String>,
    /// Versions that it added on that day.
    pub versions_count: u32,
}

/// One partition within an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionProgress {
    /// Offset of the export's first record.
    pub first: i64,
    /// Offset after the last anchor's last record.
    pub begin: i64,
    /// Offset after the last record.
    pub end: i64,
    /// Records in `[first, end)`.
    pub records: i64,
}
