//! The snapshot of an actor: the gate closed at X, chunks read at pred(X) and handed on.
//!
//! Invariants: while the gate is closed nothing of the stream is handed on, and it is read ahead within the budget; a
//! chunk whose collection was dropped or renamed meanwhile is discarded; rows and their progress go out together.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_pipeline::anchor::Inexact;
use moorline_pipeline::error::{Next, Result};
use moorline_pipeline::model::{ClusterTime, Namespace};
use moorline_pipeline::source::{ChangeStream as _, Chunk, ChunkRequest, Source};
use moorline_pipeline::task::snapshot::Task;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::actor::{Actor, ended};
use crate::budget::{Held, OVERHEAD};
use crate::clock::now_ms;
use crate::faults::{self, Point};
use crate::gate::Gate;
use crate::report::Report;
use crate::work::{Job, RowBatch};

/// How many batches of the stream make a transaction of rows: rows have no latency, so the commit's round trip counts.
const BATCHES_A_TRANSACTION: usize = 4;
/// Bytes after which a transaction of rows is closed.
const BYTES_A_TRANSACTION: usize = 10 << 20;
/// The server's time limit of one chunk.
const CHUNK_MAX_TIME: Duration = Duration::from_secs(10);

impl<S: Source> Actor<S> {
    /// Reads chunks at pred(x) and hands their rows on, while the stream is read ahead and held back.
    /// `room` is what the first chunk may take; without room for more no more is read until commits have given some.
    pub(crate) async fn gate(&mut self, x: ClusterTime, room: Held) -> Result<()> {
        faults::pass(Point::GateBefore, self.lane)?;
        let gate = Gate::close(self.settings.snapshot.gate_max);
        let mut first = Some(room);
        let mut reads: JoinSet<(Task, Held, Result<Chunk>)> = JoinSet::new();
        let (mut rows, mut bytes) = (0, 0);
        let mut stale = false;
        loop {
            while reads.len() < self.settings.snapshot.threads && !stale && !self.stop.is_cancelled() {
                let tick_due = self.ticks.due(self.frontier.x()).is_some();
                let waiting = !self.frontier.pending().is_empty() || tick_due;
                if !gate.may_read(waiting) || !self.pace.wait(Instant::now()).is_zero() {
                    break;
                }
                if !self.snapshot.has_ready() {
                    break;
                }
                let Some(held) = first.take().or_else(|| self.budget.try_hold(self.chunk_bytes)) else { break };
                let Some(task) = self.snapshot.ready() else { break };
                let limit = self.chunk_rows(&task.namespace);
                let max_bytes = self.pace.bytes(self.settings.snapshot.chunk_bytes);
                reads.spawn(read(held, Arc::clone(&self.source), task, (limit, max_bytes), x, self.lane));
            }
            if reads.is_empty() {
                break;
            }
            let room = self.frontier.pending_bytes() < self.settings.queue_bytes / 4;
            tokio::select! {
                biased;
                event = self.events.recv() => self.event(event)?,
                done = reads.join_next() => {
                    let Some(Ok((task, mut held, chunk))) = done else { return Err(ended()) };
                    match chunk {
                        Ok(chunk) if chunk.same_epoch => {
                            rows += chunk.rows.len();
                            bytes += chunk.bytes;
                            let took = chunk.bytes + chunk.rows.len() * OVERHEAD;
                            self.pace.read(chunk.rows.len() as u64, chunk.bytes as u64, Instant::now());
                            held.resize(&self.budget, took);
                            if let Some(each) = chunk.bytes.checked_div(chunk.rows.len()) {
                                self.row_bytes.insert(task.namespace.clone(), each);
                            }
                            // The last chunk of a range says little of those of the next.
                            let expected = (took + took / 4).max(self.chunk_bytes / 2);
                            self.chunk_bytes = expected.min(self.settings.snapshot.chunk_bytes);
                            self.chunk(task, chunk, held, x).await?;
                            if rows >= BATCHES_A_TRANSACTION * self.settings.batch.events || bytes >= BYTES_A_TRANSACTION {
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
        Report::add(&self.told.gate_micros, gate.closed().as_micros() as u64);
        if stale && rows == 0 && self.frontier.x() == x {
            // Nothing newer is known yet: wait for the stream to say so.
            let stop = self.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                reply = self.stream.next() => self.reply(reply?)?,
            }
        }
        faults::pass(Point::GateAfter, self.lane)?;
        self.close(x, None).await
    }

    /// Rows of a chunk: those of the configuration, or as many as its bytes are likely to be.
    fn chunk_rows(&self, namespace: &Namespace) -> u32 {
        let snapshot = &self.settings.snapshot;
        let each = self.row_bytes.get(namespace).copied().unwrap_or_default().max(1);
        let rows = snapshot.chunk_rows.min(u32::try_from(snapshot.chunk_bytes / each).unwrap_or(u32::MAX).max(1));
        self.pace.rows(rows)
    }

    async fn chunk(&mut self, task: Task, chunk: Chunk, held: Held, x: ClusterTime) -> Result<()> {
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
        let inexact = chunk.unsettled_until.map(|until| unsettled(&namespace, until));
        let batch = RowBatch {
            inexact,
            namespace,
            uuid,
            rows: chunk.rows,
            at: x.pred(),
            read_ms: now_ms(),
            progress,
            complete,
            held,
        };
        faults::pass(Point::EmitBefore, self.lane)?;
        self.hand(Job::Rows(batch)).await?;
        faults::pass(Point::EmitAfter, self.lane)
    }
}

/// Why a collection without snapshot reads is not exact until the stream has passed the time of the read.
pub(crate) fn unsettled(namespace: &Namespace, until: ClusterTime) -> Inexact {
    Inexact { until: Some(until.succ()), ..Inexact::of("no-snapshot-reads", namespace) }
}

/// Reads a chunk of at most `size` rows and bytes.
async fn read<S: Source>(
    held: Held,
    source: Arc<S>,
    task: Task,
    size: (u32, usize),
    x: ClusterTime,
    lane: u32,
) -> (Task, Held, Result<Chunk>) {
    if let Err(failure) = faults::pass(Point::ReadBefore, lane) {
        return (task, held, Err(failure));
    }
    let request = ChunkRequest {
        namespace: task.namespace.clone(),
        uuid: task.uuid,
        lo: task.lo.clone(),
        hi: task.hi.clone(),
        limit: size.0,
        max_bytes: size.1,
        at: x.pred(),
        max_time: CHUNK_MAX_TIME,
    };
    let chunk =
        source.read_chunk(&request).await.and_then(|chunk| faults::pass(Point::ReadAfter, lane).map(|()| chunk));
    (task, held, chunk)
}
