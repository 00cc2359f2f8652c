//! The newest of a collection's schemas at a cut: that of the record that was written last.
//!
//! Ids say nothing of it: a registry gives a text that it knows its old id, and one that was filled from another has ids
//! in any order. Within a partition records stand as they were written; over partitions their timestamps decide.
//! Invariants: what is looked at lies before the cut; of records of one millisecond none is called the last one, so that
//! whoever asks is told all that may be it.

use std::collections::{BTreeMap, BTreeSet};

use moorline_pipeline::anchor::CollectionCut;
use moorline_pipeline::error::Result;

use crate::manifest::Range;
use crate::replay::{Records, unframed};

/// Offsets before a partition's end that are looked at first; four times as many each time that none of them had a value.
const FIRST_LOOK: i64 = 16;

/// Ids of the schemas that may be the newest, ascending; all where no record has a value.
pub fn of(cut: &CollectionCut, records: &dyn Records) -> Result<Vec<i32>> {
    if cut.value_schema_ids.len() < 2 {
        return Ok(cut.value_schema_ids.clone());
    }
    let mut told: BTreeMap<i32, (i32, Option<i64>)> = BTreeMap::new();
    let mut left: Vec<Range> = cut.partitions.iter().map(|p| range(p.partition, p.first, p.end)).collect();
    let mut look = FIRST_LOOK;
    while !left.is_empty() {
        let tails: Vec<Range> = left
            .iter()
            .map(|r| range(r.partition, r.first.max(r.end - look), r.end))
            .filter(|r| r.records > 0)
            .collect();
        records.read(&cut.topic, &tails, &mut |record| {
            if let Some((id, _)) = record.value.and_then(unframed) {
                told.insert(record.partition, (id, record.timestamp));
            }
            Ok(())
        })?;
        let rest = left.iter().filter(|r| !told.contains_key(&r.partition));
        left = rest.map(|r| range(r.partition, r.first, r.first.max(r.end - look))).filter(|r| r.records > 0).collect();
        look = look.saturating_mul(4);
    }
    let last = told.values().map(|(_, timestamp)| *timestamp).max();
    let ids: BTreeSet<i32> = told.values().filter(|(_, at)| Some(*at) == last).map(|(id, _)| *id).collect();
    Ok(if ids.is_empty() { cut.value_schema_ids.clone() } else { ids.into_iter().collect() })
}

/// Offsets to be looked at; how many records are among them is not known.
fn range(partition: i32, first: i64, end: i64) -> Range {
    Range { partition, first, end, records: (end - first).max(0) }
}

#[cfg(test)]
mod tests {
    use moorline_pipeline::anchor::{Counts, PartitionCut};
    use moorline_pipeline::error::{Failure, Problem};

    use super::*;
    use crate::replay::Record;

    /// Partition, offset, timestamp, schema; 0 for a tombstone.
    struct Log(Vec<(i32, i64, i64, i32)>);

    impl Records for Log {
        fn read(
            &self,
            _: &str,
            ranges: &[Range],
            visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Problem>,
        ) -> Result<()> {
            for &(partition, offset, timestamp, id) in &self.0 {
                if ranges.iter().any(|r| r.partition == partition && (r.first..r.end).contains(&offset)) {
                    let mut value = vec![0];
                    value.extend(id.to_be_bytes());
                    let value = (id > 0).then_some(value.as_slice());
                    let record = Record { partition, offset, timestamp: Some(timestamp), key: b"", value };
                    visit(&record).map_err(Failure::halt)?;
                }
            }
            Ok(())
        }
    }

    fn newest(log: Vec<(i32, i64, i64, i32)>) -> Vec<i32> {
        let ends: BTreeMap<i32, i64> = log.iter().map(|&(partition, offset, ..)| (partition, offset + 1)).collect();
        let part = |(partition, end)| PartitionCut { partition, first: 0, begin: 0, end, records: end };
        let cut = CollectionCut {
            namespace: "shop.orders".to_owned(),
            epoch: String::new(),
            topic: "shop.shop.orders".to_owned(),
            topic_id: None,
            partition_count: 2,
            export: "e".to_owned(),
            export_complete: true,
            exact: true,
            scope: None,
            contract: None,
            key_schema_id: 1,
            value_schema_ids: vec![3, 7, 9],
            schema_digests: Vec::new(),
            records: Counts::default(),
            records_digest: None,
            digest_algorithm: None,
            partitions: ends.into_iter().map(part).collect(),
        };
        of(&cut, &Log(log)).unwrap()
    }

    #[test]
    fn the_record_that_was_written_last_tells() {
        assert_eq!(newest(vec![(0, 0, 10, 9), (0, 1, 20, 3)]), [3]);
        assert_eq!(newest(vec![(0, 0, 10, 3), (0, 1, 30, 7), (1, 0, 20, 9)]), [7]);
        assert_eq!(newest(vec![(0, 0, 10, 9), (1, 0, 10, 3)]), [3, 9]);
        assert_eq!(newest(Vec::new()), [3, 7, 9]);
    }

    #[test]
    fn tombstones_before_the_end_are_looked_past() {
        let mut log = vec![(0, 0, 10, 9), (0, 1, 11, 7)];
        log.extend((2..400).map(|offset| (0, offset, 12, 0)));
        log.push((1, 0, 5, 3));
        assert_eq!(newest(log.clone()), [7]);
        log.retain(|(_, _, _, id)| *id == 0);
        assert_eq!(newest(log), [3, 7, 9]);
    }
}
