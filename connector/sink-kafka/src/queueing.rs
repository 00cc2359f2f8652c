//! Queueing a batch: long runs of a topic at once, records with headers one by one, and waiting where the queue is full.
//!
//! Invariant: within a partition records stand as they were given: what was refused is queued again before anything that
//! comes after it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use moorline_pipeline::error::Result;
use moorline_pipeline::sink::Encoded;
use tracing::trace;

use crate::ffi::{NativeError, Single, code};
use crate::producer::Producer;
use crate::{fault, transaction};

impl Producer {
    /// Queues a batch's records; `slots` are those of its topic indexes.
    pub(crate) fn produce(&mut self, batch: &Arc<Encoded>, slots: &[usize]) -> Result<()> {
        // Order holds within a partition, so topics may be taken one after the other: long runs cost least.
        let mut by_topic: Vec<Vec<u32>> = vec![Vec::new(); slots.len()];
        for (index, record) in batch.records.iter().enumerate() {
            by_topic[record.topic as usize].push(index as u32);
        }
        for (topic, records) in by_topic.iter().enumerate().filter(|(_, records)| !records.is_empty()) {
            let plain = |index: &u32| batch.records[*index as usize].headers.is_none();
            for run in records.chunk_by(|one, next| plain(one) && plain(next)) {
                if plain(&run[0]) {
                    self.run(slots[topic], batch, run)?;
                    continue;
                }
                let record = &batch.records[run[0] as usize];
                self.one(
                    slots[topic],
                    &Single {
                        partition: record.partition,
                        key: &batch.data[record.key.clone()],
                        value: record.value.clone().map(|range| &batch.data[range]),
                        headers: record.headers.as_ref(),
                    },
                )?;
            }
        }
        Ok(())
    }

    fn run(&mut self, slot: usize, batch: &Arc<Encoded>, mut records: &[u32]) -> Result<()> {
        while !records.is_empty() {
            let parts = self.parts();
            parts.account.queue(records.len() as u64);
            let topic = &parts.topics[slot];
            let (accepted, error) = parts.client.produce_run(topic, slot, batch, records, &mut parts.scratch);
            parts.account.refuse((records.len() - accepted) as u64);
            if let Some(error) = error {
                let record = &batch.records[records[accepted.min(records.len() - 1)] as usize];
                let bytes = record.value.as_ref().map_or(0, std::iter::ExactSizeIterator::len);
                self.wait_for_room(slot, record.partition, bytes, error)?;
            }
            records = &records[accepted..];
        }
        Ok(())
    }

    /// Queues one record.
    pub(crate) fn one(&mut self, slot: usize, record: &Single<'_>) -> Result<()> {
        loop {
            let parts = self.parts();
            parts.account.queue(1);
            match parts.client.produce_one(&parts.topics[slot], slot, record) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    parts.account.refuse(1);
                    self.wait_for_room(slot, record.partition, record.value.map_or(0, <[u8]>::len), error)?;
                }
            }
        }
    }

    /// After a refusal: waits for deliveries where the queue was full, else fails.
    fn wait_for_room(&mut self, slot: usize, partition: i32, bytes: usize, error: NativeError) -> Result<()> {
        let parts = self.parts();
        let name = parts.topics[slot].name();
        let error = transaction::cause(&parts.client, error);
        match error.code {
            code::QUEUE_FULL => {}
            code::UNKNOWN_PARTITION => {
                return Err(fault::no_partition(name, partition, parts.topics[slot].partitions()));
            }
            _ => return Err(fault::undelivered(&error, &format!("topic {name}, partition {partition}"), bytes)),
        }
        trace!(topic = name, "the producer's queue is full");
        let out = parts.account.outstanding();
        let left = parts.until.saturating_duration_since(Instant::now());
        if out == 0 {
            // The report is taken, the room not yet given back.
            thread::sleep(Duration::from_millis(1));
        } else if !parts.account.wait_below(out, left.min(Duration::from_secs(1))) {
            self.check()?;
        }
        self.in_time("the queue stayed full")
    }
}
