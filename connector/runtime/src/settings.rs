//! What a connector's runtime needs to know: plain values, made from the configuration by the binary's wiring.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use moorline_pipeline::contract::infer::Options;
use moorline_pipeline::contract::model::{Drift, Limits, Unknown};
use moorline_pipeline::contract::output::metadata::Column;
use moorline_pipeline::contract::output::{Form, Rules};
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::{Images, Selection};
use moorline_pipeline::task::cut::Budget;
use moorline_pipeline::task::images::Updates;

/// When a run ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Everything up to the cluster time at start, with unfinished first snapshots.
    Now,
    /// All first snapshots complete and one exact anchor.
    Snapshot,
    /// An anchor whose cut lies after the cluster time at start.
    Anchor,
    /// A cluster time.
    Time(ClusterTime),
}

/// `snapshot.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMode {
    /// Once for each collection that has no export yet.
    Initial,
    /// As initial, then stop.
    InitialOnly,
    /// Never.
    NoData,
    /// At each start.
    Always,
}

/// `snapshot.oplog.guard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OplogGuard {
    /// Warn where the forecast is longer than half the oplog's window.
    Warn,
    /// Refuse to start.
    Refuse,
}

/// `record.oversize.handling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversize {
    /// Stop at the change.
    Halt,
    /// To quarantine, without its value.
    Quarantine,
    /// Fields of type `any` are cut, where that is enough of it; else as `Halt`.
    TruncateAny,
    /// It is left out, and the anchor says so.
    Skip,
}

/// `contract.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractMode {
    /// Inferred where there is none.
    Infer,
    /// Only what stands in the files.
    Pinned,
}

/// `snapshot.rate.limit.*`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateLimits {
    /// Documents a second; 0 for no limit.
    pub documents: u64,
    /// Bytes a second; 0 for no limit.
    pub bytes: u64,
}

/// Snapshot settings.
#[derive(Clone, Debug)]
pub struct SnapshotSettings {
    /// When.
    pub mode: SnapshotMode,
    /// Which of the captured collections are read; `None` for all.
    pub include: Option<Selection>,
    /// A wait before the first chunk of a start.
    pub delay: Duration,
    /// Chunks read at once.
    pub threads: usize,
    /// Rows of a chunk.
    pub chunk_rows: u32,
    /// Bytes of a chunk.
    pub chunk_bytes: usize,
    /// Most that is read in a second.
    pub rate_limits: RateLimits,
    /// Longest time that the gate stays closed while the stream has something to say.
    pub gate_max: Duration,
    /// What a forecast past the oplog's window does.
    pub oplog_guard: OplogGuard,
}

/// What a delete becomes. With neither it is left out, and said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletes {
    /// A record with a value: a row that says so, or an envelope.
    pub rows: bool,
    /// A record without a value, behind that.
    pub tombstones: bool,
}

/// Contract settings.
#[derive(Clone, Debug)]
pub struct ContractSettings {
    /// Inferred or pinned.
    pub mode: ContractMode,
    /// Folder of the contract files.
    pub path: PathBuf,
    /// What drift does.
    pub on_drift: Drift,
    /// The same for one collection, by `db.coll`.
    pub on_drift_of: BTreeMap<String, Drift>,
    /// What unknown fields do where drift is not `evolve`.
    pub unknown: Unknown,
    /// Documents, bytes and time of a sample.
    pub sample: (u32, u64, Duration),
    /// Limits of inference and evolution.
    pub limits: Limits,
    /// Names and forms of new fields.
    pub options: Options,
}

/// Everything that a run needs beside the source, the sink and the registry.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `name`.
    pub connector: String,
    /// `group.id`.
    pub group: String,
    /// `topic.prefix`.
    pub prefix: String,
    /// Names and forms of what is written.
    pub output: Rules,
    /// What is captured.
    pub selection: Selection,
    /// Most lanes.
    pub tasks_max: u32,
    /// `capture.start.op.time`; `None` for the present.
    pub start_time: Option<ClusterTime>,
    /// How updates come.
    pub images: Images,
    /// Whether documents before a change are asked for.
    pub pre_images: bool,
    /// What becomes of updates that other changes of their key follow.
    pub updates: Updates,
    /// What a delete becomes.
    pub deletes: Deletes,
    /// `add.headers`.
    pub headers: Vec<Column>,
    /// The topic that says where transactions of the source begin and end, where it is switched on.
    pub transaction_topic: Option<String>,
    /// The topic of heartbeats and the time between them, where there are any.
    pub heartbeats: Option<(String, Duration)>,
    /// `extended.headers.enabled`.
    pub context_headers: bool,
    /// Longest wait of the server for an event.
    pub max_await: Duration,
    /// Events and bytes of a batch.
    pub batch: Budget,
    /// Bytes of documents between the source and the commit, of each lane.
    pub queue_bytes: usize,
    /// Snapshot.
    pub snapshot: SnapshotSettings,
    /// Contracts.
    pub contract: ContractSettings,
    /// Seconds between ticks.
    pub anchor_interval: u32,
    /// Every so many anchors is a full one.
    pub anchor_full_every: u32,
    /// Whether records are digested.
    pub anchor_digest: bool,
    /// `<prefix>.anchors`, for the schema subjects.
    pub anchor_topic: String,
    /// Names of all topics that are the connector's own, and so no collection's.
    pub own_topics: Vec<String>,
    /// Most bytes of a record's key and value together.
    pub max_record_bytes: usize,
    /// What a larger one does.
    pub oversize: Oversize,
    /// SHA-256 of the effective configuration without secrets.
    pub config_hash: String,
    /// Who writes.
    pub worker: String,
    /// Moorline's version.
    pub version: String,
}

impl Settings {
    /// Most bytes of images that one batch may look up, but for a group of one cluster time.
    pub(crate) fn image_bytes(&self) -> usize {
        self.queue_bytes / 4
    }

    /// Whether each update goes out with its delta.
    pub fn deltas(&self) -> bool {
        self.output.template.form == Form::Envelope
    }
}
