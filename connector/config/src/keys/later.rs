//! What comes later: further signals, metrics, the distributed worker and its REST interface.

use crate::definition::{Definition, Kind, Word, key, later, not_yet, word};

const COMPAT: &[Word] = &[word("none"), later("connect"), later("debezium")];
const OFF: &[Word] = &[word("false"), later("true")];

pub(super) const KEYS: &[Definition] = &[
    not_yet("signal.file", "The file of signals."),
    not_yet("signal.data.collection", "The collection of signals."),
    not_yet("signal.*", "Further keys of signals."),
    not_yet("lag.groups", "Groups of sinks whose lag is watched.").ours(),
    not_yet("lag.max", "The lag at which reading slows down.").ours(),
    not_yet("source.load.budget", "How much of the source's time snapshots may take.").ours(),
    not_yet("custom.metric.tags", "Labels of metrics."),
    key("metrics.compat", Kind::Choice(COMPAT), "Metrics under the names of Connect or Debezium.")
        .default("none")
        .ours()
        .low()
        .only(&[]),
    key("openlineage.integration.enabled", Kind::Choice(OFF), "Lineage events.").default("false").low().only(&[]),
    not_yet("openlineage.integration.*", "Where lineage events go."),
];

pub(super) const WORKER: &[Definition] = &[
    not_yet("rest.port", "The port of the REST interface."),
    not_yet("rest.advertised.host.name", "The host under which other workers find this one."),
    not_yet("rest.advertised.port", "The port of that."),
    not_yet("rest.advertised.listener", "The protocol of that."),
    not_yet("rest.*", "Further keys of the REST interface."),
    not_yet("config.storage.topic", "The topic of configurations."),
    not_yet("config.storage.replication.factor", "Its replicas.").aliases(&["config.storage.topic.replication.factor"]),
    not_yet("config.storage.partitions", "Its partitions.").aliases(&["config.storage.topic.partitions"]),
    not_yet("status.storage.topic", "The topic of states."),
    not_yet("status.storage.replication.factor", "Its replicas.").aliases(&["status.storage.topic.replication.factor"]),
    not_yet("status.storage.partitions", "Its partitions.").aliases(&["status.storage.topic.partitions"]),
    not_yet("plugin.aliases", "Other connectors' classes that stand for this one.").ours(),
];
