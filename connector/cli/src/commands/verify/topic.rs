//! `--against topic`: the records of a cut, against what its anchors count and digest.
//!
//! Invariants: a topic that retention has shortened proves nothing of the records that are gone, and says how many of
//! which partition; what was altered or lost within the log is a finding.

use std::time::Instant;

use moorline_config::Config;
use moorline_export::select::{self, Request, Source};
use moorline_export::verify::files::Topic;
use moorline_export::verify::{Verdict, topic};
use moorline_pipeline::anchor::at::At;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_sink_kafka::TopicReader;
use tokio::runtime::Runtime;

use super::Verify;
use super::report::{self, Range, Report};
use crate::commands::anchors::fetch;
use crate::commands::replay::gather::Now;
use crate::commands::replay::records::Topics;
use crate::failure::Failed;
use crate::{messages, wiring};

/// Verifies the topics of a cut.
pub(super) fn run(args: &Verify, config: &Config, runtime: &Runtime) -> Result<Report, Failed> {
    let began = Instant::now();
    let reader = TopicReader::open(&wiring::kafka(config)?)?;
    let read = fetch::anchors(&reader, &config.anchor_topic_name, &config.name)?;
    read.warnings().for_each(|warning| messages::note(&warning));
    let at: At = args.at.parse()?;
    let request = Request { at, from: None, collections: args.collection.clone(), allow_inexact: true };
    let selection = select::find(&read.log, &request)?;
    let registry = wiring::registry(config)?;
    let mut now = Now::new(&reader, &registry, runtime);
    let topics = Topics { reader: &reader };
    let limits = super::limits(args);
    let mut ranges = Vec::new();
    for source in &selection.sources {
        let cut = &source.cut;
        let mut range = Range::new(&cut.namespace, &cut.epoch, &cut.export);
        let schemas = match now.schemas(source) {
            Ok(schemas) => schemas,
            Err(Failure { problem, .. }) if problem.code.starts_with("MOOR-6") => {
                range.reasons.push(with_what_is_left(*problem, source, &reader, &topics)?);
                ranges.push(range);
                continue;
            }
            Err(failure) => return Err(failure.into()),
        };
        let of = Topic { source, schemas: &schemas, records: &topics };
        let found = topic::collection(of, &config.field_metadata_prefix, &limits)?;
        range.verdict = if found.findings.is_empty() { Verdict::Accept } else { Verdict::Reject };
        range.source_documents = found.records;
        range.export_documents = found.rows;
        range.difference_count = Some(found.misplaced);
        range.differences = found.differences.into_iter().map(report::Difference::from).collect();
        range.records_digest = found.records_digest;
        range.state_digest = found.state_digest;
        range.reasons = found.findings;
        ranges.push(range);
    }
    Ok(Report {
        connector: config.name.clone(),
        against: "topic",
        sides: report::RECORDS_DOCUMENTS,
        anchor: selection.at.anchors.first().cloned().unwrap_or_default(),
        cut: selection.at.cut,
        took_s: began.elapsed().as_secs_f64(),
        ranges,
    })
}

/// Records that retention took, by partition.
fn with_what_is_left(problem: Problem, source: &Source, reader: &TopicReader, topics: &Topics<'_>) -> Result<Problem> {
    let is_there = reader.partitions(&source.cut.topic)?.is_some();
    if problem.code != "MOOR-6002" || !is_there {
        return Ok(problem);
    }
    let mut known = fetch::Topics::new();
    fetch::topics(reader, std::iter::once(&source.cut), &mut known)?;
    let starts = known.remove(&source.cut.topic).flatten().map(|facts| facts.starts).unwrap_or_default();
    let left = topic::left(&source.cut.topic, &source.ranges, &starts, topics)?;
    Ok(if left.is_empty() { problem } else { Problem { why: left.join("; "), ..problem } })
}
