//! What a lane does with the collections that exist at its start: which are snapshotted, which exports are open.
//!
//! Invariants: the decision is [`Intake`]'s; a collection that other patterns have left out is in no anchor of this run;
//! what has ended since is told of on the topic that it had, whatever its name would be now.

use std::collections::{BTreeMap, HashSet};

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::{Id, Namespace, Uuid};
use moorline_pipeline::offsets::{Progress, SnapshotProgress, Stored};
use moorline_pipeline::sink::{Registry, Sink};
use moorline_pipeline::source::{CollectionInfo, Selection, Source};
use moorline_pipeline::task::intake::{self, Intake};
use moorline_pipeline::task::snapshot::{self, Snapshot};
use tracing::{info, warn};

use crate::contracts::Bound;
use crate::report::Report;
use crate::settings::SnapshotMode;
use crate::shared::Shared;
use crate::work::OpenJob;

/// Ranges of a snapshot for each thread: enough that a slow one does not hold the others up at the end.
const RANGES_A_THREAD: u32 = 4;
/// Collections that the server and the registry are asked about at the same time; those that are sampled share the bytes
/// of a sample. What `validate` says of memory is made of it, see docs/memory.md.
pub const SAMPLED_AT_ONCE: usize = 3;

/// Documents before a change were asked for, and some collections do not keep them: said once a start.
pub(crate) fn without_pre_images(listed: &[CollectionInfo]) {
    for info in listed.iter().filter(|info| !info.images) {
        let coll = info.namespace.coll();
        warn!(code = "MOOR-2006", collection = %info.namespace,
            fix = format!("db.runCommand({{collMod: \"{coll}\", changeStreamPreAndPostImages: {{enabled: true}}}})"),
            "the collection keeps no pre-images: documents before a change will be null on updates and deletes");
    }
}

/// What a lane does with the collections that exist at its start.
#[derive(Default)]
pub(crate) struct CollectionPlan {
    pub(crate) snapshot: Snapshot,
    pub(crate) to_read: Vec<CollectionInfo>,
    pub(crate) open: Vec<OpenJob>,
    /// Whether any snapshot begins anew.
    pub(crate) begins: bool,
    /// The epochs that the stream may still speak of: those that are there, and those that have ended since.
    pub(crate) epochs: BTreeMap<Namespace, Uuid>,
    /// Written before, and left out by the patterns of now.
    pub(crate) left_out: Vec<Namespace>,
}

pub(crate) async fn plan<S: Source, K: Sink, R: Registry>(
    shared: &Shared<S, K, R>,
    listed: &[CollectionInfo],
    stored: &Stored,
    lane: u32,
) -> Result<CollectionPlan> {
    let settings = &shared.settings;
    let mut plan = CollectionPlan::default();
    let always = settings.snapshot.mode == SnapshotMode::Always
        && !shared.snapshotted.lock().expect("no holder panics").contains(&lane);
    let chosen = match &settings.snapshot.include {
        Some(selection) => {
            let named = shared.source.collections(selection).await?;
            Some(named.into_iter().map(|info| info.namespace).collect::<HashSet<_>>())
        }
        None => None,
    };
    for progress in &stored.progress {
        shared.contracts.written(&progress.topic, &progress.namespace)?;
    }
    let mut taken_in = Vec::new();
    for info in listed {
        plan.epochs.insert(info.namespace.clone(), info.uuid);
        let topic = shared.contracts.topic(&info.namespace);
        let intake = Intake::of(stored, &shared.layout, &info.namespace, info.uuid, &topic);
        let anew = always || matches!(intake, Intake::Again | Intake::Moved(_));
        if let Intake::Moved(before) = intake {
            warn!(code = "MOOR-5703", collection = %info.namespace, before = before.topic, topic,
                "the collection's topic has another name than before: a new export begins there, and the old topic gets nothing more");
        }
        if intake == Intake::Again {
            info!(collection = %info.namespace, "captured again after it was left out: a new export begins");
        }
        // The stream brings it, and opens its export.
        if intake == Intake::InStream && !always {
            continue;
        }
        // In the order of names, so that of two collections with one topic it is always the same one that is refused.
        shared.contracts.written(&topic, &info.namespace)?;
        let progress = intake.progress().filter(|_| !always);
        let complete = progress.is_some_and(|p| p.export_complete);
        let is_chosen = chosen.as_ref().is_none_or(|chosen| chosen.contains(&info.namespace));
        let read = settings.snapshot.mode != SnapshotMode::NoData && is_chosen && !complete;
        let known = intake.progress().is_some();
        taken_in.push(TakenIn { info, anew, read, known, done: progress.and_then(|p| p.snapshot.clone()) });
    }
    // What the server is asked about one collection need not wait for the others; together they take no more memory.
    let share = SAMPLED_AT_ONCE.min(taken_in.iter().filter(|taken| taken.is_sampled()).count()).max(1) as u64;
    let mut asked = Vec::new();
    for taken in &taken_in {
        asked.push(taken.ask(shared, share).boxed());
    }
    let answers: Vec<(Vec<Id>, Option<Bound>)> = stream::iter(asked).buffered(SAMPLED_AT_ONCE).try_collect().await?;
    for (TakenIn { info, anew, read, done, .. }, (bounds, bound)) in taken_in.into_iter().zip(answers) {
        if read {
            let rows = done.as_ref().map_or(0, |done| done.rows);
            Report::add(&shared.report.rows_estimated, info.documents.saturating_sub(rows));
            shared.report.collection(info.namespace.as_str()).snapshot_begins(rows, info.documents);
            match done {
                Some(done) => plan.snapshot.resume(info.namespace.clone(), info.uuid, done, info.documents),
                None => {
                    plan.snapshot.begin(info.namespace.clone(), info.uuid, bounds, info.documents);
                    plan.begins = true;
                }
            }
            plan.to_read.push(info.clone());
        }
        if let Some(bound) = bound {
            // Where no range of a snapshot is ever in (`no_data`, or not chosen) the export is exact, and never complete.
            let (namespace, uuid) = (info.namespace.clone(), info.uuid);
            plan.open.push(OpenJob { namespace, uuid, bound, complete: false, fresh: anew });
        }
    }
    let absent = absent(shared, &plan, stored).await?;
    let captured: HashSet<&Namespace> = listed.iter().map(|info| &info.namespace).collect();
    for ended in intake::ended(stored, |namespace| captured.contains(namespace), &absent) {
        plan.epochs.insert(ended.namespace.clone(), ended.epoch);
        if let Some(bound) = shared.contracts.prepare_on(ended.topic.clone(), &ended.namespace, &[]).await? {
            let (namespace, uuid, complete) = (ended.namespace.clone(), ended.epoch, ended.export_complete);
            plan.open.push(OpenJob { namespace, uuid, bound, complete, fresh: false });
        }
    }
    for (namespace, _) in absent {
        info!(collection = %namespace, "left out by the patterns of now: in no anchor any more");
        plan.left_out.push(namespace);
    }
    shared.snapshotted.lock().expect("no holder panics").insert(lane);
    Ok(plan)
}

/// Of the collections that were written and are not captured, those that the server still has, in the same epoch.
async fn absent<S: Source, K: Sink, R: Registry>(
    shared: &Shared<S, K, R>,
    plan: &CollectionPlan,
    stored: &Stored,
) -> Result<Vec<(Namespace, Uuid)>> {
    let absent: Vec<&Progress> = stored.progress.iter().filter(|p| !plan.epochs.contains_key(&p.namespace)).collect();
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let include = absent.iter().map(|p| p.namespace.to_string()).collect();
    let there = shared.source.collections(&Selection { include, exclude: Vec::new(), literal: true }).await?;
    let same = |info: &CollectionInfo| absent.iter().any(|p| p.namespace == info.namespace && p.epoch == info.uuid);
    Ok(there.into_iter().filter(|info| same(info)).map(|info| (info.namespace, info.uuid)).collect())
}

/// A collection that is captured from now on, or again.
struct TakenIn<'a> {
    info: &'a CollectionInfo,
    /// Whether a new export begins.
    anew: bool,
    /// Whether its snapshot is read, from its start or on.
    read: bool,
    /// Whether something of it was written before.
    known: bool,
    /// What is in of its snapshot.
    done: Option<SnapshotProgress>,
}

impl TakenIn<'_> {
    /// An empty collection has nothing to show: its first document will.
    fn is_sampled(&self) -> bool {
        !self.known && self.info.documents > 0
    }

    /// Bounds of the ranges of its snapshot, and its contract; a sample has its share of the bytes.
    async fn ask<S: Source, K: Sink, R: Registry>(
        &self,
        shared: &Shared<S, K, R>,
        share: u64,
    ) -> Result<(Vec<Id>, Option<Bound>)> {
        let (settings, namespace) = (&shared.settings, &self.info.namespace);
        let most = settings.snapshot.threads as u32 * RANGES_A_THREAD;
        let ranges = snapshot::ranges(self.info.documents, settings.snapshot.chunk_rows, most);
        let split = self.read && self.done.is_none() && ranges > 1;
        let bounds = if split { shared.source.split(namespace, ranges).await? } else { vec![] };
        let (size, bytes, limit) = settings.contract.sample;
        let sample = match self.is_sampled() {
            true => shared.source.sample(namespace, size, bytes / share, limit).await?,
            false => vec![],
        };
        let documents: Vec<&bson::RawDocument> = sample.iter().map(|d| &**d).collect();
        Ok((bounds, shared.contracts.prepare(namespace, &documents).await?))
    }
}
