//! Topics of a connector's own: the one list that `validate` shows and `doctor` looks at.
//!
//! Invariant: a topic of its brokers that `run` reads or writes, and that holds no collection, stands here.

use moorline_config::Config;
use moorline_pipeline::sink::ControlTopic;
use moorline_sink_kafka::Operation;

use crate::signalling;

/// A topic of the connector's own.
pub(crate) struct OwnTopic<'a> {
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
    let made = |name, holds, partitions, compacted, topic, needs| OwnTopic {
        name,
        holds,
        partitions,
        compacted,
        made_as: Some(topic),
        needs,
    };
    let anchors = config.anchor_topic_name.as_str();
    let mut topics = vec![
        made(anchors, "anchors; subjects -key, -value", 1, true, ControlTopic::Anchors, WRITES),
        made(&config.quarantine_topic_name, "documents that did not fit", -1, false, ControlTopic::Quarantine, WRITES),
        made(
            &config.offset_storage_topic,
            "positions",
            config.offset_storage_partitions,
            true,
            ControlTopic::Offsets,
            BOTH,
        ),
    ];
    if let Some(name) = &config.topic_transaction {
        let holds = "begin and end of transactions; subjects -key, -value";
        topics.push(made(name, holds, -1, false, ControlTopic::Transactions, WRITES));
    }
    let others = |name, holds, needs| OwnTopic { name, holds, partitions: 1, compacted: false, made_as: None, needs };
    if signalling::heard(config) && config.signal_kafka_bootstrap_servers == config.bootstrap_servers {
        topics.push(others(config.signal_kafka_topic.as_str(), "signals to it", READS));
    }
    if let Some(name) = signalling::notified(config) {
        topics.push(others(name, "what became of signals", WRITES));
    }
    topics
}
