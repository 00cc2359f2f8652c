//! Anchors: consistent cuts of the export.

use crate::definition::{Definition, Kind, Word, key, later, not_yet, word};

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
    not_yet("anchor.retention", "How anchors are thinned out.").ours(),
    key("anchor.markers.headers", Kind::Choice(OFF), "Whether records name the anchor before them.")
        .default("false")
        .ours()
        .low()
        .only(&[]),
    key(
        "heartbeat.interval.ms",
        Kind::Duration(0, 86_400_000),
        "Accepted with a warning: positions move with each anchor, also while nothing changes.",
    )
    .default("10000")
    .like("= (0)")
    .low(),
    not_yet("topic.heartbeat.prefix", "A topic with a record a heartbeat."),
    not_yet("topic.heartbeat.name", "The name of that topic."),
];
