//! The metrics' names: one table, from which come the exposition and its golden file.
//!
//! Invariants: a name, once released, keeps its meaning; base units only, and the unit ends the name; a counter's name
//! ends in `_total` on the wire; labels are `connector`, and of those below `lane` (bounded by `tasks.max`),
//! `collection` (bounded, see `moorline_runtime::report::COLLECTIONS_MAX`), `op` and `result` (a few words).

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, from 0 at the start of the process.
    Counter,
    /// Values by bucket.
    Histogram,
    /// Says what something is.
    Info,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name without unit and `_total`.
    pub name: &'static str,
    /// Its unit, which ends its name.
    pub unit: Option<&'static str>,
    /// What it is.
    pub kind: Kind,
    /// Its labels beside `connector`.
    pub labels: &'static [&'static str],
    /// A sentence for people.
    pub help: &'static str,
}

const fn metric(
    name: &'static str,
    unit: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    let unit = if unit.is_empty() { None } else { Some(unit) };
    Metric { name, unit, kind, labels, help }
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $unit:literal, $kind:ident, $labels:expr, $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: Metric = metric($name, $unit, Kind::$kind, $labels, $help);)+
        /// All of them, in the order in which they are told.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

const LANE: &[&str] = &["lane"];
const COLLECTION: &[&str] = &["collection"];

metrics! {
    HEAD = "moorline_source_head_timestamp", "seconds", Gauge, &[], "Newest cluster time known of the source";
    READ = "moorline_read_timestamp", "seconds", Gauge, LANE, "Every change before this cluster time was read";
    COMMITTED = "moorline_committed_timestamp", "seconds", Gauge, LANE, "Every change before this cluster time is committed in Kafka";
    VERIFIED = "moorline_verified_timestamp", "seconds", Gauge, LANE, "Every change before this cluster time was compared with the source; absent as long as nothing verifies";
    OLDEST = "moorline_source_oldest_timestamp", "seconds", Gauge, &[], "Oldest change that the source still keeps";
    HEADROOM = "moorline_headroom", "seconds", Gauge, LANE, "From the oldest change that the source keeps to what is committed: below 0 changes are lost";
    LANE_UP = "moorline_lane_up", "", Gauge, LANE, "1 while the lane reads and commits, 0 while it starts, waits after a failure or has ended";
    RECORDS = "moorline_records", "", Counter, &["collection", "op"], "Records committed: r snapshot rows, c creates, u updates, d deletes, and tombstones";
    COALESCED = "moorline_coalesced", "", Counter, COLLECTION, "Updates merged into a later record of the same batch";
    QUARANTINED = "moorline_quarantined", "", Counter, COLLECTION, "Changes sent to the quarantine topic";
    SKIPPED = "moorline_skipped", "", Counter, COLLECTION, "Records over the limit that were left out";
    TRUNCATED = "moorline_truncated", "", Counter, COLLECTION, "Records over the limit of which texts were cut";
    SPILLED = "moorline_spilled", "", Counter, COLLECTION, "Records that carry unknown fields in the spill map";
    VERSIONS = "moorline_contract_versions_added", "", Counter, &[], "Contract versions that drift has added";
    SNAPSHOT_ROWS = "moorline_snapshot_rows", "", Gauge, COLLECTION, "Rows of the collection's snapshot that are committed";
    SNAPSHOT_ESTIMATED = "moorline_snapshot_estimated_rows", "", Gauge, COLLECTION, "Rows of the collection's snapshot in all, by the source's estimate";
    SNAPSHOT_COMPLETE = "moorline_snapshot_complete", "", Gauge, COLLECTION, "1 once the collection's snapshot of this run is committed, 0 until then";
    GATE = "moorline_gate_closed", "seconds", Counter, LANE, "Time for which the stream was held back so that snapshot rows stand in their place";
    TRANSACTIONS = "moorline_transactions", "", Counter, LANE, "Kafka transactions committed";
    PRODUCED = "moorline_produced", "bytes", Counter, LANE, "Bytes of keys and values committed to data topics, before compression";
    BATCH = "moorline_transaction_records", "", Histogram, LANE, "Records of a transaction";
    COMMIT = "moorline_commit_duration", "seconds", Histogram, LANE, "From the begin of a transaction to the answer of its commit";
    READ_AHEAD = "moorline_read_ahead", "bytes", Gauge, LANE, "Changes that were read and wait for their batch";
    LOOK_UPS = "moorline_look_ups", "", Counter, LANE, "Look-ups of updated documents";
    LOOK_UP_KEYS = "moorline_look_up_keys", "", Counter, LANE, "Documents that look-ups asked for";
    LOOK_UP_TIME = "moorline_look_up_duration", "seconds", Counter, LANE, "Time that look-ups took";
    REBUILDS = "moorline_lane_rebuilds", "", Counter, LANE, "Times that the lane was rebuilt from its committed position after a failure";
    FENCED = "moorline_fenced", "", Counter, &[], "Times that a producer was fenced, by another run or by the coordinator's time-out";
    REGISTRY = "moorline_registry_requests", "", Counter, &["result"], "Requests to the schema registry, by result";
    SIGNALS = "moorline_signals", "", Counter, &["result"], "Signals, by result";
    ANCHORS = "moorline_anchors", "", Counter, &[], "Anchors committed";
    ANCHOR_EXACT = "moorline_anchor_exact", "", Gauge, &[], "1 while the newest anchor of every lane is exact";
    ANCHOR_AGE = "moorline_anchor_age", "seconds", Gauge, &[], "Time since the newest cut that is exact and complete in every lane: the one number to alert on";
    THINNED = "moorline_anchors_thinned", "", Counter, &[], "Anchors that anchor.retention took out of their topic";
    REPLAYABLE = "moorline_anchors_replayable", "", Gauge, &[], "Whole cuts that can be replayed, by log starts and settings of their topics";
    REPLAYABLE_AGE = "moorline_anchor_replayable_age", "seconds", Gauge, COLLECTION, "Time since the oldest cut at which the collection can be replayed; absent where it can be at none";
    REPLAYABLE_LEFT = "moorline_anchor_replayable_left", "seconds", Gauge, COLLECTION, "Time until retention begins to take records of the collection's newest export; absent where no time limits it";
    BUILD = "moorline_build", "", Info, &["version"], "Version of Moorline";
    MEMORY = "process_resident_memory", "bytes", Gauge, &[], "Resident memory of the process";
    CPU = "process_cpu", "seconds", Counter, &[], "CPU time of the process, user and system";
    FILES = "process_open_fds", "", Gauge, &[], "Open files and connections of the process";
    STARTED = "process_start_time", "seconds", Gauge, &[], "Start of the process since 1970";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_there_once_and_says_something() {
        let mut names = std::collections::BTreeSet::new();
        for metric in ALL {
            assert!(names.insert(metric.name), "{} is there twice", metric.name);
            assert!(metric.help.len() > 15 && !metric.help.ends_with('.'), "{}", metric.name);
            assert!(!metric.name.ends_with("_total"), "{}: the exposition adds it", metric.name);
        }
    }
}
