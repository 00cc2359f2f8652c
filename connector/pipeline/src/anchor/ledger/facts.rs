//! What a ledger is told, and what it answers.

use std::collections::BTreeMap;

use crate::anchor::{Anchor, Lineage};
use crate::contract::output::Converter;
use crate::model::{ClusterTime, Namespace, Token, Uuid};
use crate::offsets::Scope;
use crate::sink::{ControlRecord, TopicIndex};

/// What stays the same while a lane runs.
#[derive(Clone, Debug)]
pub struct LaneFacts {
    /// Connector name.
    pub connector: String,
    /// The lane's number.
    pub lane: u32,
    /// Lanes of the layout.
    pub lanes: u32,
    /// Hash of the layout.
    pub layout: String,
    /// `topic.prefix`.
    pub prefix: String,
    /// The scope that the lane's position stands under.
    pub scope: Scope,
    /// The lane's patterns, sorted.
    pub patterns: Vec<String>,
    /// Identity of the source's history.
    pub history: String,
    /// The collections at this start and their epochs.
    pub source_uuids: BTreeMap<Namespace, Uuid>,
    /// Where the anchors come from.
    pub lineage: Lineage,
    /// Whether digests are kept.
    pub digest_on: bool,
    /// Every so many anchors is a full one.
    pub full_every: u32,
    /// Seconds between ticks.
    pub interval_s: u32,
    /// Registry id of the anchor's schema.
    pub anchor_schema_id: u32,
    /// Registry id of its key's schema.
    pub anchor_key_schema_id: u32,
}

/// How an export begins.
#[derive(Clone, Debug)]
pub struct ExportStart {
    /// The collection.
    pub namespace: Namespace,
    /// Its epoch.
    pub epoch: Uuid,
    /// Topic of the data.
    pub topic: String,
    /// The topic's index in the sink of this run.
    pub topic_index: TopicIndex,
    /// Kafka's id of the topic.
    pub topic_id: Option<String>,
    /// Partitions that place keys.
    pub partition_count: i32,
    /// Registry id of the key schema.
    pub key_schema_id: u32,
    /// Digest of the key schema's text.
    pub key_schema_digest: String,
    /// How keys are written.
    pub key_converter: Converter,
    /// SHA-256 of the contract in force, hex.
    pub contract: Option<String>,
    /// Whether nothing is to be snapshotted: the export is complete from its begin.
    pub complete: bool,
}

/// What a position says beside the ledger's own.
#[derive(Clone, Debug)]
pub struct PositionFacts {
    /// Everything before it is in this transaction or committed before.
    pub frontier: ClusterTime,
    /// Where the stream is resumed.
    pub resume: Option<Token>,
    /// Token of the last real event.
    pub witness: Option<Token>,
    /// The pipeline that the tokens were made with.
    pub pipeline: String,
    /// Anchors up to and with this time are inexact: images were looked up late.
    pub inexact_until: Option<ClusterTime>,
    /// Whether every first snapshot is complete.
    pub snapshot_done: bool,
}

/// What is to be written before the commit.
#[derive(Debug)]
pub struct Closed {
    /// Progress of the collections touched, the anchor's parts, the position last.
    pub records: Vec<ControlRecord>,
    /// The anchor, whole, where ticks were closed.
    pub anchor: Option<Anchor>,
}
