//! What a running connector tells and is asked from outside.

use crate::definition::{Definition, Kind, key};

pub(super) const LISTENERS: &[Definition] = &[key(
    "listeners",
    Kind::Listeners,
    "Where `run` answers `/metrics`, `/health/live`, `/health/ready` and `top`: `http://host:port` with commas; without \
     a host on all interfaces, with port 0 on any free one, which the log names. Nothing listens without this key.",
)
.low()];

pub(super) const SIGNALS: &[Definition] = &[
    key("signal.enabled.channels", Kind::List, "Where signals come from: `kafka`; empty for nowhere.")
        .default("kafka")
        .low(),
    key(
        "signal.kafka.topic",
        Kind::Topic,
        "The topic of signals, with one partition; `anchors create` makes it. Its keys are `topic.prefix`, its values \
         Debezium's: `{\"id\", \"type\", \"data\"}`, of type `moorline-anchor` or `log`.",
    )
    .derived("`<topic.prefix>-signal`")
    .low(),
    key(
        "signal.kafka.groupId",
        Kind::Text,
        "The group whose offsets say which signals were dealt with; it is not joined.",
    )
    .default("kafka-signal")
    .low(),
    key("signal.kafka.bootstrap.servers", Kind::Text, "The brokers of that topic.")
        .derived("`bootstrap.servers`")
        .low(),
    key(
        "signal.kafka.poll.timeout.ms",
        Kind::Duration(10, 10_000),
        "How long a broker may let a read of it wait for something to come.",
    )
    .default("100")
    .low(),
    key("signal.poll.interval.ms", Kind::Duration(100, 3_600_000), "How often signals are looked for.")
        .default("5000")
        .low(),
    key(
        "notification.enabled.channels",
        Kind::List,
        "Where it is told what became of signals: `sink` (a topic, made with the first notification), `log`; empty for \
         nowhere.",
    )
    .default("sink")
    .low(),
    key("notification.sink.topic.name", Kind::Topic, "The topic of notifications: JSON in Debezium's form.")
        .derived("`<topic.prefix>.notifications`, with the delimiter")
        .low(),
];
