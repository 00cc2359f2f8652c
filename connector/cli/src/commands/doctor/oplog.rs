//! Verdicts on the oplog: what a snapshot and an outage may take, held against what it holds.

use moorline_config::{Config, OplogGuard, SnapshotMode};
use moorline_pipeline::error::Problem;
use moorline_pipeline::forecast;
use moorline_pipeline::source::LogWindow;
use moorline_source_mongodb::CollectionFacts;

use super::finding::{Area, Finding, Severity};
use crate::commands::words;

/// An outage over a night and a morning must not lose changes.
const SHORT_SECONDS: u64 = 24 * 3600;
/// The least size that a server takes for its oplog, in megabytes.
const LEAST_MEGABYTES: u64 = 990;

/// Codes of what says that it is too short.
pub(super) const CODES: [&str; 2] = ["MOOR-2010", "MOOR-2032"];

/// All verdicts on the oplog. `to_snapshot` is what a first snapshot has still to read.
pub(super) fn verdicts(
    config: &Config,
    log: &LogWindow,
    to_snapshot: &[&CollectionFacts],
    place: &str,
) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(outlived(config, log, to_snapshot, place));
    found.extend(short(log, place));
    found
}

fn outlived(config: &Config, log: &LogWindow, to_snapshot: &[&CollectionFacts], place: &str) -> Option<Finding> {
    if config.snapshot_mode == SnapshotMode::NoData || to_snapshot.is_empty() {
        return None;
    }
    let documents: u64 = to_snapshot.iter().map(|collection| collection.documents).sum();
    let bytes: u64 = to_snapshot.iter().map(|collection| collection.bytes).sum();
    let takes = forecast::snapshot_seconds(documents, bytes);
    let window = forecast::window_seconds(log);
    if forecast::fits(takes, window) {
        return None;
    }
    let severity = if config.snapshot_oplog_guard == OplogGuard::Refuse { Severity::Error } else { Severity::Warning };
    let problem = Problem::new(
        "MOOR-2010",
        format!("the snapshot may take {}, and the oplog holds {}", words::seconds(takes), words::seconds(window)),
        place,
        format!(
            "{} documents, {} to read; if the log rolls over before the snapshot is done, changes are lost",
            words::rounded(documents),
            words::bytes(bytes)
        ),
        "enlarge the oplog, or snapshot fewer collections at a time",
    );
    Some(Finding::new(severity, Area::Source, problem).mongosh(resize(log, takes * 4)))
}

fn short(log: &LogWindow, place: &str) -> Option<Finding> {
    // What a log that is not full will hold is a guess; what a full one holds is known.
    let full = log.max_bytes > 0 && log.bytes.saturating_mul(10) >= log.max_bytes.saturating_mul(9);
    let held = forecast::held_seconds(log);
    if !full || held >= SHORT_SECONDS {
        return None;
    }
    let problem = Problem::new(
        "MOOR-2032",
        format!("the oplog is full and holds {}", words::seconds(held)),
        place,
        "a connector that stands still for longer than that can't go on where it stood: changes are gone",
        "enlarge the oplog on each member, so that it outlasts a night and a morning",
    );
    Some(Finding::warning(Area::Source, problem).mongosh(resize(log, SHORT_SECONDS)))
}

/// The command for an oplog that holds so many seconds of what is written now.
fn resize(log: &LogWindow, seconds: u64) -> String {
    let a_second = log.bytes / forecast::held_seconds(log).max(1);
    let megabytes = (a_second.saturating_mul(seconds) >> 20).max(2 * (log.max_bytes >> 20)).max(LEAST_MEGABYTES);
    format!("db.adminCommand({{replSetResizeOplog: 1, size: Double({megabytes})}})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use moorline_pipeline::model::ClusterTime;

    fn log(seconds: u32, bytes: u64) -> LogWindow {
        let (first, last) = (ClusterTime::new(1_000, 0), ClusterTime::new(1_000 + seconds, 0));
        LogWindow { first, last, max_bytes: 1 << 30, bytes }
    }

    #[test]
    fn only_a_full_log_is_called_short() {
        assert!(short(&log(60, 1 << 20), "").is_none());
        let found = short(&log(3_600, 1 << 30), "").unwrap();
        assert_eq!(found.problem.code, "MOOR-2032");
        // A gigabyte an hour for a day.
        assert_eq!(found.commands[0].text, "db.adminCommand({replSetResizeOplog: 1, size: Double(24575)})");
        assert!(short(&log(90_000, 1 << 30), "").is_none());
    }
}
