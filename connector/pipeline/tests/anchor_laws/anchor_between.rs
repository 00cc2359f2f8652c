//! What lies between two cuts: sums, signs, exports that began anew.

use moorline_pipeline::anchor::between::{Between, Presence, between};
use moorline_pipeline::anchor::{Anchor, Ledger};

use crate::lane::{Durable, History, INTERVAL, facts};

/// Anchors of a lane that has written at random, merged.
fn merged(seed: u64) -> Vec<Anchor> {
    let (mut history, mut durable) = (History::new(seed), Durable::default());
    let mut ledger = Ledger::restore(facts(0, 1, 4), None, vec![]);
    for _ in 0..60 {
        durable.commit(history.batch().through(&mut ledger).records);
    }
    let log = durable.log();
    log.anchors().iter().map(|anchor| log.merged(anchor).unwrap()).collect()
}

fn of(a: &Anchor, b: &Anchor) -> Between {
    between(std::slice::from_ref(a), std::slice::from_ref(b))
}

#[test]
fn a_cut_differs_from_itself_in_nothing() {
    for anchor in merged(1) {
        let found = of(&anchor, &anchor);
        assert_eq!((found.seconds, found.collections.len()), (0, 0));
        assert_eq!(found.unchanged, anchor.collections.len());
    }
}

#[test]
fn what_lies_between_adds_up_and_turns_its_sign() {
    for seed in 1..30 {
        let anchors = merged(seed);
        let (first, last) = (&anchors[0], anchors.last().unwrap());
        let (forth, back) = (of(first, last), of(last, first));
        assert_eq!(forth.seconds, -back.seconds);
        assert_eq!(forth.seconds % i64::from(INTERVAL), 0);
        for (one, other) in forth.collections.iter().zip(&back.collections) {
            assert_eq!(one.namespace, other.namespace);
            let now = last.collection(&one.namespace);
            if one.presence == Presence::Both {
                assert_eq!(one.records, -other.records);
                let sum: i64 = one.partitions.iter().map(|p| p.records).sum();
                assert_eq!(sum, one.records);
                let before = first.collection(&one.namespace).unwrap();
                assert_eq!(now.unwrap().stored(), before.stored() + one.records);
            } else if let Some(now) = now {
                assert_eq!((one.records, one.counts), (now.stored(), now.records), "all of the new export");
            }
        }
        // Over each step the records of one export add up to those of the whole way.
        for whole in forth.collections.iter().filter(|c| c.presence == Presence::Both) {
            let steps = anchors.windows(2).map(|pair| of(&pair[0], &pair[1]));
            let of_collection = steps.flat_map(|step| step.collections).filter(|c| c.namespace == whole.namespace);
            let (mut sum, mut anew) = (0, false);
            of_collection.for_each(|c| {
                sum += c.records;
                anew |= c.presence != Presence::Both;
            });
            assert!(anew || sum == whole.records, "seed {seed}, {}", whole.namespace);
        }
    }
}

#[test]
fn another_export_history_and_layout_are_said() {
    let anchors = merged(3);
    let a = anchors.last().unwrap();
    let mut b = a.clone();
    b.history = "674100000000000000000002".into();
    b.layout = "another".into();
    b.collections[0].export = "e-0999".into();
    b.collections[0].value_schema_ids = vec![7001];
    let gone = b.collections.pop().map(|c| c.namespace);
    let found = of(a, &b);
    assert_eq!(found.history.unwrap().to, b.history);
    assert_eq!(found.layout.unwrap().from, a.layout);
    let of_first = found.collections.iter().find(|c| c.namespace == a.collections[0].namespace).unwrap();
    if a.collections.len() > 1 {
        assert_eq!(of_first.presence, Presence::AnotherExport);
        assert_eq!(of_first.fields["export"].to.as_deref(), Some("e-0999"));
        assert_eq!(of_first.schema_ids_added, [7001]);
        let gone = found.collections.iter().find(|c| Some(&c.namespace) == gone.as_ref()).unwrap();
        assert_eq!((gone.presence, gone.records), (Presence::OnlyA, -a.collections.last().unwrap().stored()));
    }
}
