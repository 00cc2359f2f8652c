//! The records of the anchors topic, field by field as in `schemas/anchor.avsc`, in its order.
//!
//! Invariants: a field stands here exactly where it stands in the schema; bytes are text (base64) only in a form that
//! people read. What each field means is said in the schema.

use serde::{Deserialize, Serialize};

use crate::model::{ClusterTime, Namespace};

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: i32 = 1;
/// How to read `position`.
pub const POSITION_FORMAT: &str = "mongodb-resume-token-v1";
/// The kind of an anchor that nothing but the clock asked for.
pub const TICK: &str = "tick";

/// Key of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct AnchorKey {
    pub connector: String,
    pub lane: i32,
    pub id: String,
    pub part: i32,
}

/// One lane's certified cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct Anchor {
    pub format: i32,
    pub id: String,
    pub connector: String,
    pub lane: i32,
    pub lanes: i32,
    pub layout: String,
    pub kind: String,
    pub cut: ClusterTime,
    pub covers_from: ClusterTime,
    pub cut_ms: i64,
    pub part: i32,
    pub parts: i32,
    pub exact: bool,
    pub complete: bool,
    pub inexact: Vec<Inexact>,
    pub history: String,
    pub position_format: String,
    #[serde(with = "super::wire::bytes")]
    pub position: Vec<u8>,
    pub parent: Option<String>,
    pub base: Option<String>,
    pub full: bool,
    pub collections: Vec<CollectionCut>,
    pub gap: Option<Gap>,
    pub rollback_to: Option<String>,
    pub label: Option<String>,
    pub lineage: Lineage,
    pub written_ms: i64,
}

/// Why an anchor is not exact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct Inexact {
    pub reason: String,
    pub namespace: Option<String>,
    pub keys: Option<i64>,
    pub until: Option<ClusterTime>,
}

/// One collection at a cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct CollectionCut {
    pub namespace: String,
    pub epoch: String,
    pub topic: String,
    pub topic_id: Option<String>,
    pub partition_count: i32,
    pub export: String,
    pub export_complete: bool,
    pub exact: bool,
    pub scope: Option<String>,
    pub contract: Option<String>,
    pub key_schema_id: i32,
    pub value_schema_ids: Vec<i32>,
    pub schema_digests: Vec<String>,
    pub records: Counts,
    #[serde(with = "super::wire::optional_bytes")]
    pub records_digest: Option<Vec<u8>>,
    pub digest_algorithm: Option<String>,
    pub partitions: Vec<PartitionCut>,
}

/// Running totals of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct Counts {
    pub r: i64,
    pub c: i64,
    pub u: i64,
    pub d: i64,
    pub tombstones: i64,
    pub coalesced: i64,
    pub quarantined: i64,
    pub spilled: i64,
}

/// One partition of a collection's topic at a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct PartitionCut {
    pub partition: i32,
    pub first: i64,
    pub begin: i64,
    pub end: i64,
    pub records: i64,
}

/// What is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct Gap {
    pub from: ClusterTime,
    pub to: ClusterTime,
    pub policy: String,
    pub accepted_by: Option<String>,
}

/// Where an anchor came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct Lineage {
    pub version: String,
    pub config: String,
    pub source: String,
    pub server: String,
    pub worker: String,
    pub run_id: Option<String>,
}

impl Anchor {
    /// The key of this record.
    pub fn key(&self) -> AnchorKey {
        AnchorKey { connector: self.connector.clone(), lane: self.lane, id: self.id.clone(), part: self.part }
    }
    /// The cut of a collection, where it is listed.
    pub fn collection(&self, namespace: &str) -> Option<&CollectionCut> {
        self.collections.iter().find(|c| c.namespace == namespace)
    }
    /// Whether this anchor stands for the cut at `time`.
    pub fn covers(&self, time: ClusterTime) -> bool {
        self.covers_from <= time && time <= self.cut
    }
}

impl CollectionCut {
    /// Records in the topic, over all partitions.
    pub fn stored(&self) -> i64 {
        self.partitions.iter().map(|p| p.records).sum()
    }
}

impl Inexact {
    /// A reason that holds for one collection until its export ends.
    pub fn of(reason: &str, namespace: &Namespace) -> Self {
        Self { reason: reason.to_owned(), namespace: Some(namespace.to_string()), keys: None, until: None }
    }
    /// A reason that holds for all collections of a lane, up to a cut.
    pub fn for_all(reason: &str, until: Option<ClusterTime>) -> Self {
        Self { reason: reason.to_owned(), namespace: None, keys: None, until }
    }
    /// Whether the reason still holds at a cut.
    pub fn holds(&self, cut: ClusterTime) -> bool {
        self.until.is_none_or(|until| cut < until)
    }
}

impl Counts {
    /// Adds what another batch has counted.
    pub fn add(&mut self, other: &Self) {
        self.r += other.r;
        self.c += other.c;
        self.u += other.u;
        self.d += other.d;
        self.tombstones += other.tombstones;
        self.coalesced += other.coalesced;
        self.quarantined += other.quarantined;
        self.spilled += other.spilled;
    }
}
