//! The actor of a lane: the one loop that decides, and the only place that talks to the source while a lane runs.
//!
//! Each turn does the first of these that applies:
//! 1. take the replies that have come, while the read-ahead is within its budget or no batch can be cut yet;
//! 2. cut a batch, look its images up, hand it on;
//! 3. close the gate at X and read chunks ([`Actor::gate`]);
//! 4. wait for a reply, an event of the other stages, or the wish to stop.
//!
//! Invariants: everything before X has been handed on before a row at pred(X) is; what was handed on is in order; a
//! stop hands on what is whole and no more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moorline_pipeline::anchor::Inexact;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::{ClusterTime, Id, Namespace, Op, Reply, Token, Uuid, canonical};
use moorline_pipeline::source::{ChangeStream, Chunk, ChunkRequest, Images, RawReply, Source};
use moorline_pipeline::task::cut::{self, Cut, TickClock};
use moorline_pipeline::task::frontier::{Frontier, Sequenced};
use moorline_pipeline::task::images::{self, Overtaken};
use moorline_pipeline::task::snapshot::{Snapshot, Task};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::clock::now_ms;
use crate::gate::{Gate, may_close};
use crate::report::Report;
use crate::settings::{Settings, Until};
use crate::work::{Close, Event, EventBatch, Image, Job, RowBatch};

/// Rows and bytes after which a transaction of rows is closed.
const ROWS_A_TRANSACTION: usize = 32_768;
const BYTES_A_TRANSACTION: usize = 16 << 20;
/// The server's time limit of one chunk.
const CHUNK_MAX_TIME: Duration = Duration::from_secs(10);

/// Why the actor has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was asked for is committed.
    Reached,
    /// It was asked to stop.
    Stopped,
}

/// What a lane's end is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) until: Option<Until>,
    /// The cluster time at the connector's start.
    pub(crate) start: ClusterTime,
}

/// The actor's state; see the module's docs.
pub(crate) struct Actor<S: Source> {
    pub(crate) source: Arc<S>,
    pub(crate) stream: S::Stream,
    pub(crate) settings: Arc<Settings>,
    pub(crate) report: Arc<Report>,
    pub(crate) frontier: Frontier,
    pub(crate) ticks: TickClock,
    pub(crate) overtaken: Overtaken,
    pub(crate) snapshot: Snapshot,
    pub(crate) snapshotting: Arc<HashSet<Namespace>>,
    pub(crate) epochs: BTreeMap<Namespace, Uuid>,
    pub(crate) history_window: Duration,
    pub(crate) inexact_until: Option<ClusterTime>,
    /// Token and time of the last event handed on.
    pub(crate) last: Option<(Token, ClusterTime)>,
    /// The last real event of a former run, until this one has handed on one of its own.
    pub(crate) witness: Option<Token>,
    /// Whether nothing was stored at the start.
    pub(crate) fresh: bool,
    /// The frontier of the last batch handed on.
    pub(crate) handed: ClusterTime,
    /// Kind owed to the next tick's anchor.
    pub(crate) owe: Option<&'static str>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) goal: Goal,
    pub(crate) stop: CancellationToken,
    /// What was committed: frontier, newest cut that is exact and complete, newest cut, whether the snapshot is done.
    pub(crate) committed: Committed,
}

/// What is durable, as the committer tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Committed {
    pub(crate) frontier: ClusterTime,
    pub(crate) whole: Option<ClusterTime>,
    pub(crate) cut: Option<ClusterTime>,
    pub(crate) snapshot_done: bool,
}

impl<S: Source> Actor<S> {
    /// Runs the lane until its goal is committed, it is stopped, or something fails.
    pub(crate) async fn run(&mut self) -> Result<Ended> {
        loop {
            self.take_events()?;
            if self.reached() {
                return Ok(Ended::Reached);
            }
            if self.stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
            self.overtaken.pass(self.frontier.x());
            if let Some(cut) = cut::next(&self.frontier, &self.ticks, self.settings.batch) {
                self.batch(cut).await?;
                continue;
            }
            let x = self.frontier.x();
            if self.owes_position(x) {
                self.close(x, None).await?;
                continue;
            }
            if self.snapshot.has_ready() && may_close(x, now_ms(), self.history_window, self.inexact_until) {
                self.gate(x).await?;
                continue;
            }
            let stop = self.stop.clone();
            tokio::select! {
                biased;
                event = self.events.recv() => self.event(event)?,
                () = stop.cancelled() => {}
                reply = self.stream.next() => self.reply(reply?)?,
            }
        }
    }

    /// Whether the goal is committed.
    fn reached(&self) -> bool {
        let Some(until) = self.goal.until else { return false };
        let done = &self.committed;
        let snapshots = self.snapshot.is_done() && done.snapshot_done;
        match until {
            Until::Now => done.frontier > self.goal.start && snapshots,
            Until::Snapshot => snapshots && done.whole.is_some(),
            Until::Anchor => done.cut.is_some_and(|cut| cut > self.goal.start),
            Until::Time(time) => done.frontier >= time,
        }
    }

    /// Whether the run's goal waits for a position that no batch and no tick carries: a source that says nothing.
    fn owes_position(&self, x: ClusterTime) -> bool {
        let goal = match self.goal.until {
            Some(Until::Now) => self.goal.start.succ(),
            Some(Until::Time(time)) => time,
            _ => return false,
        };
        self.handed < goal && x >= goal
    }

    fn take_events(&mut self) -> Result<()> {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.event(Some(event))?,
                Err(mpsc::error::TryRecvError::Empty) => return Ok(()),
                Err(mpsc::error::TryRecvError::Disconnected) => return self.event(None),
            }
        }
    }

    fn event(&mut self, event: Option<Event>) -> Result<()> {
        match event {
            Some(Event::Committed { frontier, anchor, snapshot_done }) => {
                self.committed.frontier = self.committed.frontier.max(frontier);
                self.committed.snapshot_done |= snapshot_done;
                if let Some((cut, exact, complete)) = anchor {
                    self.committed.cut = Some(cut);
                    if exact && complete {
                        self.committed.whole = Some(cut);
                    }
                }
                Ok(())
            }
            Some(Event::Failed(failure)) => Err(failure),
            None => Err(ended()),
        }
    }

    fn reply(&mut self, raw: RawReply) -> Result<()> {
        let reply = Reply::parse(raw.raw, raw.opening).map_err(|error| {
            Failure::halt(Problem::new(
                "MOOR-5001",
                "the source sent something that can't be understood",
                "the change stream",
                error.to_string(),
                "report this with the server's version; nothing was skipped: the connector stopped at this change",
            ))
        })?;
        self.frontier.accept(reply).map_err(|broken| {
            Failure::halt(Problem::new(
                "MOOR-2015",
                format!("the change stream broke its own order ({})", broken.0),
                "the change stream",
                "events and times of two histories are mixed, or the server restarted with another clock",
                "check that no backup was restored; then moorline offsets reset and a new snapshot",
            ))
        })
    }

    /// Takes the events of a cut, looks their images up and hands them on with the position after them.
    async fn batch(&mut self, cut: Cut) -> Result<()> {
        if let Some(ticks) = &cut.ticks {
            self.ticks.close(ticks);
        }
        if cut.count > 0 {
            let events = self.frontier.take(cut.count);
            let look_up = self.settings.images == Images::Boundary;
            let plan = images::plan(&events, &self.overtaken, look_up);
            let mut inexact = self.lifecycle(&events);
            let mut images = HashMap::new();
            for (namespace, ids) in &plan.look_ups {
                let wanted = self.look_up(namespace, ids, cut.at, &mut images, &mut inexact);
                wanted.await?;
            }
            let last = &events[events.len() - 1].change;
            self.last = Some((last.token(), last.time));
            self.witness = Some(last.token());
            let snapshotting = Arc::clone(&self.snapshotting);
            let batch = EventBatch { events, treatments: plan.treatments, images, snapshotting, inexact };
            self.hand(Job::Events(batch)).await?;
        }
        self.close(cut.at, cut.ticks).await
    }

    /// The images of updated documents at the cut; where it has left the history window, at a later time.
    async fn look_up(
        &mut self,
        namespace: &Namespace,
        ids: &[Id],
        at: ClusterTime,
        images: &mut HashMap<images::Key, Image>,
        inexact: &mut BTreeMap<Namespace, Vec<Inexact>>,
    ) -> Result<()> {
        let Some(uuid) = self.epochs.get(namespace).copied() else { return Ok(()) };
        let boundary = at.pred();
        let found = match self.source.look_up(namespace, &uuid, ids, Some(boundary)).await {
            Err(failure) if failure.next == Next::NewTime => {
                let found = self.source.look_up(namespace, &uuid, ids, None).await?;
                if self.inexact_until.is_none_or(|until| until < found.at) {
                    info!(collection = %namespace, until = %found.at, "catching up from before the history window: images are later than their cut");
                    self.inexact_until = Some(found.at);
                }
                found
            }
            other => other?,
        };
        let late = found.at > boundary;
        if !found.same_epoch {
            warn!(collection = %namespace, keys = ids.len(), "a drop or rename hides the images of updated documents");
            let mut reason = Inexact::of("image-missing", namespace);
            reason.keys = Some(ids.len() as i64);
            inexact.entry(namespace.clone()).or_default().push(reason);
            return Ok(());
        }
        let mut documents: HashMap<Vec<u8>, Bytes> = HashMap::with_capacity(found.documents.len());
        for document in found.documents {
            let raw = bson::RawDocument::from_bytes(&document).ok();
            if let Some(id) = raw.and_then(|d| d.get("_id").ok().flatten()) {
                let mut key = Vec::with_capacity(24);
                canonical(id, &mut key);
                documents.insert(key, document);
            }
        }
        for id in ids {
            let mut key = Vec::with_capacity(24);
            canonical(id.value(), &mut key);
            let document = documents.remove(&key);
            if document.is_none() && !late {
                if inexact.contains_key(namespace) {
                    // The batch itself drops or renames the collection: that hides the image, and is said.
                    continue;
                }
                return Err(image_missing(namespace, id, boundary));
            }
            let key: images::Key = (namespace.clone(), key.into());
            if late {
                self.overtaken.insert(key.clone(), found.at);
            }
            images.insert(key, Image { document, at: found.at });
        }
        Ok(())
    }

    /// Takes note of events about collections: their full handling is not in yet, so anchors say what they may hide.
    fn lifecycle(&mut self, events: &[Sequenced]) -> BTreeMap<Namespace, Vec<Inexact>> {
        let mut inexact: BTreeMap<Namespace, Vec<Inexact>> = BTreeMap::new();
        for event in events {
            let change = &event.change;
            let Some(namespace) = &change.namespace else { continue };
            match change.op {
                Op::Create | Op::Insert | Op::Update | Op::Replace | Op::Delete => {
                    if let Some(uuid) = change.uuid
                        && self.epochs.get(namespace) != Some(&uuid)
                    {
                        self.epochs.insert(namespace.clone(), uuid);
                        self.snapshot.forget(namespace);
                    }
                }
                Op::Drop | Op::Rename | Op::DropDatabase => {
                    warn!(collection = %namespace, to = ?change.to, op = ?change.op, time = %change.time,
                        "a collection was dropped or renamed: its records stay, and anchors say ghosts-possible");
                    let ended: Vec<Namespace> = match change.op {
                        Op::DropDatabase => self.epochs.keys().filter(|n| n.db() == namespace.db()).cloned().collect(),
                        _ => vec![namespace.clone()],
                    };
                    for namespace in ended {
                        self.epochs.remove(&namespace);
                        self.snapshot.forget(&namespace);
                        inexact.entry(namespace.clone()).or_default().push(Inexact::of("ghosts-possible", &namespace));
                    }
                    if let Some(to) = &change.to {
                        inexact.entry(to.clone()).or_default().push(Inexact::of("ghosts-possible", to));
                    }
                }
                Op::Invalidate => warn!(time = %change.time, "the change stream was invalidated"),
                Op::Other => debug!(collection = %namespace, op = change.op_name.as_deref(), "recognised, and without effect on data"),
            }
        }
        inexact
    }

    /// Reads chunks at pred(x) and hands their rows on, while the stream is read ahead and held back.
    async fn gate(&mut self, x: ClusterTime) -> Result<()> {
        let gate = Gate::close(self.settings.snapshot.gate_max);
        let mut reads: JoinSet<(Task, Result<Chunk>)> = JoinSet::new();
        let (mut rows, mut bytes) = (0, 0);
        let mut stale = false;
        loop {
            while reads.len() < self.settings.snapshot.threads && !stale && !self.stop.is_cancelled() {
                let tick_due = self.ticks.due(self.frontier.x()).is_some();
                if !gate.may_read(!self.frontier.pending().is_empty() || tick_due) {
                    break;
                }
                let Some(task) = self.snapshot.ready() else { break };
                reads.spawn(read(Arc::clone(&self.source), task, x, Arc::clone(&self.settings)));
            }
            if reads.is_empty() {
                break;
            }
            let room = self.frontier.pending_bytes() < self.settings.queue_bytes / 2;
            tokio::select! {
                biased;
                event = self.events.recv() => self.event(event)?,
                done = reads.join_next() => {
                    let Some(Ok((task, chunk))) = done else { return Err(ended()) };
                    match chunk {
                        Ok(chunk) if chunk.same_epoch => {
                            rows += chunk.rows.len();
                            bytes += chunk.bytes;
                            self.chunk(task, chunk, x).await?;
                            if rows >= ROWS_A_TRANSACTION || bytes >= BYTES_A_TRANSACTION {
                                (rows, bytes) = (0, 0);
                                self.close(x, None).await?;
                            }
                        }
                        Ok(_) => {
                            warn!(collection = %task.namespace, "the collection was dropped or renamed while it was read");
                            self.snapshot.forget(&task.namespace);
                        }
                        Err(failure) if failure.next == Next::NewTime => {
                            debug!(collection = %task.namespace, "a chunk needs a new time: {}", failure.problem.why);
                            self.snapshot.requeue(task);
                            stale = true;
                        }
                        Err(failure) => return Err(failure),
                    }
                }
                reply = self.stream.next(), if room => self.reply(reply?)?,
            }
        }
        if stale && rows == 0 && self.frontier.x() == x {
            // Nothing newer is known yet: wait for the stream to say so.
            let stop = self.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                reply = self.stream.next() => self.reply(reply?)?,
            }
        }
        self.close(x, None).await
    }

    async fn chunk(&mut self, task: Task, chunk: Chunk, x: ClusterTime) -> Result<()> {
        let (namespace, uuid) = (task.namespace.clone(), task.uuid);
        self.report.set_snapshotting(namespace.as_str());
        let done = self.snapshot.done(task, x, chunk.next, chunk.rows.len() as u64, chunk.bytes as u64);
        let Some((progress, complete)) = done else { return Ok(()) };
        if complete {
            info!(collection = %namespace, rows = progress.rows, bytes = progress.bytes, "snapshot read");
            let mut left = HashSet::clone(&self.snapshotting);
            left.remove(&namespace);
            self.snapshotting = Arc::new(left);
            if self.snapshot.is_done() {
                self.owe = Some("snapshot-complete");
                self.report.set_snapshotting("");
            }
        }
        let batch =
            RowBatch { namespace, uuid, rows: chunk.rows, at: x.pred(), read_ms: now_ms(), progress, complete };
        self.hand(Job::Rows(batch)).await
    }

    pub(crate) async fn close(&mut self, frontier: ClusterTime, ticks: Option<cut::Ticks>) -> Result<()> {
        self.handed = self.handed.max(frontier);
        let close = Close {
            ticks,
            frontier: self.handed,
            resume: self.frontier.resume(self.last.as_ref()),
            witness: self.witness.clone(),
            inexact_until: self.inexact_until,
            owe: self.owe.take(),
            snapshot_done: self.snapshot.is_done(),
        };
        self.hand(Job::Close(close)).await
    }

    /// Hands a job on; while the stages are busy, failures are still heard.
    pub(crate) async fn hand(&mut self, job: Job) -> Result<()> {
        let jobs = self.jobs.clone();
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => self.event(event)?,
                permit = jobs.reserve() => match permit {
                    Ok(permit) => {
                        permit.send(job);
                        return Ok(());
                    }
                    // The encoder has ended: its failure is on its way.
                    Err(_) => loop {
                        let event = self.events.recv().await;
                        self.event(event)?;
                    },
                },
            }
        }
    }
}

async fn read<S: Source>(source: Arc<S>, task: Task, x: ClusterTime, settings: Arc<Settings>) -> (Task, Result<Chunk>) {
    let request = ChunkRequest {
        namespace: task.namespace.clone(),
        uuid: task.uuid,
        lo: task.lo.clone(),
        hi: task.hi.clone(),
        limit: settings.snapshot.chunk_rows,
        max_bytes: settings.snapshot.chunk_bytes,
        at: x.pred(),
        max_time: CHUNK_MAX_TIME,
    };
    let chunk = source.read_chunk(&request).await;
    (task, chunk)
}

fn image_missing(namespace: &Namespace, id: &Id, at: ClusterTime) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-5007",
        "an updated document has no image at the cut, and nothing explains it",
        format!("{namespace} _id {}, at {at}", crate::quarantine::id_text(id.value())),
        "its last event is an update, and the source has no such document at that time; a missing image is never taken for a delete",
        "check the source for orphaned or restored documents; then snapshot this collection anew",
    ))
}

fn ended() -> Failure {
    Failure::new(
        Next::Rebuild,
        Problem::new("MOOR-7001", "a stage of the lane has ended", "this lane", "a failure before this one", "see the error before"),
    )
}
