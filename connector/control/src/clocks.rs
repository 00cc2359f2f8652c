//! Where a running connector stands, as JSON for `top` and `status`: its clocks, lanes, collections and newest anchors.
//!
//! Invariant: the form has a `version`; a member is added without a new one, and never changes its meaning.

use std::time::{SystemTime, UNIX_EPOCH};

use moorline_pipeline::model::ClusterTime;
use moorline_runtime::Report;
use moorline_runtime::report::{AnchorNote, CollectionReport, LaneReport};
use serde_json::{Value, json};

use crate::{Telemetry, process};

/// Version of the form.
pub const VERSION: u32 = 1;

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// From the oldest change that the source keeps to what is committed, seconds; below 0 something is lost.
pub(crate) fn headroom_s(committed: ClusterTime, oldest: ClusterTime) -> f64 {
    f64::from(committed.t) - f64::from(oldest.t)
}

/// All of it.
pub fn json(telemetry: &Telemetry) -> Value {
    let report = &telemetry.report;
    let process = process::read();
    let lanes = report.lanes();
    let oldest = report.oldest.get();
    let sum = |of: fn(&LaneReport) -> u64| lanes.iter().map(|(_, lane)| of(lane)).sum::<u64>();
    json!({
        "version": VERSION,
        "connector": telemetry.connector,
        "moorline": telemetry.version,
        "now_ms": now_ms(),
        "source": {"head": report.head.get(), "oldest": oldest},
        "lanes": lanes.iter().map(|(number, lane)| of_lane(*number, lane, oldest)).collect::<Vec<_>>(),
        "collections": report.collections().iter().map(|(name, one)| collection(name, one)).collect::<Vec<_>>(),
        "anchors": report.recent_anchors().iter().map(anchor).collect::<Vec<_>>(),
        "anchor_exact": report.exact(),
        "anchor_age_s": report.whole().map(|cut| (now_ms() - cut.wall_ms()) as f64 / 1000.0),
        "totals": {
            "rows": Report::get(&report.rows),
            "changes": Report::get(&report.changes),
            "quarantined": Report::get(&report.quarantined),
            "transactions": sum(|lane| Report::get(&lane.transactions)),
            "anchors": Report::get(&report.anchors),
            "contract_versions_added": Report::get(&report.evolved),
            "rebuilds": sum(|lane| Report::get(&lane.rebuilt)),
            "registry_requests": Report::get(&report.registry_requests),
            "registry_failures": Report::get(&report.registry_failures),
            "signals_handled": Report::get(&report.signals_handled),
            "signals_refused": Report::get(&report.signals_refused),
            "bytes": sum(|lane| Report::get(&lane.bytes)),
        },
        "process": {"memory_bytes": process.memory_bytes, "cpu_s": process.cpu_s},
    })
}

fn of_lane(number: u32, lane: &LaneReport, oldest: Option<ClusterTime>) -> Value {
    let committed = lane.committed.get();
    json!({
        "lane": number,
        "state": lane.state().name(),
        "trouble": lane.trouble(),
        "read": lane.read.get(),
        "committed": committed,
        // Nothing verifies yet.
        "verified": null,
        "headroom_s": committed.zip(oldest).map(|(committed, oldest)| headroom_s(committed, oldest)),
        "cut": lane.cut.get(),
        "exact": lane.exact(),
        "read_ahead_bytes": Report::get(&lane.read_ahead_bytes),
        "transactions": Report::get(&lane.transactions),
        "commit_p50_s": lane.commit_seconds.quantile(0.5).filter(|bound| bound.is_finite()),
        "commit_p99_s": lane.commit_seconds.quantile(0.99).filter(|bound| bound.is_finite()),
        "rebuilds": Report::get(&lane.rebuilt),
    })
}

fn collection(name: &str, one: &CollectionReport) -> Value {
    json!({
        "collection": name,
        "r": Report::get(&one.rows),
        "c": Report::get(&one.created),
        "u": Report::get(&one.updated),
        "d": Report::get(&one.deleted),
        "quarantined": Report::get(&one.quarantined),
        "spilled": Report::get(&one.spilled),
        "snapshot": {
            "state": one.snapshot().name(),
            "rows": Report::get(&one.snapshot_rows),
            "estimated_rows": Report::get(&one.snapshot_estimated),
        },
    })
}

fn anchor(note: &AnchorNote) -> Value {
    json!({
        "id": note.id,
        "lane": note.lane,
        "kind": note.kind,
        "cut": note.cut,
        "exact": note.exact,
        "complete": note.complete,
        "label": note.label,
    })
}
