//! The life of a lane: fence, read, own, start; run; and after a failure the same again from what is durable.
//!
//! ```text
//! init_transactions -> read offsets -> owner record -> identity, history -> stream -> collections -> run
//!        ^                                                                                            │
//!        └── wait, read owner: still ours? ── renew <── Retry, Reconnect, NewTime, Rebuild ───────────┤
//!                                        └── another run's: leave (MOOR-7003)      Leave, Halt ──> end
//! ```
//!
//! Invariants: of two runs of one name the newer one stays (I-KAFKA-3); a transaction that the coordinator timed out
//! does not stop the rightful owner; nothing in memory outlives a failure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_pipeline::anchor::Ledger;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::offsets::{Owner, Scope, Stored, owner};
use moorline_pipeline::sink::{ControlRecord, ControlTopic, LaneSink, Registry, Sink};
use moorline_pipeline::source::Source;
use moorline_pipeline::task::layout::LanePart;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::actor::Ended;
use crate::budget::Budget;
use crate::buffers::Buffers;
use crate::clock::now_ms;
use crate::committer::Committer;
use crate::encoder::Encoder;
use crate::heartbeats::{self, Heartbeats};
use crate::report::{LaneReport, LaneState, Report};
use crate::shared::Shared;
use crate::start;
use crate::work::Event;

/// Jobs that wait for the encoder; each holds at most a batch's budget of bytes.
const JOB_SLOTS: usize = 1;
/// Transactions that wait for the committer, beside the one that it commits and the one that is being encoded.
const ORDER_SLOTS: usize = 1;
/// Failures in a row, before the lane has ever run, after which a start is given up.
const START_TRIES: u32 = 3;
/// The code of a producer that was fenced.
const FENCED: &str = "MOOR-7003";
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// One lane.
pub(crate) struct Lane<S, K: Sink, R> {
    shared: Arc<Shared<S, K, R>>,
    part: LanePart,
    scope: Scope,
    stop: CancellationToken,
    sink: Option<K::Lane>,
    /// Our start number, once the owner record is written.
    start: Option<u64>,
    /// The start number that we had read when we first tried to write ours.
    seen: Option<u64>,
    /// Whether something was committed since the last failure.
    progressed: bool,
    told: Arc<LaneReport>,
}

impl<S: Source, K: Sink, R: Registry> Lane<S, K, R> {
    pub(crate) fn new(shared: Arc<Shared<S, K, R>>, part: LanePart, stop: CancellationToken) -> Self {
        let scope = if shared.lanes == 1 { Scope::All } else { Scope::of_patterns(&part.patterns) };
        let told = shared.report.lane(part.lane);
        Self { shared, part, scope, stop, sink: None, start: None, seen: None, progressed: false, told }
    }

    /// Runs until the goal is reached, it is stopped, or something fails for good.
    pub(crate) async fn run(self) -> Result<Ended> {
        let told = Arc::clone(&self.told);
        let ended = self.live().await;
        told.enter(LaneState::Ended);
        ended
    }

    async fn live(mut self) -> Result<Ended> {
        let mut tries = 0;
        loop {
            self.told.enter(LaneState::Starting);
            let failure = match self.attempt().await {
                Ok(ended) => return Ok(ended),
                Err(failure) => failure,
            };
            // What fails again and again without a commit between is tried ever more slowly.
            if std::mem::take(&mut self.progressed) {
                tries = 0;
            }
            tries += 1;
            self.told.fail(&failure.problem);
            self.told.enter(LaneState::Waiting);
            if failure.problem.code == FENCED {
                Report::add(&self.shared.report.fenced, 1);
            }
            let given_up = self.start.is_none() && tries >= START_TRIES;
            if matches!(failure.next, Next::Halt | Next::Leave) || given_up {
                return Err(failure);
            }
            if self.stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
            Report::add(&self.told.rebuilt, 1);
            let wait = Duration::from_secs(1 << (tries - 1).min(5)).min(BACKOFF_MAX);
            warn!(
                lane = self.part.lane,
                code = failure.problem.code,
                wait_ms = wait.as_millis() as u64,
                "{}: {}; the lane is rebuilt from its committed position",
                failure.problem.what,
                failure.problem.why
            );
            tokio::select! {
                () = self.stop.cancelled() => return Ok(Ended::Stopped),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn attempt(&mut self) -> Result<Ended> {
        let (sink, stored) = self.own().await?;
        let started = start::start(&self.shared, &self.part, &self.scope, &stored).await;
        let started = match started {
            Ok(started) => started,
            Err(failure) => {
                self.sink = Some(sink);
                return Err(failure);
            }
        };
        let (jobs, jobs_in) = mpsc::channel(JOB_SLOTS);
        let (orders, orders_in) = mpsc::channel(ORDER_SLOTS);
        let (tell, events) = mpsc::unbounded_channel::<Event>();
        let buffers = Arc::new(Buffers::default());
        let budget = Budget::new(self.shared.settings.queue_bytes);
        let encoder = Encoder::new(
            Arc::clone(&self.shared.contracts),
            Arc::clone(&self.shared.settings),
            Arc::clone(&self.shared.report),
            tokio::runtime::Handle::current(),
            orders,
            (Arc::clone(&buffers), budget.clone()),
            (self.part.lane, self.shared.transaction_topic),
        );
        let mut ledger = Ledger::restore(started.facts, stored.position.as_ref(), stored.progress);
        ledger.leave_out(&started.left_out);
        let committer = Committer {
            sink,
            ledger,
            lane: self.part.lane,
            report: Arc::clone(&self.shared.report),
            told: Arc::clone(&self.told),
            collections: HashMap::new(),
            buffers,
            pipeline: started.pipeline,
            handle: Arc::clone(&self.shared.handle),
            heartbeats: self.shared.heartbeats.filter(|_| self.part.lane == heartbeats::LANE).map(|(ids, interval)| {
                Heartbeats::new(self.shared.settings.prefix.clone(), ids, interval, Instant::now())
            }),
        };
        let told = tell.clone();
        let encoding = thread(&format!("encode-{}", self.part.lane), move || encoder.run(jobs_in, &told))?;
        let committing = thread(&format!("commit-{}", self.part.lane), move || committer.run(orders_in, &tell))?;
        let mut actor = started.actor.build(jobs, events, self.stop.clone(), budget);
        let opened = actor.open(started.open).await;
        let ended = match opened {
            Ok(()) => {
                self.told.enter(LaneState::Running);
                actor.run().await
            }
            Err(failure) => Err(failure),
        };
        // Closing the channel lets both stages finish what is whole, one after the other.
        let mut events = actor.leave();
        let joined = tokio::task::spawn_blocking(move || (encoding.join(), committing.join())).await;
        match joined {
            Ok((Ok(()), Ok((sink, transactions)))) => {
                self.sink = Some(sink);
                self.progressed |= transactions > 0;
            }
            // A broken invariant breaks again at the same place: trying again would hide it.
            Ok((Err(panic), _) | (_, Err(panic))) => return Err(panicked(&*panic)),
            Err(error) => return Err(panicked(&error.to_string() as &(dyn std::any::Any + Send))),
        }
        let ended = ended?;
        while let Some(event) = events.recv().await {
            if let Event::Failed(failure) = event {
                return Err(failure);
            }
        }
        Ok(ended)
    }

    /// Fences every older producer of this lane, reads what is durable and makes sure that the lane is ours.
    async fn own(&mut self) -> Result<(K::Lane, Stored)> {
        let mut sink = match self.sink.take() {
            None => {
                let (factory, id) = (Arc::clone(&self.shared.sink), self.transactional_id());
                blocking(move || factory.lane(&id)).await?
            }
            Some(mut sink) => {
                // A newer run's record must be seen before we fence anybody.
                let stored;
                (sink, stored) = self.read(sink).await?;
                self.still_ours(stored.owner.as_ref())?;
                blocking(move || sink.renew().map(|()| sink)).await?
            }
        };
        let stored;
        (sink, stored) = self.read(sink).await?;
        if self.start.is_some() {
            self.still_ours(stored.owner.as_ref())?;
            return Ok((sink, stored));
        }
        let found = stored.owner.as_ref();
        let seen = *self.seen.get_or_insert(found.map_or(0, |o| o.start));
        self.or_leave(owner::decide_at_start(&self.shared.run_id, seen, found))?;
        let number = found.map_or(0, |o| o.start) + 1;
        let record = Owner { run_id: self.shared.run_id.clone(), start: number, generation: None, since_ms: now_ms() };
        let control = ControlRecord {
            topic: ControlTopic::Offsets,
            key: self.scope.owner_key(&self.shared.settings.connector, &self.shared.settings.prefix),
            value: Some(record.to_value()),
            headers: None,
        };
        sink = blocking(move || {
            sink.begin()?;
            sink.write(vec![control])?;
            sink.flush()?;
            sink.commit()?;
            Ok(sink)
        })
        .await?;
        self.start = Some(number);
        info!(lane = self.part.lane, start = number, run = self.shared.run_id, "the lane is ours");
        Ok((sink, stored))
    }

    fn still_ours(&self, found: Option<&Owner>) -> Result<()> {
        self.or_leave(owner::decide(&self.shared.run_id, self.start, found))
    }

    fn or_leave(&self, verdict: owner::Verdict) -> Result<()> {
        match verdict {
            owner::Verdict::Ours => Ok(()),
            owner::Verdict::TakenOver { run_id, start } => Err(Failure::new(
                Next::Leave,
                Problem::new(
                    "MOOR-7003",
                    format!("another producer took over transactional id {}", self.transactional_id()),
                    format!("lane {}, start {}; now {start}", self.part.lane, self.start.unwrap_or_default()),
                    format!("a second `moorline run` uses the same name and group.id (its run is {run_id})"),
                    "nothing, if that was meant: this run has left. Otherwise give the second one another name",
                ),
            )),
        }
    }

    /// What is durable of this lane. `&mut`, since a sink may be sent between threads but not shared.
    async fn read(&mut self, mut sink: K::Lane) -> Result<(K::Lane, Stored)> {
        let (connector, prefix) = (self.shared.settings.connector.clone(), self.shared.settings.prefix.clone());
        let scope = self.scope.clone();
        blocking(move || {
            let read = sink.read_offsets(&|key| scope.owns(&connector, &prefix, key))?;
            let stored = Stored::parse(&scope, &connector, &prefix, &read).map_err(Failure::halt)?;
            Ok((sink, stored))
        })
        .await
    }

    fn transactional_id(&self) -> String {
        format!("{}-{}-{}", self.shared.settings.group, self.shared.settings.connector, self.part.lane)
    }
}

fn thread<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| {
        Failure::new(
            Next::Retry,
            Problem::new(
                "MOOR-7004",
                "a thread can't be started",
                name,
                error.to_string(),
                "raise the limit of threads",
            ),
        )
    })
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Failure::halt(Problem::new(
        "MOOR-7002",
        "a stage of a lane has panicked: an invariant of Moorline is broken",
        "runtime",
        text.unwrap_or("no text"),
        "report this with the log; a restart goes on at the last committed position",
    ))
}

/// Runs a blocking call of the sink beside the runtime.
pub(crate) async fn blocking<T: Send + 'static>(call: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(panic) => Err(Failure::new(
            Next::Rebuild,
            Problem::new(
                "MOOR-7002",
                "a call of the sink has panicked",
                "sink",
                panic.to_string(),
                "report this with the log",
            ),
        )),
    }
}
