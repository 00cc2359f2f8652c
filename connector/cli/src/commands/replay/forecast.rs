//! `--dry-run`: what would be read and written, by what the anchors count and a look at the first records.
//!
//! Invariant: what is estimated is called so: rows are at most the records, files are estimated as records of the topic.

use std::collections::BTreeMap;
use std::time::Duration;

use moorline_export::select::{Selection, Source};
use moorline_pipeline::error::Result;
use moorline_sink_kafka::TopicReader;
use serde_json::{Value, json};

use crate::commands::{table, words};

/// Offsets of a partition that are looked at.
const SAMPLE: i64 = 500;
const PEEK_LIMIT: Duration = Duration::from_secs(20);

/// What a replay would do.
pub(super) struct Forecast {
    time: String,
    anchor: String,
    exact: bool,
    collections: Vec<Expected>,
    /// Bytes of the largest collection that do not fit into memory.
    sorted: u64,
}

struct Expected {
    namespace: String,
    records: u64,
    rows: u64,
    bytes: u64,
}

/// Looks at what is there.
pub(super) fn of(selection: &Selection, reader: &TopicReader, memory: u64) -> Result<Forecast> {
    let mut collections = Vec::new();
    for source in &selection.sources {
        let records = source.records().max(0) as u64;
        let bytes = (mean(source, reader)? * records as f64) as u64;
        let counts = &source.cut.records;
        // Of the whole export; between two cuts only the records bound the rows.
        let living = if selection.from.is_some() { records } else { (counts.r + counts.c).max(0) as u64 };
        collections.push(Expected {
            namespace: source.cut.namespace.clone(),
            records,
            rows: living.min(records),
            bytes,
        });
    }
    let largest = collections.iter().map(|c| c.bytes).max().unwrap_or_default();
    Ok(Forecast {
        time: selection.at.time.clone(),
        anchor: selection.at.anchors.first().cloned().unwrap_or_default(),
        exact: selection.exact && selection.complete,
        sorted: if largest > memory { largest } else { 0 },
        collections,
    })
}

/// Mean bytes of a record, by the first ones of each partition.
fn mean(source: &Source, reader: &TopicReader) -> Result<f64> {
    let ranges = source.ranges.iter().filter(|range| range.records > 0);
    let ranges: BTreeMap<_, _> = ranges.map(|r| (r.partition, (r.first, r.end.min(r.first + SAMPLE)))).collect();
    let (mut bytes, mut records) = (0, 0u32);
    reader.read(&source.cut.topic, &ranges, PEEK_LIMIT, &mut |message| {
        bytes += message.key().map_or(0, <[u8]>::len) + message.value().map_or(0, <[u8]>::len);
        records += 1;
        Ok(())
    })?;
    Ok(bytes as f64 / f64::from(records.max(1)))
}

impl Forecast {
    fn bytes(&self) -> u64 {
        self.collections.iter().map(|c| c.bytes).sum()
    }

    pub(super) fn human(&self) -> String {
        let mut shown = table::plain(&["COLLECTION", "RECORDS", "ROWS AT MOST", "BYTES (ESTIMATE)"], &[1, 2, 3]);
        for c in &self.collections {
            let numbers = [words::count(c.records as i64), words::count(c.rows as i64), words::bytes(c.bytes)];
            shown.add_row(std::iter::once(c.namespace.clone()).chain(numbers));
        }
        format!(
            "anchor   {}   cut {}   {}\n{shown}\ndisk     about {} for the export, {} for what is sorted\n\
             nothing was written\n",
            self.anchor,
            self.time,
            if self.exact { "exact" } else { "not exact, or not whole" },
            words::bytes(self.bytes()),
            words::bytes(self.sorted),
        )
    }

    pub(super) fn machine(&self) -> String {
        let of = |c: &Expected| json!({"namespace": c.namespace, "records": c.records, "rows_at_most": c.rows, "bytes_estimated": c.bytes});
        let value: Value = json!({
            "version": 1, "anchor": self.anchor, "cut": self.time, "exact": self.exact,
            "collections": self.collections.iter().map(of).collect::<Vec<_>>(),
            "disk": {"export_bytes_estimated": self.bytes(), "sorted_bytes_estimated": self.sorted},
        });
        format!("{value}\n")
    }
}
