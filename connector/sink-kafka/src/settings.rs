//! What the Kafka side is told: addresses, limits, pass-through keys, topics.
//!
//! Invariants: a key on which exactly-once rests cannot be overridden; no value of a key that may be secret is printed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use moorline_pipeline::error::Result;

use crate::fault;
use crate::ffi::{Client, Kind, NativeError};
use crate::topics::TopicSettings;

/// Keys that are ours: with another value the pipeline would not be exactly once, or would not hear of deliveries.
pub const FIXED_KEYS: [&str; 10] = [
    "acks",
    "delivery.report.only.error",
    "enable.idempotence",
    "enable.partition.eof",
    "isolation.level",
    "log.queue",
    "partitioner",
    "request.required.acks",
    "transaction.timeout.ms",
    "transactional.id",
];

/// Beginnings of the keys that consumers and admin calls need too.
const SHARED_KEYS: [&str; 14] = [
    "api.version.",
    "broker.",
    "client.dns.",
    "client.rack",
    "connections.",
    "debug",
    "enable.ssl.",
    "enable.sasl.",
    "metadata.",
    "reconnect.",
    "sasl.",
    "security.",
    "socket.",
    "ssl.",
];

/// Time that librdkafka waits before it repeats a request. An EndTxn that is answered sooner than this, less jitter,
/// has not been repeated.
pub(crate) const RETRY_BACKOFF: Duration = Duration::from_millis(250);

/// The names of the connector's own topics, and how they are made.
#[derive(Clone, Debug)]
pub struct ControlTopics {
    /// `offset.storage.topic`.
    pub offsets: String,
    /// `offset.storage.partitions`.
    pub offsets_partitions: i32,
    /// `offset.storage.replication.factor`; -1 leaves it to the broker.
    pub offsets_replication: i32,
    /// `anchor.topic.name`.
    pub anchors: String,
    /// `quarantine.topic.name`.
    pub quarantine: String,
    /// `<prefix>.<topic.transaction>`, where it is switched on.
    pub transactions: Option<String>,
    /// The heartbeat topic, where it is switched on.
    pub heartbeats: Option<String>,
}

impl ControlTopics {
    /// The default partitions and replication, under these names.
    pub fn named(offsets: impl Into<String>, anchors: impl Into<String>, quarantine: impl Into<String>) -> Self {
        Self {
            offsets: offsets.into(),
            offsets_partitions: 25,
            offsets_replication: -1,
            anchors: anchors.into(),
            quarantine: quarantine.into(),
            transactions: None,
            heartbeats: None,
        }
    }
}

/// Everything the Kafka side needs.
#[derive(Clone)]
pub struct KafkaSettings {
    /// `bootstrap.servers`.
    pub bootstrap_servers: String,
    /// `client.id`.
    pub client_id: String,
    /// `kafka.*` without the prefix: librdkafka's keys, security among them.
    pub client: BTreeMap<String, String>,
    /// `kafka.compression.type`.
    pub compression: String,
    /// `transaction.timeout.ms`; also how long deliveries and a commit may take.
    pub transaction_timeout: Duration,
    /// The largest record, and the least size of the producer's queue.
    pub message_max_bytes: usize,
    /// Records in the producer's queue.
    pub queue_messages: usize,
    /// Bytes in the producer's queue.
    pub queue_bytes: usize,
    /// How long brokers may take to answer at the start and to requests about topics.
    pub request_timeout: Duration,
    /// How long the offsets topic may take to be read, foreign open transactions included.
    pub offsets_timeout: Duration,
    /// How topics are made.
    pub topics: TopicSettings,
    /// The connector's own topics.
    pub control: ControlTopics,
}

impl KafkaSettings {
    /// The defaults, for these brokers and these topics of our own.
    pub fn new(bootstrap_servers: impl Into<String>, control: ControlTopics) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            client_id: "moorline".to_owned(),
            client: BTreeMap::new(),
            compression: "lz4".to_owned(),
            transaction_timeout: Duration::from_secs(60),
            message_max_bytes: 1_048_576,
            queue_messages: 200_000,
            queue_bytes: 64 << 20,
            request_timeout: Duration::from_secs(30),
            offsets_timeout: Duration::from_secs(90),
            topics: TopicSettings::default(),
            control,
        }
    }

    /// Checks the keys with librdkafka itself, without connecting: `MOOR-3003` names what it refuses.
    pub fn check(&self) -> Result<()> {
        self.open(Kind::Producer, self.producer("moorline-check")).map(drop)
    }

    /// A client with these keys; what librdkafka refuses is `MOOR-3003`.
    pub(crate) fn open(&self, kind: Kind, keys: Vec<(String, String)>) -> Result<std::sync::Arc<Client>> {
        if let Some(key) = self.client.keys().find(|key| FIXED_KEYS.contains(&key.as_str())) {
            let text = format!("`{key}` is set by the connector itself: exactly-once rests on it");
            return Err(fault::configuration(&NativeError::with(0, text), &self.bootstrap_servers));
        }
        Client::open(kind, &keys).map_err(|error| {
            let error = NativeError { text: self.redact(error.text), ..error };
            fault::configuration(&error, &self.bootstrap_servers)
        })
    }

    /// The producer's keys.
    pub(crate) fn producer(&self, transactional_id: &str) -> Vec<(String, String)> {
        let queue_kbytes = self.queue_bytes.max(2 * self.message_max_bytes).div_ceil(1024);
        let mut keys = self.common();
        keys.extend(pairs([
            ("linger.ms", "5".to_owned()),
            ("compression.type", self.compression.clone()),
            ("message.max.bytes", self.message_max_bytes.to_string()),
            ("queue.buffering.max.messages", self.queue_messages.max(1).to_string()),
            ("queue.buffering.max.kbytes", queue_kbytes.to_string()),
            ("retry.backoff.ms", RETRY_BACKOFF.as_millis().to_string()),
        ]));
        keys.extend(self.client.iter().map(|(key, value)| (key.clone(), value.clone())));
        keys.extend(pairs([
            ("transactional.id", transactional_id.to_owned()),
            ("enable.idempotence", "true".to_owned()),
            ("acks", "all".to_owned()),
            ("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string()),
            ("delivery.report.only.error", "false".to_owned()),
        ]));
        keys
    }

    /// The keys of a client that reads and asks; with `committed` it sees committed records only.
    pub(crate) fn consumer(&self, committed: bool) -> Vec<(String, String)> {
        let mut keys = self.common();
        let shared = |key: &&String| SHARED_KEYS.iter().any(|start| key.starts_with(start));
        let passed = self.client.keys().filter(shared);
        keys.extend(passed.map(|key| (key.clone(), self.client[key].clone())));
        let isolation = if committed { "read_committed" } else { "read_uncommitted" };
        keys.extend(pairs([
            ("isolation.level", isolation.to_owned()),
            ("enable.partition.eof", "true".to_owned()),
            // A start that is gone is an error: jumping to another offset would look like "nothing there".
            ("auto.offset.reset", "error".to_owned()),
            ("enable.auto.commit", "false".to_owned()),
            ("fetch.wait.max.ms", "100".to_owned()),
            ("queued.max.messages.kbytes", "16384".to_owned()),
            // A partition whose queue is full is asked again after this; a second, the client's default, is what a reader
            // that is nearly as fast as the broker would then stand still, again and again.
            ("fetch.queue.backoff.ms", "5".to_owned()),
        ]));
        keys
    }

    fn common(&self) -> Vec<(String, String)> {
        let mut keys = pairs([
            ("bootstrap.servers", self.bootstrap_servers.clone()),
            ("client.id", self.client_id.clone()),
            ("log.queue", "true".to_owned()),
            ("reconnect.backoff.max.ms", "1000".to_owned()),
            ("socket.keepalive.enable", "true".to_owned()),
        ]);
        // An OpenSSL that is compiled in does not know where this machine keeps the authorities; librdkafka knows the usual places.
        let told = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
        if cfg!(feature = "vendored") && !told {
            keys.push(("ssl.ca.location".to_owned(), "probe".to_owned()));
        }
        keys
    }

    /// librdkafka may quote a value that it refuses.
    fn redact(&self, mut text: String) -> String {
        for (key, value) in &self.client {
            if secret(key) && !value.is_empty() {
                text = text.replace(value.as_str(), "***");
            }
        }
        text
    }
}

fn pairs<const N: usize>(keys: [(&str, String); N]) -> Vec<(String, String)> {
    keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Whether a key's value must not be shown.
fn secret(key: &str) -> bool {
    ["password", "secret", ".pem", "jaas", "oauthbearer.config", "token"].iter().any(|part| key.contains(part))
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client: BTreeMap<_, _> =
            self.client.iter().map(|(key, value)| (key, if secret(key) { "***" } else { value })).collect();
        f.debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client", &client)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> KafkaSettings {
        KafkaSettings::new("127.0.0.1:9", ControlTopics::named("o", "a", "q"))
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut settings = settings();
        settings.client.insert("sasl.password".into(), "hunter2".into());
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.redact("bad hunter2".into()), "bad ***");
    }

    #[test]
    fn unknown_and_fixed_keys_are_refused_by_name() {
        settings().check().unwrap();
        for key in ["no.such.key", "isolation.level", "enable.idempotence"] {
            let mut settings = settings();
            settings.client.insert(key.into(), "true".into());
            let failure = settings.check().unwrap_err();
            assert_eq!(failure.problem.code, "MOOR-3003");
            assert!(failure.to_string().contains(key), "{failure}");
        }
    }

    #[test]
    fn consumers_get_security_but_not_the_producers_keys() {
        let mut settings = settings();
        settings.client.insert("sasl.username".into(), "u".into());
        settings.client.insert("batch.size".into(), "1".into());
        let keys = settings.consumer(true);
        assert!(keys.iter().any(|(key, _)| key == "sasl.username"));
        assert!(!keys.iter().any(|(key, _)| key == "batch.size"));
    }
}
