//! A change stream by raw commands: a task owns the driver's cursor and sends whole replies over a queue.
//!
//! ```text
//! open -> aggregate with batchSize 0 -> opening reply -> getMore, getMore, ... -> error or end
//!          ^                                             invalidate of the one collection |
//!          '---------------------- after its token --------------------------------------'
//! ```
//!
//! Invariants: the opening reply is empty and stands for "nothing delivered": what is to be found, and what is lost,
//! is found by the first `getMore`, so opening never scans the log. Replies are queued in order, empty ones included,
//! and the queue is bounded by bytes. The driver's cursor is only ever polled by its task, to the end of each
//! `getMore`; dropping the stream ends the task after the one under way, and the driver then kills the cursor.

use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, RawDocumentBuf, doc};
use futures_util::StreamExt;
use mongodb::Database;
use mongodb::options::SelectionCriteria;
use mongodb::raw_batch_cursor::RawBatchCursor;
use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::model::Token;
use moorline_pipeline::source::{ChangeStream, RawReply, StartFrom, StreamSpec};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use crate::client::{CommandError, Connection};
use crate::error::{self, Call};
use crate::plan::Plan;
use crate::reply::ReplyBuffer;

/// How much of the read-ahead one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// CommandNotSupportedOnView.
const VIEW: i32 = 166;
/// InvalidNamespace.
const INVALID_NAMESPACE: i32 = 73;

/// Bytes of a reply below which the next question may wait: each reply is a transaction, and a server that answers for
/// every event makes one of every event.
const FEW_BYTES: usize = 1 << 20;

/// A reply or the end, and the part of the read-ahead that it holds.
type Queued = (Result<RawReply>, Option<OwnedSemaphorePermit>);

/// An open change stream.
pub struct MongoStream {
    connection: Arc<Connection>,
    client: u64,
    queue: mpsc::UnboundedReceiver<Queued>,
    silence: Duration,
    waiting_since: Option<Instant>,
    pipeline: String,
    comment: String,
    _stop: DropGuard,
}

/// Opens a change stream.
pub(crate) async fn open(connection: &Arc<Connection>, spec: &StreamSpec, from: &StartFrom) -> Result<MongoStream> {
    match open_plan(connection, spec, Plan::of(spec), from).await {
        // A view, or a name that no collection can have: what is wrong with it is said when collections are listed.
        Err((failure, Some(VIEW | INVALID_NAMESPACE))) => {
            debug!(why = failure.problem.why, "no stream of the one collection that is named");
            open_plan(connection, spec, Plan::above_collections(spec), from).await.map_err(|(failure, _)| failure)
        }
        opened => opened.map_err(|(failure, _)| failure),
    }
}

/// The same with the server's code, where it has refused.
async fn open_plan(
    connection: &Arc<Connection>,
    spec: &StreamSpec,
    plan: Plan,
    from: &StartFrom,
) -> std::result::Result<MongoStream, (Failure, Option<i32>)> {
    let comment = format!("moorline {:016x}", rand::random::<u64>());
    let (client, number) = connection.client();
    let (sender, queue) = mpsc::unbounded_channel();
    let (opened, is_open) = oneshot::channel();
    let stop = CancellationToken::new();
    let pipeline = plan.to_text();
    let opener = Opener {
        database: client.database(plan.database()),
        plan,
        preference: connection.preference(),
        batch_size: spec.batch_size,
        max_await: spec.max_await,
        comment: comment.clone(),
    };
    let reader = Reader {
        sender,
        budget: Arc::new(Semaphore::new(permits(connection.read_ahead_bytes) as usize)),
        most: permits(connection.read_ahead_bytes),
        interval: connection.poll_interval,
        stop: stop.clone(),
        place: connection.place.clone(),
    };
    let open = opener.command(from).map_err(|failure| (failure, None))?;
    tokio::spawn(async move {
        match opener.open(open).await {
            // Where nobody waits any more, the cursor is dropped, and so killed.
            Ok(cursor) => match opened.send(Ok(())) {
                Ok(()) => reader.run(&opener, cursor).await,
                Err(_) => drop(cursor),
            },
            Err(e) => drop(opened.send(Err(e))),
        }
    });
    let _stop = stop.drop_guard();
    match tokio::time::timeout(connection.command_timeout, is_open).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(e))) => {
            let code = error::code(&e);
            return Err((connection.failure(&CommandError::Driver(e), Call::Stream), Some(code)));
        }
        Ok(Err(_)) | Err(_) => {
            connection.replace(number);
            return Err((error::silent(&connection.place, connection.command_timeout.as_secs()), None));
        }
    }
    // The pause between two requests is no silence of the server's.
    let patience = (3 * spec.max_await).max(Duration::from_secs(10));
    let silence = patience + connection.command_timeout + connection.poll_interval;
    Ok(MongoStream {
        connection: Arc::clone(connection),
        client: number,
        queue,
        silence,
        waiting_since: None,
        pipeline,
        comment,
        _stop,
    })
}

/// What opens a cursor, at the start and after the stream of a collection has ended with a drop or a rename.
struct Opener {
    database: Database,
    plan: Plan,
    preference: Option<SelectionCriteria>,
    batch_size: u32,
    max_await: Duration,
    comment: String,
}

impl Opener {
    fn command(&self, from: &StartFrom) -> Result<RawDocumentBuf> {
        self.plan.command(from, 0, &self.comment)
    }

    async fn open(&self, command: RawDocumentBuf) -> mongodb::error::Result<RawBatchCursor> {
        let open = self.database.run_raw_cursor_command(command).batch_size(self.batch_size);
        let mut open = open.max_time(self.max_await).comment(Bson::from(self.comment.as_str()));
        if let Some(preference) = self.preference.clone() {
            open = open.selection_criteria(preference);
        }
        open.batch().await
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX >> 4).clamp(1, u32::MAX >> 4)
}

/// The task that owns the cursor.
struct Reader {
    sender: mpsc::UnboundedSender<Queued>,
    budget: Arc<Semaphore>,
    most: u32,
    interval: Duration,
    stop: CancellationToken,
    place: String,
}

impl Reader {
    /// Reads until the receiver is gone or the stream has ended.
    async fn run(self, opener: &Opener, mut cursor: RawBatchCursor) {
        loop {
            let Some(invalidated) = self.drain(cursor, opener.batch_size as usize).await else { return };
            // The collection was dropped or renamed: what is written under its name from then on is in a new cursor.
            let command = match opener.command(&StartFrom::Token(invalidated)) {
                Ok(command) => command,
                Err(failure) => return drop(self.sender.send((Err(failure), None))),
            };
            cursor = match opener.open(command).await {
                Ok(cursor) => cursor,
                Err(e) => return drop(self.sender.send((Err(error::failure(&e, Call::Stream, &self.place)), None))),
            };
        }
    }

    /// Sends a cursor's replies; the token of the `invalidate` that it has ended with, else nothing goes on.
    async fn drain(&self, mut cursor: RawBatchCursor, batch_size: usize) -> Option<Token> {
        let mut opening = true;
        let mut invalidated = None;
        let mut asked = Instant::now();
        while let Some(batch) = cursor.next().await {
            if self.stop.is_cancelled() {
                return None;
            }
            let reply = match batch {
                Ok(batch) => ReplyBuffer::new(batch),
                Err(e) => {
                    // The receiver may be gone, and then nobody needs to know.
                    drop(self.sender.send((Err(error::failure(&e, Call::Stream, &self.place)), None)));
                    return None;
                }
            };
            if reply.is_last() {
                // The server ends the cursor of a change stream with an `invalidate` only.
                invalidated = reply.token();
            }
            // A reply larger than the whole budget takes all of it, and so passes alone.
            let wanted = permits(reply.len()).min(self.most);
            let permit = tokio::select! {
                permit = Arc::clone(&self.budget).acquire_many_owned(wanted) => permit.ok(),
                () = self.stop.cancelled() => return None,
            };
            // A full reply, however small, means that there is more.
            let few = !opening && reply.len() < FEW_BYTES && reply.count() < batch_size;
            let reply = RawReply { raw: reply.into_bytes(), opening: std::mem::take(&mut opening) };
            if self.sender.send((Ok(reply), permit)).is_err() {
                return None;
            }
            if few {
                tokio::select! {
                    () = tokio::time::sleep_until(asked + self.interval) => {}
                    () = self.stop.cancelled() => return None,
                }
            }
            asked = Instant::now();
        }
        if invalidated.is_none() {
            drop(self.sender.send((Err(error::ended(&self.place)), None)));
        }
        invalidated
    }
}

impl ChangeStream for MongoStream {
    async fn next(&mut self) -> Result<RawReply> {
        loop {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            match tokio::time::timeout_at(since + self.silence, self.queue.recv()).await {
                Ok(Some((reply, _permit))) => {
                    self.waiting_since = None;
                    return reply;
                }
                Ok(None) => return Err(error::ended(&self.connection.place)),
                // A scan of a long log where nothing matches is silent too: only the server can tell the two apart.
                Err(_) if self.server_works().await => self.waiting_since = Some(Instant::now()),
                Err(_) => return Err(self.hung()),
            }
        }
    }

    fn pipeline(&self) -> &str {
        &self.pipeline
    }
}

impl MongoStream {
    /// Whether the server is at work on this stream's command.
    async fn server_works(&self) -> bool {
        let mine = vec![
            doc! { "command.comment": &self.comment },
            doc! { "cursor.originatingCommand.comment": &self.comment },
        ];
        let command = doc! {
            "aggregate": 1_i32,
            "pipeline": [{ "$currentOp": { "allUsers": false } }, { "$match": { "active": true, "$or": mine } }],
            "cursor": {},
        };
        let Ok(command) = RawDocumentBuf::try_from(&command) else { return false };
        let limit = self.connection.command_timeout;
        let replies = self.connection.replies("admin", command, self.connection.preference(), limit, |_| true).await;
        replies.is_ok_and(|replies| replies.iter().any(|reply| reply.count() > 0))
    }

    fn hung(&self) -> Failure {
        self.connection.replace(self.client);
        error::silent(&self.connection.place, self.silence.as_secs())
    }
}
