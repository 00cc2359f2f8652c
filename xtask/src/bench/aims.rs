//! What the connector is held to: ratios and limits, each beside the figures that it was taken from.
//!
//! Invariant: an aim is judged only where this run has measured both of its sides; nothing is judged from an older run.

use serde::Serialize;

use super::figures::{Figures, Results, median};

/// Bytes of a mebibyte.
const MIB: f64 = (1_u64 << 20) as f64;

/// An aim, judged.
#[derive(Clone, Serialize)]
pub(super) struct Aim {
    pub(super) aim: &'static str,
    /// What was found: the median of the rounds, or the largest where a peak counts.
    pub(super) found: f64,
    /// The least or the most that it should be.
    pub(super) wanted: f64,
    pub(super) at_least: bool,
    pub(super) met: bool,
    /// Each round's.
    pub(super) rounds: Vec<f64>,
}

type Pick = fn(&Figures) -> Option<f64>;

/// How an aim is found.
enum Way {
    /// Of one measurement to another's, within a round.
    Ratio(&'static str, &'static str, Pick),
    /// The median over rounds.
    Median(&'static str, Pick),
    /// The largest of several measurements.
    Peak(&'static [&'static str], Pick),
}

const RATE: Pick = |figures| Some(figures.rate());
const OWN_CPU: Pick = |figures| Some(figures.cpu.own / figures.documents.max(1) as f64);
const PER_CORE: Pick = |figures| Some(figures.documents as f64 / figures.cpu.own.max(f64::MIN_POSITIVE));
const MONGOD_CPU: Pick = |figures| Some(figures.cpu.mongod / figures.documents.max(1) as f64);
const RSS: Pick = |figures| Some(figures.peak_rss_bytes as f64 / MIB);

/// What the connector is held to: name, way, bound, whether it is a least.
const AIMS: [(&str, Way, f64, bool); 21] = [
    ("snapshot / find, documents a second", Way::Ratio("snapshot", "find", RATE), 0.40, true),
    ("snapshot / bare producer (lz4), documents a second", Way::Ratio("snapshot", "producer-lz4", RATE), 0.80, true),
    ("snapshot / bare producer (lz4), own CPU", Way::Ratio("snapshot", "producer-lz4", OWN_CPU), 1.5, false),
    ("snapshot / bare read of ranges, CPU of mongod", Way::Ratio("snapshot", "ranges", MONGOD_CPU), 1.3, false),
    ("catch-up, boundary / bare stream, events a second", Way::Ratio("catch-up", "stream", RATE), 0.85, true),
    ("catch-up, post-images / bare stream of them", Way::Ratio("catch-up-post", "stream-post", RATE), 0.85, true),
    ("encoding / apache-avro's tree, documents a second", Way::Ratio("encode-table", "encode-tree", RATE), 8.0, true),
    (
        "peak RSS, MB",
        Way::Peak(&["snapshot", "catch-up", "catch-up-post", "snapshot-many", "catch-up-many"], RSS),
        150.0,
        false,
    ),
    ("start to first record, s", Way::Median("snapshot", |f| f.part("first_record")), 1.0, false),
    ("latency p99 by default, ms", Way::Median("latency", |f| f.part("p99_ms")), 150.0, false),
    ("latency p99 with the setting for it, ms", Way::Median("latency-low", |f| f.part("p99_ms")), 40.0, false),
    ("ten collections and 100 empty ones / one, snapshot", Way::Ratio("snapshot-many", "snapshot", RATE), 0.9, true),
    ("the same, own CPU of a snapshot", Way::Ratio("snapshot-many", "snapshot", OWN_CPU), 1.1, false),
    ("the same, CPU of mongod for a snapshot", Way::Ratio("snapshot-many", "snapshot", MONGOD_CPU), 1.1, false),
    ("the same, catch-up / bare stream of the database", Way::Ratio("catch-up-many", "stream-many", RATE), 0.765, true),
    ("the same, own CPU of a catch-up", Way::Ratio("catch-up-many", "catch-up", OWN_CPU), 1.1, false),
    ("replay to Parquet / bare consumer, documents a second", Way::Ratio("replay-parquet", "drain", RATE), 0.4, true),
    ("replay to Parquet, documents a second of a core", Way::Median("replay-parquet", PER_CORE), 150_000.0, true),
    (
        "replay to Parquet / Python by hand, documents a second",
        Way::Ratio("replay-parquet", "by-hand", RATE),
        4.0,
        true,
    ),
    ("verify against source, documents a second of a core", Way::Median("verify-source", PER_CORE), 100_000.0, true),
    (
        "writes beside a limited snapshot, p99 to p99 alone",
        Way::Median("beside-limited", |f| Some(f.part("p99_ms")? / f.part("alone_p99_ms")?)),
        1.5,
        false,
    ),
];

/// All aims that this run can judge.
pub(super) fn judged(results: &Results) -> Vec<Aim> {
    AIMS.iter().filter_map(|(aim, way, wanted, at_least)| judge(results, aim, way, *wanted, *at_least)).collect()
}

fn judge(results: &Results, aim: &'static str, way: &Way, wanted: f64, at_least: bool) -> Option<Aim> {
    let rounds: Vec<f64> = match way {
        Way::Ratio(one, other, pick) => results.ratios_of(one, other, *pick),
        Way::Median(name, pick) => results.of(name).into_iter().filter_map(pick).collect(),
        Way::Peak(names, pick) => names.iter().flat_map(|name| results.of(name)).filter_map(pick).collect(),
    };
    if rounds.is_empty() {
        return None;
    }
    let found = match way {
        Way::Peak(..) => rounds.iter().copied().fold(f64::MIN, f64::max),
        Way::Ratio(..) | Way::Median(..) => median(&rounds),
    };
    let met = if at_least { found >= wanted } else { found <= wanted };
    Some(Aim { aim, found, wanted, at_least, met, rounds })
}
