//! What was read against what the anchors count and digest.
//!
//! Invariant: a number that differs stops the run before anything of the collection is called done.

use std::collections::BTreeMap;

use moorline_pipeline::error::Problem;

use crate::digest::RecordsDigest;
use crate::manifest::Range;
use crate::select::Source;

/// Records by partition, and their digest.
#[derive(Default)]
pub(crate) struct Recount {
    partitions: BTreeMap<i32, i64>,
    digest: RecordsDigest,
}

impl Recount {
    pub(crate) fn add(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) {
        *self.partitions.entry(partition).or_default() += 1;
        self.digest.add(key, value);
    }

    pub(crate) fn digest(&self) -> RecordsDigest {
        self.digest
    }

    pub(crate) fn check(&self, source: &Source) -> Result<(), Problem> {
        self.findings(source).into_iter().next().map_or(Ok(()), Err)
    }

    /// Each partition that has another number of records; where there is none, whether the records are others.
    pub(crate) fn findings(&self, source: &Source) -> Vec<Problem> {
        let counted = source.ranges.iter().filter_map(|range| {
            let found = self.partitions.get(&range.partition).copied().unwrap_or_default();
            (found != range.records).then(|| other_number(source, range, found))
        });
        let findings: Vec<Problem> = counted.collect();
        if !findings.is_empty() {
            return findings;
        }
        match source.digest {
            Some(wanted) if wanted != self.digest => vec![Problem::new(
                "MOOR-6014",
                "the records are not those that were written: their digest differs",
                format!("{}, export {}", source.cut.namespace, source.cut.export),
                format!(
                    "anchor {}, topic {}; the number of records is the same",
                    wanted.to_hex(),
                    self.digest.to_hex()
                ),
                "do not use the cut; take a new snapshot (start once with snapshot.mode=always), and find out who wrote to \
                 the topic",
            )],
            _ => Vec::new(),
        }
    }
}

fn other_number(source: &Source, range: &Range, found: i64) -> Problem {
    Problem::new(
        "MOOR-6013",
        format!("the topic holds other records than the anchor counts: {found}, not {}", range.records),
        format!("{}, partition {}, offsets [{}, {})", source.cut.topic, range.partition, range.first, range.end),
        if found < range.records {
            "records are missing: compaction, retention while it was read, or loss"
        } else {
            "there are records that no anchor counts: something else writes to this topic"
        },
        "nothing was called done; check cleanup.policy and who writes to the topic, then take a new snapshot: \
         start once with snapshot.mode=always",
    )
}
