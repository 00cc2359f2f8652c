//! All that an actor begins with, and its first and last acts: collections opened, channels closed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_pipeline::error::Result;
use moorline_pipeline::model::{ClusterTime, Namespace, Token, Uuid};
use moorline_pipeline::source::Source;
use moorline_pipeline::task::cut::TickClock;
use moorline_pipeline::task::frontier::Frontier;
use moorline_pipeline::task::images::Overtaken;
use moorline_pipeline::task::snapshot::Snapshot;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::actor::{Actor, Committed, Goal};
use crate::budget::Budget;
use crate::handle::Handle;
use crate::pace::Pace;
use crate::report::{LaneReport, Report};
use crate::settings::{RateLimits, Settings, Until};
use crate::work::{Event, Job, OpenJob};

/// An actor without its channels.
pub(crate) struct Seed<S: Source> {
    pub(crate) lane: u32,
    pub(crate) source: Arc<S>,
    pub(crate) stream: S::Stream,
    pub(crate) settings: Arc<Settings>,
    pub(crate) report: Arc<Report>,
    pub(crate) handle: Arc<Handle>,
    pub(crate) told: Arc<LaneReport>,
    pub(crate) frontier: Frontier,
    pub(crate) ticks: TickClock,
    pub(crate) owe: Option<&'static str>,
    pub(crate) snapshot: Snapshot,
    pub(crate) snapshotting: Arc<HashSet<Namespace>>,
    pub(crate) row_bytes: HashMap<Namespace, usize>,
    pub(crate) epochs: BTreeMap<Namespace, Uuid>,
    pub(crate) history_window: Duration,
    pub(crate) inexact_until: Option<ClusterTime>,
    pub(crate) last: Option<(Token, ClusterTime)>,
    pub(crate) witness: Option<Token>,
    pub(crate) fresh: bool,
    pub(crate) anchored: bool,
    pub(crate) behind: Option<ClusterTime>,
    pub(crate) goal: Goal,
    pub(crate) ends_with_snapshot: bool,
}

impl<S: Source> Seed<S> {
    /// The actor, with the channels and the budget of this attempt.
    pub(crate) fn build(
        self,
        jobs: mpsc::Sender<Job>,
        events: mpsc::UnboundedReceiver<Event>,
        stop: CancellationToken,
        budget: Budget,
    ) -> Actor<S> {
        let mut goal = self.goal;
        if self.ends_with_snapshot && goal.until.is_none() {
            goal.until = Some(Until::Snapshot);
        }
        let RateLimits { documents, bytes } = self.settings.snapshot.rate_limits;
        Actor {
            pace: Pace::new(documents, bytes),
            handed: ClusterTime::default(),
            under_way: 0,
            snapshot_from: Instant::now() + self.settings.snapshot.delay,
            heard: ClusterTime::default(),
            committed: Committed { snapshot_done: false, ..Committed::default() },
            lane: self.lane,
            budget,
            shorter: None,
            chunk_bytes: self.settings.snapshot.chunk_bytes,
            source: self.source,
            stream: self.stream,
            settings: self.settings,
            report: self.report,
            handle: self.handle,
            asked: None,
            told: self.told,
            frontier: self.frontier,
            ticks: self.ticks,
            overtaken: Overtaken::default(),
            snapshot: self.snapshot,
            snapshotting: self.snapshotting,
            row_bytes: self.row_bytes,
            epochs: self.epochs,
            history_window: self.history_window,
            inexact_until: self.inexact_until,
            last: self.last,
            witness: self.witness,
            owe: self.owe,
            fresh: self.fresh,
            anchored: self.anchored,
            behind: self.behind,
            jobs,
            events,
            goal,
            stop,
        }
    }
}

impl<S: Source> Actor<S> {
    /// Opens the collections that are known at start and, at a fresh start, commits the first position.
    pub(crate) async fn open(&mut self, open: Vec<OpenJob>) -> Result<()> {
        if open.len() > 1 {
            self.hand(Job::Topics(open.iter().map(|job| job.bound.output.topic.clone()).collect())).await?;
        }
        for job in open {
            self.hand(Job::Open(Box::new(job))).await?;
        }
        if self.fresh {
            let x = self.frontier.x();
            self.close(x, None).await?;
        }
        Ok(())
    }

    /// Ends the actor: the stages see their channel closed, what they still say can be read.
    pub(crate) fn leave(self) -> mpsc::UnboundedReceiver<Event> {
        self.events
    }
}
