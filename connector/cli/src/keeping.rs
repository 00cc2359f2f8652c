//! The anchors of a running connector, watched from beside it: which of them `anchor.retention` lets go, what of them can
//! still be replayed, and what will soon be taken by a topic's retention.
//!
//! ```text
//! topic read on ──> what goes ──> handle ──> the lane takes it out, in the transaction of its next anchor
//!       └────────> log starts, seldom ──> metrics, MOOR-6004 before retention takes an anchor, MOOR-6002 after
//! ```
//!
//! Invariants: nothing here is waited for by a lane; it reads with clients of its own, each question under a limit; log
//! starts are asked for in at most a hundredth of the time; a warning is said once a cut and topic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_config::{Checked, Retention};
use moorline_pipeline::anchor::outline::{Outline, Outlines, Reach, Ticks};
use moorline_pipeline::anchor::thinning::{self, Also, Step, Wish};
use moorline_pipeline::error::Result;
use moorline_pipeline::task::layout;
use moorline_runtime::report::{COLLECTIONS_MAX, Reachable, Replayable};
use moorline_runtime::{Handle, Report};
use moorline_sink_kafka::{KafkaSettings, TopicReader};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::commands::anchors::fetch::{self, TopicFacts};
use crate::commands::anchors::replayable::export_lost;
use crate::commands::{now_ms, words};
use crate::failure::Failed;
use crate::wiring;

/// How long brokers may take to answer here.
const KAFKA_LIMIT: Duration = Duration::from_secs(10);
/// Anchors that wait to be taken out, a lane.
const RETIRED_MAX: usize = 5_000;
/// How long before retention takes an anchor it is warned of.
const LEAD_MS: i64 = 24 * 3_600_000;
/// The time between two looks at the log starts is so many times what a look took.
const REST: u32 = 100;
/// The longest such time.
const REST_MAX: Duration = Duration::from_secs(300);
/// Warnings that are remembered as said.
const SAID_MAX: usize = 10_000;

/// The watch of one connector.
struct Keeper {
    kafka: KafkaSettings,
    reader: Option<TopicReader>,
    topic: String,
    outlines: Outlines,
    next: Option<i64>,
    steps: Vec<Step>,
    lanes: u32,
    handle: Arc<Handle>,
    report: Arc<Report>,
    /// When the log starts are due, and timestamps of first records by export: those stay as they are.
    due: Instant,
    oldest: HashMap<Reach, Option<i64>>,
    said: BTreeSet<(String, &'static str, String)>,
}

/// A retention as the decision about anchors takes it.
pub(crate) fn steps(retention: &Retention) -> Vec<Step> {
    retention.steps().iter().map(|&(period_s, up_to_s)| Step { period_s, up_to_s }).collect()
}

/// Watches until the token is cancelled.
pub(crate) fn spawn(
    checked: &Checked,
    handle: &Arc<Handle>,
    report: &Arc<Report>,
    stop: CancellationToken,
) -> Result<(), Failed> {
    let config = &checked.config;
    let settings = wiring::settings(checked);
    let mut kafka = wiring::kafka(config)?;
    kafka.request_timeout = KAFKA_LIMIT;
    let keeper = Keeper {
        kafka,
        reader: None,
        topic: config.anchor_topic_name.clone(),
        outlines: Outlines::new(&config.name),
        next: None,
        steps: steps(&config.anchor_retention),
        lanes: u32::try_from(layout::split(&settings.selection, settings.tasks_max).lanes.len()).unwrap_or(1).max(1),
        handle: Arc::clone(handle),
        report: Arc::clone(report),
        due: Instant::now(),
        oldest: HashMap::new(),
        said: BTreeSet::new(),
    };
    let pace = (config.anchor_interval_ms * 3).clamp(Duration::from_secs(2), Duration::from_secs(60));
    tokio::spawn(watch(keeper, pace, stop));
    Ok(())
}

async fn watch(mut keeper: Keeper, pace: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pace) => {}
        }
        let looked = tokio::task::spawn_blocking(move || {
            let looked = keeper.look();
            (keeper, looked)
        });
        let Ok((back, looked)) = looked.await else { return };
        keeper = back;
        if let Err(failure) = looked {
            // Lanes tell what is wrong with the brokers; here the next look is as good.
            debug!(code = failure.problem.code, "anchors can't be looked at now: {}", failure.problem.why);
        }
    }
}

impl Keeper {
    fn look(&mut self) -> Result<()> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => TopicReader::open(&self.kafka)?,
        };
        let looked = self.look_with(&reader);
        reader.drain();
        self.reader = Some(reader);
        looked
    }

    fn look_with(&mut self, reader: &TopicReader) -> Result<()> {
        let outlines = &mut self.outlines;
        fetch::raw(reader, &self.topic, &mut self.next, &mut |key, value| outlines.push(key, value))?;
        let all = self.outlines.all();
        let gone = thinning::gone(&all, &Wish::Thin(self.steps.clone()), Also::default(), now_ms() / 1000);
        let mut retired: BTreeMap<u32, Vec<Vec<Vec<u8>>>> = BTreeMap::new();
        for place in gone {
            // What a lane of an earlier layout has left is taken out by the first one.
            let lane = u32::try_from(all[place].lane).ok().filter(|lane| *lane < self.lanes).unwrap_or(0);
            let of_lane = retired.entry(lane).or_default();
            if of_lane.len() < RETIRED_MAX {
                of_lane.push(all[place].keys.clone());
            }
        }
        self.handle.retire(retired);
        let began = Instant::now();
        if began < self.due {
            return Ok(());
        }
        let seen = replayable(reader, &all, &mut self.oldest, &mut self.said)?;
        self.report.set_replayable(seen);
        let took = began.elapsed();
        self.due = Instant::now() + (took * REST).min(REST_MAX);
        Ok(())
    }
}

/// What of the anchors can be replayed; warns of what can't be soon.
fn replayable(
    reader: &TopicReader,
    all: &[&Outline],
    oldest: &mut HashMap<Reach, Option<i64>>,
    said: &mut BTreeSet<(String, &'static str, String)>,
) -> Result<Replayable> {
    let mut partitions: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    let reaches: BTreeSet<&Reach> = all.iter().flat_map(|a| a.reach.iter().flat_map(|reach| reach.values())).collect();
    for reach in &reaches {
        partitions.entry(&reach.topic).or_default().extend(reach.firsts.keys());
    }
    let mut facts: BTreeMap<&str, Option<TopicFacts>> = BTreeMap::new();
    for (topic, partitions) in partitions {
        facts.insert(topic, fetch::facts(reader, topic, &partitions)?);
    }
    let lost: BTreeMap<&Reach, Option<String>> = reaches
        .iter()
        .map(|reach| {
            let firsts = reach.firsts.iter().map(|(partition, first)| (*partition, *first));
            let facts = facts.get(reach.topic.as_str()).and_then(Option::as_ref);
            (*reach, export_lost(&reach.topic, reach.topic_id.as_ref(), firsts, facts))
        })
        .collect();
    oldest.retain(|reach, _| reaches.contains(reach));
    let mut ends: BTreeMap<&Reach, Option<i64>> = BTreeMap::new();
    for reach in &reaches {
        let retention = facts.get(reach.topic.as_str()).and_then(Option::as_ref).and_then(|facts| facts.retention_ms);
        let Some(retention) = retention.filter(|_| lost[reach].is_none()) else { continue };
        let first = match oldest.get(*reach) {
            Some(first) => *first,
            None => {
                let firsts = reach.firsts.iter().map(|(partition, first)| (*partition, *first));
                let first = fetch::oldest(reader, &reach.topic, firsts)?;
                oldest.insert((*reach).clone(), first);
                first
            }
        };
        ends.insert(reach, first.map(|first| first.saturating_add(retention)));
    }
    let mut seen = Replayable::default();
    let held =
        |outline: &Outline| outline.reach.as_ref().is_some_and(|reach| reach.values().all(|r| lost[r].is_none()));
    let mut newest = true;
    for (_, places) in Ticks::new(all).whole() {
        let anchors: Vec<&Outline> = places.iter().map(|&place| all[place]).collect();
        if anchors.iter().any(|anchor| anchor.gap || !anchor.complete) {
            continue;
        }
        seen.cuts += u64::from(anchors.iter().all(|anchor| held(anchor)));
        let label = anchors.iter().find_map(|anchor| anchor.label.as_deref());
        if std::mem::take(&mut newest) || label.is_some() {
            anchors.iter().for_each(|anchor| warn_of(anchor, label, &lost, &ends, said));
        }
    }
    for outline in all {
        for (name, reach) in outline.reach.iter().flat_map(|reach| reach.iter()) {
            if seen.collections.len() >= COLLECTIONS_MAX && !seen.collections.contains_key(name) {
                continue;
            }
            let entry = seen.collections.entry(name.clone()).or_insert_with(Reachable::default);
            if lost[reach].is_none() {
                entry.oldest = Some(entry.oldest.map_or(outline.cut, |held| held.min(outline.cut)));
            }
            // In the topic's order: the last one that is seen is the newest export's.
            entry.until_ms = ends.get(reach).copied().flatten();
        }
    }
    Ok(seen)
}

/// Says what of a cut is gone, or soon will be: once each.
fn warn_of(
    anchor: &Outline,
    label: Option<&str>,
    lost: &BTreeMap<&Reach, Option<String>>,
    ends: &BTreeMap<&Reach, Option<i64>>,
    said: &mut BTreeSet<(String, &'static str, String)>,
) {
    for reach in anchor.reach.iter().flat_map(|reach| reach.values()) {
        // The newest cut is another one each time: what is said of it is said of its export.
        let named = label.map_or_else(|| format!("export {}", reach.export), |label| format!("label {label}"));
        let mut once =
            |code: &'static str| said.len() < SAID_MAX && said.insert((named.clone(), code, reach.topic.clone()));
        let (id, cut, topic) = (&anchor.id, words::instant(anchor.cut), &reach.topic);
        if let Some(why) = &lost[reach] {
            if once("MOOR-6002") {
                warn!(code = "MOOR-6002", %topic, %named, "anchor {id} at {cut} can no longer be replayed: {why}");
            }
        } else if let Some(until) = ends.get(reach).copied().flatten().filter(|until| *until < now_ms() + LEAD_MS)
            && once("MOOR-6004")
        {
            let when = words::milliseconds(until);
            warn!(code = "MOOR-6004", %topic, %named,
                "anchor {id} at {cut} stops being replayable about {when}: retention.ms of {topic} takes its first records");
        }
    }
}
