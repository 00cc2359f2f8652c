//! What a lane does with the collections that exist at its start: which are snapshotted, which exports are open.
//!
//! Invariants: the decision is [`Intake`]'s; a collection that other patterns have left out is in no anchor of this run;
//! what has ended since is told of on the topic that it had, whatever its name would be now.

use std::collections::{BTreeMap, HashSet};

use moorline_pipeline::error::Result;
use moorline_pipeline::model::{Namespace, Uuid};
use moorline_pipeline::offsets::{Progress, Stored};
use moorline_pipeline::sink::{Registry, Sink};
use moorline_pipeline::source::{CollectionInfo, Selection, Source};
use moorline_pipeline::task::intake::{self, Intake};
use moorline_pipeline::task::snapshot::Snapshot;
use tracing::{info, warn};

use crate::report::Report;
use crate::settings::SnapshotMode;
use crate::shared::Shared;
use crate::work::OpenJob;

/// Ranges of a snapshot for each thread: enough that a slow one does not hold the others up at the end.
const RANGES_A_THREAD: u32 = 4;

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
        let progress = intake.progress().filter(|_| !always);
        let complete = progress.is_some_and(|p| p.export_complete);
        let is_chosen = chosen.as_ref().is_none_or(|chosen| chosen.contains(&info.namespace));
        let read = settings.snapshot.mode != SnapshotMode::NoData && is_chosen && !complete;
        if read {
            match progress.and_then(|p| p.snapshot.clone()) {
                Some(done) => plan.snapshot.resume(info.namespace.clone(), info.uuid, done, info.documents),
                None => {
                    let small = info.documents <= u64::from(settings.snapshot.chunk_rows);
                    let ranges = if small { 1 } else { settings.snapshot.threads as u32 * RANGES_A_THREAD };
                    let bounds = if ranges > 1 { shared.source.split(&info.namespace, ranges).await? } else { vec![] };
                    plan.snapshot.begin(info.namespace.clone(), info.uuid, bounds, info.documents);
                    plan.begins = true;
                }
            }
            let done = progress.and_then(|p| p.snapshot.as_ref()).map_or(0, |s| s.rows);
            Report::add(&shared.report.rows_estimated, info.documents.saturating_sub(done));
            shared.report.collection(info.namespace.as_str()).snapshot_begins(done, info.documents);
            plan.to_read.push(info.clone());
        }
        // An empty collection has nothing to show: its first document will.
        let needless = intake.progress().is_some() || info.documents == 0;
        let sample = if needless { vec![] } else { sample(shared, &info.namespace).await? };
        let documents: Vec<&bson::RawDocument> = sample.iter().map(|d| &**d).collect();
        if let Some(bound) = shared.contracts.prepare(&info.namespace, &documents).await? {
            plan.open.push(OpenJob {
                namespace: info.namespace.clone(),
                uuid: info.uuid,
                bound,
                // Where no range of a snapshot is ever in (`no_data`, or not chosen) the export is exact, and never
                // complete.
                complete: false,
                fresh: anew,
            });
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

async fn sample<S: Source, K: Sink, R: Registry>(
    shared: &Shared<S, K, R>,
    namespace: &Namespace,
) -> Result<Vec<bson::RawDocumentBuf>> {
    let (size, bytes, limit) = shared.settings.contract.sample;
    shared.source.sample(namespace, size, bytes, limit).await
}
