//! `--against files DIR`: an export in a folder, against its manifest, its anchors, and the topic folded anew.
//!
//! Invariants: with `--offline`, or without a configuration, what is proven is told as such: that the files hold what the
//! manifest says; anchors that are not there any more and topics that can't be folded any more prove nothing, unless a
//! certificate made in time names the very digest that the files have.

use std::path::Path;
use std::time::Instant;

use moorline_config::Config;
use moorline_export::manifest::{Collection, Manifest};
use moorline_export::replay::{Schemas, name_of};
use moorline_export::select::{self, Request, Selection, Source};
use moorline_export::state;
use moorline_export::verify::files::{self, Found, Limits, Topic};
use moorline_export::verify::folder::Export;
use moorline_export::verify::{Verdict, anchor};
use moorline_pipeline::anchor::at::At;
use moorline_pipeline::certificate::{ACCEPT, Certificate, REPLAY};
use moorline_pipeline::error::{Failure, Problem};
use moorline_sink_kafka::{SchemaRegistry, TopicReader};
use tokio::runtime::Runtime;

use super::report::{self, Range, Report};
use super::{Verify, no_such_collection};
use crate::commands::anchors::fetch;
use crate::commands::replay::gather::Now;
use crate::commands::replay::records::Topics;
use crate::failure::Failed;
use crate::{certificates, wiring};

/// What Kafka holds of the export.
struct Kafka<'a> {
    reader: TopicReader,
    registry: SchemaRegistry,
    config: &'a Config,
    runtime: &'a Runtime,
    /// What the manifest's anchors come to now; else why they can't be had.
    selection: Result<Selection, Problem>,
}

/// The records of a collection, or why they are not to be had.
enum Records {
    NotAsked,
    Altered(Problem),
    Gone(Problem),
    There(Box<Source>, Schemas),
}

/// Verifies a folder.
pub(super) fn run(args: &Verify, folder: &Path, config: Option<&Config>, runtime: &Runtime) -> Result<Report, Failed> {
    let began = Instant::now();
    let export = Export::open(folder)?;
    let manifest = &export.manifest;
    for name in &args.collection {
        if manifest.collections.iter().all(|collection| collection.namespace != *name) {
            return Err(no_such_collection(name, "the export").into());
        }
    }
    let kafka = config.map(|config| Kafka::open(config, manifest, runtime)).transpose()?;
    let limits = super::limits(args);
    let mut ranges = Vec::new();
    let is_asked = |c: &&Collection| args.collection.is_empty() || args.collection.contains(&c.namespace);
    for collection in manifest.collections.iter().filter(is_asked) {
        ranges.push(verdict(&export, collection, kafka.as_ref(), &limits)?);
    }
    for stranger in export.strangers() {
        let folder = stranger.place.split_once('/').map(|(folder, _)| folder);
        let is_of = |range: &Range| folder == Some(&name_of(&range.namespace));
        // What lies in no collection's folder is told of the first one.
        let at = ranges.iter().position(is_of).unwrap_or(0);
        if let Some(range) = ranges.get_mut(at) {
            range.verdict = Verdict::Reject;
            range.reasons.push(stranger);
        }
    }
    Ok(Report {
        connector: manifest.connector.clone(),
        against: "files",
        sides: if kafka.is_some() { report::TOPIC_FILES } else { report::MANIFEST_FILES },
        anchor: manifest.at.anchors.first().cloned().unwrap_or_default(),
        cut: manifest.at.cut,
        took_s: began.elapsed().as_secs_f64(),
        ranges,
    })
}

impl<'a> Kafka<'a> {
    fn open(config: &'a Config, manifest: &Manifest, runtime: &'a Runtime) -> Result<Self, Failed> {
        let reader = TopicReader::open(&wiring::kafka(config)?)?;
        let read = fetch::anchors(&reader, &config.anchor_topic_name, &manifest.connector);
        let id = |cut: &moorline_export::manifest::Cut| At::Id(cut.anchors.first().cloned().unwrap_or_default());
        let request = Request {
            at: id(&manifest.at),
            from: manifest.from.as_ref().map(id),
            collections: manifest.collections.iter().map(|collection| collection.namespace.clone()).collect(),
            allow_inexact: true,
        };
        let selection = match read {
            Ok(read) => select::find(&read.log, &request),
            Err(failure) if failure.problem.code == "MOOR-6001" => Err(*failure.problem),
            Err(failure) => return Err(failure.into()),
        };
        Ok(Self { reader, registry: wiring::registry(config)?, config, runtime, selection })
    }

    fn records(&self, manifest: &Manifest, collection: &Collection) -> Result<Records, Failed> {
        let selection = match &self.selection {
            Ok(selection) => selection,
            // What is there under this id is not what the id says, or not what the manifest took from it.
            Err(problem) if ["MOOR-6011", "MOOR-6123", "MOOR-6129"].contains(&problem.code) => {
                return Ok(Records::Altered(problem.clone()));
            }
            Err(problem) => return Ok(Records::Gone(problem.clone())),
        };
        let source = match anchor::source(manifest, collection, selection) {
            Ok(source) => source,
            Err(problem) => return Ok(Records::Altered(problem)),
        };
        match Now::new(&self.reader, &self.registry, self.runtime).schemas(source) {
            Ok(schemas) => Ok(Records::There(Box::new(source.clone()), schemas)),
            Err(Failure { problem, .. }) if problem.code.starts_with("MOOR-6") => Ok(Records::Gone(*problem)),
            Err(failure) => Err(failure.into()),
        }
    }

    /// A certificate of this cut that names the digest of the files.
    fn certificate(
        &self,
        manifest: &Manifest,
        collection: &Collection,
        digest: &str,
    ) -> Result<Option<Certificate>, Failed> {
        let topic = &self.config.certificate_topic_name;
        let read = certificates::read(&self.reader, topic, &manifest.connector)?;
        let anchors: Vec<&str> = manifest.at.anchors.iter().map(String::as_str).collect();
        let names = |c: &&Certificate| {
            // A replay gives no verdict, but ends only where records are what the anchor counts and digests.
            (c.verdict == ACCEPT || c.method == REPLAY)
                && c.is_whole()
                && (&c.epoch, &c.export) == (&collection.epoch, &collection.export)
                && c.state_algorithm.as_deref() == Some(state::ALGORITHM)
                && c.state_digest.as_deref() == Some(digest)
        };
        Ok(read.certificates.of(&anchors, &collection.namespace).filter(names).max_by_key(|c| c.read_ms).cloned())
    }
}

fn verdict(
    export: &Export,
    collection: &Collection,
    kafka: Option<&Kafka<'_>>,
    limits: &Limits,
) -> Result<Range, Failed> {
    let manifest = &export.manifest;
    let records = kafka.map_or(Ok(Records::NotAsked), |kafka| kafka.records(manifest, collection))?;
    let topics = kafka.map(|kafka| Topics { reader: &kafka.reader });
    let topic = match (&records, &topics) {
        (Records::There(source, schemas), Some(records)) => Some(Topic { source, schemas, records }),
        _ => None,
    };
    let Found { rows, topic_rows, equal, findings, unproven, differences, difference_count, state_digest } =
        files::collection(export, collection, topic, limits)?;
    let mut range = Range::new(&collection.namespace, &collection.epoch, &collection.export);
    range.export_documents = rows;
    range.source_documents = topic_rows.unwrap_or(if kafka.is_none() { collection.rows } else { 0 });
    range.equal = if kafka.is_some() && topic_rows.is_none() { 0 } else { equal };
    range.difference_count = difference_count;
    range.state_digest = state_digest;
    range.records_digest.clone_from(&collection.records_digest);
    range.differences = differences.into_iter().map(report::Difference::from).collect();
    range.reasons = findings;
    let (altered, gone) = match records {
        Records::Altered(problem) => (Some(problem), None),
        Records::Gone(problem) => (None, Some(problem)),
        _ => (None, unproven),
    };
    range.reasons.extend(altered);
    range.verdict = if range.reasons.is_empty() { Verdict::Accept } else { Verdict::Reject };
    if let (Some(problem), Some(kafka)) = (gone, kafka) {
        let digest = range.state_digest.clone();
        let known = digest.map(|digest| kafka.certificate(manifest, collection, &digest)).transpose()?.flatten();
        match known {
            Some(certificate) => range.certificate = Some(certificate),
            None => {
                range.verdict = range.verdict.max(Verdict::Unsupported);
                range.reasons.push(problem);
            }
        }
    }
    Ok(range)
}
