//! `--to-topic`: an anchor's records into another topic, which ends with a marker that says what stands before it.
//!
//! ```text
//! topic empty? ── no ──> --resume: what a stopped run has committed is the beginning; --overwrite --yes: made anew; else refused
//!      │ yes
//!      └──> fence ──> looked at again ──> records in transactions ──> marker, in the last one
//! ```
//!
//! Invariants: a topic of the connector's own is never written; a topic that no replay has written is never removed;
//! what is written begins where the topic's committed records end, and nothing of it is written before these were found
//! to be the beginning of the same transfer; whoever comes later under the same name ends an earlier run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use moorline_config::Config;
use moorline_export::digest;
use moorline_export::manifest::{Mode, time};
use moorline_export::replay::transfer::{self, Prefix, Target, Transfer, Transferred};
use moorline_export::select::{Selection, Source};
use moorline_export::state;
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::marker::{self, MarkedPartition, ReplayMarker, ReplayMarkerKey};
use moorline_pipeline::sink::Headers;
use moorline_sink_kafka::{KafkaSettings, TopicCopier, TopicReader};
use serde_json::json;
use tokio::runtime::Runtime;

use super::progress::Progress;
use super::{Replay, certified, forecast, gather, records};
use crate::arguments::{Form, Global};
use crate::commands::{self, words};
use crate::failure::{Exit, Failed};
use crate::{messages, own_topics, wiring};

/// How long the topic may take to be read, without counting its records.
const PATIENCE: Duration = Duration::from_secs(300);
/// Partition of the marker.
const MARKED: i32 = 0;

/// Replays into a topic.
pub(super) fn run(args: &Replay, topic: &str, global: &Global, config: &Config) -> Result<Exit, Failed> {
    let began = Instant::now();
    let runtime = commands::runtime()?;
    let settings = wiring::kafka(config)?;
    let reader = TopicReader::open(&settings)?;
    let (selection, schemas) = gather::all(args, config, &reader, &runtime)?;
    let ([source], [schemas]) = (selection.sources.as_slice(), schemas.as_slice()) else {
        return Err(one_collection(&selection).into());
    };
    let there = look(&reader, topic, Look::First)?;
    let occupied = there.as_ref().is_some_and(|found| !found.prefix.is_empty());
    if args.dry_run {
        let forecast = forecast::of(&selection, &reader, args.memory_bytes as u64)?;
        messages::data(&if global.output == Form::Json { forecast.machine() } else { forecast.human() })?;
        return Ok(Exit::Done);
    }
    if occupied && args.overwrite {
        let ours = look(&reader, topic, Look::Ours)?.is_some_and(|found| found.ours);
        match (ours, args.yes) {
            (true, true) => TopicCopier::remove(&settings, topic)?,
            (true, false) => return Err(not_empty(topic, "--overwrite removes it, and that needs --yes").into()),
            (false, _) => {
                return Err(not_empty(topic, "no replay wrote it, and what others wrote is not removed").into());
            }
        }
    } else if occupied && !args.resume {
        return Err(not_empty(topic, "what is there is not written over").into());
    }
    let mut target = open(args, topic, config, &settings, &reader, source)?;
    let ids = registered(&runtime, config)?;
    let holds = target.copier.fence()?;
    // An earlier run may have committed until it was fenced.
    if let Some(found) = holds.then(|| look(&reader, topic, Look::All)).transpose()?.flatten() {
        if found.marked {
            return Err(not_empty(topic, "the replay in it is finished").into());
        }
        if !args.resume && !found.prefix.is_empty() {
            return Err(not_empty(topic, "another replay is writing to it").into());
        }
        target.there = found.prefix;
    }
    target.anchors = selection.at.anchors.join(",");
    let work_dir = args.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    let mode = args.mode();
    let plan = Transfer {
        source,
        schemas,
        mode,
        metadata_prefix: &config.field_metadata_prefix,
        memory_bytes: args.memory_bytes,
        work_dir: &work_dir,
    };
    let mut progress = Progress::begin(global.no_progress);
    let topics = records::Topics { reader: &reader };
    let done = transfer::run(&plan, &topics, &mut target, &mut |now| progress.show(now));
    let ended = done.and_then(|done| {
        let marker = of(&selection, source, mode, topic, &config.name, &done, &target.counts);
        target.end(&marker, ids).map(|()| (done, marker))
    });
    drop(progress);
    let (done, marker) = ended.map_err(goes_on)?;
    drop(target);
    let seconds = began.elapsed().as_secs_f64();
    let found = certified::Found {
        cut: &source.cut,
        documents: done.given,
        records_digest: Some(done.read_digest.to_hex()),
        state_digest: done.state_digest.map(|digest| digest.to_hex()),
    };
    certified::write(args, &runtime, config, &selection.at, &[found]);
    messages::data(&if global.output == Form::Json {
        machine(&marker, &done, seconds)
    } else {
        human(&marker, seconds)
    })?;
    Ok(Exit::Done)
}

/// Whether a topic may be written to at all.
pub(super) fn refuse_own(topic: &str, config: &Config, log: &Log) -> Result<(), Problem> {
    let data: BTreeSet<&str> =
        log.anchors().iter().flat_map(|anchor| &anchor.collections).map(|c| c.topic.as_str()).collect();
    let own = own_topics::all(config).into_iter().any(|own| own.name == topic);
    let why = if data.contains(topic) {
        "it holds an export of this connector, and replays read it"
    } else if own || topic.starts_with(&format!("{}.", config.topic_prefix)) || topic == config.topic_prefix {
        "names that begin with topic.prefix are the connector's own"
    } else if topic.starts_with("__") || topic == "_schemas" {
        "brokers and registries keep their own records there"
    } else {
        return Ok(());
    };
    Err(Problem::new(
        "MOOR-6140",
        "a replay is not written into this topic",
        topic,
        why,
        "name a topic of its own: --to-topic",
    ))
}

/// Where records go, and where they have gone.
struct Copies {
    copier: TopicCopier,
    topic: String,
    there: Prefix,
    counts: BTreeMap<i32, i64>,
    /// Of the cut, for the first record's header.
    anchors: String,
}

fn open(
    args: &Replay,
    topic: &str,
    config: &Config,
    settings: &KafkaSettings,
    reader: &TopicReader,
    source: &Source,
) -> Result<Copies> {
    // What the source's topic takes, its copy must take.
    let of_source = reader.configs(&source.cut.topic)?;
    let mut configs: Vec<(&str, &str)> = match args.compact {
        true => vec![("cleanup.policy", "compact")],
        false => vec![("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")],
    };
    configs.extend(of_source.get("max.message.bytes").map(|bytes| ("max.message.bytes", bytes.as_str())));
    // Within the prefix that lanes are allowed.
    let id = format!("{}-{}-replay-{topic}", config.group_id, config.name);
    let bytes = usize::try_from(args.transaction_bytes).unwrap_or(usize::MAX);
    let copier = TopicCopier::open(settings, &id, topic, source.cut.partition_count, &configs, bytes)?;
    Ok(Copies {
        copier,
        topic: topic.to_owned(),
        there: Prefix::default(),
        counts: BTreeMap::new(),
        anchors: String::new(),
    })
}

impl Target for Copies {
    fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let partition = self.copier.partition(key);
        let first = self.counts.is_empty();
        *self.counts.entry(partition).or_default() += 1;
        let passes = self.there.passes(partition, key, value);
        if passes.map_err(|why| Failure::halt(other(&self.topic, why)))? {
            return Ok(());
        }
        let headers = first.then(|| headers(&[(marker::BEGIN_HEADER, &self.anchors)]));
        self.copier.write(partition, key, value, headers)
    }
}

impl Copies {
    /// The marker, with everything before it.
    fn end(&mut self, marker: &ReplayMarker, ids: (u32, u32)) -> Result<()> {
        if !self.there.is_empty() {
            let why = format!("it holds {} records more than the replay has", self.there.left());
            return Err(Failure::halt(other(&self.topic, why)));
        }
        let key = marker::encode_key(&ReplayMarkerKey { topic: marker.topic.clone() }, ids.0);
        let value = marker::encode(marker, ids.1);
        let format = marker::FORMAT.to_string();
        let headers = headers(&[(marker::HEADER, &format), (marker::BEGIN_HEADER, &self.anchors)]);
        self.copier.write(MARKED, &key, Some(&value), Some(headers))?;
        moorline_export::replay::faults::pass("marker.given");
        self.copier.commit()?;
        moorline_export::replay::faults::pass("marker.committed");
        Ok(())
    }
}

fn headers(of: &[(&'static str, &str)]) -> Headers {
    of.iter().map(|(name, text)| ((*name).into(), text.as_bytes().into())).collect()
}

/// Ids of the schemas of a marker's key and of the marker.
fn registered(runtime: &Runtime, config: &Config) -> Result<(u32, u32), Failed> {
    let registry = wiring::registry(config)?;
    Ok(runtime.block_on(async {
        let key = registry.register(marker::KEY_SUBJECT, marker::KEY_SCHEMA).await?;
        Ok::<_, Failure>((key, registry.register(marker::SUBJECT, marker::SCHEMA).await?))
    })?)
}

/// How far a topic is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// To the first record.
    First,
    /// To the first record that says that a replay wrote it.
    Ours,
    /// To the end.
    All,
}

/// What a topic holds.
#[derive(Default)]
struct Found {
    prefix: Prefix,
    ours: bool,
    marked: bool,
}

/// Looks at a topic's committed records; `None` where there is no such topic.
fn look(reader: &TopicReader, topic: &str, far: Look) -> Result<Option<Found>> {
    let Some(partitions) = reader.partitions(topic)? else { return Ok(None) };
    let mut ranges = BTreeMap::new();
    for partition in 0..partitions {
        let marks = reader.watermarks(topic, partition)?;
        // After a fence nothing of a replay is open any more, so that the whole log is committed or aborted.
        ranges.insert(partition, (marks.first, if far == Look::All { marks.end } else { marks.stable }));
    }
    let mut found = Found::default();
    let mut enough = false;
    let read = reader.read(topic, &ranges, PATIENCE, &mut |message| {
        let headers = message.headers();
        let has = |name: &str| headers.iter().any(|(known, _)| known == name);
        found.ours |= has(marker::BEGIN_HEADER);
        found.marked |= has(marker::HEADER);
        if !has(marker::HEADER) || far == Look::First {
            found.prefix.holds(message.partition(), message.key().unwrap_or_default(), message.value());
        }
        enough = far == Look::First || far == Look::Ours && found.ours;
        if enough { Err(Failure::halt(not_empty(topic, "it holds records"))) } else { Ok(()) }
    });
    match read {
        Err(failure) if !enough => Err(failure),
        _ => Ok(Some(found)),
    }
}

fn of(
    selection: &Selection,
    source: &Source,
    mode: Mode,
    topic: &str,
    connector: &str,
    done: &Transferred,
    counts: &BTreeMap<i32, i64>,
) -> ReplayMarker {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let cut = &source.cut;
    ReplayMarker {
        format: marker::FORMAT,
        topic: topic.to_owned(),
        connector: connector.to_owned(),
        mode: mode.name().to_owned(),
        anchors: selection.at.anchors.clone(),
        cut: selection.at.cut,
        from_anchors: selection.from.as_ref().map(|from| from.anchors.clone()).unwrap_or_default(),
        from_cut: selection.from.as_ref().map(|from| from.cut),
        history: selection.history.clone(),
        collection: cut.namespace.clone(),
        epoch: cut.epoch.clone(),
        export: cut.export.clone(),
        exact: selection.exact,
        complete: selection.complete,
        inexact: selection.inexact.iter().map(|inexact| inexact.reason.clone()).collect(),
        source_topic: cut.topic.clone(),
        source_topic_id: cut.topic_id.clone(),
        source_records: count(done.read),
        source_digest: done.read_digest.to_hex(),
        records: count(done.given),
        tombstones: count(done.tombstones),
        records_digest: done.given_digest.to_hex(),
        digest_algorithm: digest::ALGORITHM.to_owned(),
        partitions: counts.iter().map(|(&partition, &records)| MarkedPartition { partition, records }).collect(),
        state_digest: done.state_digest.map(|digest| digest.to_hex()),
        state_algorithm: done.state_digest.map(|_| state::ALGORITHM.to_owned()),
        tool: ["moorline", wiring::VERSION].join(" "),
    }
}

fn human(marker: &ReplayMarker, seconds: f64) -> String {
    format!(
        "{} records of {}, {seconds:.1} s: topic {}, {} at {}\n\
         marker   the last record of partition {MARKED}, header {}\n\
         verify   read_committed up to it there are {} records with the {} digest {}\n",
        words::count(marker.records),
        words::count(marker.source_records),
        marker.topic,
        marker.mode,
        time(marker.cut),
        marker::HEADER,
        words::count(marker.records),
        marker.digest_algorithm,
        marker.records_digest,
    )
}

fn machine(marker: &ReplayMarker, done: &Transferred, seconds: f64) -> String {
    let told = json!({"version": 1, "anchor": marker.anchors.first(), "topic": marker.topic, "records": marker.records,
        "tombstones": marker.tombstones, "source_records": marker.source_records, "seconds": seconds,
        "sorted_on_disk_bytes": done.spilled, "marker": marker});
    format!("{told}\n")
}

/// What was committed stays, so that a run that failed can be gone on with.
fn goes_on(failure: Failure) -> Failure {
    let mut problem = *failure.problem;
    problem.fix.push("what was committed stays and has no marker: the same command goes on with --resume".to_owned());
    Failure::new(failure.next, problem)
}

fn one_collection(selection: &Selection) -> Problem {
    let names: Vec<&str> = selection.sources.iter().map(|source| source.cut.namespace.as_str()).collect();
    Problem::new(
        "MOOR-6129",
        "a topic is one collection's",
        "--to-topic",
        format!("the cut holds {}", if names.is_empty() { "nothing yet".to_owned() } else { names.join(", ") }),
        "name the collection: --collection, and replay each into a topic of its own",
    )
}

fn not_empty(topic: &str, why: &str) -> Problem {
    Problem::new(
        "MOOR-6141",
        "the topic of the replay is not empty",
        topic,
        why,
        "name another topic\nor go on with a replay that was stopped: --resume\nor replace it: --overwrite --yes",
    )
}

fn other(topic: &str, why: String) -> Problem {
    Problem::new(
        "MOOR-6142",
        "what the topic holds is not the beginning of this replay",
        topic,
        why,
        "repeat the anchor's id and the flags of the run that was stopped\nor begin anew: --overwrite --yes",
    )
}
