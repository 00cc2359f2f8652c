//! The record that ends a topic into which an anchor was replayed, field by field as in `schemas/replay-marker.avsc`.
//!
//! It stands in the transaction of the last records, so that who sees it sees everything before it. Invariants: what is
//! written can be read back without loss; an unknown `format` is refused, never guessed at; nothing in it differs from
//! run to run.

use std::sync::LazyLock;

use apache_avro::Schema;
use serde::{Deserialize, Serialize};

use crate::anchor::WireError;
use crate::anchor::wire::{framed, unframed, unframed_of};
use crate::model::ClusterTime;

/// The Avro schema of the marker.
pub const SCHEMA: &str = include_str!("../../../schemas/replay-marker.avsc");
/// The Avro schema of its key.
pub const KEY_SCHEMA: &str = include_str!("../../../schemas/replay-marker-key.avsc");
/// Subject of the marker's schema: its name, since the topic's own subjects are those of the data.
pub const SUBJECT: &str = "moorline.ReplayMarker";
/// Subject of its key's schema.
pub const KEY_SUBJECT: &str = "moorline.ReplayMarkerKey";
/// Header of the marker, by which a consumer knows it before it decodes anything; its value is the format.
pub const HEADER: &str = "moorline.marker";
/// Header of the first record of a replay, and of the marker: the ids of the anchors.
pub const BEGIN_HEADER: &str = "moorline.replay";
/// The format that this version writes, and the only one that it reads.
pub const FORMAT: i32 = 1;

static VALUE: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(SCHEMA).expect("the schema of markers parses"));
static KEY: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse_str(KEY_SCHEMA).expect("the schema of their keys parses"));

/// Key of the marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayMarkerKey {
    /// The topic that was written.
    pub topic: String,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct ReplayMarker {
    pub format: i32,
    pub topic: String,
    pub connector: String,
    pub mode: String,
    pub anchors: Vec<String>,
    pub cut: ClusterTime,
    pub from_anchors: Vec<String>,
    pub from_cut: Option<ClusterTime>,
    pub history: String,
    pub collection: String,
    pub epoch: String,
    pub export: String,
    pub exact: bool,
    pub complete: bool,
    pub inexact: Vec<String>,
    pub source_topic: String,
    pub source_topic_id: Option<String>,
    pub source_records: i64,
    pub source_digest: String,
    pub records: i64,
    pub tombstones: i64,
    pub records_digest: String,
    pub digest_algorithm: String,
    pub partitions: Vec<MarkedPartition>,
    pub state_digest: Option<String>,
    pub state_algorithm: Option<String>,
    pub tool: String,
}

/// Records of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct MarkedPartition {
    pub partition: i32,
    pub records: i64,
}

/// A marker as it stands in the topic.
pub fn encode(marker: &ReplayMarker, schema_id: u32) -> Vec<u8> {
    framed(&VALUE, marker, schema_id)
}

/// Its key as it stands in the topic.
pub fn encode_key(key: &ReplayMarkerKey, schema_id: u32) -> Vec<u8> {
    framed(&KEY, key, schema_id)
}

/// The marker of a value.
pub fn decode(bytes: &[u8]) -> Result<ReplayMarker, WireError> {
    unframed_of(&VALUE, bytes, FORMAT)
}

/// The key of a marker.
pub fn decode_key(bytes: &[u8]) -> Result<ReplayMarkerKey, WireError> {
    unframed(&KEY, bytes)
}
