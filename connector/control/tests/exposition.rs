//! The names of the metrics are a promise: `golden/metrics.txt` has each with its help, type and unit.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use moorline_control::{Health, Telemetry, clocks, exposition, names};
use moorline_pipeline::anchor::CollectionDelta;
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::offsets::SnapshotProgress;
use moorline_runtime::Report;
use moorline_runtime::report::{AnchorNote, LaneState, Reachable, Replayable};

fn told(report: Report) -> Arc<Telemetry> {
    Arc::new(Telemetry {
        connector: "shop".into(),
        version: "0.0.0".into(),
        report: Arc::new(report),
        health: Health::default(),
        started: UNIX_EPOCH + Duration::from_secs(7),
    })
}

/// Everything that can be known is known.
fn full() -> Report {
    let report = Report::default();
    report.head.rise(ClusterTime::new(120, 1));
    report.oldest.rise(ClusterTime::new(20, 1));
    let lane = report.lane(0);
    lane.read.rise(ClusterTime::new(119, 3));
    lane.committed.rise(ClusterTime::new(110, 0));
    lane.enter(LaneState::Running);
    lane.commit_seconds.observe(0.03);
    lane.transaction_records.observe(400.0);
    lane.looked_up(7, Duration::from_millis(250));
    lane.anchored(ClusterTime::new(110, 0), true, true);
    report.anchor(AnchorNote {
        id: "k3v9q2".into(),
        lane: 0,
        kind: "tick".into(),
        cut: ClusterTime::new(110, 0),
        exact: true,
        complete: true,
        label: None,
    });
    let seen = Reachable { oldest: Some(ClusterTime::new(60, 0)), until_ms: Some(9_000_000_000_000) };
    let collections = [("shop.orders".to_owned(), seen)].into();
    report.set_replayable(Replayable { cuts: 3, collections });
    let collection = report.collection("shop.\"odd\\name\"");
    collection.snapshot_begins(0, 10);
    let mut delta = CollectionDelta::default();
    (delta.counts.r, delta.counts.u, delta.counts.quarantined) = (5, 2, 1);
    let progress = SnapshotProgress { x: ClusterTime::new(100, 1), rows: 5, bytes: 50, ranges: Vec::new() };
    (delta.snapshot, delta.completed) = (Some(progress), true);
    collection.committed(&delta);
    report
}

#[test]
fn the_names_are_those_of_the_golden_file() {
    let text = exposition::text(&told(full())).unwrap();
    let heads: String =
        text.lines().filter(|line| line.starts_with('#') && *line != "# EOF").map(|line| format!("{line}\n")).collect();
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.txt");
    let promised = std::fs::read_to_string(golden).unwrap();
    assert_eq!(heads, promised, "a name, once released, keeps its meaning: add lines, change none");
}

#[test]
fn everything_but_what_cannot_be_known_yet_is_told() {
    let text = exposition::text(&told(full())).unwrap();
    for metric in names::ALL {
        let there = text.contains(&format!("# TYPE {}", metric.name));
        assert_eq!(there, metric.name != names::VERIFIED.name, "{}", metric.name);
    }
    for line in [
        "moorline_source_head_timestamp_seconds{connector=\"shop\"} 120.0",
        "moorline_headroom_seconds{connector=\"shop\",lane=\"0\"} 90.0",
        "moorline_records_total{connector=\"shop\",collection=\"shop.\\\"odd\\\\name\\\"\",op=\"r\"} 5",
        "moorline_snapshot_complete{connector=\"shop\",collection=\"shop.\\\"odd\\\\name\\\"\"} 1.0",
        "moorline_look_up_duration_seconds_total{connector=\"shop\",lane=\"0\"} 0.25",
        "moorline_commit_duration_seconds_bucket{connector=\"shop\",le=\"0.05\",lane=\"0\"} 1",
        "moorline_commit_duration_seconds_bucket{connector=\"shop\",le=\"+Inf\",lane=\"0\"} 1",
        "moorline_anchors_replayable{connector=\"shop\"} 3.0",
        "moorline_anchor_exact{connector=\"shop\"} 1.0",
        "process_start_time_seconds{connector=\"shop\"} 7.0",
    ] {
        let squeezed = |text: &str| text.replace(' ', "");
        assert!(text.lines().any(|found| squeezed(found) == squeezed(line)), "{line}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_is_not_known_has_no_sample() {
    let report = Report::default();
    report.lane(0);
    let text = exposition::text(&told(report)).unwrap();
    for name in
        ["source_head", "source_oldest", "read_timestamp", "committed", "headroom", "anchor_exact", "anchor_age"]
    {
        assert!(!text.contains(&format!("moorline_{name}")), "{name}\n{text}");
    }
    assert!(text.contains("moorline_lane_up"));
}

#[test]
fn the_json_form_has_a_version_and_its_clocks() {
    let json = clocks::json(&told(full()));
    assert_eq!(json["version"], 1);
    assert_eq!(json["lanes"][0]["headroom_s"], 90.0);
    assert!(json["lanes"][0]["verified"].is_null());
    assert_eq!(json["collections"][0]["snapshot"]["state"], "complete");
    assert_eq!(json["anchors"][0]["id"], "k3v9q2");
    let empty = clocks::json(&told(Report::default()));
    assert!(empty["source"]["head"].is_null() && empty["anchor_age_s"].is_null());
}
