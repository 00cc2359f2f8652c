//! Every defect that is seeded is found, and a clean history has no finding.

use std::collections::BTreeMap;

use moorline_pipeline::anchor::check::{self, Recount};
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::anchor::{Anchor, CollectionCut, Ledger};

use crate::kafka::Stored;
use crate::lane::{Durable, History, facts};

/// Anchors of a random history, and the records of one of its collections.
fn history() -> (Vec<Anchor>, CollectionCut, BTreeMap<i32, Vec<Stored>>) {
    for seed in 0.. {
        let mut history = History::new(seed);
        let mut durable = Durable::default();
        let mut ledger = Ledger::restore(facts(0, 1, 4), None, vec![]);
        for _ in 0..60 {
            durable.commit(history.batch().through(&mut ledger).records);
        }
        let log = durable.log();
        let last = log.merged(log.anchors().last().unwrap()).unwrap();
        let large = |c: &&CollectionCut| c.partitions.iter().all(|p| p.records >= 3) && c.records.tombstones > 0;
        let Some(cut) = last.collections.iter().find(large) else { continue };
        let topic = cut.namespace[6..].parse().unwrap();
        let records = |p: &moorline_pipeline::anchor::PartitionCut| {
            (p.partition, history.kafka.range(topic, p.partition, p.first, p.end).cloned().collect())
        };
        return (log.anchors().to_vec(), cut.clone(), cut.partitions.iter().map(records).collect());
    }
    unreachable!("seeds do not end")
}

fn codes(cut: &CollectionCut, records: &BTreeMap<i32, Vec<Stored>>, starts: &[(i32, i64)]) -> Vec<&'static str> {
    let mut recount = Recount::default();
    for (partition, records) in records {
        records.iter().for_each(|r| recount.add(*partition, &r.key, r.value.as_deref()));
    }
    check::collection(cut, &recount, &starts.iter().copied().collect()).iter().map(|p| p.code).collect()
}

#[test]
fn altered_lost_and_foreign_records_are_found() {
    let (_, cut, clean) = history();
    assert_eq!(codes(&cut, &clean, &[]), [""; 0]);
    let partition = *clean.keys().next().unwrap();

    let mut lost = clean.clone();
    lost.get_mut(&partition).unwrap().remove(1);
    assert_eq!(codes(&cut, &lost, &[]), ["MOOR-6013"]);
    let start = lost[&partition][1].offset;
    assert_eq!(codes(&cut, &lost, &[(partition, start)]), ["MOOR-6002"], "retention took it");

    let mut foreign = clean.clone();
    let twice = foreign[&partition][0].clone();
    foreign.get_mut(&partition).unwrap().push(twice);
    assert_eq!(codes(&cut, &foreign, &[]), ["MOOR-6013"]);

    let mut altered = clean.clone();
    let record = altered.get_mut(&partition).unwrap().iter_mut().find(|r| r.value.is_some()).unwrap();
    *record.value.as_mut().unwrap().last_mut().unwrap() ^= 1;
    assert_eq!(codes(&cut, &altered, &[]), ["MOOR-6014"]);

    let mut emptied = clean.clone();
    emptied.get_mut(&partition).unwrap().iter_mut().find(|r| r.value.is_some()).unwrap().value = None;
    assert_eq!(codes(&cut, &emptied, &[]), ["MOOR-6014", "MOOR-6013"]);

    let mut schema = clean.clone();
    let record = schema.get_mut(&partition).unwrap().iter_mut().find(|r| r.value.is_some()).unwrap();
    record.value.as_mut().unwrap()[4] = 111;
    assert_eq!(codes(&cut, &schema, &[]), ["MOOR-6014", "MOOR-6016"]);
}

fn log_codes(anchors: Vec<Anchor>) -> Vec<&'static str> {
    let log = Log::read("shop", anchors.into_iter().map(|a| (a.key(), Some(a))));
    check::log(&log, 0).iter().map(|p| p.code).collect()
}

#[test]
fn altered_and_missing_anchors_are_found() {
    let (anchors, ..) = history();
    assert!(anchors.len() > 8);
    assert_eq!(log_codes(anchors.clone()), [""; 0]);

    let middle = anchors.iter().position(|a| !a.full).unwrap();
    let mut altered = anchors.clone();
    altered[middle].exact = !altered[middle].exact;
    assert!(log_codes(altered).contains(&"MOOR-6011"));

    let mut missing = anchors.clone();
    missing.remove(middle.max(1));
    assert!(log_codes(missing).contains(&"MOOR-6012"));

    // Thinned out from the old end, or by tombstones, is no finding.
    let second_full = anchors.iter().skip(1).position(|a| a.full).unwrap() + 1;
    assert_eq!(log_codes(anchors[second_full..].to_vec()), [""; 0]);
    let gone = anchors[middle.max(1)].clone();
    let records = anchors.iter().map(|a| (a.key(), Some(a.clone()))).chain([(gone.key(), None)]);
    assert!(check::log(&Log::read("shop", records), 0).is_empty());

    let mut half = anchors;
    half[middle].parts = 2;
    assert!(log_codes(half).contains(&"MOOR-6005"));
}
