//! The connector itself, and how it reaches Kafka.

use crate::definition::{Definition, Kind, Word, key, not_yet, refuse, refused, word};

/// A key of librdkafka that is refused.
const fn ours(name: &'static str, why: &'static str, fix: &'static str) -> Definition {
    refuse(name, why, fix).ours()
}

const CLASSES: &[Word] = &[
    word("moorline.mongodb"),
    word("mongodb"),
    refused(
        "io.debezium.connector.mongodb.MongoDbConnector",
        "that is Debezium's class, which needs Java; most of its keys have the same names and values here",
        "connector.class=moorline.mongodb; validate then names each key that needs another value",
    ),
    refused(
        "com.mongodb.kafka.connect.MongoSourceConnector",
        "that is the class of MongoDB's own connector, which needs Java; its keys have other names",
        "connector.class=moorline.mongodb, with the keys of docs/configuration.md",
    ),
];

pub(super) const CONNECTOR: &[Definition] = &[
    key(
        "name",
        Kind::Text,
        "The connector's name. Positions and transactions carry it: with another name it starts anew.",
    )
    .required("shop"),
    key("connector.class", Kind::Choice(CLASSES), "What runs: `moorline.mongodb`.").required("moorline.mongodb"),
    key("tasks.max", Kind::Number(1, 64), "Most lanes, each with a change stream and transactions of its own.")
        .default("1"),
    key(
        "config.providers",
        Kind::List,
        "Where placeholders may come from: `${env:NAME}`, `${file:PATH:KEY}`, `${directory:PATH:FILE}`.",
    )
    .default("env,file,directory")
    .low(),
    not_yet("config.providers.<provider>.param.<name>", "Limits of a provider, such as `allowed.paths`."),
];

const COMPRESSIONS: &[Word] = &[word("none"), word("lz4"), word("zstd"), word("snappy"), word("gzip")];

const BROKERS: &str = "one list of brokers serves producers, consumers and admin calls alike";
const ONCE: &str = "exactly-once rests on it, so the connector sets it itself";
const OUT: &str = "take the key out";

pub(super) const KAFKA: &[Definition] = &[
    key("bootstrap.servers", Kind::Text, "Brokers to begin with, `host:port` with commas.").required("localhost:9092"),
    key("group.id", Kind::Text, "The group of workers. Names the offsets topic and the transactions.")
        .required("moorline"),
    key("client.id", Kind::Text, "What the connector calls itself to brokers.").default("moorline").low(),
    key(
        "kafka.<librdkafka key>",
        Kind::Text,
        "Any key of librdkafka for all clients, for example `kafka.security.protocol` or `kafka.sasl.password`.",
    )
    .ours(),
    key(
        "producer.override.<java key>",
        Kind::Text,
        "Keys of the Java producer that have an equal in librdkafka: security, `max.request.size`, `linger.ms`, \
         `batch.size`. `sasl.jaas.config` is taken apart into user and password.",
    ),
    key("kafka.compression.type", Kind::Choice(COMPRESSIONS), "Compression of what is produced.")
        .default("lz4")
        .aliases(&["producer.override.compression.type"])
        .like("`producer.override.compression.type`"),
    key(
        "kafka.transaction.timeout.ms",
        Kind::Duration(1000, 900_000),
        "How long a transaction may stay open before the broker aborts it; also the limit of one commit. At most \
         the broker's `transaction.max.timeout.ms`.",
    )
    .default("60000")
    .aliases(&["producer.override.transaction.timeout.ms"])
    .like("`producer.override.transaction.timeout.ms`"),
    key("offset.storage.topic", Kind::Topic, "The topic of positions; compacted, made where it is missing.")
        .derived("`<group.id>-offsets`")
        .low(),
    key("offset.storage.replication.factor", Kind::Number(-1, 32767), "Its replicas; -1 leaves it to the broker.")
        .default("-1")
        .aliases(&["offset.storage.topic.replication.factor"])
        .low(),
    key("offset.storage.partitions", Kind::Number(1, 10000), "Its partitions, where it is made.")
        .default("25")
        .aliases(&["offset.storage.topic.partitions"])
        .low(),
    key(
        "offsets.storage.topic",
        Kind::Topic,
        "The same for this connector alone; counts before `offset.storage.topic`.",
    )
    .derived("`offset.storage.topic`")
    .low(),
    key(
        "offset.flush.interval.ms",
        Kind::Duration(100, 3_600_000),
        "Accepted with a warning: a batch ends at the next anchor at the latest.",
    )
    .default("10000")
    .low(),
    ours("kafka.partitioner", "partitions are always those of Java's `murmur2_random`, so that sinks can join", OUT),
    ours("kafka.enable.idempotence", ONCE, OUT),
    ours("kafka.isolation.level", ONCE, OUT),
    ours("kafka.acks", ONCE, OUT),
    ours("kafka.request.required.acks", ONCE, OUT),
    ours("kafka.transactional.id", ONCE, OUT),
    ours("kafka.delivery.report.only.error", ONCE, OUT),
    ours("kafka.enable.partition.eof", ONCE, OUT),
    ours("kafka.log.queue", "the connector takes librdkafka's log into its own", OUT),
    ours("kafka.bootstrap.servers", BROKERS, "bootstrap.servers=..."),
    ours("kafka.metadata.broker.list", BROKERS, "bootstrap.servers=..."),
    ours("kafka.group.id", "consumers here belong to no group of Kafka's", "group.id=..."),
    ours("kafka.client.id", "it is a key of its own", "client.id=..."),
    ours("kafka.compression.codec", "it is librdkafka's older name", "kafka.compression.type=lz4"),
];
