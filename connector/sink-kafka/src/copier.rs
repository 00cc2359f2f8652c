//! Records copied into a topic of somebody's own: transactions that are bounded in bytes and in time.
//!
//! ```text
//! (opened) ── fence ──> idle ── write ──> open ── commit, or bytes or time used up ──> idle
//!                                           └──── dropped, failed ──> aborted
//! ```
//!
//! Invariants: whoever fences with the same transactional id first takes an older copier's transaction with it; the
//! records of a commit are all seen or none; within a partition records stand as they were given; what was committed is
//! never aborted; memory is bounded by the bytes of a transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Next, Result};
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{Committed, Encoded, Headers, Record};

use crate::ffi::{Kind, NativeError, NewTopic, code};
use crate::producer::Producer;
use crate::settings::KafkaSettings;
use crate::{fault, topics};

/// Bytes, and records, that are handed over at once.
const PORTION: (usize, usize) = (1 << 20, 10_000);
/// A transaction ends once it has used this part of the time after which brokers abort it.
const PART_OF_TIMEOUT: u32 = 4;
/// Bytes that a record costs beside its key and value.
const FRAME: usize = 64;

/// Copies into one topic.
pub struct TopicCopier {
    settings: KafkaSettings,
    producer: Producer,
    id: String,
    topic: String,
    slot: usize,
    partitions: i32,
    most_bytes: usize,
    portion: Encoded,
    /// Bytes of the open transaction; `None` where none is open.
    open: Option<(usize, Instant)>,
    /// Where each partition ends, if nobody else has written to it since.
    ends: Vec<i64>,
}

impl TopicCopier {
    /// A copier under a transactional id. The topic is made with these partitions and keys where it is missing and may
    /// be; nobody is fenced yet. A transaction holds about `most_bytes`.
    pub fn open(
        settings: &KafkaSettings,
        id: &str,
        topic: &str,
        partitions: i32,
        configs: &[(&str, &str)],
        most_bytes: usize,
    ) -> Result<Self> {
        let mut producer = Producer::open(settings, id)?;
        let wanted = NewTopic {
            name: topic.to_owned(),
            partitions,
            replication: settings.topics.default.replication.unwrap_or(-1),
            configs: configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        topics::ensure(producer.client(), &wanted, settings.topics.enable, settings.request_timeout)?;
        let (slot, partitions) = attach(&mut producer, topic, settings.request_timeout)?;
        Ok(Self {
            settings: settings.clone(),
            producer,
            id: id.to_owned(),
            topic: topic.to_owned(),
            slot,
            partitions,
            most_bytes,
            portion: Encoded::default(),
            open: None,
            ends: Vec::new(),
        })
    }

    /// Removes a topic. Blocks until it is gone.
    pub fn remove(settings: &KafkaSettings, topic: &str) -> Result<()> {
        let client = settings.open(Kind::Consumer, settings.consumer(false))?;
        topics::remove(&client, topic, settings.request_timeout)
    }

    /// Fences older copiers of the id, whose open transaction is aborted; whether the topic's log holds anything then.
    pub fn fence(&mut self) -> Result<bool> {
        self.producer.init(self.settings.request_timeout)?;
        self.ends = self.ends()?;
        Ok(self.ends.iter().any(|end| *end > 0))
    }

    /// The ends of all partitions; nothing is under way when they are asked for. A topic that was made a moment ago may
    /// not be known to each broker yet, or have no leader, which is waited for within the limit.
    fn ends(&mut self) -> Result<Vec<i64>> {
        let until = Instant::now() + self.settings.request_timeout;
        let end = |partition| {
            let left = until.saturating_duration_since(Instant::now());
            topics::watermarks(self.producer.client(), &self.topic, partition, left, young).map(|(_, end)| end)
        };
        (0..self.partitions).map(end).collect()
    }

    /// Partitions of the topic.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// The partition of a key.
    pub fn partition(&self, key: &[u8]) -> i32 {
        partition(key, self.partitions.max(1))
    }

    /// Writes a record; the transaction before it is committed where its bytes or its time are used up.
    pub fn write(&mut self, to: i32, key: &[u8], value: Option<&[u8]>, headers: Option<Headers>) -> Result<()> {
        let now = Instant::now();
        let size = key.len() + value.map_or(0, <[u8]>::len) + FRAME;
        if let Some((bytes, began)) = self.open
            && (bytes + size > self.most_bytes || now - began > self.settings.transaction_timeout / PART_OF_TIMEOUT)
        {
            self.commit()?;
        }
        let (bytes, began) = match self.open {
            Some(open) => open,
            None => {
                self.producer.begin()?;
                (0, now)
            }
        };
        self.open = Some((bytes + size, began));
        let data = &mut self.portion.data;
        let mut appended = |part: &[u8]| {
            let start = data.len();
            data.extend_from_slice(part);
            start..data.len()
        };
        let (key, value) = (appended(key), value.map(appended));
        self.portion.records.push(Record { topic: 0, partition: to, key, value, headers });
        if self.portion.data.len() >= PORTION.0 || self.portion.records.len() >= PORTION.1 {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Commits what was written since the last commit.
    pub fn commit(&mut self) -> Result<()> {
        if self.open.is_none() {
            return Ok(());
        }
        self.hand_over()?;
        for ((_, partition), delivered) in self.producer.flush()? {
            if let Some(end) = usize::try_from(partition).ok().and_then(|partition| self.ends.get_mut(partition)) {
                // The commit stands behind the last record.
                *end = delivered.last + 2;
            }
        }
        // From here on nothing is aborted: the coordinator may have decided.
        self.open = None;
        if self.producer.commit()? == Committed::AfterTrouble { self.renew() } else { Ok(()) }
    }

    /// A producer made anew fences whoever has fenced the old one meanwhile, which must not be overlooked.
    fn renew(&mut self) -> Result<()> {
        let fresh = Producer::open(&self.settings, &self.id)?;
        drop(std::mem::replace(&mut self.producer, fresh));
        (self.slot, _) = attach(&mut self.producer, &self.topic, self.settings.request_timeout)?;
        self.producer.init(self.settings.request_timeout)?;
        let (known, now) = (std::mem::take(&mut self.ends), self.ends()?);
        if known != now {
            let error = NativeError::with(code::STATE, format!("the topic ends at {now:?}, not at {known:?}"));
            return Err(fault::taken_over(&error, &self.id));
        }
        self.ends = now;
        Ok(())
    }

    fn hand_over(&mut self) -> Result<()> {
        if self.portion.records.is_empty() {
            return Ok(());
        }
        let portion = Arc::new(std::mem::take(&mut self.portion));
        self.producer.produce(&portion, &[self.slot])
    }
}

impl Drop for TopicCopier {
    fn drop(&mut self) {
        if self.open.take().is_some() {
            self.producer.abort();
        }
    }
}

/// What is told of a topic that was made a moment ago.
fn young(found: i32) -> bool {
    fault::leaderless(found) || matches!(found, code::UNKNOWN_PARTITION | code::UNKNOWN_TOPIC_OR_PART)
}

fn attach(producer: &mut Producer, topic: &str, limit: Duration) -> Result<(usize, i32)> {
    let slot = producer.attach(topic, limit);
    let slot = slot.map_err(|error| fault::request(&error, "to tell of a topic", topic, Next::Retry))?;
    Ok((slot, producer.partitions(slot)))
}
