//! Single records outside any lane's transaction: a signal from the command line, a notification of a running
//! connector, a certificate.
//!
//! Invariants: a record is delivered when `send` has said so, and after a failure it may be; nothing that is sent here is
//! something that a position depends on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Next, Result};

use crate::ffi::{Client, Event, Events, Kind, NativeError, NewTopic, Single, Topic, code};
use crate::producer::log;
use crate::settings::KafkaSettings;
use crate::{fault, topics};

/// Writes to topics with one partition.
pub struct TopicWriter {
    client: Arc<Client>,
    settings: KafkaSettings,
}

impl TopicWriter {
    /// A writer; connects when it is first asked.
    pub fn open(settings: &KafkaSettings) -> Result<Self> {
        let mut keys = settings.producer("unused");
        keys.retain(|(key, _)| key != "transactional.id" && key != "transaction.timeout.ms");
        let limit = settings.request_timeout.as_millis().to_string();
        keys.push(("message.timeout.ms".to_owned(), limit));
        Ok(Self { client: settings.open(Kind::Producer, keys)?, settings: settings.clone() })
    }

    /// Writes a record, and waits until it is delivered. The topic is made, with one partition, where it is missing and
    /// may be made.
    pub fn send(&self, topic: &str, key: &[u8], value: &[u8]) -> Result<()> {
        self.ensure(topic, &[("cleanup.policy", "delete")])?;
        self.deliver(topic, key, Some(value))
    }

    /// Writes records to a compacted topic, one after the other, a tombstone for each without a value; waits until they
    /// are delivered. The topic is made likewise.
    pub fn keep(&self, topic: &str, records: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<()> {
        self.ensure(topic, &[("cleanup.policy", "compact"), ("min.compaction.lag.ms", "0")])?;
        records.iter().try_for_each(|(key, value)| self.deliver(topic, key, value.as_deref()))
    }

    fn ensure(&self, topic: &str, configs: &[(&str, &str)]) -> Result<()> {
        let wanted = NewTopic {
            name: topic.to_owned(),
            partitions: 1,
            replication: self.settings.topics.default.replication.unwrap_or(-1),
            configs: configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        topics::ensure(&self.client, &wanted, self.settings.topics.enable, self.settings.request_timeout).map(drop)
    }

    fn deliver(&self, topic: &str, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let limit = self.settings.request_timeout;
        let failed = |error: &NativeError| fault::request(error, "to write", topic, Next::Retry);
        let handle = Topic::open(&self.client, topic).map_err(|error| failed(&error))?;
        handle.refresh(limit).map_err(|error| failed(&error))?;
        let record = Single { partition: 0, key, value, headers: None };
        self.client.produce_one(&handle, 0, &record).map_err(|error| failed(&error))?;
        let (events, until) = (Events::of(&self.client), Instant::now() + limit + Duration::from_secs(1));
        let mut delivered: Option<Result<(), NativeError>> = None;
        while delivered.is_none() && Instant::now() < until {
            events.poll(Duration::from_millis(200), &mut |event| match event {
                Event::Report { code: 0, .. } => delivered = Some(Ok(())),
                Event::Report { code, .. } => delivered = Some(Err(NativeError::of(code))),
                Event::Log { level, facility, line } => log(level, &facility, &line),
                _ => {}
            });
        }
        delivered.unwrap_or(Err(NativeError::of(code::TIMED_OUT))).map_err(|error| failed(&error))
    }
}
