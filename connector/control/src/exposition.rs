//! The metrics' values, in the text form of OpenMetrics.
//!
//! Invariants: what is not known has no sample, never a made-up one; a family without samples is left out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::UNIX_EPOCH;

use moorline_pipeline::model::ClusterTime;
use moorline_runtime::Report;
use moorline_runtime::report::{
    CollectionReport, Histogram, LaneReport, LaneState, Reachable, Replayable, SnapshotState,
};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use crate::names::{self, Kind, Metric};
use crate::{Telemetry, clocks, process};

/// What this text is, for `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text.
pub fn text(telemetry: &Arc<Telemetry>) -> Result<String, fmt::Error> {
    let connector = ("connector".into(), telemetry.connector.clone().into());
    let mut registry = Registry::with_labels([connector].into_iter());
    registry.register_collector(Box::new(All(Arc::clone(telemetry))));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

struct All(Arc<Telemetry>);

impl fmt::Debug for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("All")
    }
}

/// One sample's value.
enum Value<'a> {
    Gauge(f64),
    Count(u64),
    Sum(f64),
    Histogram(&'a Histogram),
    Info(String),
}

/// The values of a metric's labels, in the order of its table.
type Labels = Vec<String>;

fn told(encoder: &mut DescriptorEncoder<'_>, metric: &Metric, samples: Vec<(Labels, Value<'_>)>) -> fmt::Result {
    if samples.is_empty() {
        return Ok(());
    }
    let unit = metric.unit.map(|unit| match unit {
        "seconds" => Unit::Seconds,
        "bytes" => Unit::Bytes,
        other => Unit::Other(other.to_owned()),
    });
    let kind = match metric.kind {
        Kind::Gauge => MetricType::Gauge,
        Kind::Counter => MetricType::Counter,
        Kind::Histogram => MetricType::Histogram,
        Kind::Info => MetricType::Info,
    };
    let mut of_metric = encoder.encode_descriptor(metric.name, metric.help, unit.as_ref(), kind)?;
    for (labels, value) in samples {
        let labels: Vec<(&str, String)> = metric.labels.iter().copied().zip(labels).collect();
        match (labels.is_empty(), value) {
            (_, Value::Info(version)) => of_metric.encode_info(&vec![("version", version)])?,
            (true, value) => one(&mut of_metric, &value)?,
            (false, value) => one(&mut of_metric.encode_family(&labels)?, &value)?,
        }
    }
    Ok(())
}

fn one(encoder: &mut MetricEncoder<'_>, value: &Value<'_>) -> fmt::Result {
    let none: Option<&Exemplar<NoLabelSet, f64>> = None;
    match value {
        Value::Gauge(value) => encoder.encode_gauge(value),
        Value::Count(value) => encoder.encode_counter(value, none),
        Value::Sum(value) => encoder.encode_counter(value, none),
        Value::Histogram(histogram) => {
            let buckets = histogram.buckets();
            let count = buckets.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoLabelSet>(histogram.sum(), count, &buckets, None)
        }
        Value::Info(_) => Ok(()),
    }
}

fn seconds(time: ClusterTime) -> Value<'static> {
    Value::Gauge(f64::from(time.t))
}

fn count(counter: &AtomicU64) -> Value<'static> {
    Value::Count(Report::get(counter))
}

fn flag(on: bool) -> Value<'static> {
    Value::Gauge(if on { 1.0 } else { 0.0 })
}

fn plain(value: Option<Value<'_>>) -> Vec<(Labels, Value<'_>)> {
    value.into_iter().map(|value| (Vec::new(), value)).collect()
}

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (report, to) = (&self.0.report, &mut encoder);
        let lanes = report.lanes();
        let collections = report.collections();
        let oldest = report.oldest.get();

        told(to, &names::HEAD, plain(report.head.get().map(seconds)))?;
        told(to, &names::READ, of_lanes(&lanes, |lane| lane.read.get().map(seconds)))?;
        told(to, &names::COMMITTED, of_lanes(&lanes, |lane| lane.committed.get().map(seconds)))?;
        told(to, &names::OLDEST, plain(oldest.map(seconds)))?;
        let headroom = |lane: &LaneReport| Some(Value::Gauge(clocks::headroom_s(lane.committed.get()?, oldest?)));
        told(to, &names::HEADROOM, of_lanes(&lanes, headroom))?;
        told(to, &names::LANE_UP, of_lanes(&lanes, |lane| Some(flag(lane.state() == LaneState::Running))))?;
        told(to, &names::RECORDS, records(&collections))?;
        told(to, &names::COALESCED, of_collections(&collections, |c| Some(count(&c.coalesced))))?;
        told(to, &names::QUARANTINED, of_collections(&collections, |c| Some(count(&c.quarantined))))?;
        told(to, &names::SKIPPED, of_collections(&collections, |c| Some(count(&c.skipped))))?;
        told(to, &names::TRUNCATED, of_collections(&collections, |c| Some(count(&c.truncated))))?;
        told(to, &names::SPILLED, of_collections(&collections, |c| Some(count(&c.spilled))))?;
        told(to, &names::VERSIONS, plain(Some(count(&report.evolved))))?;
        let read = |c: &CollectionReport| c.snapshot() != SnapshotState::None;
        let rows = |c: &CollectionReport| read(c).then(|| Value::Gauge(Report::get(&c.snapshot_rows) as f64));
        told(to, &names::SNAPSHOT_ROWS, of_collections(&collections, rows))?;
        let estimated = |c: &CollectionReport| read(c).then(|| Value::Gauge(Report::get(&c.snapshot_estimated) as f64));
        told(to, &names::SNAPSHOT_ESTIMATED, of_collections(&collections, estimated))?;
        let complete = |c: &CollectionReport| read(c).then(|| flag(c.snapshot() == SnapshotState::Complete));
        told(to, &names::SNAPSHOT_COMPLETE, of_collections(&collections, complete))?;
        told(to, &names::GATE, of_lanes(&lanes, |lane| Some(micros(Report::get(&lane.gate_micros)))))?;
        told(to, &names::TRANSACTIONS, of_lanes(&lanes, |lane| Some(count(&lane.transactions))))?;
        told(to, &names::PRODUCED, of_lanes(&lanes, |lane| Some(count(&lane.bytes))))?;
        let batches = lanes.iter().map(|(n, lane)| (vec![n.to_string()], Value::Histogram(&lane.transaction_records)));
        told(to, &names::BATCH, batches.collect())?;
        let commits = lanes.iter().map(|(n, lane)| (vec![n.to_string()], Value::Histogram(&lane.commit_seconds)));
        told(to, &names::COMMIT, commits.collect())?;
        let waits = |lane: &LaneReport| Some(Value::Gauge(Report::get(&lane.read_ahead_bytes) as f64));
        told(to, &names::READ_AHEAD, of_lanes(&lanes, waits))?;
        told(to, &names::LOOK_UPS, of_lanes(&lanes, |lane| Some(count(&lane.look_ups))))?;
        told(to, &names::LOOK_UP_KEYS, of_lanes(&lanes, |lane| Some(count(&lane.look_up_keys))))?;
        told(to, &names::LOOK_UP_TIME, of_lanes(&lanes, |lane| Some(micros(Report::get(&lane.look_up_micros)))))?;
        told(to, &names::REBUILDS, of_lanes(&lanes, |lane| Some(count(&lane.rebuilt))))?;
        told(to, &names::FENCED, plain(Some(count(&report.fenced))))?;
        let (all, failed) = (Report::get(&report.registry_requests), Report::get(&report.registry_failures));
        told(to, &names::REGISTRY, results([("failed", failed), ("ok", all.saturating_sub(failed))]))?;
        let (handled, refused) = (Report::get(&report.signals_handled), Report::get(&report.signals_refused));
        told(to, &names::SIGNALS, results([("handled", handled), ("refused", refused)]))?;
        told(to, &names::ANCHORS, plain(Some(count(&report.anchors))))?;
        told(to, &names::ANCHOR_EXACT, plain(report.exact().map(flag)))?;
        let age = report.whole().map(|cut| Value::Gauge((clocks::now_ms() - cut.wall_ms()) as f64 / 1000.0));
        told(to, &names::ANCHOR_AGE, plain(age))?;
        told(to, &names::THINNED, plain(Some(count(&report.thinned))))?;
        let replayable = report.replayable();
        told(to, &names::REPLAYABLE, plain(replayable.as_ref().map(|seen| Value::Gauge(seen.cuts as f64))))?;
        let now = clocks::now_ms();
        let age = |one: &Reachable| Some((now - one.oldest?.wall_ms()) as f64 / 1000.0);
        told(to, &names::REPLAYABLE_AGE, of_exports(replayable.as_ref(), age))?;
        let left = |one: &Reachable| Some((one.until_ms? - now) as f64 / 1000.0);
        told(to, &names::REPLAYABLE_LEFT, of_exports(replayable.as_ref(), left))?;
        told(to, &names::BUILD, plain(Some(Value::Info(self.0.version.clone()))))?;
        let process = process::read();
        told(to, &names::MEMORY, plain(process.memory_bytes.map(|bytes| Value::Gauge(bytes as f64))))?;
        told(to, &names::CPU, plain(process.cpu_s.map(Value::Sum)))?;
        told(to, &names::FILES, plain(process.files.map(|files| Value::Gauge(files as f64))))?;
        let started = self.0.started.duration_since(UNIX_EPOCH).ok();
        told(to, &names::STARTED, plain(started.map(|since| Value::Gauge(since.as_secs_f64()))))
    }
}

fn micros(micros: u64) -> Value<'static> {
    Value::Sum(micros as f64 / 1e6)
}

fn of_lanes<'a>(
    lanes: &[(u32, Arc<LaneReport>)],
    value: impl Fn(&LaneReport) -> Option<Value<'a>>,
) -> Vec<(Labels, Value<'a>)> {
    lanes.iter().filter_map(|(number, lane)| Some((vec![number.to_string()], value(lane)?))).collect()
}

fn of_collections<'a>(
    collections: &[(String, Arc<CollectionReport>)],
    value: impl Fn(&CollectionReport) -> Option<Value<'a>>,
) -> Vec<(Labels, Value<'a>)> {
    collections.iter().filter_map(|(name, one)| Some((vec![name.clone()], value(one)?))).collect()
}

fn of_exports(seen: Option<&Replayable>, value: impl Fn(&Reachable) -> Option<f64>) -> Vec<(Labels, Value<'static>)> {
    let each = seen.iter().flat_map(|seen| &seen.collections);
    each.filter_map(|(name, one)| Some((vec![name.clone()], Value::Gauge(value(one)?)))).collect()
}

fn records(collections: &[(String, Arc<CollectionReport>)]) -> Vec<(Labels, Value<'static>)> {
    let ops = |c: &CollectionReport| {
        [("r", &c.rows), ("c", &c.created), ("u", &c.updated), ("d", &c.deleted), ("tombstone", &c.tombstones)]
            .map(|(op, counter)| (op, Report::get(counter)))
    };
    let each = collections
        .iter()
        .flat_map(|(name, one)| ops(one).map(|(op, count)| (vec![name.clone(), op.to_owned()], Value::Count(count))));
    each.collect()
}

fn results(each: [(&str, u64); 2]) -> Vec<(Labels, Value<'static>)> {
    each.into_iter().map(|(result, count)| (vec![result.to_owned()], Value::Count(count))).collect()
}
