//! What was read against what the anchors count and digest.
//!
//! Invariant: a number that differs stops the run before anything of the collection is called done.

use std::collections::BTreeMap;

use moorline_pipeline::error::Problem;

use crate::digest::RecordsDigest;
use crate::select::Source;

/// Records by partition, and their digest.
#[derive(Default)]
pub(super) struct Recount {
    partitions: BTreeMap<i32, i64>,
    digest: RecordsDigest,
}

impl Recount {
    pub(super) fn add(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) {
        *self.partitions.entry(partition).or_default() += 1;
        self.digest.add(key, value);
    }

    pub(super) fn digest(&self) -> RecordsDigest {
        self.digest
    }

    pub(super) fn check(&self, source: &Source) -> Result<(), Problem> {
        for range in &source.ranges {
            let found = self.partitions.get(&range.partition).copied().unwrap_or_default();
            if found != range.records {
                return Err(Problem::new(
                    "MOOR-6013",
                    format!("the topic holds other records than the anchor counts: {found}, not {}", range.records),
                    format!(
                        "{}, partition {}, offsets [{}, {})",
                        source.cut.topic, range.partition, range.first, range.end
                    ),
                    if found < range.records {
                        "records are missing: compaction, retention while it was read, or loss"
                    } else {
                        "there are records that no anchor counts: something else writes to this topic"
                    },
                    "nothing was called done; check cleanup.policy and who writes to the topic, then take a new snapshot: \
                     start once with snapshot.mode=always",
                ));
            }
        }
        match source.digest {
            Some(wanted) if wanted != self.digest => Err(Problem::new(
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
            )),
            _ => Ok(()),
        }
    }
}
