//! The configuration out of what a file gives: defaults that follow from other keys, and keys with an open part.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::choice::{Choice as _, ContractMode, Drift, ErrorsTolerance, OutputFormat};
use crate::config::Config;
use crate::given::Given;
use crate::report::Report;
use crate::value::Value;
use crate::{java_keys, listener, topic_renames, topic_rules, type_choices};

/// The configuration. What a mistake left out has some value, since the configuration is thrown away then.
pub(crate) fn config(given: &Given, report: &mut Report<'_>) -> Config {
    let prefix = given.text("topic.prefix");
    let delimiter = given.text("topic.delimiter");
    let group = given.text("group.id");
    let contract_mode: ContractMode = given.choice("contract.mode");
    let errors_tolerance: ErrorsTolerance = given.choice("errors.tolerance");
    let topic = |key: &str, end: &str| given.optional(key).unwrap_or_else(|| format!("{prefix}{delimiter}{end}"));
    let offsets = given.optional("offsets.storage.topic").or_else(|| given.optional("offset.storage.topic"));
    let output_format: OutputFormat = given.choice("output.format");
    let transactions = given.boolean("provide.transaction.metadata").unwrap_or_default();
    let rules = topic_rules::rules(given, report);
    Config {
        bootstrap_servers: given.text("bootstrap.servers"),
        client_id: given.text("client.id"),
        kafka: java_keys::client_keys(given, report).into(),
        kafka_compression_type: given.choice("kafka.compression.type"),
        kafka_transaction_timeout_ms: given.duration("kafka.transaction.timeout.ms"),
        offset_storage_topic: offsets.unwrap_or_else(|| format!("{group}-offsets")),
        offset_storage_replication_factor: given.number("offset.storage.replication.factor"),
        offset_storage_partitions: given.number("offset.storage.partitions"),
        offset_flush_interval_ms: given.duration("offset.flush.interval.ms"),
        config_providers: given.list("config.providers"),
        name: given.text("name"),
        tasks_max: given.number("tasks.max"),
        mongodb_connection_string: given.text("mongodb.connection.string").into(),
        mongodb_user: given.optional("mongodb.user"),
        mongodb_password: given.secret("mongodb.password"),
        mongodb_authsource: given.optional("mongodb.authsource"),
        mongodb_authentication_mechanism: given.chosen("mongodb.authentication.mechanism"),
        mongodb_ssl_enabled: given.boolean("mongodb.ssl.enabled").unwrap_or_default(),
        mongodb_ssl_keystore: given.path("mongodb.ssl.keystore"),
        mongodb_ssl_truststore: given.path("mongodb.ssl.truststore"),
        mongodb_connect_timeout_ms: given.duration("mongodb.connect.timeout.ms"),
        mongodb_socket_timeout_ms: given.duration("mongodb.socket.timeout.ms"),
        mongodb_server_selection_timeout_ms: given.duration("mongodb.server.selection.timeout.ms"),
        mongodb_heartbeat_frequency_ms: given.duration("mongodb.heartbeat.frequency.ms"),
        database_include_list: given.list("database.include.list"),
        database_exclude_list: given.list("database.exclude.list"),
        collection_include_list: given.list("collection.include.list"),
        collection_exclude_list: given.list("collection.exclude.list"),
        filters_match_mode: given.choice("filters.match.mode"),
        capture_mode: given.choice("capture.mode"),
        capture_coalesce_updates: given
            .boolean("capture.coalesce.updates")
            .unwrap_or(output_format == OutputFormat::Document && !transactions),
        capture_mode_full_update_type: given.choice("capture.mode.full.update.type"),
        capture_start_op_time: match given.value("capture.start.op.time") {
            Some(Value::Number(time)) => u64::try_from(time).ok(),
            _ => None,
        },
        poll_interval_ms: given.duration("poll.interval.ms"),
        cursor_max_await_time_ms: given.duration("cursor.max.await.time.ms"),
        snapshot_mode: given.choice("snapshot.mode"),
        snapshot_include_collection_list: given.list("snapshot.include.collection.list"),
        snapshot_delay_ms: given.duration("snapshot.delay.ms"),
        snapshot_max_threads: given.number("snapshot.max.threads"),
        incremental_snapshot_chunk_size: given.number("incremental.snapshot.chunk.size"),
        snapshot_chunk_bytes: given.number("snapshot.chunk.bytes"),
        snapshot_rate_limit_documents: given.number("snapshot.rate.limit.documents"),
        snapshot_rate_limit_bytes: given.number("snapshot.rate.limit.bytes"),
        snapshot_gate_max_ms: given.duration("snapshot.gate.max.ms"),
        snapshot_oplog_guard: given.choice("snapshot.oplog.guard"),
        topic_renames: topic_renames::renames(given, report),
        topic_creation_enable: given.boolean("topic.creation.enable").unwrap_or(true),
        topic_creation_default: rules.default,
        topic_creation_groups: rules.groups,
        output_format,
        delete_tombstone_handling_mode: given.choice("delete.tombstone.handling.mode"),
        tombstones_on_delete: given.boolean("tombstones.on.delete").unwrap_or(true),
        add_fields: given.list("add.fields"),
        add_headers: given.list("add.headers").into_iter().filter(|name| name != "none").collect(),
        extended_headers_enabled: given.boolean("extended.headers.enabled").unwrap_or_default(),
        topic_transaction: transactions.then(|| format!("{prefix}{delimiter}{}", given.text("topic.transaction"))),
        field_metadata_prefix: given.text("field.metadata.prefix"),
        record_oversize_handling: given.choice("record.oversize.handling"),
        quarantine_topic_name: topic("quarantine.topic.name", "quarantine"),
        errors_tolerance,
        schema_registry_url: given.list("schema.registry.url"),
        schema_registry_basic_auth_user_info: given.secret("schema.registry.basic.auth.user.info"),
        schema_registry_bearer_auth_token: given.secret("schema.registry.bearer.auth.token"),
        schema_registry_ssl_truststore_location: given.path("schema.registry.ssl.truststore.location"),
        schema_registry_ssl_keystore_location: given.path("schema.registry.ssl.keystore.location"),
        key_converter: given.choice("key.converter"),
        value_converter: given.choice("value.converter"),
        auto_register_schemas: given.boolean("auto.register.schemas").unwrap_or(contract_mode == ContractMode::Infer),
        contract_mode,
        contract_path: given.path("contract.path").unwrap_or_else(|| PathBuf::from("schemas")),
        contract_on_drift: given.chosen("contract.on.drift").unwrap_or(match (contract_mode, errors_tolerance) {
            (ContractMode::Infer, ErrorsTolerance::None) => Drift::Evolve,
            (ContractMode::Pinned, _) | (_, ErrorsTolerance::All) => Drift::Quarantine,
        }),
        contract_on_drift_of: on_drift_of(given),
        contract_unknown: given.choice("contract.unknown"),
        contract_infer_sample_size: given.number("contract.infer.sample.size"),
        contract_infer_sample_bytes: given.number("contract.infer.sample.bytes"),
        contract_infer_timeout_ms: given.duration("contract.infer.timeout.ms"),
        contract_max_fields: given.number("contract.max.fields"),
        contract_max_depth: given.number("contract.max.depth"),
        contract_version_budget: given.number("contract.version.budget"),
        anchor_interval_ms: given.duration("anchor.interval.ms"),
        anchor_full_every: given.number("anchor.full.every"),
        // What does not parse is a mistake already, and the configuration is thrown away.
        anchor_retention: given.text("anchor.retention").parse().unwrap_or_default(),
        anchor_digest: given.choice("anchor.digest"),
        anchor_topic_name: topic("anchor.topic.name", "anchors"),
        certificate_topic_name: topic("certificate.topic.name", "certificates"),
        heartbeat_interval_ms: given.duration("heartbeat.interval.ms"),
        topic_heartbeat_name: {
            let whole = given.optional("topic.heartbeat.name");
            let of_prefix = given.optional("topic.heartbeat.prefix").map(|first| format!("{first}{delimiter}{prefix}"));
            whole.or(of_prefix).filter(|_| !given.duration("heartbeat.interval.ms").is_zero())
        },
        types: type_choices::choices(given, report),
        listeners: given.list("listeners").iter().filter_map(|text| listener::address(text)).collect(),
        signal_enabled_channels: given.list("signal.enabled.channels"),
        signal_kafka_topic: given.optional("signal.kafka.topic").unwrap_or_else(|| format!("{prefix}-signal")),
        signal_kafka_group_id: given.text("signal.kafka.groupId"),
        signal_kafka_bootstrap_servers: given
            .optional("signal.kafka.bootstrap.servers")
            .unwrap_or_else(|| given.text("bootstrap.servers")),
        signal_kafka_poll_timeout_ms: given.duration("signal.kafka.poll.timeout.ms"),
        signal_poll_interval_ms: given.duration("signal.poll.interval.ms"),
        notification_enabled_channels: given.list("notification.enabled.channels"),
        notification_sink_topic_name: topic("notification.sink.topic.name", "notifications"),
        max_batch_size: given.number("max.batch.size"),
        max_queue_size_in_bytes: given.number("max.queue.size.in.bytes"),
        group_id: group,
        topic_prefix: prefix,
        topic_delimiter: delimiter,
    }
}

fn on_drift_of(given: &Given) -> BTreeMap<String, Drift> {
    let of = given.open.iter().filter_map(|open| {
        let name = open.key.strip_prefix("contract.")?.strip_suffix(".on.drift")?;
        match &open.value {
            Value::Text(word) => Some((name.to_owned(), Drift::named(word)?)),
            _ => None,
        }
    });
    of.collect()
}
