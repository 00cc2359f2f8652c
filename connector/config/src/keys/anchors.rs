//! Anchors: consistent cuts of the export.

use crate::definition::{Definition, Kind, Word, key, later, word};

const DIGESTS: &[Word] = &[word("sum256"), word("none")];
const OFF: &[Word] = &[word("false"), later("true")];

pub(super) const KEYS: &[Definition] = &[
    key(
        "anchor.interval.ms",
        Kind::Duration(1000, 3_600_000),
        "Time between anchors: whole seconds, and a divisor of a day.",
    )
    .default("10000")
    .ours(),
    key("anchor.full.every", Kind::Number(1, 1_000_000), "Every so many anchors is a full one.")
        .default("60")
        .ours()
        .low(),
    key("anchor.digest", Kind::Choice(DIGESTS), "Whether records are digested, so that loss and change can be proved.")
        .default("sum256")
        .ours()
        .low(),
    key(
        "anchor.retention",
        Kind::Retention,
        "How anchors are thinned out as they age: the default keeps all for an hour, one a minute for a day, one an hour \
         for thirty days, then one a day. A last step with a span lets what is older go; `none` keeps all. Labelled ones, \
         those of another kind than a tick, and what they need stay for ever.",
    )
    .default("all:1h,1m:1d,1h:30d,1d")
    .ours()
    .low(),
    key("anchor.markers.headers", Kind::Choice(OFF), "Whether records name the anchor before them.")
        .default("false")
        .ours()
        .low()
        .only(&[]),
    key(
        "heartbeat.interval.ms",
        Kind::Duration(0, 86_400_000),
        "Time between records of the heartbeat topic, where one is named; 0 for none. They go with transactions that \
         there are anyway, so while nothing changes no more often than anchors. Positions move with each anchor, with or \
         without.",
    )
    .default("10000")
    .like("= (0)")
    .low(),
    key(
        "topic.heartbeat.prefix",
        Kind::Topic,
        "Where it is given, heartbeats go to `<this>.<topic.prefix>`, with the delimiter between.",
    )
    .like("= (`__debezium-heartbeat`)")
    .low(),
    key("topic.heartbeat.name", Kind::Topic, "The whole name of the topic of heartbeats; without any of the two there is none.")
        .low(),
];
