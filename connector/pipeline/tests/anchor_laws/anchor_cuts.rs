//! Which cuts lanes share, and how people name them.

use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::cuts::{self, Cut};
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::anchor::{Anchor, Ledger, id};
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::task::cut::Ticks;

use crate::lane::{facts, position, tick};

/// Anchors of lanes by ranges of ticks, in the topic's order.
fn log(ranges: &[(i32, u32, u32)]) -> Log {
    log_of(ranges.iter().map(|&(lane, from, to)| anchor(lane, from, to, "5c1e", None)).collect())
}

fn anchor(lane: i32, from: u32, to: u32, layout: &str, label: Option<&str>) -> Anchor {
    let mut ledger = Ledger::restore(facts(0, 1, 60), None, vec![]);
    let ticks = Ticks { covers_from: tick(from), cut: tick(to) };
    let mut anchor = ledger.close(Some(ticks), position(tick(to), None), 0).anchor.unwrap();
    (anchor.lane, anchor.lanes) = (lane, 2);
    anchor.layout = layout.into();
    anchor.label = label.map(Into::into);
    anchor.id = id::id(&anchor);
    anchor
}

fn log_of(anchors: Vec<Anchor>) -> Log {
    Log::read("shop", anchors.into_iter().map(|a| (a.key(), Some(a))))
}

fn times(cuts: &[Cut<'_>]) -> Vec<(u32, usize)> {
    cuts.iter().map(|c| (c.time.t / 10, c.anchors.len())).collect()
}

fn at(log: &Log, tick_number: u32) -> Result<u32, &'static str> {
    cuts::find(log, &At::Time(tick(tick_number))).map(|c| c.time.t / 10).map_err(|p| p.code)
}

#[test]
fn a_cut_is_whole_where_every_lane_covers_it() {
    let log = log(&[(0, 1, 1), (1, 1, 3), (0, 2, 4), (1, 4, 4), (0, 5, 5)]);
    assert_eq!(times(&cuts::all(&log)), [(5, 1), (4, 2), (3, 2), (1, 2)]);
    assert_eq!(cuts::find(&log, &At::Latest).unwrap().time, tick(4));
    assert_eq!(cuts::find(&log, &At::Latest).unwrap().anchors.iter().map(|a| a.lane).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(at(&log, 4), Ok(4));
    // Tick 2 is covered by both lanes' ranges, though neither ends there.
    assert_eq!(at(&log, 2), Ok(2));
    assert_eq!(at(&log, 1), Ok(1));
    assert_eq!(at(&log, 5), Err("MOOR-6007"), "lane 1 has not passed it");
    assert_eq!(at(&log, 0), Err("MOOR-6001"), "before the oldest");
    let between = cuts::find(&log, &At::Time(ClusterTime::new(tick(1).t + 3, 0))).unwrap();
    assert_eq!(between.time, tick(1), "the newest tick at or before it");
    assert_eq!(cuts::all(&log)[0].missing(), [1]);
}

#[test]
fn no_lane_stands_for_another() {
    assert_eq!(cuts::find(&log(&[(0, 1, 1), (0, 2, 2)]), &At::Latest).unwrap_err().code, "MOOR-6006");
    assert_eq!(cuts::find(&log(&[]), &At::Latest).unwrap_err().code, "MOOR-6001");
    // Lanes of two layouts do not make a cut together.
    let mixed = log_of(vec![anchor(0, 1, 1, "aaaa", None), anchor(1, 1, 1, "bbbb", None)]);
    assert_eq!(cuts::find(&mixed, &At::Latest).unwrap_err().code, "MOOR-6006");
    let both = vec![
        anchor(0, 1, 1, "bbbb", None),
        anchor(1, 1, 1, "bbbb", None),
        anchor(0, 1, 1, "aaaa", None),
        anchor(1, 1, 1, "aaaa", None),
    ];
    assert_eq!(cuts::find(&log_of(both), &At::Latest).unwrap().layout, "aaaa", "the newer layout");
}

#[test]
fn labels_and_ids_name_the_cut_of_their_anchor() {
    let labelled = anchor(0, 2, 2, "5c1e", Some("month-end"));
    let anchors = vec![
        anchor(0, 1, 1, "5c1e", None),
        anchor(1, 1, 3, "5c1e", None),
        labelled.clone(),
        anchor(0, 3, 5, "5c1e", None),
    ];
    let log = log_of(anchors.clone());
    let found = cuts::find(&log, &At::Label("month-end".into())).unwrap();
    assert_eq!((found.time, found.label(), found.id()), (tick(2), Some("month-end"), Some(labelled.id.as_str())));
    assert_eq!(cuts::find(&log, &At::Label("other".into())).unwrap_err().code, "MOOR-6001");
    for one in &anchors[..3] {
        let prefix = At::Id(one.id[..8].into());
        assert_eq!(cuts::find(&log, &prefix).unwrap().time, one.cut);
    }
    // Lane 1 ends at tick 3, which this anchor covers too.
    assert_eq!(cuts::find(&log, &At::Id(anchors[3].id.clone())).unwrap().time, tick(3));
    assert_eq!(cuts::find(&log, &At::Id(String::new())).unwrap_err().code, "MOOR-6003");
    assert_eq!(cuts::find(&log, &At::Id("zzzzzzzzzz".into())).unwrap_err().code, "MOOR-6001");
}

#[test]
fn tombstones_and_other_connectors_are_not_anchors() {
    let (one, two) = (anchor(0, 1, 1, "5c1e", None), anchor(0, 2, 2, "5c1e", None));
    let mut foreign = anchor(0, 3, 3, "5c1e", None);
    foreign.connector = "other".into();
    let records = [one.clone(), two.clone(), foreign].map(|a| (a.key(), Some(a)));
    let log = Log::read("shop", records.into_iter().chain([(one.key(), None)]));
    assert_eq!(log.anchors(), [two]);
    assert!(log.pruned().contains(&one.id));
}
