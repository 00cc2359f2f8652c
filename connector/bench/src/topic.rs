//! What stands committed in a topic: counted by reading it, under `read_committed`.
//!
//! Invariant: each partition is read up to its end; offsets are not counted, since transactions leave markers among them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use moorline_sink_kafka::{KafkaSettings, Message, TopicReader};

/// A topic of a bench is read in seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: u64,
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
}

/// The same of a topic that may be missing: an empty collection has none.
pub(crate) fn look_if_there(settings: &KafkaSettings, topic: &str, visit: &mut dyn FnMut(&Message)) -> Result<Found> {
    match TopicReader::open(settings)?.partitions(topic)? {
        Some(_) => look(settings, topic, visit),
        None => Ok(Found::default()),
    }
}

/// Reads a topic whole and shows each record to `visit`.
pub(crate) fn look(settings: &KafkaSettings, topic: &str, visit: &mut dyn FnMut(&Message)) -> Result<Found> {
    let reader = TopicReader::open(settings)?;
    let partitions = reader.partitions(topic)?.with_context(|| format!("there is no topic {topic}"))?;
    let mut ranges = BTreeMap::new();
    for partition in 0..partitions {
        let marks = reader.watermarks(topic, partition)?;
        ensure!(marks.stable == marks.end, "{topic}, partition {partition}: a transaction is open");
        ranges.insert(partition, (marks.first, marks.end));
    }
    let mut found = Found::default();
    reader.read(topic, &ranges, LIMIT, &mut |message| {
        found.records += 1;
        found.bytes += message.key().map_or(0, <[u8]>::len) as u64 + message.value().map_or(0, <[u8]>::len) as u64;
        visit(message);
        Ok(())
    })?;
    Ok(found)
}
