//! `--against source`: the folded export against snapshot reads at the last moment before the cut.
//!
//! * [`standing`]: what makes it impossible, told before anything is read. * [`plans`]: documents and records as rows.
//! * [`export`]: the topic's side. * [`read`]: the source's side. * [`settle`]: what differs, read again at the same time.
//!
//! Invariants: the source is read at one cluster time, under one history and one epoch, and inside the history window;
//! a reading outside of it proves nothing. Records that are not what the anchor counts are a finding of their own.

mod export;
mod plans;
mod read;
mod settle;
mod standing;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moorline_config::Config;
use moorline_export::verify::{Comparison, Verdict};
use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::{Anchor, CollectionCut, cuts};
use moorline_pipeline::error::{Failure, Problem};
use moorline_pipeline::model::{ClusterTime, Namespace};
use moorline_pipeline::source::{Identity, Source as _};
use moorline_runtime::contracts::Contracts;
use moorline_sink_kafka::{SchemaRegistry, TopicReader};
use moorline_source_mongodb::MongoSource;

use super::report::{self, Range, Report};
use super::{Verify, certified};
use crate::commands::anchors::fetch;
use crate::failure::Failed;
use crate::{certificates, own_topics, wiring};

/// How long the source may be silent before it counts as not reached.
const PATIENCE: Duration = Duration::from_secs(10);
/// Suspect keys that are looked into, one by one.
const MOST_SUSPECTS: usize = 1000;

/// All that a collection's verification needs.
struct Bench {
    args: Limits,
    reader: TopicReader,
    registry: SchemaRegistry,
    contracts: Contracts<SchemaRegistry>,
    source: MongoSource,
    quarantine: String,
    identity: Identity,
    asked: Instant,
    cut: ClusterTime,
}

/// The flags that bound it.
#[derive(Clone, Copy)]
struct Limits {
    rate: u64,
    threads: u32,
    memory_bytes: usize,
    named: usize,
}

impl Bench {
    /// Why the cut can't be read at the source any more, where that is so.
    fn outside(&self) -> Option<Problem> {
        let now = u64::from(self.identity.now.t) + self.asked.elapsed().as_secs();
        standing::outside(self.cut, now, self.identity.history_window)
    }
}

/// Verifies all collections of a cut, or those that are named.
pub(super) async fn run(args: &Verify, config: &Config) -> Result<Report, Failed> {
    let began = Instant::now();
    if config.key_converter.is_json() || config.value_converter.is_json() {
        return Err(standing::json_text().into());
    }
    let reader = TopicReader::open(&wiring::kafka(config)?)?;
    let anchors = blocking(|| fetch::anchors(&reader, &config.anchor_topic_name, &config.name))?;
    let at: At = args.at.parse().map_err(Failure::halt)?;
    let cut = cuts::find(&anchors.log, &at).map_err(Failure::halt)?;
    let merged = cut.anchors.iter().map(|anchor| anchors.log.merged(anchor).map_err(Failure::halt));
    let merged: Vec<Anchor> = merged.collect::<Result<_, _>>()?;
    let source = wiring::examined_source(config, PATIENCE).await?;
    let asked = Instant::now();
    let identity = source.identity().await?;
    let own: Vec<String> = own_topics::all(config).into_iter().map(|own| own.name.to_owned()).collect();
    let bench = Bench {
        args: Limits {
            rate: args.rate_limit,
            threads: args.threads,
            memory_bytes: args.memory_bytes,
            named: args.max_differences as usize,
        },
        reader,
        contracts: Contracts::new(wiring::registry(config)?, wiring::contract(config), wiring::output(config), &own),
        registry: wiring::registry(config)?,
        source,
        quarantine: config.quarantine_topic_name.clone(),
        identity,
        asked,
        cut: cut.time,
    };
    let mut ranges = Vec::new();
    for (anchor, collection) in merged.iter().flat_map(|a| a.collections.iter().map(move |c| (a, c))) {
        if args.collection.is_empty() || args.collection.contains(&collection.namespace) {
            ranges.push(collection_verdict(&bench, anchor, collection).await?);
        }
    }
    for name in &args.collection {
        if ranges.iter().all(|range: &Range| range.namespace != *name) {
            return Err(standing::not_in_cut(name).into());
        }
    }
    if ranges.iter().any(|range| range.verdict == Verdict::Unsupported) {
        let known = blocking(|| certificates::read(&bench.reader, &config.certificate_topic_name, &config.name))?;
        let ids: Vec<&str> = cut.anchors.iter().map(|anchor| anchor.id.as_str()).collect();
        ranges.iter_mut().for_each(|range| certified::earlier(range, &ids, &known.certificates));
    }
    bench.source.close(Duration::from_secs(1)).await;
    Ok(Report {
        connector: config.name.clone(),
        against: "source",
        sides: report::SOURCE_EXPORT,
        anchor: cut.id().unwrap_or("-").to_owned(),
        cut: cut.time,
        took_s: began.elapsed().as_secs_f64(),
        ranges,
    })
}

/// Work that keeps its thread: reads of the topic, rows that are made.
#[expect(
    clippy::disallowed_methods,
    reason = "this process has no lanes that could be stalled: it waits for this work"
)]
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

async fn collection_verdict(bench: &Bench, anchor: &Anchor, collection: &CollectionCut) -> Result<Range, Failure> {
    let mut range = Range::new(&collection.namespace, &collection.epoch, &collection.export);
    let unproven = |mut range: Range, why: Problem| {
        range.verdict = Verdict::Unsupported;
        range.reasons.push(why);
        Ok(range)
    };
    let Some(namespace) = Namespace::parse(&collection.namespace) else {
        return unproven(range, standing::not_in_cut(&collection.namespace));
    };
    let info = bench.source.collection(&namespace).await?;
    if let Some(why) = standing::unsupported(anchor, collection, &bench.identity, info.as_ref()) {
        return unproven(range, why);
    }
    if let Some(why) = bench.outside() {
        return unproven(range, why);
    }
    let uuid = info.map(|info| info.uuid).unwrap_or_default();
    let Some(force) = bench.contracts.in_force(&collection.topic, &namespace).await? else {
        return unproven(range, standing::no_contract(&collection.namespace));
    };
    let plans = plans::Plans::new(&bench.registry, force, collection).await?;
    let mut comparison = Comparison::new(bench.args.memory_bytes, MOST_SUSPECTS);
    match blocking(|| export::fold(bench, collection, &plans, &mut comparison))? {
        export::Folded::Whole(digest) => range.state_digest = digest.map(|digest| digest.to_hex()),
        export::Folded::Altered(findings) => {
            range.verdict = Verdict::Reject;
            range.reasons = findings;
            return Ok(range);
        }
        export::Folded::Unproven(why) => return unproven(range, why),
    }
    range.export_documents = comparison.export_rows;
    let shared = Arc::new(Mutex::new(read::Taken { comparison, ids: Default::default() }));
    let unreadable = read::all(bench, &namespace, &uuid, &plans, &shared).await?;
    let mut taken = std::mem::replace(
        &mut *shared.lock().unwrap_or_else(PoisonError::into_inner),
        read::Taken { comparison: Comparison::new(0, 0), ids: Default::default() },
    );
    range.source_documents = taken.comparison.source_rows;
    if let Some(why) = unreadable {
        return unproven(range, why);
    }
    taken.comparison.end();
    settle::settle(bench, collection, &namespace, &uuid, &plans, taken, &mut range).await?;
    Ok(range)
}
