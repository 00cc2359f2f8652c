//! Topics as an export reads them: committed records of ranges.
//!
//! Invariant: a range is read to its end, or the read fails.

use std::collections::BTreeMap;
use std::time::Duration;

use moorline_export::manifest::Range;
use moorline_export::replay::{Record, Records};
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_sink_kafka::TopicReader;

/// What a read may take besides its records.
const PATIENCE: Duration = Duration::from_secs(300);
/// Records a second below which a read counts as stuck.
const SLOWEST: u64 = 500;

/// The topics of a broker.
pub(in crate::commands) struct Topics<'a> {
    pub(in crate::commands) reader: &'a TopicReader,
}

impl Records for Topics<'_> {
    fn read(
        &self,
        topic: &str,
        ranges: &[Range],
        visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Problem>,
    ) -> Result<()> {
        let records: u64 = ranges.iter().map(|range| range.records.max(0) as u64).sum();
        let limit = PATIENCE + Duration::from_secs(records / SLOWEST);
        // A range without a record may end before what the log holds now.
        let wanted = ranges.iter().filter(|range| range.records > 0);
        let wanted: BTreeMap<i32, (i64, i64)> = wanted.map(|r| (r.partition, (r.first, r.end))).collect();
        self.reader.read(topic, &wanted, limit, &mut |message| {
            let record = Record {
                partition: message.partition(),
                offset: message.offset(),
                timestamp: message.timestamp(),
                key: message.key().unwrap_or_default(),
                value: message.value(),
            };
            visit(&record).map_err(Failure::halt)
        })
    }
}
