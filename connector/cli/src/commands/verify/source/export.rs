//! The topic's side: the ranges of an anchor folded to the last record of each key.
//!
//! Invariants: only committed records of `[first, end)` are read, and held against the anchor's counts and digest; what
//! retention took is unproven, what was altered is a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use moorline_export::state::StateDigest;
use moorline_export::verify::Comparison;
use moorline_pipeline::anchor::CollectionCut;
use moorline_pipeline::anchor::check::{self, Recount};
use moorline_pipeline::error::{Problem, Result};

use super::plans::Plans;
use super::{Bench, standing};
use crate::commands::anchors::{fetch, replayable};

/// How long one collection may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(3600);
/// How long the quarantine topic may take.
const QUARANTINE_LIMIT: Duration = Duration::from_secs(300);

/// What the topic's ranges are.
pub(super) enum Folded {
    /// As the anchor counts them; the digest of their state, where one contract takes all records.
    Whole(Option<StateDigest>),
    /// Other records than the anchor counts.
    Altered(Vec<Problem>),
    /// Not to be read any more, or not within the budget.
    Unproven(Problem),
}

/// Folds. Blocks.
pub(super) fn fold(bench: &Bench, cut: &CollectionCut, plans: &Plans, comparison: &mut Comparison) -> Result<Folded> {
    let mut topics = fetch::Topics::new();
    fetch::topics(&bench.reader, std::iter::once(cut), &mut topics)?;
    let facts = replayable::facts(&topics, &cut.topic);
    if let Some(why) = replayable::lost(cut, facts) {
        return Ok(Folded::Unproven(gone(cut, &why)));
    }
    let mut found = Recount::default();
    let mut too_large = false;
    bench.reader.read(&cut.topic, &ranges(cut), READ_LIMIT, &mut |message| {
        let key = message.key().unwrap_or_default();
        found.add(message.partition(), key, message.value());
        too_large |= !too_large && comparison.record(key, plans.record_hash(message.value())).is_err();
        Ok(())
    })?;
    let starts = facts.map(|facts| facts.starts.clone()).unwrap_or_default();
    let findings = check::collection(cut, &found, &starts);
    if !findings.is_empty() {
        return Ok(Folded::Altered(findings));
    }
    if too_large {
        return Ok(Folded::Unproven(standing::uncomparable(
            &cut.namespace,
            "the export's keys do not fit the memory that may be taken",
            "more of it: --memory-bytes, about 150 bytes a document",
        )));
    }
    let digest = comparison.folded();
    Ok(Folded::Whole(plans.has_digest().then_some(digest)))
}

/// The last values of some keys. Blocks.
pub(super) fn values(
    bench: &Bench,
    cut: &CollectionCut,
    wanted: &BTreeSet<&[u8]>,
) -> Result<BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
    let mut found = BTreeMap::new();
    bench.reader.read(&cut.topic, &ranges(cut), READ_LIMIT, &mut |message| {
        let key = message.key().unwrap_or_default();
        if wanted.contains(key) {
            found.insert(key.to_vec(), message.value().map(<[u8]>::to_vec));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Which of some keys were held out before the cut, by the quarantine topic; `None` where it has lost records. Blocks.
pub(super) fn held_out(
    bench: &Bench,
    cut: &CollectionCut,
    wanted: &BTreeSet<&[u8]>,
) -> Result<Option<BTreeSet<Vec<u8>>>> {
    let Some(count) = bench.reader.partitions(&bench.quarantine)? else { return Ok(None) };
    let (mut ranges, mut whole) = (BTreeMap::new(), true);
    for partition in 0..count {
        let marks = bench.reader.watermarks(&bench.quarantine, partition)?;
        whole &= marks.first == 0;
        ranges.insert(partition, (marks.first, marks.stable));
    }
    let mut found = BTreeSet::new();
    bench.reader.read(&bench.quarantine, &ranges, QUARANTINE_LIMIT, &mut |message| {
        let key = message.key().unwrap_or_default();
        if wanted.contains(key) {
            let headers = message.headers();
            let header = |name: &str| {
                let value = headers.iter().find(|(each, _)| each == name).and_then(|(_, value)| value.as_deref());
                value.and_then(|bytes| std::str::from_utf8(bytes).ok())
            };
            let time: Option<u64> = header("moorline.cluster_time").and_then(|text| text.parse().ok());
            if header("moorline.collection") == Some(cut.namespace.as_str())
                && time.is_some_and(|time| time < bench.cut.as_u64())
            {
                found.insert(key.to_vec());
            }
        }
        Ok(())
    })?;
    Ok((whole || found.len() == wanted.len()).then_some(found))
}

fn ranges(cut: &CollectionCut) -> BTreeMap<i32, (i64, i64)> {
    cut.partitions.iter().map(|p| (p.partition, (p.first, p.end))).collect()
}

fn gone(cut: &CollectionCut, why: &str) -> Problem {
    Problem::new(
        "MOOR-6002",
        "the anchor can no longer be replayed",
        format!("{}: {} records expected", cut.topic, cut.stored()),
        why,
        "verify a cut of a newer export (moorline anchors list)\nor take a new snapshot: start once with snapshot.mode=always",
    )
}
