//! Topics of a connector's own: the one list that `validate` shows and `doctor` looks at.
//!
//! Invariant: a topic of its brokers that `run` or `verify` reads or writes, and that holds no collection, stands here.

use moorline_config::Config;
use moorline_pipeline::sink::ControlTopic;
use moorline_sink_kafka::Operation;

use crate::signalling;

/// A topic of the connector's own.
pub(crate) struct OwnTopic<'a> {
    /// The key that names it.
    pub(crate) key: &'static str,
    pub(crate) name: &'a str,
    /// What it holds, in few words.
    pub(crate) holds: &'static str,
    /// How many it is made with; -1 leaves it to the brokers.
    pub(crate) partitions: i32,
    /// Whether the newest record of each key must stay for ever.
    pub(crate) compacted: bool,
    /// What the sink knows it as, where the connector makes it; the others are whoever's sends to them first.
    pub(crate) made_as: Option<ControlTopic>,
    /// What the connector's user must be allowed to do.
    pub(crate) needs: &'static [Operation],
}

impl OwnTopic<'_> {
    /// `cleanup.policy` that it has to have.
    pub(crate) fn cleanup(&self) -> &'static str {
        if self.compacted { "compact" } else { "delete" }
    }
}

const WRITES: &[Operation] = &[Operation::Write, Operation::Describe];
const READS: &[Operation] = &[Operation::Read, Operation::Describe];
const BOTH: &[Operation] = &[Operation::Write, Operation::Read, Operation::Describe];

/// All of them, as the configuration has it.
pub(crate) fn all(config: &Config) -> Vec<OwnTopic<'_>> {
    let mut topics = vec![
        OwnTopic {
            key: "anchor.topic.name",
            name: &config.anchor_topic_name,
            holds: "anchors; subjects -key, -value",
            partitions: 1,
            compacted: true,
            made_as: Some(ControlTopic::Anchors),
            needs: WRITES,
        },
        OwnTopic {
            key: "certificate.topic.name",
            name: &config.certificate_topic_name,
            holds: "certificates; subjects -key, -value",
            partitions: 1,
            compacted: true,
            made_as: None,
            needs: BOTH,
        },
        OwnTopic {
            key: "quarantine.topic.name",
            name: &config.quarantine_topic_name,
            holds: "documents that did not fit",
            partitions: -1,
            compacted: false,
            made_as: Some(ControlTopic::Quarantine),
            needs: WRITES,
        },
        OwnTopic {
            key: "offset.storage.topic",
            name: &config.offset_storage_topic,
            holds: "positions",
            partitions: config.offset_storage_partitions,
            compacted: true,
            made_as: Some(ControlTopic::Offsets),
            needs: BOTH,
        },
    ];
    if let Some(name) = &config.topic_transaction {
        topics.push(OwnTopic {
            key: "topic.transaction",
            name,
            holds: "begin and end of transactions; subjects -key, -value",
            partitions: -1,
            compacted: false,
            made_as: Some(ControlTopic::Transactions),
            needs: WRITES,
        });
    }
    if let Some(name) = &config.topic_heartbeat_name {
        topics.push(OwnTopic {
            key: "topic.heartbeat.name",
            name,
            holds: "heartbeats; subjects -key, -value",
            partitions: 1,
            compacted: false,
            made_as: Some(ControlTopic::Heartbeats),
            needs: WRITES,
        });
    }
    if signalling::heard(config) && config.signal_kafka_bootstrap_servers == config.bootstrap_servers {
        topics.push(OwnTopic {
            key: "signal.kafka.topic",
            name: &config.signal_kafka_topic,
            holds: "signals to it",
            partitions: 1,
            compacted: false,
            made_as: None,
            needs: READS,
        });
    }
    if let Some(name) = signalling::notified(config) {
        topics.push(OwnTopic {
            key: "notification.sink.topic.name",
            name,
            holds: "what became of signals",
            partitions: 1,
            compacted: false,
            made_as: None,
            needs: WRITES,
        });
    }
    topics
}
