//! From what is stored to a lane that can run: history, stream, collections, contracts, snapshot plan.
//!
//! Invariants: a position of another history is refused, never resumed (I-HIST-1); a token that the server no longer
//! knows is a gap, never silence; the stream is open before any collection is listed or sampled, so that whatever
//! comes to be after the listing is in the stream.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use moorline_pipeline::anchor::LaneFacts;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::{ClusterTime, Namespace, Reply};
use moorline_pipeline::offsets::{Position, Scope, Stored};
use moorline_pipeline::sink::{Registry, Sink};
use moorline_pipeline::source::{ChangeStream as _, Identity, Probe, Source, StartFrom, StreamSpec};
use moorline_pipeline::task::cut::TickClock;
use moorline_pipeline::task::frontier::Frontier;
use moorline_pipeline::task::layout::LanePart;
use tracing::{info, warn};

use crate::clock::now_ms;
use crate::collections;
use crate::forecast;
use crate::seed::Seed;
use crate::settings::SnapshotMode;
use crate::shared::Shared;
use crate::work::OpenJob;

/// What an event is taken for in a reply of many: 600 bytes beside a document of some kilobytes.
const EVENT_BYTES: usize = 4096;

/// A lane that is ready to run.
pub(crate) struct Started<S: Source> {
    pub(crate) facts: LaneFacts,
    pub(crate) pipeline: String,
    pub(crate) actor: Seed<S>,
    pub(crate) open: Vec<OpenJob>,
    /// Collections that are in no anchor of this run.
    pub(crate) left_out: Vec<Namespace>,
}

/// Starts a lane from what is stored.
pub(crate) async fn start<S: Source, K: Sink, R: Registry>(
    shared: &Shared<S, K, R>,
    part: &LanePart,
    scope: &Scope,
    stored: &Stored,
) -> Result<Started<S>> {
    let settings = &shared.settings;
    let identity = shared.source.identity().await?;
    if let Some(position) = &stored.position {
        same_history(position, &identity)?;
        still_known(shared, position, part.lane).await?;
    }
    let spec = StreamSpec {
        selection: part.selection.clone(),
        images: settings.images,
        pre_images: settings.pre_images,
        deltas: settings.deltas(),
        // A reply is read whole, so it is to be no more than what may be read ahead.
        batch_size: settings.batch.events.clamp(1, (settings.queue_bytes / 4 / EVENT_BYTES).clamp(16, 100_000)) as u32,
        max_await: settings.max_await,
    };
    // A token is looked for among the events that pass the filter: under other patterns its event may not pass.
    let from = match &stored.position {
        Some(Position { resume: Some(token), layout, .. }) if *layout == shared.layout => {
            StartFrom::Token(token.clone())
        }
        Some(position) => StartFrom::Time(position.frontier),
        None => settings.start_time.map_or(StartFrom::Now, StartFrom::Time),
    };
    let resumed = matches!(from, StartFrom::Token(_));
    let mut stream = shared.source.open(&spec, &from).await?;
    let opening = stream.next().await?;
    let parsed = Reply::parse(opening.raw.clone(), true).map_err(|error| not_understood(&error.to_string()))?;
    let x = stored.position.as_ref().map_or_else(ClusterTime::default, |p| p.frontier);
    let mut frontier = Frontier::new(x, !identity.sharded);
    let begins = parsed.frontier;
    let opening_token = parsed.changes.is_empty().then(|| (parsed.token.clone(), parsed.frontier));
    frontier.accept(parsed).map_err(|broken| not_understood(broken.0))?;
    let last_tick = stored.position.as_ref().and_then(|p| p.last_tick);
    let ticks = TickClock::new(settings.anchor_interval, last_tick, begins);
    shared.handle.join(part.lane, ticks.last());

    let listed = shared.source.collections(&part.selection).await?;
    if settings.pre_images {
        collections::without_pre_images(&listed);
    }
    let plan = collections::plan(shared, &listed, stored, part.lane).await?;
    forecast::check(shared, &plan.to_read, part.lane).await?;
    let pipeline = stream.pipeline().to_owned();
    let facts = LaneFacts {
        connector: settings.connector.clone(),
        lane: part.lane,
        lanes: shared.lanes,
        layout: shared.layout.clone(),
        prefix: settings.prefix.clone(),
        scope: scope.clone(),
        patterns: part.patterns.clone(),
        history: identity.history.clone(),
        source_uuids: listed.iter().map(|c| (c.namespace.clone(), c.uuid)).collect(),
        lineage: shared.lineage.clone(),
        digest_on: settings.anchor_digest,
        full_every: settings.anchor_full_every,
        interval_s: settings.anchor_interval,
        anchor_schema_id: shared.anchor_schema_id,
        anchor_key_schema_id: shared.anchor_key_schema_id,
    };
    let fresh = stored.position.is_none();
    info!(lane = part.lane, from = if fresh { "the present" } else { "its committed position" }, frontier = %begins,
        collections = listed.len(), snapshots = plan.to_read.len(), "lane starts");
    let row_bytes =
        plan.to_read.iter().map(|c| (c.namespace.clone(), (c.bytes / c.documents.max(1)) as usize)).collect();
    let snapshotting: HashSet<Namespace> = plan.to_read.iter().map(|c| c.namespace.clone()).collect();
    let last = match &stored.position {
        Some(Position { resume: Some(token), .. }) if resumed => token.time().ok().map(|time| (token.clone(), time)),
        // Where no token is gone on from, the opening one is saved as "nothing delivered".
        _ => opening_token,
    };
    let actor = Seed {
        source: Arc::clone(&shared.source),
        stream,
        settings: Arc::clone(settings),
        report: Arc::clone(&shared.report),
        lane: part.lane,
        handle: Arc::clone(&shared.handle),
        told: shared.report.lane(part.lane),
        frontier,
        ticks,
        owe: (!plan.snapshot.is_done() && plan.begins).then_some("snapshot-begin"),
        snapshot: plan.snapshot,
        snapshotting: Arc::new(snapshotting),
        row_bytes,
        epochs: plan.epochs,
        history_window: identity.history_window.max(Duration::from_secs(2)),
        inexact_until: stored.position.as_ref().and_then(|p| p.inexact_until),
        last,
        witness: stored.position.as_ref().and_then(|p| p.witness.clone()),
        fresh,
        behind: (stored.position.is_some() || settings.start_time.is_some()).then_some(identity.now),
        anchored: stored.position.as_ref().is_some_and(|p| p.last_anchor.is_some()),
        goal: shared.goal,
        ends_with_snapshot: settings.snapshot.mode == SnapshotMode::InitialOnly,
    };
    Ok(Started { facts, pipeline, actor, open: plan.open, left_out: plan.left_out })
}

fn same_history(position: &Position, identity: &Identity) -> Result<()> {
    let weak = |h: &str| h.starts_with("weak:");
    if position.history == identity.history || weak(&position.history) != weak(&identity.history) {
        return Ok(());
    }
    Err(Failure::halt(Problem::new(
        "MOOR-2015",
        "the stored position belongs to another cluster",
        format!("stored history {}, this cluster {} ({})", position.history, identity.history, identity.source),
        "tokens of one history mean nothing in another: resuming would skip or invent changes",
        "point mongodb.connection.string at the cluster it was made with, or take another name and topic.prefix",
    )))
}

/// Both tokens lie in the cluster's past, and the server still knows the last real event.
async fn still_known<S: Source, K: Sink, R: Registry>(
    shared: &Shared<S, K, R>,
    position: &Position,
    lane: u32,
) -> Result<()> {
    let now = shared.source.identity().await?.now;
    let times = [&position.resume, &position.witness].into_iter().flatten().filter_map(|t| t.time().ok());
    for time in times {
        // The token of an opening reply may stand one past everything there is.
        if time > now.succ() {
            return Err(gap(lane, position, &format!("the stored token's time {time} lies after the cluster's {now}")));
        }
    }
    let Some(witness) = &position.witness else { return Ok(()) };
    match shared.source.probe(&position.pipeline, witness).await? {
        Probe::Known => Ok(()),
        Probe::Lost(words) => {
            let log = shared.source.log_window().await?;
            let age = witness.time().unwrap_or_default();
            if let Some(log) = log
                && age < log.first
                && position.resume.as_ref().and_then(|t| t.time().ok()).is_some_and(|t| t >= log.first)
            {
                warn!(lane, witness = %age, oplog_from = %log.first,
                    "the last real event is older than the oplog: the history is taken on the cluster id alone");
                return Ok(());
            }
            Err(gap(lane, position, &words))
        }
    }
}

fn gap(lane: u32, position: &Position, words: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-2003",
        "the resume token is no longer in the oplog, or stands in another history",
        format!("lane {lane}, last position {} ({} ms ago)", position.frontier, now_ms() - position.frontier.wall_ms()),
        words.to_owned(),
        "gap.policy=stop ends here: changes since that position can't be had\nreset the offsets (another name and topic.prefix) and take a new snapshot; a larger oplog keeps more",
    ))
}

fn not_understood(words: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-5001",
        "the source sent something that can't be understood",
        "the change stream's opening reply",
        words.to_owned(),
        "report this with the server's version",
    ))
}
