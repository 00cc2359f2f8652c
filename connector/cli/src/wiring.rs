//! The one place that names concrete types: a checked configuration becomes what each crate wants to be told.
//!
//! Invariants: nothing is decided here that a configuration key could decide; files that hold certificates are read
//! here and nowhere else; secrets leave `SecretString` on their way to a client only.

use std::fs;
use std::path::Path;
use std::time::Duration;

use moorline_config::{CaptureMode, Checked, Config, DeleteHandling, FullUpdateType, OutputFormat, codes};
use moorline_control::Address;
use moorline_pipeline::contract::model::{Drift, Limits, Unknown};
use moorline_pipeline::contract::output::metadata::{Column, Fact};
use moorline_pipeline::contract::output::renames::Renames;
use moorline_pipeline::contract::output::{Converter, Converters, Form, Origin, Output, Rules};
use moorline_pipeline::error::{Problem, Result};
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::{Images, Selection};
use moorline_pipeline::task::cut::Budget;
use moorline_pipeline::task::images::Updates;
use moorline_runtime::settings::{
    ContractMode, ContractSettings, Deletes, OplogGuard, Oversize, RateLimits, Settings, SnapshotMode, SnapshotSettings,
};
use moorline_sink_kafka::{
    ControlTopics, Credentials, KafkaSettings, KafkaSink, RegistryExaminer, RegistrySettings, SchemaRegistry,
    TopicGroup, TopicRule, TopicSettings,
};
use moorline_source_mongodb::{MongoSource, Settings as SourceSettings, Tls, redacted};
use secrecy::ExposeSecret as _;

use crate::failure::Failed;
use crate::own_topics;
use crate::selection::selection;
use crate::types;

/// This version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bytes of a record's frame in a batch, over those of its key and value.
const RECORD_FRAME: usize = 512;
/// Rows of a chunk whose records are JSON text: a small document under a contract of many fields is large as text.
const TEXT_ROWS: u32 = 500;
/// Bytes of events that one transaction gathers: below this the commit's round trip is most of the time.
const BATCH_BYTES: usize = 8 << 20;

/// Rustls takes its cryptography from ring, before the first client is made.
pub(crate) fn install_cryptography() {
    // A second call finds it installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The source.
pub(crate) async fn source(config: &Config) -> Result<MongoSource> {
    MongoSource::connect(source_settings(config)).await
}

/// Where `run` listens.
pub(crate) fn addresses(config: &Config) -> Vec<Address> {
    config.listeners.iter().map(|one| Address { host: one.host.clone(), port: one.port }).collect()
}

/// The source's place as people may see it.
pub(crate) fn source_place(config: &Config) -> String {
    redacted(config.mongodb_connection_string.expose_secret())
}

/// The sink.
pub(crate) fn sink(config: &Config) -> Result<KafkaSink, Failed> {
    Ok(KafkaSink::new(kafka(config)?))
}

/// The schema registry.
pub(crate) fn registry(config: &Config) -> Result<SchemaRegistry, Failed> {
    Ok(SchemaRegistry::new(&registry_settings(config)?)?)
}

/// The source for a check-up, which has less patience with servers that are not found.
pub(crate) async fn examined_source(config: &Config, limit: Duration) -> Result<MongoSource> {
    let mut settings = source_settings(config);
    settings.server_selection_timeout = settings.server_selection_timeout.min(limit);
    settings.connect_timeout = settings.connect_timeout.min(limit);
    MongoSource::connect(settings).await
}

/// The registry for a check-up.
pub(crate) fn registry_examiner(config: &Config, limit: Duration) -> Result<RegistryExaminer, Failed> {
    Ok(RegistryExaminer::new(registry_settings(config)?, limit)?)
}

fn source_settings(config: &Config) -> SourceSettings {
    let mut settings = SourceSettings::new(config.mongodb_connection_string.clone());
    settings.user.clone_from(&config.mongodb_user);
    settings.password.clone_from(&config.mongodb_password);
    settings.auth_source.clone_from(&config.mongodb_authsource);
    settings.auth_mechanism = config.mongodb_authentication_mechanism.map(|mechanism| mechanism.name().to_owned());
    settings.tls = config.mongodb_ssl_enabled.then(|| Tls {
        ca_file: config.mongodb_ssl_truststore.clone(),
        certificate_key_file: config.mongodb_ssl_keystore.clone(),
        allow_invalid_certificates: false,
    });
    settings.connect_timeout = config.mongodb_connect_timeout_ms;
    settings.server_selection_timeout = config.mongodb_server_selection_timeout_ms;
    settings.heartbeat = config.mongodb_heartbeat_frequency_ms;
    if !config.mongodb_socket_timeout_ms.is_zero() {
        settings.command_timeout = config.mongodb_socket_timeout_ms;
    }
    settings.read_ahead_bytes = config.max_queue_size_in_bytes / 4;
    settings.poll_interval = config.poll_interval_ms;
    settings.app_name = format!("moorline-{}", config.name);
    settings
}

/// The Kafka side.
pub(crate) fn kafka(config: &Config) -> Result<KafkaSettings, Failed> {
    let control = ControlTopics {
        offsets: config.offset_storage_topic.clone(),
        offsets_partitions: config.offset_storage_partitions,
        offsets_replication: config.offset_storage_replication_factor,
        anchors: config.anchor_topic_name.clone(),
        quarantine: config.quarantine_topic_name.clone(),
        transactions: config.topic_transaction.clone(),
        heartbeats: config.topic_heartbeat_name.clone(),
    };
    let mut settings = KafkaSettings::new(config.bootstrap_servers.clone(), control);
    settings.client_id.clone_from(&config.client_id);
    settings.client = config.kafka.clone().into_map();
    config.kafka_compression_type.name().clone_into(&mut settings.compression);
    settings.transaction_timeout = config.kafka_transaction_timeout_ms;
    settings.queue_bytes = config.max_queue_size_in_bytes;
    settings.message_max_bytes = message_max_bytes(config);
    let rule = |rule: &moorline_config::TopicRule| TopicRule {
        replication: rule.replication_factor,
        partitions: rule.partitions,
        configs: rule.configs.clone(),
    };
    let mut topics = TopicSettings { enable: config.topic_creation_enable, ..TopicSettings::default() };
    let default = rule(&config.topic_creation_default);
    topics.default.replication = default.replication.or(topics.default.replication);
    topics.default.partitions = default.partitions.or(topics.default.partitions);
    topics.default.configs.extend(default.configs);
    for group in &config.topic_creation_groups {
        let made = TopicGroup::new(&group.include, &group.exclude, rule(&group.rule));
        topics.groups.push(made.map_err(|pattern| {
            Problem::new(
                codes::BAD_VALUE,
                format!("a pattern of topic.creation.{} can't be read", group.name),
                format!("topic.creation.{}.include, .exclude", group.name),
                pattern,
                "write a regular expression over whole topic names, without look-around",
            )
        })?);
    }
    settings.topics = topics;
    Ok(settings)
}

/// The Kafka side of signals, which may have brokers of its own.
pub(crate) fn signals_kafka(config: &Config, kafka: KafkaSettings) -> KafkaSettings {
    KafkaSettings { bootstrap_servers: config.signal_kafka_bootstrap_servers.clone(), ..kafka }
}

fn registry_settings(config: &Config) -> Result<RegistrySettings, Failed> {
    let mut settings = RegistrySettings::new(&config.schema_registry_url.join(","));
    if let Some(pair) = &config.schema_registry_basic_auth_user_info {
        let (user, password) = pair.expose_secret().split_once(':').unwrap_or((pair.expose_secret(), ""));
        settings.credentials = Credentials::Basic { user: user.to_owned(), password: password.to_owned() };
    } else if let Some(token) = &config.schema_registry_bearer_auth_token {
        settings.credentials = Credentials::Bearer(token.expose_secret().to_owned());
    }
    if let Some(path) = &config.schema_registry_ssl_truststore_location {
        settings.trusted.push(pem("schema.registry.ssl.truststore.location", path)?);
    }
    if let Some(path) = &config.schema_registry_ssl_keystore_location {
        settings.identity = Some(pem("schema.registry.ssl.keystore.location", path)?);
    }
    settings.auto_register = config.auto_register_schemas;
    Ok(settings)
}

fn pem(key: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|error| {
        Problem::new(
            codes::BAD_VALUE,
            format!("the file of `{key}` can't be read"),
            path.display().to_string(),
            error.to_string(),
            "name a file in PEM form that this user may read",
        )
    })
}

/// The runtime.
pub(crate) fn settings(checked: &Checked) -> Settings {
    let config = &checked.config;
    Settings {
        connector: config.name.clone(),
        group: config.group_id.clone(),
        prefix: config.topic_prefix.clone(),
        output: output(config),
        selection: selection(config),
        tasks_max: config.tasks_max,
        start_time: config.capture_start_op_time.map(ClusterTime::from_u64),
        images: images(config),
        pre_images: matches!(
            config.capture_mode,
            CaptureMode::DeltasWithPreImage | CaptureMode::UpdateFullWithPreImage
        ),
        updates: match (config.output_format, config.capture_coalesce_updates) {
            (OutputFormat::Envelope, _) => Updates::Deltas,
            (OutputFormat::Document, true) => Updates::Coalesced,
            (OutputFormat::Document, false) => Updates::Each,
        },
        deletes: deletes(config),
        headers: columns(&config.add_headers),
        context_headers: config.extended_headers_enabled,
        transaction_topic: config.topic_transaction.clone(),
        heartbeats: config.topic_heartbeat_name.clone().map(|topic| (topic, config.heartbeat_interval_ms)),
        max_await: config.cursor_max_await_time_ms,
        batch: Budget { events: config.max_batch_size, bytes: BATCH_BYTES.min(config.max_queue_size_in_bytes / 2) },
        queue_bytes: config.max_queue_size_in_bytes,
        snapshot: snapshot(config),
        contract: contract(config),
        anchor_interval: u32::try_from(config.anchor_interval_ms.as_secs()).unwrap_or(u32::MAX).max(1),
        anchor_full_every: config.anchor_full_every,
        anchor_digest: config.anchor_digest == moorline_config::AnchorDigest::Sum256,
        anchor_topic: config.anchor_topic_name.clone(),
        own_topics: own_topics::all(config).into_iter().map(|own| own.name.to_owned()).collect(),
        max_record_bytes: record_limit(config),
        oversize: match config.record_oversize_handling {
            moorline_config::OversizeHandling::Halt => Oversize::Halt,
            moorline_config::OversizeHandling::Quarantine => Oversize::Quarantine,
            moorline_config::OversizeHandling::TruncateAny => Oversize::TruncateAny,
            moorline_config::OversizeHandling::Skip => Oversize::Skip,
        },
        config_hash: checked.digest.clone(),
        worker: worker(),
        version: VERSION.to_owned(),
    }
}

/// Names and forms of what is written.
pub(crate) fn output(config: &Config) -> Rules {
    let mut fields = columns(&config.add_fields);
    // A row of a delete says that it is one, whatever else was asked for.
    if deletes(config).rows && fields.iter().all(|column| column.fact != Fact::Deleted) {
        fields.extend(Column::parse("deleted"));
    }
    Rules {
        prefix: config.topic_prefix.clone(),
        delimiter: config.topic_delimiter.clone(),
        renames: Renames {
            by_collection: config.topic_renames.of.clone(),
            by_pattern: config.topic_renames.pattern.clone().map(|pattern| (pattern.regex, pattern.replacement)),
        },
        template: Output {
            form: match config.output_format {
                OutputFormat::Document => Form::Document(fields),
                OutputFormat::Envelope => Form::Envelope,
            },
            origin: Origin { version: VERSION.to_owned(), name: config.topic_prefix.clone() },
            converters: Converters { key: converter(config.key_converter), value: converter(config.value_converter) },
            ..types::output(config)
        },
    }
}

/// How keys or values are written.
pub(crate) fn converter(of: moorline_config::Converter) -> Converter {
    if of.is_json() { Converter::Json } else { Converter::Avro }
}

/// Facts by their names, which the configuration's own checks know.
fn columns(names: &[String]) -> Vec<Column> {
    names.iter().filter_map(|name| Column::parse(name)).collect()
}

fn deletes(config: &Config) -> Deletes {
    let (rows, tombstones) = match (config.output_format, config.delete_tombstone_handling_mode) {
        (OutputFormat::Envelope, _) | (_, DeleteHandling::RewriteWithTombstone) => (true, true),
        (_, DeleteHandling::Tombstone) => (false, true),
        (_, DeleteHandling::Rewrite) => (true, false),
        (_, DeleteHandling::Drop) => (false, false),
    };
    Deletes { rows, tombstones: tombstones && config.tombstones_on_delete }
}

fn images(config: &Config) -> Images {
    match (config.capture_mode, config.capture_mode_full_update_type) {
        (CaptureMode::Deltas | CaptureMode::DeltasWithPreImage, _) => Images::None,
        (_, FullUpdateType::Boundary) => Images::Boundary,
        (_, FullUpdateType::PostImage) => Images::Post,
        (_, FullUpdateType::Lookup) => Images::Lookup,
    }
}

fn record_limit(config: &Config) -> usize {
    message_max_bytes(config).saturating_sub(RECORD_FRAME).max(1)
}

/// The largest message. The limit is needed on our side too, so it is taken from the key that librdkafka is given.
pub(crate) fn message_max_bytes(config: &Config) -> usize {
    config.kafka.get("message.max.bytes").and_then(|text| text.parse().ok()).unwrap_or(1 << 20)
}

fn worker() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    format!("{host}:{}", std::process::id())
}

fn snapshot(config: &Config) -> SnapshotSettings {
    SnapshotSettings {
        mode: match config.snapshot_mode {
            moorline_config::SnapshotMode::Initial => SnapshotMode::Initial,
            moorline_config::SnapshotMode::InitialOnly => SnapshotMode::InitialOnly,
            moorline_config::SnapshotMode::NoData => SnapshotMode::NoData,
            moorline_config::SnapshotMode::Always => SnapshotMode::Always,
        },
        threads: config.snapshot_max_threads,
        chunk_rows: if config.value_converter.is_json() {
            config.incremental_snapshot_chunk_size.min(TEXT_ROWS)
        } else {
            config.incremental_snapshot_chunk_size
        },
        chunk_bytes: config.snapshot_chunk_bytes,
        rate_limits: RateLimits {
            documents: config.snapshot_rate_limit_documents,
            bytes: config.snapshot_rate_limit_bytes,
        },
        gate_max: config.snapshot_gate_max_ms,
        include: (!config.snapshot_include_collection_list.is_empty()).then(|| Selection {
            include: config.snapshot_include_collection_list.clone(),
            exclude: Vec::new(),
            literal: config.filters_match_mode == moorline_config::MatchMode::Literal,
        }),
        delay: config.snapshot_delay_ms,
        oplog_guard: match config.snapshot_oplog_guard {
            moorline_config::OplogGuard::Warn => OplogGuard::Warn,
            moorline_config::OplogGuard::Refuse => OplogGuard::Refuse,
        },
    }
}

/// Contracts.
pub(crate) fn contract(config: &Config) -> ContractSettings {
    ContractSettings {
        mode: match config.contract_mode {
            moorline_config::ContractMode::Infer => ContractMode::Infer,
            moorline_config::ContractMode::Pinned => ContractMode::Pinned,
        },
        path: config.contract_path.clone(),
        on_drift: drift(config.contract_on_drift),
        on_drift_of: config.contract_on_drift_of.iter().map(|(name, word)| (name.clone(), drift(*word))).collect(),
        unknown: match config.contract_unknown {
            moorline_config::Unknown::Drift => Unknown::Drift,
            moorline_config::Unknown::Spill => Unknown::Spill,
            moorline_config::Unknown::Ignore => Unknown::Ignore,
        },
        sample: (
            config.contract_infer_sample_size,
            config.contract_infer_sample_bytes,
            config.contract_infer_timeout_ms,
        ),
        limits: limits(config),
        options: types::options(config, types::Looks::Nobody),
    }
}

/// Limits of inference.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        max_fields: config.contract_max_fields,
        max_depth: config.contract_max_depth,
        version_budget: config.contract_version_budget,
    }
}

fn drift(word: moorline_config::Drift) -> Drift {
    match word {
        moorline_config::Drift::Evolve => Drift::Evolve,
        moorline_config::Drift::Spill => Drift::Spill,
        moorline_config::Drift::Quarantine => Drift::Quarantine,
        moorline_config::Drift::Halt => Drift::Halt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_that_a_configuration_may_name_can_be_written() {
        for name in moorline_config::FACTS {
            assert!(Column::parse(name).is_some(), "{name}");
        }
    }
}
