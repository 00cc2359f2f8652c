//! The signals of `run`: the topic they come from, the anchors they ask for, the notifications of what became of them.
//!
//! Invariants: nothing is made for a topic that is not there; a client is opened when it is first needed; at most
//! [`READ_MAX`] signals are taken at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moorline_config::{Checked, Config};
use moorline_control::signals::{Channel, Labelled, Raw, Signals};
use moorline_pipeline::anchor::cuts;
use moorline_pipeline::error::Result;
use moorline_pipeline::task::layout;
use moorline_runtime::{Handle, Report};
use moorline_sink_kafka::{KafkaSettings, TopicReader, TopicWriter};
use serde_json::Value;
use tracing::info;

use crate::commands::anchors::Following;
use crate::failure::Failed;
use crate::wiring;

/// Signals that are read at once.
const READ_MAX: i64 = 500;
/// How long they may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// How long brokers may take to answer here: a connector that stops waits no longer than this.
const KAFKA_LIMIT: Duration = Duration::from_secs(10);

/// Signals over Kafka.
pub(crate) struct Topic {
    signals: TopicReader,
    topic: String,
    /// Where the next read begins; `None` before the first.
    next: Option<i64>,
    anchors: Option<TopicReader>,
    following: Following,
    layout: String,
    kafka: KafkaSettings,
    /// Where notifications go: a topic, the log.
    sink: Option<String>,
    log: bool,
    writer: Option<TopicWriter>,
}

/// Whether a connector takes signals from Kafka.
pub(crate) fn heard(config: &Config) -> bool {
    config.signal_enabled_channels.iter().any(|channel| channel == "kafka")
}

/// The topic that what became of signals is told to.
pub(crate) fn notified(config: &Config) -> Option<&str> {
    let to_topic = tells(config, "sink");
    (heard(config) && to_topic).then_some(config.notification_sink_topic_name.as_str())
}

fn tells(config: &Config, channel: &str) -> bool {
    config.notification_enabled_channels.iter().any(|one| one == channel)
}

/// The signals of a connector; `None` where it takes none.
pub(crate) fn open(
    checked: &Checked,
    handle: &Arc<Handle>,
    report: &Arc<Report>,
) -> Result<Option<Signals<Topic>>, Failed> {
    let config = &checked.config;
    if !heard(config) {
        return Ok(None);
    }
    let channel = topic(checked)?;
    let (handle, report) = (Arc::clone(handle), Arc::clone(report));
    Ok(Some(Signals::new(channel, handle, report, config.topic_prefix.clone(), config.signal_poll_interval_ms)))
}

fn topic(checked: &Checked) -> Result<Topic, Failed> {
    let config: &Config = &checked.config;
    let mut kafka = wiring::kafka(config)?;
    kafka.request_timeout = KAFKA_LIMIT;
    let settings = wiring::settings(checked);
    let of_signals = wiring::signals_kafka(config, kafka.clone());
    Ok(Topic {
        signals: TopicReader::in_group(
            &of_signals,
            &config.signal_kafka_group_id,
            config.signal_kafka_poll_timeout_ms,
        )?,
        topic: config.signal_kafka_topic.clone(),
        next: None,
        anchors: None,
        following: Following::new(&config.anchor_topic_name, &config.name),
        layout: layout::split(&settings.selection, settings.tasks_max).id,
        kafka,
        sink: notified(config).map(str::to_owned),
        log: tells(config, "log"),
        writer: None,
    })
}

impl Channel for Topic {
    fn read(&mut self) -> Result<Vec<Raw>> {
        self.signals.drain();
        if self.signals.partitions(&self.topic)?.is_none() {
            return Ok(Vec::new());
        }
        let next = match self.next {
            Some(next) => next,
            None => self.signals.place(&self.topic)?.unwrap_or(0),
        };
        let marks = self.signals.watermarks(&self.topic, 0)?;
        // A topic made anew begins before the place that was kept of the old one.
        let first = if next > marks.stable { marks.first } else { next.max(marks.first) };
        let end = marks.stable.min(first + READ_MAX);
        let mut found = Vec::new();
        self.signals.read(&self.topic, &BTreeMap::from([(0, (first, end))]), READ_LIMIT, &mut |message| {
            found.push(Raw {
                offset: message.offset(),
                at_ms: message.timestamp(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.value().map(<[u8]>::to_vec),
            });
            Ok(())
        })?;
        self.next = Some(end.max(first));
        Ok(found)
    }

    fn keep_place(&mut self, offset: i64) -> Result<()> {
        self.signals.keep_place(&self.topic, offset)
    }

    fn labelled(&mut self) -> Result<Vec<Labelled>> {
        let reader = match self.anchors.take() {
            Some(reader) => reader,
            None => TopicReader::open(&self.kafka)?,
        };
        let there = self.following.on(&reader);
        self.anchors = Some(reader);
        there?;
        let log = self.following.log();
        let whole = cuts::all(&log);
        let is_whole = |layout: &str, cut| whole.iter().any(|c| c.is_whole() && c.layout == layout && c.time == cut);
        let of_interest = log.anchors().iter().filter(|anchor| {
            // A cut that another layout has left half written is never ended.
            anchor.layout == self.layout || is_whole(&anchor.layout, anchor.cut)
        });
        let labelled = of_interest.filter_map(|anchor| {
            let lane = (u32::try_from(anchor.lane).ok()?, u32::try_from(anchor.lanes).ok()?);
            Some(Labelled { label: anchor.label.clone()?, lane, cut: anchor.cut })
        });
        Ok(labelled.collect())
    }

    fn notify(&mut self, notification: &Value) -> Result<()> {
        if self.log {
            info!("notification: {notification}");
        }
        let Some(topic) = &self.sink else { return Ok(()) };
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => TopicWriter::open(&self.kafka)?,
        };
        let id = notification["id"].as_str().unwrap_or_default();
        let sent = writer.send(topic, id.as_bytes(), notification.to_string().as_bytes());
        self.writer = Some(writer);
        sent
    }
}
