//! The configuration of a connector, checked: a field for each key that this version acts on.
//!
//! Invariants: a field is named after its key with `_` for `.`; what stands here is in range and does not contradict
//! itself; defaults are filled in; `Debug` shows no secret. Keys with a single value that this version knows
//! (`nested.handling.mode=struct`) have no field, since there is nothing to decide.
// long: one struct is the truth, with a type and a sentence for each key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::choice::{
    AnchorDigest, AuthenticationMechanism, CaptureMode, CompressionType, ContractMode, Converter, DeleteHandling,
    Drift, ErrorsTolerance, FullUpdateType, MatchMode, OplogGuard, OutputFormat, OversizeHandling, SnapshotMode,
    Unknown,
};
use crate::client_keys::ClientKeys;
use crate::listener::ListenAddress;
use crate::retention::Retention;
use crate::type_choices::TypeChoices;

/// Everything that a configuration says, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    // Worker.
    /// Brokers, `host:port` with commas.
    pub bootstrap_servers: String,
    /// The group of workers; names the offsets topic and the transactions.
    pub group_id: String,
    /// What the connector calls itself to brokers.
    pub client_id: String,
    /// `kafka.*` and `producer.override.*`: librdkafka's keys, without the prefix.
    pub kafka: ClientKeys,
    /// Compression of what is produced.
    pub kafka_compression_type: CompressionType,
    /// How long a transaction may stay open; not among `kafka`, since the sink bounds a commit with it.
    pub kafka_transaction_timeout_ms: Duration,
    /// The offsets topic: `offsets.storage.topic`, else `offset.storage.topic`, else `<group.id>-offsets`.
    pub offset_storage_topic: String,
    /// Its replication factor; -1 leaves it to the broker.
    pub offset_storage_replication_factor: i32,
    /// Its partitions.
    pub offset_storage_partitions: i32,
    /// The upper bound of a batch in time, as it was given; a batch ends at the next anchor at the latest.
    pub offset_flush_interval_ms: Duration,
    /// The providers of `${provider:...}` that may be used.
    pub config_providers: Vec<String>,

    // Connector.
    /// Its name; names positions and transactions.
    pub name: String,
    /// Most lanes at once.
    pub tasks_max: u32,

    // Source.
    /// `mongodb://` or `mongodb+srv://`, as it was written.
    pub mongodb_connection_string: SecretString,
    /// The user, over the one in the string.
    pub mongodb_user: Option<String>,
    /// The password, over the one in the string.
    pub mongodb_password: Option<SecretString>,
    /// The database that knows the user; `None` leaves it to the string, whose default is `admin`.
    pub mongodb_authsource: Option<String>,
    /// How the user is checked; `None` leaves it to the string.
    pub mongodb_authentication_mechanism: Option<AuthenticationMechanism>,
    /// TLS, beside what the string says.
    pub mongodb_ssl_enabled: bool,
    /// Own certificate and key, PEM.
    pub mongodb_ssl_keystore: Option<PathBuf>,
    /// Certificates to trust, PEM.
    pub mongodb_ssl_truststore: Option<PathBuf>,
    /// How long a connection may take to open.
    pub mongodb_connect_timeout_ms: Duration,
    /// How long a command may take; zero leaves it to the source's own limit.
    pub mongodb_socket_timeout_ms: Duration,
    /// How long to wait for a server that can answer.
    pub mongodb_server_selection_timeout_ms: Duration,
    /// How often servers are asked how they are.
    pub mongodb_heartbeat_frequency_ms: Duration,

    // Capture.
    /// Databases that are in; empty means all but `admin`, `local` and `config`.
    pub database_include_list: Vec<String>,
    /// Databases that are out.
    pub database_exclude_list: Vec<String>,
    /// Collections (`db.coll`) that are in; empty means all of the databases.
    pub collection_include_list: Vec<String>,
    /// Collections that are out.
    pub collection_exclude_list: Vec<String>,
    /// Whether the lists hold regular expressions or names.
    pub filters_match_mode: MatchMode,
    /// What comes with a change.
    pub capture_mode: CaptureMode,
    /// Whether updates of a key in a batch become one record.
    pub capture_coalesce_updates: bool,
    /// Where the document after an update comes from.
    pub capture_mode_full_update_type: FullUpdateType,
    /// Where streaming starts without a position: seconds `<< 32 |` increment; `None` for the present.
    pub capture_start_op_time: Option<u64>,
    /// How long the server waits for a change before it answers with none.
    pub cursor_max_await_time_ms: Duration,
    /// The least time between two questions for changes while there are few.
    pub poll_interval_ms: Duration,

    // Snapshot.
    /// When collections are read.
    pub snapshot_mode: SnapshotMode,
    /// Chunks that are read at once.
    pub snapshot_max_threads: usize,
    /// `snapshot.include.collection.list`: which of the captured collections are read; empty for all.
    pub snapshot_include_collection_list: Vec<String>,
    /// `snapshot.delay.ms`.
    pub snapshot_delay_ms: Duration,
    /// Documents of a chunk.
    pub incremental_snapshot_chunk_size: u32,
    /// Bytes of a chunk.
    pub snapshot_chunk_bytes: usize,
    /// `snapshot.rate.limit.documents`; 0 for no limit.
    pub snapshot_rate_limit_documents: u64,
    /// `snapshot.rate.limit.bytes`; 0 for no limit.
    pub snapshot_rate_limit_bytes: u64,
    /// The longest time that rows wait while the stream has something to say.
    pub snapshot_gate_max_ms: Duration,
    /// What a forecast past the oplog's window does.
    pub snapshot_oplog_guard: OplogGuard,

    // Topics and records.
    /// The first part of each topic's name.
    pub topic_prefix: String,
    /// What stands between the parts of a topic's name.
    pub topic_delimiter: String,
    /// `topic.rename.*`.
    pub topic_renames: TopicRenames,
    /// Whether missing topics are made.
    pub topic_creation_enable: bool,
    /// `topic.creation.default.*`.
    pub topic_creation_default: TopicRule,
    /// `topic.creation.<group>.*`, in the order of `topic.creation.groups`: the first that fits counts.
    pub topic_creation_groups: Vec<TopicGroup>,
    /// The form of values.
    pub output_format: OutputFormat,
    /// What a delete becomes under `document`.
    pub delete_tombstone_handling_mode: DeleteHandling,
    /// Whether a record without a value follows a delete's own.
    pub tombstones_on_delete: bool,
    /// Metadata fields of a flat value, as they were asked for.
    pub add_fields: Vec<String>,
    /// Metadata in headers, as it was asked for.
    pub add_headers: Vec<String>,
    /// Whether Debezium's context headers are written.
    pub extended_headers_enabled: bool,
    /// The topic that says where transactions begin and end; `None` where it is switched off.
    pub topic_transaction: Option<String>,
    /// The prefix of metadata fields.
    pub field_metadata_prefix: String,
    /// What a record over the limit does.
    pub record_oversize_handling: OversizeHandling,
    /// The topic for what did not fit; `<topic.prefix>.quarantine`, with the delimiter.
    pub quarantine_topic_name: String,
    /// Whether drift becomes quarantine; already part of `contract_on_drift`.
    pub errors_tolerance: ErrorsTolerance,

    // Registry.
    /// Base URLs, tried in order.
    pub schema_registry_url: Vec<String>,
    /// `user:password`.
    pub schema_registry_basic_auth_user_info: Option<SecretString>,
    /// A fixed token.
    pub schema_registry_bearer_auth_token: Option<SecretString>,
    /// Certificates to trust beside the system's, PEM.
    pub schema_registry_ssl_truststore_location: Option<PathBuf>,
    /// Own certificate and key, PEM.
    pub schema_registry_ssl_keystore_location: Option<PathBuf>,
    /// How keys of data topics are written.
    pub key_converter: Converter,
    /// How values of data topics are written.
    pub value_converter: Converter,
    /// Whether schemas are registered; else they must be there.
    pub auto_register_schemas: bool,

    // Contracts.
    /// Inferred or pinned.
    pub contract_mode: ContractMode,
    /// The folder of contract files.
    pub contract_path: PathBuf,
    /// What drift does.
    pub contract_on_drift: Drift,
    /// `contract.<db>.<coll>.on.drift`, by `db.coll`.
    pub contract_on_drift_of: BTreeMap<String, Drift>,
    /// What unknown fields do where drift is not `evolve`.
    pub contract_unknown: Unknown,
    /// Documents of a sample.
    pub contract_infer_sample_size: u32,
    /// Bytes of a sample.
    pub contract_infer_sample_bytes: u64,
    /// How long a sample may take.
    pub contract_infer_timeout_ms: Duration,
    /// Leaves of a contract.
    pub contract_max_fields: usize,
    /// Levels of a contract.
    pub contract_max_depth: usize,
    /// Versions that `evolve` may add a day.
    pub contract_version_budget: u32,

    // Anchors.
    /// Time between anchors: whole seconds, and a divisor of a day.
    pub anchor_interval_ms: Duration,
    /// Every so many anchors is a full one.
    pub anchor_full_every: u32,
    /// How anchors are thinned out as they age.
    pub anchor_retention: Retention,
    /// How records are digested.
    pub anchor_digest: AnchorDigest,
    /// The topic of anchors; `<topic.prefix>.anchors`, with the delimiter.
    pub anchor_topic_name: String,
    /// The topic of certificates; `<topic.prefix>.certificates`, with the delimiter.
    pub certificate_topic_name: String,
    /// As it was given; positions move with each anchor, also while nothing changes.
    pub heartbeat_interval_ms: Duration,
    /// The topic of heartbeats; `None` where there are none.
    pub topic_heartbeat_name: Option<String>,

    /// Types and forms of values.
    pub types: TypeChoices,

    // Control.
    /// Where `run` listens for HTTP; nowhere if empty.
    pub listeners: Vec<ListenAddress>,

    /// Where signals come from: `kafka`, or nowhere if empty.
    pub signal_enabled_channels: Vec<String>,
    /// The topic of signals.
    pub signal_kafka_topic: String,
    /// The group whose offsets say which of them were dealt with.
    pub signal_kafka_group_id: String,
    /// Its brokers.
    pub signal_kafka_bootstrap_servers: String,
    /// How long a read of it may wait at the broker.
    pub signal_kafka_poll_timeout_ms: Duration,
    /// How often signals are looked for.
    pub signal_poll_interval_ms: Duration,
    /// `sink`, `log`.
    pub notification_enabled_channels: Vec<String>,
    /// The topic of notifications.
    pub notification_sink_topic_name: String,

    // Limits.
    /// Events of a batch.
    pub max_batch_size: usize,
    /// Bytes of events read ahead.
    pub max_queue_size_in_bytes: usize,
}

/// Other names of topics than `<prefix>.<db>.<coll>`.
#[derive(Clone, Debug, Default)]
pub struct TopicRenames {
    /// Whole names by `db.coll`; they count before the pattern.
    pub of: BTreeMap<String, String>,
    /// The names of many.
    pub pattern: Option<TopicPattern>,
}

/// `topic.rename.regex` and `topic.rename.replacement`.
#[derive(Clone, Debug)]
pub struct TopicPattern {
    /// Matches whole names of topics.
    pub regex: regex::Regex,
    /// In this engine's form: `${1}` is a group.
    pub replacement: String,
}

/// How a topic is made. -1 leaves a number to the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicRule {
    /// Replicas; the default rule's if absent.
    pub replication_factor: Option<i32>,
    /// Partitions; the default rule's if absent.
    pub partitions: Option<i32>,
    /// Topic configuration; keys of the default rule are inherited.
    pub configs: BTreeMap<String, String>,
}

/// Topics with a rule of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicGroup {
    /// As it stands in `topic.creation.groups`.
    pub name: String,
    /// Regular expressions over whole topic names.
    pub include: Vec<String>,
    /// Topics that are out, also where `include` matches.
    pub exclude: Vec<String>,
    /// How they are made.
    pub rule: TopicRule,
}
