//! Names of topics, and how they are made.

use crate::definition::{Definition, Kind, key, refuse};

pub(super) const KEYS: &[Definition] = &[
    key("topic.prefix", Kind::Topic, "The first part of each topic's name: `<prefix>.<db>.<coll>`.").required("shop"),
    key("topic.delimiter", Kind::Text, "What stands between the parts: letters, digits, `.`, `_` or `-`.")
        .default(".")
        .low(),
    refuse(
        "topic.naming.strategy",
        "it names a Java class; names are `<prefix>.<db>.<coll>`, as Debezium's default makes them, but for those that \
         topic.rename.* gives",
        "take the key out",
    ),
    key(
        "topic.rename.<db>.<coll>",
        Kind::Topic,
        "The whole name of that collection's topic. With another name than before a new export begins there.",
    )
    .ours()
    .low(),
    key(
        "topic.rename.regex",
        Kind::Text,
        "A regular expression over whole names of topics: those that match get the name that \
         `topic.rename.replacement` makes. Two collections on one topic are refused (MOOR-3004).",
    )
    .like("RegexRouter's `regex`")
    .low(),
    key(
        "topic.rename.replacement",
        Kind::Text,
        "The name instead; `$1` is what the first group of `topic.rename.regex` has matched.",
    )
    .like("RegexRouter's `replacement`")
    .low(),
    key(
        "topic.creation.enable",
        Kind::Boolean,
        "Whether missing topics are made; else they are an error before the start.",
    )
    .default("true"),
    key("topic.creation.default.replication.factor", Kind::Number(-1, 32767), "Replicas; -1 leaves it to the broker.")
        .default("-1"),
    key("topic.creation.default.partitions", Kind::Number(-1, 100_000), "Partitions; -1 leaves it to the broker.")
        .default("-1"),
    key(
        "topic.creation.default.<topic config>",
        Kind::Text,
        "Any configuration of data topics. Under compaction or retention an anchor stops being replayable.",
    )
    .derived("`cleanup.policy=delete`, `retention.ms=-1`"),
    key("topic.creation.groups", Kind::List, "Names of groups with rules of their own; the first that fits counts.")
        .low(),
    key("topic.creation.<group>.include", Kind::Patterns, "Topics of the group: regular expressions over whole names.")
        .low(),
    key("topic.creation.<group>.exclude", Kind::Patterns, "Topics that are not of the group.").low(),
    key("topic.creation.<group>.replication.factor", Kind::Number(-1, 32767), "Replicas.").low(),
    key("topic.creation.<group>.partitions", Kind::Number(-1, 100_000), "Partitions.").low(),
    key("topic.creation.<group>.<topic config>", Kind::Text, "Any configuration of the group's topics.").low(),
    key("quarantine.topic.name", Kind::Topic, "The topic for what does not fit its contract.")
        .derived("`<topic.prefix>.quarantine`")
        .aliases(&["errors.deadletterqueue.topic.name"])
        .like("`errors.deadletterqueue.topic.name`")
        .low(),
    key("anchor.topic.name", Kind::Topic, "The topic of anchors.").derived("`<topic.prefix>.anchors`").ours().low(),
    key("certificate.topic.name", Kind::Topic, "The topic of certificates: what readings found of exports at anchors.")
        .derived("`<topic.prefix>.certificates`")
        .ours()
        .low(),
];
