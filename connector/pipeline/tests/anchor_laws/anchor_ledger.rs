//! The ledger: totals, offsets with holes, restarts, continuation, every tick once.

use std::collections::BTreeMap;

use moorline_pipeline::anchor::check::{self, Recount};
use moorline_pipeline::anchor::{CollectionDelta, Counts, Inexact, Ledger};
use moorline_pipeline::model::{ClusterTime, Namespace};
use moorline_pipeline::sink::{Delivered, Deliveries};
use moorline_pipeline::task::cut::Ticks;

use crate::lane::{Durable, History, cut_of, export, facts, namespace, position, tick};

fn one(number: u32) -> Option<Ticks> {
    Some(Ticks { covers_from: tick(number), cut: tick(number) })
}

fn delivered(partition: i32, first: i64, last: i64, records: i64) -> Deliveries {
    Deliveries::from([((1, partition), Delivered { first, last, records })])
}

fn delta(counts: Counts) -> BTreeMap<Namespace, CollectionDelta> {
    BTreeMap::from([(namespace(1), CollectionDelta { counts, ..CollectionDelta::default() })])
}

#[test]
fn ranges_begin_where_the_parent_ends_and_have_holes() {
    let mut ledger = Ledger::restore(facts(0, 1, 60), None, vec![]);
    ledger.begin_export(export(1, 1, true));
    let counts = Counts { c: 3, ..Counts::default() };
    ledger.apply(&delta(counts), &delivered(0, 5, 7, 3));
    let first = ledger.close(one(1), position(tick(1), None), 0).anchor.unwrap();
    assert!(first.full && first.exact && first.complete && first.parent.is_none() && first.base.is_none());
    let cut = first.collection("shop.c1").unwrap().partitions[0];
    assert_eq!((cut.first, cut.begin, cut.end, cut.records), (5, 5, 8, 3));

    // A marker stood at 8, an aborted transaction at 9 to 11.
    ledger.apply(&delta(counts), &delivered(0, 12, 14, 3));
    assert!(ledger.close(None, position(tick(1).succ(), None), 0).anchor.is_none());
    ledger.apply(&delta(counts), &delivered(1, 0, 2, 3));
    let second = ledger.close(one(2), position(tick(2), None), 0).anchor.unwrap();
    assert_eq!((second.parent.as_ref(), second.base.as_ref()), (Some(&first.id), Some(&first.id)));
    let cut = second.collection("shop.c1").unwrap();
    assert_eq!((cut.partitions[0].first, cut.partitions[0].begin, cut.partitions[0].end), (5, 8, 15));
    assert_eq!((cut.partitions[1].first, cut.partitions[1].begin, cut.partitions[1].end), (0, 0, 3));
    assert_eq!((cut.stored(), cut.records.c), (9, 9));

    // An idle tick: nothing moved since its parent, but since its base.
    let third = ledger.close(one(3), position(tick(3), None), 0).anchor.unwrap();
    assert_eq!(third.collection("shop.c1").unwrap().partitions[0].begin, 15);
    assert_eq!(third.base, second.base);
}

#[test]
fn an_idle_lane_lists_nothing() {
    let mut ledger = Ledger::restore(facts(0, 1, 4), None, vec![]);
    ledger.begin_export(export(1, 1, true));
    let full: Vec<bool> = (1..=9)
        .map(|n| {
            let anchor = ledger.close(one(n), position(tick(n), None), 0).anchor.unwrap();
            assert_eq!(anchor.collections.is_empty(), !anchor.full);
            anchor.full
        })
        .collect();
    assert_eq!(full, [true, false, false, false, true, false, false, false, true], "one in four is full");
}

#[test]
fn what_makes_an_anchor_full() {
    let mut ledger = Ledger::restore(facts(0, 1, 60), None, vec![]);
    let close = |ledger: &mut Ledger, n| ledger.close(one(n), position(tick(n), None), 0).anchor.unwrap();
    assert!(close(&mut ledger, 1).full, "the first of a run");
    assert!(!close(&mut ledger, 2).full);
    ledger.begin_export(export(1, 1, false));
    let begun = close(&mut ledger, 3);
    assert!(begun.full && !begun.complete, "an export has begun");
    ledger.owe("requested");
    let requested = close(&mut ledger, 4);
    assert!(requested.full && requested.kind == "requested", "a kind other than tick");
    assert!(!close(&mut ledger, 5).full);
    ledger.begin_export(export(1, 2, true));
    let anew = close(&mut ledger, 6);
    assert!(anew.full && anew.complete && anew.collections[0].export == "e-0002", "an epoch has begun");
}

#[test]
fn kinds_and_labels_wait_for_the_tick_also_over_a_restart() {
    let mut durable = Durable::default();
    let mut ledger = Ledger::restore(facts(0, 1, 60), None, vec![]);
    ledger.owe("snapshot-complete");
    ledger.owe("snapshot-begin");
    ledger.request(Some("month-end".into()));
    durable.commit(ledger.close(None, position(tick(1), None), 0).records);
    let mut ledger = durable.restore(facts(0, 1, 60));
    let anchor = ledger.close(one(1), position(tick(1), None), 0).anchor.unwrap();
    assert_eq!((anchor.kind.as_str(), anchor.label.as_deref()), ("snapshot-complete", Some("month-end")));
    let next = ledger.close(one(2), position(tick(2), None), 0).anchor.unwrap();
    assert_eq!((next.kind.as_str(), next.label), ("tick", None));
}

#[test]
fn i_anchor_4_a_late_look_up_makes_every_tick_up_to_it_inexact() {
    let mut durable = Durable::default();
    let mut ledger = Ledger::restore(facts(0, 1, 60), None, vec![]);
    ledger.begin_export(export(1, 1, true));
    let until = Some(ClusterTime::new(tick(3).t, 5));
    let mut exact = vec![];
    for n in 1..=5 {
        let closed = ledger.close(one(n), position(tick(n), until), 0);
        durable.commit(closed.records);
        let anchor = closed.anchor.unwrap();
        assert_eq!(
            anchor.inexact.iter().map(|i| i.reason.as_str()).collect::<Vec<_>>(),
            if n <= 3 { vec!["late-lookup"] } else { vec![] }
        );
        assert!(anchor.collections.iter().all(|c| c.exact == anchor.exact));
        exact.push(anchor.exact);
        // A crash after each of them changes nothing: the position holds the time.
        ledger = durable.restore(facts(0, 1, 60));
    }
    assert_eq!(exact, [false, false, false, true, true]);
    let merged = durable.log().merged(durable.log().anchors().last().unwrap()).unwrap();
    assert!(merged.collections[0].exact);
}

#[test]
fn reasons_end_at_their_until_and_are_said_once() {
    let mut ledger = Ledger::restore(facts(0, 1, 60), None, vec![]);
    ledger.begin_export(export(1, 1, true));
    let mut reason = Inexact::of("image-missing", &namespace(1));
    reason.keys = Some(2);
    reason.until = Some(tick(3));
    let delta = CollectionDelta { inexact: vec![reason.clone(), reason], ..CollectionDelta::default() };
    ledger.apply(&BTreeMap::from([(namespace(1), delta)]), &Deliveries::new());
    for n in 1..=4 {
        let anchor = ledger.close(one(n), position(tick(n), None), 0).anchor.unwrap();
        assert_eq!(anchor.exact, n >= 3);
        assert_eq!(
            anchor.inexact.iter().map(|i| i.keys).collect::<Vec<_>>(),
            if n < 3 { vec![Some(4)] } else { vec![] }
        );
    }
}

#[test]
fn a_digest_that_was_switched_off_is_null_until_the_next_export() {
    let mut durable = Durable::default();
    let mut ledger = Ledger::restore(facts(0, 1, 60), None, vec![]);
    ledger.begin_export(export(1, 1, true));
    durable.commit(ledger.close(None, position(tick(1), None), 0).records);
    let mut off = facts(0, 1, 60);
    off.digest_on = false;
    ledger = durable.restore(off);
    ledger.apply(&delta(Counts { c: 1, ..Counts::default() }), &delivered(0, 0, 0, 1));
    durable.commit(ledger.close(None, position(tick(1), None), 0).records);
    ledger = durable.restore(facts(0, 1, 60));
    let anchor = ledger.close(one(1), position(tick(1), None), 0).anchor.unwrap();
    assert_eq!((&anchor.collections[0].records_digest, &anchor.collections[0].digest_algorithm), (&None, &None));
    ledger.begin_export(export(1, 1, true));
    let anchor = ledger.close(one(2), position(tick(2), None), 0).anchor.unwrap();
    assert!(anchor.collections[0].records_digest.is_some());
}

/// Random histories through three ledgers: one that runs through, one that is restored from what is durable whenever
/// the dice say so, and one that writes full anchors only. They must say the same of every cut.
#[test]
fn restart_equality_and_continuation_over_random_histories() {
    let (mut anchors, mut restarts) = (0, 0);
    for seed in 0..50 {
        let mut history = History::new(seed);
        let mut durables = [Durable::default(), Durable::default(), Durable::default()];
        let every = [4, 4, 1];
        let mut ledgers: Vec<Ledger> = every.iter().map(|&n| Ledger::restore(facts(0, 1, n), None, vec![])).collect();
        let mut expected_tick = tick(100);
        for _ in 0..60 {
            let batch = history.batch();
            let mut cuts = vec![];
            for (ledger, durable) in ledgers.iter_mut().zip(&mut durables) {
                let closed = batch.through(ledger);
                durable.commit(closed.records);
                let anchor = closed.anchor.map(|anchor| durable.log().merged(&anchor).unwrap());
                cuts.push(anchor);
            }
            if history.chance(7) {
                restarts += 1;
                let restored = durables[1].restore(facts(0, 1, every[1]));
                let before: Vec<_> = ledgers[1].collections().collect();
                assert_eq!(
                    before,
                    restored.collections().collect::<Vec<_>>(),
                    "seed {seed}: what is stored is not what is held"
                );
                ledgers[1] = restored;
            }
            let Some(anchor) = &cuts[0] else { continue };
            anchors += 1;
            assert_eq!(anchor.covers_from, expected_tick, "a tick in no anchor, or in two");
            expected_tick = tick(anchor.cut.t / crate::lane::INTERVAL + 1);
            assert_eq!(anchor.exact, anchor.inexact.is_empty());
            // A lane without collections can be late too, and then nothing but its own flag says so.
            assert!(anchor.collections.is_empty() || anchor.exact == anchor.collections.iter().all(|c| c.exact));
            assert_eq!(anchor.complete, anchor.collections.iter().all(|c| c.export_complete));
            for other in &cuts[1..] {
                assert_eq!(cut_of(anchor), cut_of(other.as_ref().unwrap()), "seed {seed}");
            }
            // I-KAFKA-4: what is in the topics is what the anchor says.
            for cut in &anchor.collections {
                let topic = cut.namespace[6..].parse().unwrap();
                let mut recount = Recount::default();
                for p in &cut.partitions {
                    for record in history.kafka.range(topic, p.partition, p.first, p.end) {
                        recount.add(p.partition, &record.key, record.value.as_deref());
                    }
                }
                assert!(check::collection(cut, &recount, &BTreeMap::new()).is_empty(), "seed {seed}: {cut:?}");
            }
        }
        for durable in &durables {
            let found = check::log(&durable.log(), 0);
            assert!(found.is_empty(), "seed {seed}: {found:?}");
        }
    }
    assert!(anchors > 700 && restarts > 300, "{anchors} anchors, {restarts} restarts: the test has tried too little");
}
