//! I-LIFE-1: what may never go, and that what goes goes once and for all.

use std::collections::{BTreeMap, BTreeSet};

use moorline_pipeline::anchor::outline::{Outline, Outlines, Ticks};
use moorline_pipeline::anchor::thinning::{Also, Step, Wish, gone};
use moorline_pipeline::anchor::{Anchor, Ledger, encode_key};
use moorline_pipeline::model::ClusterTime;

use crate::kafka::Dice;
use crate::lane::{Durable, History, facts};

const INTERVAL: u32 = 10;

/// Anchors of some lanes that tick together, some of them over several ticks, in the topic's order.
fn anchors(dice: &mut Dice) -> Vec<Outline> {
    let (lanes, ticks) = (1 + dice.below(3) as i32, 200 + dice.below(600) as u32);
    let labelled: BTreeSet<u32> = (0..3).map(|_| 1 + dice.below(ticks as usize) as u32).collect();
    let mut all: Vec<(u32, Outline)> = Vec::new();
    for lane in 0..lanes {
        let (mut tick, mut base): (u32, Option<String>) = (1, None);
        while tick <= ticks {
            let reach = if dice.below(4) == 0 { dice.below(9) as u32 } else { 0 };
            // A request is a cut of its own in each lane.
            let first_label = labelled.range(tick..).next().copied().unwrap_or(u32::MAX);
            let last = if first_label == tick { tick } else { (tick + reach).min(first_label - 1).min(ticks) };
            let label = labelled.contains(&last).then(|| format!("l{last}"));
            let is_tick = label.is_none() && dice.below(60) > 0;
            let full = base.is_none() || !is_tick || dice.below(12) == 0;
            let id = format!("{lane}-{last}");
            let outline = Outline {
                id: id.clone(),
                lane,
                lanes,
                layout: "5c1e".into(),
                tick: is_tick,
                label,
                cut: ClusterTime::new(last * INTERVAL, 0),
                covers_from: ClusterTime::new(tick * INTERVAL, 0),
                full,
                base: if full { None } else { base.clone() },
                exact: dice.below(10) > 0,
                complete: true,
                gap: false,
                keys: Vec::new(),
                reach: None,
            };
            if full {
                base = Some(id);
            }
            all.push((last, outline));
            tick = last + 1;
        }
    }
    all.sort_by_key(|(last, _)| *last);
    all.into_iter().map(|(_, outline)| outline).collect()
}

fn steps() -> Wish {
    Wish::Thin(vec![
        Step { period_s: 0, up_to_s: Some(300) },
        Step { period_s: 60, up_to_s: Some(1500) },
        Step { period_s: 600, up_to_s: None },
    ])
}

fn ids(anchors: &[&Outline], places: &[usize]) -> BTreeSet<String> {
    places.iter().map(|&place| anchors[place].id.clone()).collect()
}

fn left<'a>(anchors: &[&'a Outline], gone: &[usize]) -> Vec<&'a Outline> {
    let gone: BTreeSet<usize> = gone.iter().copied().collect();
    anchors.iter().enumerate().filter(|(place, _)| !gone.contains(place)).map(|(_, anchor)| *anchor).collect()
}

#[test]
fn what_must_stay_stays_at_any_time() {
    for seed in 1..120 {
        let mut dice = Dice::new(seed);
        let made = anchors(&mut dice);
        let all: Vec<&Outline> = made.iter().collect();
        let end = i64::from(all.last().unwrap().cut.t);
        let before = ClusterTime::new(dice.below(end as usize + 100) as u32, 0);
        let any = Also { labelled: dice.below(2) == 0, kinds: dice.below(2) == 0 };
        for (wish, also) in
            [(steps(), Also::default()), (Wish::Before(before), Also::default()), (Wish::Before(before), any)]
        {
            let now = end + dice.below(5000) as i64;
            let going = gone(&all, &wish, also, now);
            let kept = left(&all, &going);
            let kept_ids: BTreeSet<&str> = kept.iter().map(|a| a.id.as_str()).collect();
            for anchor in &all {
                let spared = if anchor.label.is_some() { !also.labelled } else { !anchor.tick && !also.kinds };
                assert!(!spared || kept_ids.contains(anchor.id.as_str()), "seed {seed}: {anchor:?} went");
            }
            assert!(kept.iter().all(|a| a.base.as_deref().is_none_or(|base| kept_ids.contains(base))), "seed {seed}");
            let mut newest: BTreeMap<(i32, bool), &str> = BTreeMap::new();
            for anchor in &all {
                newest.insert((anchor.lane, false), &anchor.id);
                if anchor.full {
                    newest.insert((anchor.lane, true), &anchor.id);
                }
            }
            assert!(newest.values().all(|id| kept_ids.contains(id)), "seed {seed}: a writer's newest went");
            assert_eq!(Ticks::new(&all).whole().next().map(|w| w.0), Ticks::new(&kept).whole().next().map(|w| w.0));
            // A label stands for a cut, which needs every lane.
            for named in kept.iter().filter(|a| a.label.is_some()) {
                let count = |anchors: &[&Outline]| Ticks::new(anchors).covering(&named.layout, named.cut).len();
                assert!(also.labelled || count(&kept) == count(&all), "seed {seed}: {} is no whole cut now", named.id);
            }
            // A removal that ends half-way leaves no difference without its base.
            let half = left(&all, &going[..going.len() / 2]);
            let half_ids: BTreeSet<&str> = half.iter().map(|a| a.id.as_str()).collect();
            assert!(half.iter().all(|a| a.base.as_deref().is_none_or(|base| half_ids.contains(base))), "seed {seed}");
        }
    }
}

#[test]
fn thinning_is_idempotent_and_monotone() {
    for seed in 1..120 {
        let mut dice = Dice::new(seed);
        let made = anchors(&mut dice);
        let all: Vec<&Outline> = made.iter().collect();
        let end = i64::from(all.last().unwrap().cut.t);
        let now = end + dice.below(3000) as i64;
        let going = gone(&all, &steps(), Also::default(), now);
        let kept = left(&all, &going);
        assert_eq!(
            gone(&kept, &steps(), Also::default(), now),
            [0usize; 0],
            "seed {seed}: more goes when it is asked twice"
        );
        let later = now + dice.below(3000) as i64;
        let then = ids(&all, &gone(&all, &steps(), Also::default(), later));
        assert!(ids(&all, &going).is_subset(&then), "seed {seed}: what went stays at a later time");
    }
}

#[test]
fn the_first_cut_of_each_period_stays_whole() {
    for seed in 1..60 {
        let made = anchors(&mut Dice::new(seed));
        let all: Vec<&Outline> = made.iter().collect();
        let end = all.last().unwrap().cut.t;
        let wish = Wish::Thin(vec![Step { period_s: 60, up_to_s: None }]);
        let going = gone(&all, &wish, Also::default(), i64::from(end) + 100_000);
        let kept = left(&all, &going);
        let lanes = all[0].lanes as usize;
        let last_common = Ticks::new(&all).whole().next().unwrap().0;
        for period in 1..end / 60 {
            let tick = ClusterTime::new(period * 60, 0);
            let whole = |anchors: &[&Outline]| Ticks::new(anchors).covering("5c1e", tick).len() == lanes;
            assert!(tick > last_common || (whole(&all) && whole(&kept)), "seed {seed}: {tick} is no whole cut now");
        }
        assert!(
            going.len() * 2 > all.len(),
            "seed {seed}: {} of {} went, which is no thinning",
            going.len(),
            all.len()
        );
    }
}

#[test]
fn no_steps_and_no_anchors_ask_for_nothing() {
    let made = anchors(&mut Dice::new(7));
    let all: Vec<&Outline> = made.iter().collect();
    assert!(gone(&all, &Wish::Thin(vec![]), Also { labelled: true, kinds: true }, i64::MAX / 2).is_empty());
    assert!(gone(&[], &steps(), Also::default(), 0).is_empty());
    // Steps that end let what is older go, but for what never goes.
    let all_old = Wish::Thin(vec![Step { period_s: 0, up_to_s: Some(1) }]);
    let kept = left(&all, &gone(&all, &all_old, Also::default(), 1_000_000));
    assert!(kept.len() < all.len() && kept.iter().any(|a| a.label.is_some()));
}

#[test]
fn outlines_say_what_the_anchors_do() {
    for seed in 1..20 {
        let (mut history, mut durable) = (History::new(seed), Durable::default());
        let mut ledger = Ledger::restore(facts(0, 1, 4), None, vec![]);
        for _ in 0..60 {
            durable.commit(history.batch().through(&mut ledger).records);
        }
        let mut outlines = Outlines::new("shop");
        durable.anchors.iter().for_each(|(key, value)| outlines.push(key, value.as_deref()));
        let log = durable.log();
        assert_eq!(outlines.all().len(), log.anchors().len());
        for (outline, anchor) in outlines.all().iter().zip(log.anchors()) {
            let merged: Anchor = log.merged(anchor).unwrap();
            assert_eq!((&outline.id, outline.cut, outline.full), (&anchor.id, anchor.cut, anchor.full));
            assert_eq!(outline.keys, [encode_key(&anchor.key(), 6)]);
            let reach = outline.reach.as_ref().unwrap();
            assert_eq!(reach.len(), merged.collections.len());
            for cut in &merged.collections {
                let firsts: BTreeMap<i32, i64> = cut.partitions.iter().map(|p| (p.partition, p.first)).collect();
                assert_eq!((&reach[&cut.namespace].firsts, &reach[&cut.namespace].export), (&firsts, &cut.export));
            }
        }
        // A tombstone takes one away; the others stay as they are.
        let (key, _) = &durable.anchors[durable.anchors.len() / 2];
        let before = outlines.all().len();
        outlines.push(key, None);
        assert_eq!(outlines.all().len(), before - 1);
    }
}
