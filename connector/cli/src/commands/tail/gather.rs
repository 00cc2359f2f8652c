//! The first or last records of a topic: read in windows that grow, so that neither a large topic nor a filter that
//! hardly anything passes needs more memory than the records that are shown.
//!
//! Invariants: records of a partition keep their order; between partitions the broker's timestamp decides; what is held
//! has a bound in bytes, and reaching it is told.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use moorline_pipeline::error::Result;
use moorline_sink_kafka::{Message, TopicReader};

/// The most bytes of records that are held.
const MOST_BYTES: usize = 64 << 20;
/// Offsets of the first window over what is asked for: markers and aborted records take offsets too.
const SPARE: i64 = 64;
/// How much longer each window is than the one before.
const GROWTH: i64 = 4;
/// The longest window in offsets.
const LONGEST: i64 = 1_000_000;
/// How long a window may take to be read.
const LIMIT: Duration = Duration::from_secs(300);

/// What a partition holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) partition: i32,
    pub(super) first: i64,
    /// The last stable offset.
    pub(super) end: i64,
}

/// A record as it was read.
pub(super) struct Held {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Held {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.value().map(<[u8]>::to_vec),
            headers: message.headers(),
        }
    }

    fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + 200
    }
}

/// Records in order.
pub(super) struct Gathered {
    pub(super) records: Vec<Held>,
    /// Whether some had to be left out for their size.
    pub(super) cut: bool,
}

/// Whether a record is asked for.
type Keep<'a> = &'a mut dyn FnMut(&Held) -> Result<bool>;

/// The last `count` records.
pub(super) fn last(
    reader: &TopicReader,
    topic: &str,
    spans: &[Span],
    count: usize,
    keep: Keep<'_>,
) -> Result<Gathered> {
    let mut parts: BTreeMap<i32, VecDeque<Held>> = BTreeMap::new();
    let mut open: Vec<Span> = spans.to_vec();
    let (mut window, mut bytes, mut cut) = (count as i64 + SPARE, 0, false);
    while count > 0 && !open.is_empty() {
        let ranges = open.iter().map(|s| (s.partition, (s.end.saturating_sub(window).max(s.first), s.end)));
        let ranges: BTreeMap<i32, (i64, i64)> = ranges.collect();
        // Of this window the newest count, and they stand before those that were found already.
        let mut found: BTreeMap<i32, VecDeque<Held>> = BTreeMap::new();
        reader.read(topic, &ranges, LIMIT, &mut |message| {
            let held = Held::of(message);
            if !keep(&held)? {
                return Ok(());
            }
            let have = parts.get(&held.partition).map_or(0, VecDeque::len);
            let part = found.entry(held.partition).or_default();
            bytes += held.bytes();
            part.push_back(held);
            let over = bytes > MOST_BYTES;
            if part.len() > count - have || (over && part.len() > 1) {
                cut |= over && part.len() <= count - have;
                bytes -= part.pop_front().map_or(0, |oldest| oldest.bytes());
            }
            Ok(())
        })?;
        for (partition, mut part) in found {
            let newer = parts.remove(&partition).unwrap_or_default();
            part.extend(newer);
            parts.insert(partition, part);
        }
        open.retain_mut(|span| {
            span.end = ranges.get(&span.partition).map_or(span.first, |range| range.0);
            let have = parts.get(&span.partition).map_or(0, VecDeque::len);
            span.end > span.first && have < count && bytes <= MOST_BYTES
        });
        window = (window * GROWTH).min(LONGEST);
    }
    let mut records = merged(parts);
    records.drain(..records.len().saturating_sub(count));
    Ok(Gathered { records, cut })
}

/// The first `count` records.
pub(super) fn first(
    reader: &TopicReader,
    topic: &str,
    spans: &[Span],
    count: usize,
    keep: Keep<'_>,
) -> Result<Gathered> {
    let mut parts: BTreeMap<i32, VecDeque<Held>> = BTreeMap::new();
    let mut open: Vec<Span> = spans.to_vec();
    let (mut window, mut bytes, mut cut) = (count as i64 + SPARE, 0, false);
    while count > 0 && !open.is_empty() {
        let ranges = open.iter().map(|s| (s.partition, (s.first, s.first.saturating_add(window).min(s.end))));
        let ranges: BTreeMap<i32, (i64, i64)> = ranges.collect();
        reader.read(topic, &ranges, LIMIT, &mut |message| {
            let part = parts.entry(message.partition()).or_default();
            if part.len() >= count {
                return Ok(());
            }
            let held = Held::of(message);
            if keep(&held)? {
                if bytes + held.bytes() > MOST_BYTES && !part.is_empty() {
                    cut = true;
                    return Ok(());
                }
                bytes += held.bytes();
                part.push_back(held);
            }
            Ok(())
        })?;
        open.retain_mut(|span| {
            span.first = ranges.get(&span.partition).map_or(span.end, |range| range.1);
            let have = parts.get(&span.partition).map_or(0, VecDeque::len);
            span.first < span.end && have < count && !cut
        });
        window = (window * GROWTH).min(LONGEST);
    }
    let mut records = merged(parts);
    records.truncate(count);
    Ok(Gathered { records, cut })
}

/// Partitions as one list: each keeps its order, and of their heads the oldest goes first.
fn merged(mut parts: BTreeMap<i32, VecDeque<Held>>) -> Vec<Held> {
    let mut records = Vec::new();
    loop {
        let heads = parts.iter().filter_map(|(partition, part)| part.front().map(|held| (held.timestamp, *partition)));
        let Some((_, partition)) = heads.min() else { return records };
        records.extend(parts.get_mut(&partition).and_then(VecDeque::pop_front));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_keep_their_order_and_times_decide_between_them() {
        let held = |partition, offset, ms| Held {
            partition,
            offset,
            timestamp: Some(ms),
            key: None,
            value: None,
            headers: Vec::new(),
        };
        let parts = BTreeMap::from([
            (0, VecDeque::from([held(0, 1, 5), held(0, 2, 1), held(0, 3, 9)])),
            (1, VecDeque::from([held(1, 7, 4), held(1, 8, 6)])),
        ]);
        let order: Vec<_> = merged(parts).iter().map(|held| (held.partition, held.offset)).collect();
        assert_eq!(order, [(1, 7), (0, 1), (0, 2), (1, 8), (0, 3)]);
    }
}
