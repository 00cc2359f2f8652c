//! `moorline anchors`: the connector's anchors as people ask for them.
//!
//! * [`fetch`]: the anchors topic and the facts of data topics, read. * [`replayable`]: whether a cut can still be read.
//! * [`list`], [`show`]: what is printed. * [`recount`]: `--check`. * [`diff`]: two cuts compared.
//!
//! * [`create`]: an anchor on request. * [`wait`]: until a cut is there.
//!
//! Invariants: nothing here but [`create`] writes to a topic; what is printed on stdout is the data, notes go to stderr; a cut that is
//! shown is a whole one.

pub(super) mod create;
mod diff;
pub(super) mod fetch;
mod list;
mod recount;
pub(super) mod replayable;
#[cfg(test)]
mod servers;
mod show;
pub(super) mod wait;

use clap::{Args, Subcommand};
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

/// Runs a command that shows. `json` asks for the machine's form, `now_ms` is the clock. Blocks.
pub(crate) fn run(command: &Anchors, place: &Place, json: bool, now_ms: i64) -> Result<Answer> {
    let reader = TopicReader::open(&place.kafka)?;
    let topic = place.kafka.control.anchors.as_str();
    let read = fetch::anchors(&reader, topic, &place.connector)?;
    if let Anchors::Diff(args) = command {
        return diff::run(args, &read, json);
    }
    let certificates = certificates::read(&reader, &place.certificates, &place.connector)?;
    match command {
        Anchors::List(args) => list::run(args, &reader, &read, &certificates, json, now_ms),
        Anchors::Show(args) => show::run(args, &reader, &read, &certificates, json),
        Anchors::Diff(_) | Anchors::Create(_) | Anchors::Wait(_) => Ok(Answer::default()),
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
