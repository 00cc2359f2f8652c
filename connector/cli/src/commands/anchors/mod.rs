//! `moorline anchors`: the connector's anchors as people ask for them.
//!
//! * [`fetch`]: the anchors topic and the facts of data topics, read. * [`replayable`]: whether a cut can still be read.
//! * [`list`], [`show`]: what is printed. * [`recount`]: `--check`. * [`diff`]: two cuts compared.
//!
//! * [`prune`]: anchors taken out. * [`archived`]: files of those that were.
//! * [`create`]: an anchor on request. * [`wait`]: until a cut is there.
//!
//! Invariants: nothing here but [`create`] and [`prune`] writes to a topic; what is printed on stdout is the data, notes go to stderr; a cut that is
//! shown is a whole one.

mod archived;
pub(super) mod create;
mod diff;
pub(crate) mod fetch;
mod list;
pub(super) mod prune;
mod recount;
pub(crate) mod replayable;
#[cfg(test)]
mod servers;
mod show;
pub(super) mod wait;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use moorline_pipeline::anchor::archive::Archive;
use moorline_pipeline::anchor::cuts;
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::error::{Problem, Result};
use moorline_sink_kafka::{KafkaSettings, TopicReader};

use super::words;
use crate::certificates;
pub(crate) use fetch::Following;

/// The connector's anchors.
#[derive(Debug, Subcommand)]
pub(crate) enum Anchors {
    /// Lists the cuts, newest first
    #[command(after_help = "Examples:
  moorline anchors list -c moorline.properties
  moorline anchors list -c moorline.properties --since 1h --kind '!tick' --limit 5
  moorline anchors list -c moorline.properties -o json | jq -r '.cuts[0].id'")]
    List(ListArgs),
    /// Shows one cut: collections, offsets, schemas, and whether it can still be replayed
    #[command(after_help = "Examples:
  moorline anchors show -c moorline.properties
  moorline anchors show -c moorline.properties --at 2026-11-23T12:00:00Z --check
  moorline anchors show -c moorline.properties --at k3v9q2 -o json")]
    Show(ShowArgs),
    /// Compares two cuts: what came between, by collection
    #[command(after_help = "Examples:
  moorline anchors diff -c moorline.properties label:month-end-2026-10 label:month-end-2026-11
  moorline anchors diff -c moorline.properties 2026-11-23T12:00:00Z latest --all
  moorline anchors diff -c moorline.properties k3v9q2 9b0tzd -o json | jq '.collections[] | {namespace, records}'")]
    Diff(diff::DiffArgs),
    /// Asks a running connector for an anchor with a label
    #[command(after_help = "Examples:
  moorline anchors create -c moorline.properties --label month-end-2026-11
  id=$(moorline anchors create -c moorline.properties --label month-end-2026-11 --wait --timeout 2m)

The request goes through the connector's signal topic (signal.kafka.topic), which is made where it is missing. A
connector that does not run meets it at its next start.")]
    Create(create::CreateArgs),
    /// Takes anchors out of their topic: those before a time, or those that a retention does not keep
    #[command(after_help = "Examples:
  moorline anchors prune -c moorline.properties --before 90d
  moorline anchors prune -c moorline.properties --before 2026-06-01T00:00:00Z --archive anchors-2026-05.jsonl --yes
  moorline anchors prune -c moorline.properties --keep all:1h,1m:1d,1h:30d,1d --yes

The data topics stay as they are; an export at a pruned anchor can be proven as long as its archive is there. What a
running connector may still refer to stays, so it may run meanwhile.")]
    Prune(prune::PruneArgs),
    /// Waits until a cut is there: 0 exact, 1 not exact or not there in time
    #[command(after_help = "Examples:
  moorline anchors wait -c moorline.properties --label month-end-2026-11
  moorline anchors wait -c moorline.properties --at 2026-11-23T12:00:00Z --timeout 30m
  moorline anchors wait -c moorline.properties --after now -o json | jq -r .id")]
    Wait(wait::WaitArgs),
}

/// Flags of `anchors list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only cuts after this time (RFC 3339) or within this span (90s, 30m, 1h, 7d)
    #[arg(long, value_name = "TIME|SPAN")]
    since: Option<words::Since>,
    /// Only this kind, or with `!` all but this kind; may be given more than once
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Of this archive, without Kafka; more than one may be given
    #[arg(long, value_name = "FILE")]
    archive: Vec<PathBuf>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

/// Flags of `anchors show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Which cut: a time, `latest`, `label:NAME`, or the beginning of an anchor's id
    #[arg(long, default_value = "latest", value_name = "CUT")]
    at: String,
    /// Of this archive, without Kafka, and prove it: ids against content, schemas against digests
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    archive: Vec<PathBuf>,
    /// Read the topics again and compare counts, digests, ids and parents; exit 1 on a finding
    #[arg(long)]
    check: bool,
    /// The records as stored, one JSON object a line
    #[arg(long, conflicts_with = "check")]
    raw: bool,
    /// Every partition, also those without a finding
    #[arg(long)]
    all: bool,
}

/// Where a connector's anchors are.
#[derive(Debug)]
pub(crate) struct Place {
    /// Connector name.
    pub(crate) connector: String,
    /// How Kafka is reached, and the anchors topic's name in it.
    pub(crate) kafka: KafkaSettings,
    /// The certificates topic's name.
    pub(crate) certificates: String,
}

/// What a command answers.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// For stdout.
    pub(crate) data: String,
    /// For stderr, a line each.
    pub(crate) notes: Vec<String>,
    /// Findings: exit 1 where there is one.
    pub(crate) findings: Vec<Problem>,
}

/// Where what is shown was read from.
enum Shown<'a> {
    Topic(&'a TopicReader),
    Archive(&'a Archive),
}

impl Anchors {
    /// Archives that a command is to read.
    pub(super) fn archives(&self) -> &[PathBuf] {
        match self {
            Self::List(args) => &args.archive,
            Self::Show(args) => &args.archive,
            Self::Diff(args) => &args.archive,
            Self::Create(_) | Self::Prune(_) | Self::Wait(_) => &[],
        }
    }
}

/// Runs a command that shows what archives hold; `place` is where their topic is, for what they do not hold.
pub(super) fn of_archive(command: &Anchors, place: Option<&Place>, json: bool, now_ms: i64) -> Result<Answer> {
    let (archive, read) = archived::read(command.archives())?;
    let (shown, none) = (Shown::Archive(&archive), certificates::Read::none());
    match command {
        Anchors::List(args) => list::run(args, &shown, &read, &none, json, now_ms),
        Anchors::Show(args) => show::run(args, &shown, &read, &none, json, now_ms),
        Anchors::Diff(args) => {
            let topic = place.map(|place| {
                let reader = TopicReader::open(&place.kafka)?;
                fetch::anchors(&reader, &place.kafka.control.anchors, &place.connector)
            });
            diff::run(args, &read, topic.transpose()?.as_ref(), json)
        }
        Anchors::Create(_) | Anchors::Prune(_) | Anchors::Wait(_) => Ok(Answer::default()),
    }
}

/// Runs a command that shows. `json` asks for the machine's form, `now_ms` is the clock. Blocks.
pub(crate) fn run(command: &Anchors, place: &Place, json: bool, now_ms: i64) -> Result<Answer> {
    let reader = TopicReader::open(&place.kafka)?;
    let topic = place.kafka.control.anchors.as_str();
    let read = fetch::anchors(&reader, topic, &place.connector)?;
    if let Anchors::Diff(args) = command {
        return diff::run(args, &read, None, json);
    }
    let certificates = certificates::read(&reader, &place.certificates, &place.connector)?;
    match command {
        Anchors::List(args) => list::run(args, &Shown::Topic(&reader), &read, &certificates, json, now_ms),
        Anchors::Show(args) => show::run(args, &Shown::Topic(&reader), &read, &certificates, json, now_ms),
        Anchors::Diff(_) | Anchors::Create(_) | Anchors::Prune(_) | Anchors::Wait(_) => Ok(Answer::default()),
    }
}

/// Id of the newest whole cut, else of the newest anchor; `None` where there is none. Blocks.
pub(crate) fn newest(place: &Place) -> Result<Option<String>> {
    let reader = TopicReader::open(&place.kafka)?;
    let read = fetch::anchors(&reader, &place.kafka.control.anchors, &place.connector)?;
    let cuts = cuts::all(&read.log);
    let newest = cuts.iter().find(|cut| cut.is_whole()).or(cuts.first());
    Ok(newest.and_then(|cut| cut.id()).map(str::to_owned))
}

/// The anchors of a connector; `None` where their topic is not there. Blocks.
pub(crate) fn log(reader: &TopicReader, topic: &str, connector: &str) -> Result<Option<Log>> {
    if reader.partitions(topic)?.is_none() {
        return Ok(None);
    }
    Ok(Some(fetch::anchors(reader, topic, connector)?.log))
}
