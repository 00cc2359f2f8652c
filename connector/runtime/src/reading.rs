//! The snapshot of an actor: the gate closed at X, chunks read at pred(X) and handed on.
//!
//! Invariants: while the gate is closed nothing of the stream is handed on, and it is read ahead within the budget; a
//! chunk whose collection was dropped or renamed meanwhile is discarded; rows and their progress go out together.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use moorline_pipeline::anchor::Inexact;
use moorline_pipeline::error::{Next, Result};
use moorline_pipeline::model::{ClusterTime, Namespace};
use moorline_pipeline::source::{ChangeStream as _, Chunk, ChunkRequest, Source};
use moorline_pipeline::task::snapshot::Task;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::actor::{Actor, ended};
use crate::clock::now_ms;
use crate::gate::Gate;
use crate::settings::Settings;
use crate::work::{Job, RowBatch};

/// How many batches of the stream make a transaction of rows: rows have no latency, so the commit's round trip counts.
const BATCHES_A_TRANSACTION: usize = 4;
/// Bytes after which a transaction of rows is closed.
const BYTES_A_TRANSACTION: usize = 16 << 20;
/// The server's time limit of one chunk.
const CHUNK_MAX_TIME: Duration = Duration::from_secs(10);

impl<S: Source> Actor<S> {
    /// Reads chunks at pred(x) and hands their rows on, while the stream is read ahead and held back.
    pub(crate) async fn gate(&mut self, x: ClusterTime) -> Result<()> {
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
        };
        self.hand(Job::Rows(batch)).await
    }
}

/// Why a collection without snapshot reads is not exact until the stream has passed the time of the read.
pub(crate) fn unsettled(namespace: &Namespace, until: ClusterTime) -> Inexact {
    Inexact { until: Some(until.succ()), ..Inexact::of("no-snapshot-reads", namespace) }
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
