//! Which anchors go: thinned out as they age (`anchor.retention`), or all before a time (`anchors prune`).
//!
//! Of the anchors of an age, one in each period stays: the first, in every lane. Lanes tick at the same times, so the
//! first ticks of a period are one cut, and it stays whole.
//!
//! Invariants (I-LIFE-1): these stay whatever is asked for: the newest anchor and the newest full one of each lane,
//! which its writer may still refer to; the newest whole cut, and the newest that is exact and complete; the base of
//! whatever stays. Labelled ones and those of another kind than a tick stay unless it is said that they may go, each
//! with the anchors of other lanes that make its cut whole. What goes now goes later too, and nothing more goes when it
//! is asked twice.

use std::collections::{BTreeSet, HashSet};

use super::outline::{Outline, Ticks};
use crate::model::ClusterTime;

/// One step of a retention: up to an age, one anchor in each period stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Seconds of a period; 0 where every anchor stays.
    pub period_s: u32,
    /// Age in seconds up to which the step holds; `None` for all that is older than the step before.
    pub up_to_s: Option<u64>,
}

/// What is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What these steps do not keep. They go from young to old, and each period is a multiple of the one before it; what
    /// is older than the last step goes. No steps: nothing goes.
    Thin(Vec<Step>),
    /// What was cut before this time.
    Before(ClusterTime),
}

/// What may go beside ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Also {
    /// Labelled ones, whatever their kind.
    pub labelled: bool,
    /// Those of another kind than a tick, without a label.
    pub kinds: bool,
}

/// Places of those that go among `anchors`, which stand in the topic's order: differences before the base that they
/// need, so that a removal that ends half-way leaves none without. `now_s` is the time, in seconds since 1970.
pub fn gone(anchors: &[&Outline], wish: &Wish, also: Also, now_s: i64) -> Vec<usize> {
    let ticks = Ticks::new(anchors);
    let mut stays = vec![false; anchors.len()];
    match wish {
        Wish::Before(time) => stays.iter_mut().zip(anchors).for_each(|(stays, anchor)| *stays = anchor.cut >= *time),
        Wish::Thin(steps) if steps.is_empty() => return Vec::new(),
        Wish::Thin(steps) => first_of_periods(anchors, &ticks, steps, now_s, &mut stays),
    }
    for anchor in anchors {
        let may_go = if anchor.label.is_some() { also.labelled } else { anchor.tick || also.kinds };
        if !may_go {
            ticks.covering(&anchor.layout, anchor.cut).into_iter().for_each(|place| stays[place] = true);
        }
    }
    newest(anchors, &ticks, &mut stays);
    let kept = anchors.iter().zip(&stays).filter(|(_, stays)| **stays);
    let needed: HashSet<&str> = kept.filter_map(|(anchor, _)| anchor.base.as_deref()).collect();
    let gone = |place: &usize| !stays[*place] && !needed.contains(anchors[*place].id.as_str());
    (0..anchors.len()).rev().filter(gone).collect()
}

fn first_of_periods(anchors: &[&Outline], ticks: &Ticks<'_>, steps: &[Step], now_s: i64, stays: &mut [bool]) {
    for lane in ticks.lanes().values() {
        let mut before: Option<ClusterTime> = None;
        for &place in lane {
            let cut = anchors[place].cut;
            let age = u64::try_from(now_s - i64::from(cut.t)).unwrap_or(0);
            let step = steps.iter().find(|step| step.up_to_s.is_none_or(|up_to| age < up_to));
            stays[place] = step.is_some_and(|step| match (step.period_s, before) {
                (0, _) | (_, None) => true,
                (period, Some(before)) => before.t / period < cut.t / period,
            });
            before = Some(cut);
        }
    }
}

fn newest(anchors: &[&Outline], ticks: &Ticks<'_>, stays: &mut [bool]) {
    let mut seen = BTreeSet::new();
    for (place, anchor) in anchors.iter().enumerate().rev() {
        stays[place] |= seen.insert((anchor.lane, false));
        stays[place] |= anchor.full && seen.insert((anchor.lane, true));
    }
    let good = |places: &Vec<usize>| places.iter().all(|&place| anchors[place].exact && anchors[place].complete);
    let first = ticks.whole().next();
    let best = ticks.whole().find(|(_, places)| good(places));
    first.into_iter().chain(best).flat_map(|(_, places)| places).for_each(|place| stays[place] = true);
}
