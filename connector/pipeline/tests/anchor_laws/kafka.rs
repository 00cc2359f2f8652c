//! Kafka as far as a ledger sees it: partitions in which committed records have holes between them.

use std::collections::BTreeMap;

use moorline_pipeline::sink::{Delivered, Deliveries, TopicIndex};

/// A small generator of numbers, the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }
}

/// A committed record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) offset: i64,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// A record to be written: topic, partition, key, value.
pub(crate) type Sent = (TopicIndex, i32, Vec<u8>, Option<Vec<u8>>);

/// The data topics.
#[derive(Clone, Default)]
pub(crate) struct Kafka {
    pub(crate) partitions: BTreeMap<(TopicIndex, i32), Vec<Stored>>,
    next: BTreeMap<(TopicIndex, i32), i64>,
}

impl Kafka {
    /// Writes a transaction's records and its markers; aborted records may stand before it.
    pub(crate) fn commit(&mut self, dice: &mut Dice, records: &[Sent]) -> Deliveries {
        let mut delivered = Deliveries::new();
        for (topic, partition, key, value) in records {
            let at = (*topic, *partition);
            let next = self.next.entry(at).or_default();
            if !delivered.contains_key(&at) && dice.below(4) == 0 {
                // An aborted transaction: its records and its marker take offsets and are never read.
                *next += 1 + dice.below(3) as i64;
            }
            let offset = *next;
            *next += 1;
            let entry = delivered.entry(at).or_insert(Delivered { first: offset, last: offset, records: 0 });
            entry.last = offset;
            entry.records += 1;
            let stored = Stored { offset, key: key.clone(), value: value.clone() };
            self.partitions.entry(at).or_default().push(stored);
        }
        for at in delivered.keys() {
            *self.next.get_mut(at).expect("written to above") += 1;
        }
        delivered
    }

    /// Committed records of a partition in a range of offsets.
    pub(crate) fn range(&self, topic: TopicIndex, partition: i32, from: i64, to: i64) -> impl Iterator<Item = &Stored> {
        let records = self.partitions.get(&(topic, partition)).map_or(&[][..], |r| r);
        records.iter().filter(move |r| r.offset >= from && r.offset < to)
    }
}
