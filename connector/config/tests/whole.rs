//! The whole: defaults against the specification, one field for each key, generated files, and no text that panics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use moorline_config::{
    AnchorDigest, CompressionType, Config, ContractMode, Converter, Drift, ErrorsTolerance, FullUpdateType, Lookup,
    MatchMode, OplogGuard, OversizeHandling, Reference, SnapshotMode, Unknown, documentation, json_schema, read,
};
use proptest::prelude::*;

const LEAST: &str = "bootstrap.servers=b:1\ngroup.id=g\nschema.registry.url=http://r:1\nname=shop\n\
                     connector.class=mongodb\nmongodb.connection.string=mongodb://m:1/?replicaSet=r\ntopic.prefix=p\n";

struct Nothing;

impl Lookup for Nothing {
    fn look_up(&self, _: &Reference) -> Result<String, String> {
        Err("it is not there".to_owned())
    }
}

fn config(more: &str) -> Config {
    read(&format!("{LEAST}{more}"), "c", &Nothing).unwrap_or_else(|wrong| panic!("{wrong:#?}")).config
}

#[test]
fn defaults_are_those_of_the_specification() {
    let config = config("");
    let milliseconds = Duration::from_millis;
    assert_eq!((config.client_id.as_str(), config.tasks_max, config.kafka.len()), ("moorline", 1, 0));
    assert_eq!(config.kafka_compression_type, CompressionType::Lz4);
    assert_eq!(config.kafka_transaction_timeout_ms, milliseconds(60_000));
    assert_eq!(config.offset_storage_topic, "g-offsets");
    assert_eq!((config.offset_storage_replication_factor, config.offset_storage_partitions), (-1, 25));
    assert_eq!(config.offset_flush_interval_ms, milliseconds(10_000));
    assert_eq!(config.config_providers, ["env", "file", "directory"]);
    assert!(config.mongodb_user.is_none() && config.mongodb_password.is_none() && config.mongodb_authsource.is_none());
    assert!(config.mongodb_authentication_mechanism.is_none() && !config.mongodb_ssl_enabled);
    assert!(config.mongodb_ssl_keystore.is_none() && config.mongodb_ssl_truststore.is_none());
    assert_eq!(config.mongodb_connect_timeout_ms, milliseconds(10_000));
    assert_eq!(config.mongodb_socket_timeout_ms, milliseconds(0));
    assert_eq!(config.mongodb_server_selection_timeout_ms, milliseconds(30_000));
    assert_eq!(config.mongodb_heartbeat_frequency_ms, milliseconds(10_000));
    assert!(config.database_include_list.is_empty() && config.collection_include_list.is_empty());
    assert!(config.database_exclude_list.is_empty() && config.collection_exclude_list.is_empty());
    assert_eq!(config.filters_match_mode, MatchMode::Regex);
    assert_eq!(config.capture_mode_full_update_type, FullUpdateType::Boundary);
    assert_eq!((config.capture_start_op_time, config.cursor_max_await_time_ms), (None, milliseconds(1000)));
    assert_eq!((config.snapshot_mode, config.snapshot_max_threads), (SnapshotMode::Initial, 2));
    assert_eq!((config.incremental_snapshot_chunk_size, config.snapshot_chunk_bytes), (4096, 16 << 20));
    assert_eq!((config.snapshot_gate_max_ms, config.snapshot_oplog_guard), (milliseconds(500), OplogGuard::Warn));
    assert_eq!((config.topic_delimiter.as_str(), config.topic_creation_enable), (".", true));
    let rule = &config.topic_creation_default;
    assert_eq!((rule.replication_factor, rule.partitions), (Some(-1), Some(-1)));
    assert_eq!((rule.configs["cleanup.policy"].as_str(), rule.configs["retention.ms"].as_str()), ("delete", "-1"));
    assert!(config.topic_creation_groups.is_empty());
    assert_eq!(config.field_metadata_prefix, "__");
    assert_eq!(config.record_oversize_handling, OversizeHandling::Halt);
    assert_eq!((config.key_converter, config.value_converter), (Converter::Avro, Converter::Avro));
    assert_eq!(config.quarantine_topic_name, "p.quarantine");
    assert_eq!(config.errors_tolerance, ErrorsTolerance::None);
    assert_eq!(config.schema_registry_url, ["http://r:1"]);
    assert!(config.schema_registry_basic_auth_user_info.is_none() && config.auto_register_schemas);
    assert_eq!((config.contract_mode, config.contract_path.as_path()), (ContractMode::Infer, Path::new("schemas")));
    assert_eq!((config.contract_on_drift, config.contract_unknown), (Drift::Evolve, Unknown::Spill));
    assert!(config.contract_on_drift_of.is_empty());
    assert_eq!((config.contract_infer_sample_size, config.contract_infer_sample_bytes), (1000, 64 << 20));
    assert_eq!(config.contract_infer_timeout_ms, milliseconds(10_000));
    let limits = (config.contract_max_fields, config.contract_max_depth, config.contract_version_budget);
    assert_eq!(limits, (1000, 12, 10));
    assert_eq!((config.anchor_interval_ms, config.anchor_full_every), (milliseconds(10_000), 60));
    assert_eq!(config.anchor_retention.to_string(), "all:3600s,60s:86400s,3600s:2592000s,86400s");
    assert_eq!((config.anchor_digest, config.anchor_topic_name.as_str()), (AnchorDigest::Sum256, "p.anchors"));
    assert_eq!(config.certificate_topic_name, "p.certificates");
    assert_eq!(config.heartbeat_interval_ms, milliseconds(10_000));
    assert_eq!((config.max_batch_size, config.max_queue_size_in_bytes), (8192, 64 << 20));
}

#[test]
fn keys_without_a_default_come_through() {
    let config = config(
        "mongodb.user=u\nmongodb.password=p\nmongodb.authsource=a\nmongodb.authentication.mechanism=scram-sha-1\n\
         mongodb.ssl.enabled=true\nmongodb.ssl.keystore=k\nmongodb.ssl.truststore=t\ndatabase.include.list=d\n\
         database.exclude.list=e\ncollection.include.list=d.c\ncollection.exclude.list=d.x\n\
         schema.registry.bearer.auth.token=t\nschema.registry.ssl.truststore.location=x\n\
         schema.registry.ssl.keystore.location=y\nauto.register.schemas=FALSE\ncontract.on.drift=spill\n",
    );
    assert!(config.mongodb_user.is_some() && config.mongodb_password.is_some() && config.mongodb_authsource.is_some());
    assert_eq!(config.mongodb_authentication_mechanism.unwrap().name(), "SCRAM-SHA-1");
    assert!(config.mongodb_ssl_keystore.is_some() && config.mongodb_ssl_truststore.is_some());
    let lists = [&config.database_include_list, &config.database_exclude_list, &config.collection_include_list];
    assert!(lists.iter().all(|list| list.len() == 1) && config.collection_exclude_list.len() == 1);
    assert!(config.schema_registry_bearer_auth_token.is_some());
    assert!(config.schema_registry_ssl_truststore_location.is_some());
    assert!(config.schema_registry_ssl_keystore_location.is_some());
    assert!(!config.auto_register_schemas && config.contract_on_drift == Drift::Spill);
}

/// The keys of the documentation that are acted on with more than one value, against the fields of the struct.
#[test]
fn a_field_is_a_key_and_a_key_is_a_field() {
    let shown = format!("{:#?}", config(""));
    let fields = shown.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    // The choices among types have a struct of their own, whose fields are keys just as well.
    let types = shown.lines().skip_while(|line| !line.starts_with("    types:")).skip(1);
    let fields =
        fields.filter(|line| !line.starts_with("    types:")).chain(types.take_while(|line| *line != "    },"));
    let fields: BTreeSet<&str> = fields
        .filter(|line| !line.starts_with("         "))
        .filter_map(|line| line.trim().split_once(':').map(|(name, _)| name))
        .collect();
    let schema = json_schema();
    let known = schema["$defs"]["keys"]["properties"].as_object().unwrap();
    let known: BTreeSet<String> = known.keys().map(|key| snake(key)).collect();
    let open = ["kafka", "topic_creation_default", "topic_renames", "contract_on_drift_of"];
    for field in &fields {
        assert!(known.contains(*field) || open.contains(field), "no key is called {field}");
    }
    assert!(fields.len() > 70, "{}", fields.len());
}

/// `signal.kafka.groupId` as `signal_kafka_group_id`.
fn snake(key: &str) -> String {
    let apart = |letter: char| match letter {
        '.' => "_".to_owned(),
        'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
        _ => letter.to_string(),
    };
    key.chars().map(apart).collect()
}

#[test]
fn every_key_of_the_specification_is_known() {
    for key in include_str!("keys.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mistakes = read(&format!("{key}=x"), "c", &Nothing).unwrap_err();
        assert!(mistakes.iter().all(|mistake| mistake.code != moorline_config::codes::UNKNOWN_KEY), "{key} is unknown");
    }
}

#[test]
fn generated_files_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let hint = "cargo run -p moorline-config --example generate";
    for (name, text) in [
        ("docs/configuration.md", documentation()),
        ("schemas/moorline-config.schema.json", format!("{:#}\n", json_schema())),
    ] {
        assert!(
            fs::read_to_string(root.join(name)).is_ok_and(|committed| committed == text),
            "{name} is stale: {hint}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*|[{}\\[\\]\":,a-z.\\\\u0-9$=\n\r\t ]*") {
        let _ = read(&text, "c", &Nothing);
    }

    #[test]
    fn no_value_panics(
        key in prop::sample::select(include_str!("keys.txt").lines().collect::<Vec<_>>()),
        value in "[-0-9]{0,22}|[{}$\\[\\](),:;@/?*a-z.\\\\=\" é]{0,40}",
        json in any::<bool>(),
    ) {
        let text = if json {
            format!("{{{}:{}}}", serde_json::Value::from(key), serde_json::Value::from(value))
        } else {
            format!("{LEAST}{key}={value}")
        };
        if let Err(mistakes) = read(&text, "c", &Nothing) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(mistakes.iter().all(|mistake| !mistake.fix.is_empty()));
        }
    }
}
