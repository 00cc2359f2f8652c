//! Reading topics outside a lane: the offsets topic at start, signals while it runs, anchors and quarantine for the
//! command line.
//!
//! Invariants: only committed records are given; an end that is asked for is reached or the read fails, never cut
//! short; every wait is limited; no group is joined, and an offset is committed only by a reader of a group.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Failure, Next, Problem, Result};

use crate::ffi::{Client, Event, Events, Fetched, Fetcher, Kind, NativeError, code};
use crate::producer::log;
use crate::settings::KafkaSettings;
use crate::{fault, topics};

pub use crate::ffi::Message;

/// How long a read waits before it looks whether it should go on.
const PAUSE: Duration = Duration::from_millis(200);

/// First offset of a partition, and its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// The oldest offset that the log still holds.
    pub first: i64,
    /// The last stable offset: committed and aborted transactions end before it.
    pub stable: i64,
    /// The high watermark: open transactions may stand before it.
    pub end: i64,
}

/// Bytes that the client reads ahead of each partition; its own default is 64 MiB, which a topic of few partitions makes
/// more than all else that a command holds.
const QUEUED_BYTES: usize = 4 << 20;
/// Bytes of one answer of a broker.
const FETCH_BYTES: usize = 16 << 20;

/// Reads topics.
pub struct TopicReader {
    committed: Arc<Client>,
    uncommitted: Arc<Client>,
    limit: Duration,
}

impl TopicReader {
    /// A reader; connects when it is first asked.
    pub fn open(settings: &KafkaSettings) -> Result<Self> {
        let keys = |committed| {
            let mut keys = settings.consumer(committed);
            keys.push(("queued.max.messages.kbytes".to_owned(), (QUEUED_BYTES >> 10).to_string()));
            keys.push(("fetch.max.bytes".to_owned(), FETCH_BYTES.to_string()));
            keys
        };
        Ok(Self {
            committed: settings.open(Kind::Consumer, keys(true))?,
            uncommitted: settings.open(Kind::Consumer, keys(false))?,
            limit: settings.request_timeout,
        })
    }

    /// A reader that keeps its place in the offsets of a group, without joining it; the broker lets a fetch wait this
    /// long for something to come.
    pub fn in_group(settings: &KafkaSettings, group: &str, wait: Duration) -> Result<Self> {
        let mut keys = settings.consumer(true);
        keys.push(("group.id".to_owned(), group.to_owned()));
        keys.push(("fetch.wait.max.ms".to_owned(), wait.as_millis().to_string()));
        Ok(Self {
            committed: settings.open(Kind::Consumer, keys)?,
            uncommitted: settings.open(Kind::Consumer, settings.consumer(false))?,
            limit: settings.request_timeout,
        })
    }

    /// The offset that the reader's group has committed for partition 0; `None` if none. For a reader of a group.
    pub fn place(&self, topic: &str) -> Result<Option<i64>> {
        let found = self.committed.committed(topic, 0, self.limit);
        found.map_err(|error| asked(&error, "to tell a group's offset", topic))
    }

    /// Commits the place in partition 0: the offset that is read next. For a reader of a group.
    pub fn keep_place(&self, topic: &str, offset: i64) -> Result<()> {
        let kept = self.committed.commit(topic, 0, offset, self.limit);
        kept.map_err(|error| asked(&error, "to commit a group's offset", topic))
    }

    /// Takes the clients' log lines and errors, for a reader that lives long and reads seldom.
    pub fn drain(&self) {
        for client in [&self.committed, &self.uncommitted] {
            let events = Events::of(client);
            let mut seen = |event| {
                if let Event::Log { level, facility, line } = event {
                    log(level, &facility, &line);
                }
            };
            while events.poll(Duration::ZERO, &mut seen) {}
        }
    }

    /// The names of all topics with their partition counts.
    pub fn topics(&self) -> Result<BTreeMap<String, i32>> {
        self.uncommitted.topics(self.limit).map_err(|error| asked(&error, "to list topics", "all topics"))
    }

    /// A topic's partition count; `None` if there is no such topic.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>> {
        Ok(self.describe(topic)?.map(|(partitions, _)| partitions))
    }

    /// Kafka's id of a topic, where the broker tells.
    pub fn topic_id(&self, topic: &str) -> Result<Option<String>> {
        Ok(self.describe(topic)?.and_then(|(_, id)| id))
    }

    fn describe(&self, topic: &str) -> Result<Option<(i32, Option<String>)>> {
        let described = self.uncommitted.describe(topic, self.limit);
        let described = described.map_err(|error| asked(&error, "to describe topics", topic))?;
        Ok(described.map(|found| (found.partitions, found.id)))
    }

    /// A topic's configuration, inherited values included: `cleanup.policy`, `retention.ms` and the rest.
    pub fn configs(&self, topic: &str) -> Result<BTreeMap<String, String>> {
        self.uncommitted.configs(topic, self.limit).map_err(|error| asked(&error, "to describe a topic", topic))
    }

    /// A partition's offsets now.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<Watermarks> {
        let (first, end) = self.ends(&self.uncommitted, topic, partition)?;
        Ok(Watermarks { first, stable: self.stable(topic, partition)?, end })
    }

    fn ends(&self, client: &Client, topic: &str, partition: i32) -> Result<(i64, i64)> {
        topics::watermarks(client, topic, partition, self.limit, fault::leaderless)
    }

    fn stable(&self, topic: &str, partition: i32) -> Result<i64> {
        self.ends(&self.committed, topic, partition).map(|(_, stable)| stable)
    }

    /// Gives each committed record of `ranges` (partition: first offset, end), each partition in its order. An end past
    /// the last stable offset is waited for until the limit, then `MOOR-3007`.
    pub fn read(
        &self,
        topic: &str,
        ranges: &BTreeMap<i32, (i64, i64)>,
        limit: Duration,
        visit: &mut dyn FnMut(&Message) -> Result<()>,
    ) -> Result<()> {
        let until = Instant::now() + limit;
        let mut left: BTreeMap<i32, i64> = BTreeMap::new();
        let mut fetcher = Fetcher::new(&self.committed);
        for (&partition, &(first, end)) in ranges.iter().filter(|(_, (first, end))| first < end) {
            fetcher.start(topic, partition, first).map_err(|error| asked(&error, "to read", topic))?;
            left.insert(partition, end);
        }
        let mut complaint = None;
        while !left.is_empty() {
            let now = Instant::now();
            if now >= until {
                return Err(self.stalled(topic, &left, limit, complaint));
            }
            let wait = (until - now).min(PAUSE);
            let fetched = fetcher.next(wait, &mut |event| match event {
                Event::Error(error) => complaint = Some(error),
                Event::Log { level, facility, line } => log(level, &facility, &line),
                _ => {}
            });
            let (partition, reached) = match fetched {
                None => continue,
                Some(Fetched::End { partition, offset }) => (partition, offset),
                Some(Fetched::Message(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    match left.get(&partition) {
                        Some(end) if offset < *end => visit(&message)?,
                        // Of a partition that is read to its end already.
                        None => continue,
                        Some(_) => {}
                    }
                    (partition, offset + 1)
                }
                Some(Fetched::Error { partition, error }) if left.contains_key(&partition) => {
                    return Err(unreadable(topic, partition, &error));
                }
                Some(Fetched::Error { error, .. }) => {
                    complaint = Some(error);
                    continue;
                }
            };
            if left.get(&partition).is_some_and(|end| reached >= *end) {
                left.remove(&partition);
                fetcher.stop(topic, partition);
            }
        }
        Ok(())
    }

    /// Gives each committed record from `starts` (partition: offset) on, and what comes, until `visit` answers that it has
    /// enough. `None` comes when there was nothing for a moment, so that a caller that is asked to stop can say so.
    pub fn follow(
        &self,
        topic: &str,
        starts: &BTreeMap<i32, i64>,
        visit: &mut dyn FnMut(Option<&Message>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut fetcher = Fetcher::new(&self.committed);
        for (&partition, &first) in starts {
            fetcher.start(topic, partition, first).map_err(|error| asked(&error, "to read", topic))?;
        }
        loop {
            let fetched = fetcher.next(PAUSE, &mut |event| {
                if let Event::Log { level, facility, line } = event {
                    log(level, &facility, &line);
                }
            });
            let flow = match fetched {
                Some(Fetched::Message(message)) => visit(Some(&message))?,
                Some(Fetched::Error { partition, error }) if starts.contains_key(&partition) => {
                    return Err(unreadable(topic, partition, &error));
                }
                // Brokers that are away for a while are waited for: who follows has time, and can stop.
                Some(Fetched::End { .. } | Fetched::Error { .. }) | None => visit(None)?,
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    /// Why an end was not reached: a transaction that is open in the way, or brokers that do not answer.
    fn stalled(
        &self,
        topic: &str,
        left: &BTreeMap<i32, i64>,
        limit: Duration,
        complaint: Option<NativeError>,
    ) -> Failure {
        let (&partition, &end) = left.first_key_value().unwrap_or((&0, &0));
        let held = self.stable(topic, partition).ok().filter(|stable| *stable < end);
        let Some(stable) = held else {
            let error = complaint.unwrap_or(NativeError::of(code::TIMED_OUT));
            return fault::unreachable(&error, &format!("to read within {limit:?}"), topic, Next::Retry);
        };
        Failure::new(
            Next::Retry,
            Problem::new(
                "MOOR-3007",
                format!("topic `{topic}` could not be read to its end within {limit:?}"),
                format!("partition {partition}, offset {stable} of {end}"),
                "a transaction of another producer is open there, and what is behind it cannot be seen; starting \
                 without it could start from an old position",
                format!(
                    "wait until it times out (a setting of its producer), or find and end it:\n\
                     kafka-transactions find-hanging --broker-id <id> --topic {topic} --partition {partition}\n\
                     kafka-transactions abort --topic {topic} --partition {partition} --start-offset {stable}"
                ),
            ),
        )
    }
}

fn asked(error: &NativeError, what: &str, place: &str) -> Failure {
    fault::request(error, what, place, Next::Retry)
}

fn unreadable(topic: &str, partition: i32, error: &NativeError) -> Failure {
    if !matches!(error.code, code::AUTO_OFFSET_RESET | code::OFFSET_OUT_OF_RANGE) {
        return fault::request(error, "to read", topic, Next::Retry);
    }
    Failure::halt(Problem::new(
        "MOOR-3012",
        format!("topic `{topic}` no longer holds what is to be read"),
        format!("partition {partition}"),
        error.to_string(),
        "retention, compaction or a topic made anew removed it: take a later anchor, or a new snapshot",
    ))
}
