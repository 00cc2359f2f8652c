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
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::{ClusterTime, Namespace, Reply, Token, Uuid};
use moorline_pipeline::source::{ChangeStream, RawReply, Source};
use moorline_pipeline::task::cut::{self, TickClock};
use moorline_pipeline::task::frontier::Frontier;
use moorline_pipeline::task::images::Overtaken;
use moorline_pipeline::task::snapshot::Snapshot;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::budget::{Budget, Held};
use crate::clock::now_ms;
use crate::gate::may_close;
use crate::handle::{Asked, Handle, Pass};
use crate::pace::Pace;
use crate::report::{LaneReport, Report};
use crate::settings::{Settings, Until};
use crate::work::{Close, Event, Job};

/// Transactions that a small batch does not wait for: one that is committed, and one behind it.
const UNDER_WAY: usize = 2;

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
    /// The lane's number.
    pub(crate) lane: u32,
    pub(crate) source: Arc<S>,
    pub(crate) stream: S::Stream,
    pub(crate) settings: Arc<Settings>,
    pub(crate) report: Arc<Report>,
    pub(crate) handle: Arc<Handle>,
    /// What is asked of the tick that is handed on next.
    pub(crate) asked: Option<Asked>,
    /// What this lane tells of itself.
    pub(crate) told: Arc<LaneReport>,
    pub(crate) frontier: Frontier,
    pub(crate) ticks: TickClock,
    pub(crate) overtaken: Overtaken,
    /// The bytes between source and commit.
    pub(crate) budget: Budget,
    /// Events of a batch, where the images of a larger one were too many bytes.
    pub(crate) shorter: Option<usize>,
    /// Bytes that a chunk takes: those of the last one and some more.
    pub(crate) chunk_bytes: usize,
    /// Bytes of a row, by what is known: so a chunk asks for no more rows than it may hold bytes.
    pub(crate) row_bytes: HashMap<Namespace, usize>,
    pub(crate) snapshot: Snapshot,
    /// How fast its chunks may follow one another.
    pub(crate) pace: Pace,
    pub(crate) snapshotting: Arc<HashSet<Namespace>>,
    /// When `snapshot.delay.ms` has passed.
    pub(crate) snapshot_from: Instant,
    pub(crate) epochs: BTreeMap<Namespace, Uuid>,
    pub(crate) history_window: Duration,
    pub(crate) inexact_until: Option<ClusterTime>,
    /// The newest cluster time that a reply has named: what `updateLookup` showed in it is no later.
    pub(crate) heard: ClusterTime,
    /// Token and time of the last event handed on.
    pub(crate) last: Option<(Token, ClusterTime)>,
    /// The last real event of a former run, until this one has handed on one of its own.
    pub(crate) witness: Option<Token>,
    /// Whether nothing was stored at the start.
    pub(crate) fresh: bool,
    /// Transactions that were handed on and are not yet committed.
    pub(crate) under_way: usize,
    /// The frontier of the last batch handed on.
    pub(crate) handed: ClusterTime,
    /// Kind owed to the next tick's anchor.
    pub(crate) owe: Option<&'static str>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) goal: Goal,
    pub(crate) stop: CancellationToken,
    /// The cluster time at the start, until the stream has passed it; `None` where the stream began there.
    pub(crate) behind: Option<ClusterTime>,
    /// Whether the lane has an anchor, of this run or an earlier one.
    pub(crate) anchored: bool,
    /// What was committed: frontier, newest exact cut after the snapshots, newest cut, whether the snapshot is done.
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
            if let Some(cut) = cut::next(&self.frontier, &self.ticks, self.batch_budget()) {
                if self.gathers() {
                    let stop = self.stop.clone();
                    tokio::select! {
                        biased;
                        event = self.events.recv() => self.event(event)?,
                        () = stop.cancelled() => {}
                        reply = self.stream.next() => self.reply(reply?)?,
                    }
                    continue;
                }
                if let Some(ticks) = &cut.ticks {
                    match self.handle.pass(self.lane, ticks) {
                        // A batch that was cut anew may have asked before.
                        Pass::Free => self.asked = None,
                        Pass::Asked(asked) => self.asked = Some(asked),
                        Pass::Stop(at) => {
                            self.ticks.stop_at(at);
                            continue;
                        }
                    }
                }
                self.batch(cut).await?;
                continue;
            }
            let x = self.frontier.x();
            if self.owes_position(x) {
                self.close(x, None).await?;
                continue;
            }
            let wants_rows = self.snapshot.has_ready()
                && Instant::now() >= self.snapshot_from
                && self.caught_up(x)
                && may_close(x, now_ms(), self.history_window, self.inexact_until);
            let pause = self.pace.wait(Instant::now());
            if wants_rows
                && pause.is_zero()
                && let Some(room) = self.budget.try_hold(self.chunk_bytes)
            {
                self.gate(x, room).await?;
                continue;
            }
            let (stop, budget) = (self.stop.clone(), self.budget.clone());
            tokio::select! {
                biased;
                event = self.events.recv() => self.event(event)?,
                () = stop.cancelled() => {}
                // The commits lag behind: rows wait, and the stream goes first.
                () = budget.room(self.chunk_bytes), if wants_rows && pause.is_zero() => {}
                reply = self.stream.next() => self.reply(reply?)?,
                () = tokio::time::sleep(pause), if wants_rows && !pause.is_zero() => {}
            }
        }
    }

    /// Whether a batch waits for more: while commits are under way and little is there, what comes meanwhile joins it. A
    /// transaction for each reply would let a stream that is faster than its commits fall ever further behind.
    fn gathers(&self) -> bool {
        self.under_way >= UNDER_WAY
            && self.frontier.pending().len() < self.settings.batch.events
            && self.frontier.pending_bytes() < self.settings.queue_bytes / 4
    }

    /// Whether the goal is committed.
    fn reached(&self) -> bool {
        let Some(until) = self.goal.until else { return false };
        let done = &self.committed;
        let snapshots = self.snapshot.is_done() && done.snapshot_done;
        match until {
            // Whoever asked for an end asked for an anchor's id too: without any so far, the first tick is waited for.
            Until::Now => done.frontier > self.goal.start && snapshots && self.anchored,
            Until::Snapshot => snapshots && done.whole.is_some(),
            Until::Anchor => done.cut.is_some_and(|cut| cut > self.goal.start),
            Until::Time(time) => done.frontier >= time && self.anchored,
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

    /// Whether the stream has passed what was written before the start: a snapshot shows the present, not the place at
    /// which an earlier run had stopped.
    fn caught_up(&mut self, x: ClusterTime) -> bool {
        self.behind = self.behind.filter(|now| x <= *now);
        self.behind.is_none()
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

    pub(crate) fn event(&mut self, event: Option<Event>) -> Result<()> {
        match event {
            Some(Event::Committed { frontier, anchor, snapshot_done }) => {
                self.under_way = self.under_way.saturating_sub(1);
                self.committed.frontier = self.committed.frontier.max(frontier);
                self.committed.snapshot_done |= snapshot_done;
                if let Some((cut, exact)) = anchor {
                    self.committed.cut = Some(cut);
                    self.anchored = true;
                    self.handle.committed(self.lane, cut);
                    // Collections that are only streamed are never complete: it is the snapshots' end that counts.
                    if exact && snapshot_done {
                        self.committed.whole = Some(cut);
                    }
                }
                Ok(())
            }
            Some(Event::Failed(failure)) => Err(failure),
            None => Err(ended()),
        }
    }

    pub(crate) fn reply(&mut self, raw: RawReply) -> Result<()> {
        let reply = Reply::parse(raw.raw, raw.opening).map_err(|error| {
            Failure::halt(Problem::new(
                "MOOR-5001",
                "the source sent something that can't be understood",
                "the change stream",
                error.to_string(),
                "report this with the server's version; nothing was skipped: the connector stopped at this change",
            ))
        })?;
        let head = reply.cluster_time;
        self.heard = self.heard.max(reply.cluster_time.unwrap_or(reply.frontier));
        self.frontier.accept(reply).map_err(|broken| {
            Failure::halt(Problem::new(
                "MOOR-2016",
                format!("the change stream broke its own order ({})", broken.0),
                "the change stream",
                "events and times of two histories are mixed, or the server restarted with another clock",
                "start once more: it reads on from its committed position\nif it stops again after a restored backup: another name and topic.prefix, and with them a new snapshot",
            ))
        })?;
        if let Some(head) = head {
            self.report.head.rise(head);
        }
        self.told.read.rise(self.frontier.x());
        self.told.read_ahead_bytes.store(self.frontier.pending_bytes() as u64, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) async fn close(&mut self, frontier: ClusterTime, ticks: Option<cut::Ticks>) -> Result<()> {
        self.handed = self.handed.max(frontier);
        self.told.read_ahead_bytes.store(self.frontier.pending_bytes() as u64, Ordering::Relaxed);
        let close = Close {
            ticks,
            frontier: self.handed,
            resume: self.frontier.resume(self.last.as_ref()),
            witness: self.witness.clone(),
            inexact_until: self.inexact_until,
            owe: self.owe.take(),
            asked: if ticks.is_some() { self.asked.take() } else { None },
            snapshot_done: self.snapshot.is_done(),
        };
        self.under_way += 1;
        self.hand(Job::Close(close)).await
    }

    /// Waits for room between source and commit; failures of the stages are still heard.
    pub(crate) async fn hold(&mut self, bytes: usize) -> Result<Held> {
        let budget = self.budget.clone();
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => self.event(event)?,
                held = budget.hold(bytes) => return Ok(held),
            }
        }
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

pub(crate) fn ended() -> Failure {
    Failure::new(
        Next::Rebuild,
        Problem::new(
            "MOOR-7001",
            "a stage of the lane has ended",
            "this lane",
            "a failure before this one",
            "see the error before",
        ),
    )
}
