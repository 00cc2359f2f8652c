//! The offsets topic read back at start (I-KAFKA-1).
//!
//! Invariants: the ends are taken from a client that sees open transactions, and committed records are read up to
//! them: reading committed records "to the end" sees nothing behind a foreign transaction that is open. A time-out is a
//! failure, never "no position". The newest value of a key counts; a tombstone removes it.

use std::collections::BTreeMap;

use moorline_pipeline::error::{Failure, Next, Problem, Result};

use crate::reader::TopicReader;
use crate::settings::KafkaSettings;

/// The newest committed value of each wanted key. The caller has fenced older producers (`init_transactions`).
pub(crate) fn read(settings: &KafkaSettings, wanted: &dyn Fn(&[u8]) -> bool) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let topic = &settings.control.offsets;
    let reader = TopicReader::open(settings)?;
    let count = reader.partitions(topic)?.ok_or_else(|| gone(topic))?;
    let mut ranges = BTreeMap::new();
    for partition in 0..count {
        let found = reader.watermarks(topic, partition)?;
        ranges.insert(partition, (found.first, found.end));
    }
    let mut newest = BTreeMap::new();
    reader.read(topic, &ranges, settings.offsets_timeout, &mut |message| {
        let Some(key) = message.key().filter(|key| wanted(key)) else { return Ok(()) };
        match message.value() {
            Some(value) => newest.insert(key.to_vec(), value.to_vec()),
            None => newest.remove(key),
        };
        Ok(())
    })?;
    Ok(newest)
}

fn gone(topic: &str) -> Failure {
    Failure::new(
        Next::Retry,
        Problem::new(
            "MOOR-3005",
            format!("the offsets topic `{topic}` does not exist"),
            topic,
            "it was there when the lane started; without it no position is known",
            "restore the topic; if it is gone for good, start again with a new snapshot",
        ),
    )
}
