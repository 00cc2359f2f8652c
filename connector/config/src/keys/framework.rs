//! Keys of Kafka Connect's framework that have no place here: accepted with a warning, or refused with what replaces
//! them.

use crate::definition::{Definition, Kind, State, ignored, key, not_yet, refuse};

const CLIENT: &str = "brokers are reached by librdkafka, whose keys have a prefix of their own";
const JAVA: &str = "there is no Java here, and nothing to load";

pub(super) const KEYS: &[Definition] = &[
    key("transforms", Kind::List, "Moorline has no JVM; transforms are Java classes.").state(State::Transform).low(),
    key("transforms.*", Kind::Text, "The error names what replaces a known one.").state(State::Transform).low(),
    ignored("predicates", "predicates only choose records for transforms, which do not run here"),
    ignored("predicates.*", "predicates only choose records for transforms, which do not run here"),
    ignored("header.converter", "headers are text"),
    ignored("header.converter.*", "headers are text"),
    ignored("config.action.reload", "placeholders are resolved at the start of a task"),
    ignored("config.providers.<provider>.class", "the providers env, file and directory are built in"),
    ignored("errors.deadletterqueue.context.headers.enable", "records in quarantine always say why, in headers"),
    ignored(
        "errors.deadletterqueue.topic.replication.factor",
        "topic.creation.default.replication.factor counts for it too",
    ),
    ignored("exactly.once.source.support", "exactly-once is always on"),
    ignored("offset.flush.timeout.ms", "positions are committed with their records"),
    ignored("plugin.path", JAVA),
    ignored("plugin.discovery", JAVA),
    ignored("connector.client.config.override.policy", "kafka.* and producer.override.* always count"),
    ignored("connector.plugin.version", JAVA),
    ignored("internal.key.converter", JAVA),
    ignored("internal.key.converter.*", JAVA),
    ignored("internal.value.converter", JAVA),
    ignored("internal.value.converter.*", JAVA),
    ignored("topic.tracking.enable", "topics are those of the captured collections"),
    ignored("topic.tracking.allow.reset", "topics are those of the captured collections"),
    refuse(
        "offset.storage.file.filename",
        "positions are committed with their records, in one transaction of Kafka",
        "take the key out; offset.storage.topic names the topic",
    ),
    refuse("topics", "this connector writes topics and reads none", "topic.prefix=..., collection.include.list=..."),
    refuse(
        "topics.regex",
        "this connector writes topics and reads none",
        "topic.prefix=..., collection.include.list=...",
    ),
    not_yet("session.timeout.ms", "How long a worker may be silent."),
    not_yet("rebalance.timeout.ms", "How long workers may take to join."),
    not_yet("scheduled.rebalance.max.delay.ms", "How long work waits for a worker that left."),
    not_yet("task.shutdown.graceful.timeout.ms", "How long a task may take to stop."),
    refuse("security.protocol", CLIENT, "kafka.security.protocol=..."),
    refuse("sasl.*", CLIENT, "kafka.sasl.mechanism=..., kafka.sasl.username=..., kafka.sasl.password=..."),
    refuse("ssl.*", CLIENT, "kafka.ssl.ca.location=..., kafka.ssl.keystore.location=..."),
    refuse("producer.<java key>", CLIENT, "producer.override.<java key>=..., or kafka.<librdkafka key>=..."),
    refuse("consumer.<java key>", CLIENT, "kafka.<librdkafka key>=..., which counts for consumers too"),
    refuse("admin.<java key>", CLIENT, "kafka.<librdkafka key>=..., which counts for admin calls too"),
];
