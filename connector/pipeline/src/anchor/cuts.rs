//! Cuts of a connector: which ticks all lanes of a layout have an anchor for, and which of them is meant.
//!
//! Invariants: a cut at T is whole when lanes 0..n of one layout each have an anchor whose range holds T; of two that
//! hold it the one later in the topic counts; a time in the future is never answered with the past.

use std::collections::{BTreeMap, BTreeSet};

use super::at::At;
use super::log::Log;
use super::record::{Anchor, TICK};
use crate::error::Problem;
use crate::model::ClusterTime;

/// The anchors of one tick, one a lane, as stored.
#[derive(Clone, Debug)]
pub struct Cut<'a> {
    /// The tick.
    pub time: ClusterTime,
    /// The layout.
    pub layout: &'a str,
    /// How many lanes the layout has.
    pub lanes: i32,
    /// The anchor of each lane that has one, by lane.
    pub anchors: Vec<&'a Anchor>,
}

impl<'a> Cut<'a> {
    /// Whether every lane has its anchor.
    pub fn is_whole(&self) -> bool {
        self.anchors.len() == self.lanes as usize
    }
    /// Whether every lane is exact; false where one is missing.
    pub fn is_exact(&self) -> bool {
        self.is_whole() && self.anchors.iter().all(|a| a.exact)
    }
    /// Whether every lane is complete; false where one is missing.
    pub fn is_complete(&self) -> bool {
        self.is_whole() && self.anchors.iter().all(|a| a.complete)
    }
    /// The kind that says most: anything but a tick.
    pub fn kind(&self) -> &'a str {
        self.own().map(|a| a.kind.as_str()).find(|kind| *kind != TICK).unwrap_or(TICK)
    }
    /// The label, where it has one.
    pub fn label(&self) -> Option<&'a str> {
        self.own().find_map(|a| a.label.as_deref())
    }
    /// The anchor that stands for the cut where one id is to be shown.
    pub fn id(&self) -> Option<&'a str> {
        let of_label = self.own().find(|a| a.label.is_some());
        of_label.or_else(|| self.own().next()).or(self.anchors.first().copied()).map(|a| a.id.as_str())
    }
    /// Lanes that have no anchor for this cut.
    pub fn missing(&self) -> Vec<i32> {
        (0..self.lanes).filter(|lane| self.anchors.iter().all(|a| a.lane != *lane)).collect()
    }
    /// Anchors whose cut is this very tick, not a later one that covers it.
    fn own(&self) -> impl Iterator<Item = &'a Anchor> {
        self.anchors.iter().copied().filter(|a| a.cut == self.time)
    }
}

/// All ticks at which some lane was cut, whole or not, newest first; of two layouts' the newer one's first.
pub fn all(log: &Log) -> Vec<Cut<'_>> {
    let mut lanes: BTreeMap<(&str, i32), Vec<&Anchor>> = BTreeMap::new();
    let mut times: BTreeSet<(ClusterTime, usize, &str)> = BTreeSet::new();
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for anchor in log.anchors() {
        lanes.entry((&anchor.layout, anchor.lane)).or_default().push(anchor);
        newest.insert(&anchor.layout, log.place(anchor));
    }
    lanes.values_mut().for_each(|anchors| anchors.sort_by_key(|a| a.cut));
    times.extend(log.anchors().iter().map(|a| (a.cut, newest[a.layout.as_str()], a.layout.as_str())));
    let cut = |&(time, _, layout): &(ClusterTime, usize, &'_ str)| {
        let of_layout = lanes.range((layout, 0)..=(layout, i32::MAX));
        let anchors: Vec<&Anchor> = of_layout.filter_map(|(_, lane)| covering(log, lane, time)).collect();
        // Only a range that ends before it begins, which `check` reports, is held by nobody.
        let first = *anchors.first()?;
        Some(Cut { time, layout: &first.layout, lanes: first.lanes, anchors })
    };
    times.iter().rev().filter_map(cut).collect()
}

/// The cut that is meant, whole.
pub fn find<'a>(log: &'a Log, at: &At) -> Result<Cut<'a>, Problem> {
    let cuts = all(log);
    let newest_whole = || cuts.iter().find(|c| c.is_whole());
    match at {
        At::Latest => newest_whole().cloned().ok_or_else(|| no_common_cut(&cuts)),
        At::Time(time) => {
            let reached = newest_whole().ok_or_else(|| no_common_cut(&cuts))?;
            if *time > reached.time {
                return Err(not_yet(*time, reached));
            }
            // A tick that one anchor covers together with later ones is this cut too.
            let covering = cuts.iter().rev().find(|c| c.is_whole() && c.time >= *time);
            let covering = covering.filter(|c| c.anchors.iter().all(|a| a.covers(*time)));
            let at_or_before = cuts.iter().find(|c| c.is_whole() && c.time <= *time);
            let found = covering.or(at_or_before).ok_or_else(|| unknown(&format!("{time}"), log))?;
            Ok(Cut { time: found.time.min(*time), ..found.clone() })
        }
        At::Label(label) => {
            let named = log.anchors().iter().rev().find(|a| a.label.as_ref() == Some(label));
            whole_cut_of(log, &cuts, named.ok_or_else(|| unknown(&format!("label:{label}"), log))?)
        }
        At::Id(prefix) => {
            let mut named = log.anchors().iter().filter(|a| a.id.starts_with(prefix.as_str()));
            let first = named.next().ok_or_else(|| unknown(prefix, log))?;
            if let Some(second) = named.next() {
                return Err(ambiguous(prefix, first, second));
            }
            whole_cut_of(log, &cuts, first)
        }
    }
}

/// The anchor of a lane, sorted by cut, whose range holds a time; of several the latest in the topic.
fn covering<'a>(log: &Log, lane: &[&'a Anchor], time: ClusterTime) -> Option<&'a Anchor> {
    let from = lane.partition_point(|a| a.cut < time);
    let holding = lane[from..].iter().take_while(|a| a.covers_from <= time);
    holding.copied().max_by_key(|a| log.place(a))
}

fn whole_cut_of<'a>(log: &Log, cuts: &[Cut<'a>], anchor: &Anchor) -> Result<Cut<'a>, Problem> {
    let found = cuts.iter().find(|c| c.layout == anchor.layout && c.time == anchor.cut);
    let mut cut = found.ok_or_else(|| unknown(&anchor.id, log))?.clone();
    if !cut.is_whole() {
        // Another lane may have been cut at an earlier tick that this anchor covers too.
        let earlier = cuts.iter().find(|c| c.is_whole() && c.layout == anchor.layout && anchor.covers(c.time));
        cut = earlier.ok_or_else(|| missing_lanes(&cut))?.clone();
    }
    Ok(cut)
}

fn unknown(name: &str, log: &Log) -> Problem {
    let oldest = log.anchors().iter().map(|a| a.cut).min();
    let why = match oldest {
        Some(oldest) => format!("the topic holds {} anchors, the oldest cut is {oldest}", log.anchors().len()),
        None => "the topic holds no anchor of this connector".to_owned(),
    };
    Problem::new(
        "MOOR-6001",
        format!("there is no anchor {name}"),
        "anchors topic",
        why,
        "moorline anchors list shows what is there",
    )
}

fn ambiguous(prefix: &str, one: &Anchor, other: &Anchor) -> Problem {
    Problem::new(
        "MOOR-6003",
        format!("`{prefix}` is the beginning of more than one anchor's id"),
        "--at",
        format!("{} and {} begin so", one.id, other.id),
        "give more characters of the id",
    )
}

fn not_yet(time: ClusterTime, newest: &Cut<'_>) -> Problem {
    Problem::new(
        "MOOR-6007",
        format!("there is no whole cut at {time} yet"),
        format!("layout {}, newest whole cut {}", newest.layout, newest.time),
        "the lanes have not all passed that time, or the connector is not running",
        "wait: a lane that keeps up writes its anchor at the next tick; moorline status shows where each stands\nor take --at latest",
    )
}

fn no_common_cut(cuts: &[Cut<'_>]) -> Problem {
    match cuts.first() {
        Some(cut) => missing_lanes(cut),
        None => Problem::new(
            "MOOR-6001",
            "there is no anchor yet",
            "anchors topic",
            "the topic holds no anchor of this connector",
            "run the connector until it has written one: moorline run --until anchor",
        ),
    }
}

fn missing_lanes(cut: &Cut<'_>) -> Problem {
    let missing: Vec<String> = cut.missing().iter().map(i32::to_string).collect();
    Problem::new(
        "MOOR-6006",
        "the lanes have no common cut there",
        format!("cut {}, layout {}: {} of {} lanes", cut.time, cut.layout, cut.anchors.len(), cut.lanes),
        format!("lane {} has no anchor for this tick", missing.join(", ")),
        "wait until every lane has passed it, or take --at latest",
    )
}
