//! A change stream by raw commands: a task owns the driver's cursor and sends whole replies over a queue.
//!
//! ```text
//! open -> aggregate with batchSize 0 -> opening reply -> getMore, getMore, ... -> error or end
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
use mongodb::raw_batch_cursor::RawBatchCursor;
use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::source::{ChangeStream, RawReply, StartFrom, StreamSpec};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::{CommandError, Connection};
use crate::error::{self, Call};
use crate::plan::Plan;
use crate::reply::ReplyBuffer;

/// How much of the read-ahead one permit stands for.
const PERMIT_BYTES: usize = 1024;

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
    let plan = Plan::of(spec);
    let comment = format!("moorline {:016x}", rand::random::<u64>());
    let command = plan.command(from, 0, &comment)?;
    let (client, number) = connection.client();
    let database = client.database(plan.database());
    let preference = connection.preference();
    let (sender, queue) = mpsc::unbounded_channel();
    let (opened, is_open) = oneshot::channel();
    let stop = CancellationToken::new();
    let reader = Reader {
        sender,
        budget: Arc::new(Semaphore::new(permits(connection.read_ahead_bytes) as usize)),
        most: permits(connection.read_ahead_bytes),
        stop: stop.clone(),
        place: connection.place.clone(),
    };
    let (batch_size, max_await, note) = (spec.batch_size, spec.max_await, Bson::from(comment.as_str()));
    tokio::spawn(async move {
        let mut open = database.run_raw_cursor_command(command);
        open = open.batch_size(batch_size).max_time(max_await).comment(note);
        if let Some(preference) = preference {
            open = open.selection_criteria(preference);
        }
        match open.batch().await {
            // Where nobody waits any more, the cursor is dropped, and so killed.
            Ok(cursor) => match opened.send(Ok(())) {
                Ok(()) => reader.run(cursor).await,
                Err(_) => drop(cursor),
            },
            Err(e) => drop(opened.send(Err(e))),
        }
    });
    let _stop = stop.drop_guard();
    match tokio::time::timeout(connection.command_timeout, is_open).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(e))) => return Err(connection.failure(&CommandError::Driver(e), Call::Stream)),
        Ok(Err(_)) | Err(_) => {
            connection.replace(number);
            return Err(error::silent(&connection.place, connection.command_timeout.as_secs()));
        }
    }
    let silence = (3 * spec.max_await).max(Duration::from_secs(10)) + connection.command_timeout;
    Ok(MongoStream {
        connection: Arc::clone(connection),
        client: number,
        queue,
        silence,
        waiting_since: None,
        pipeline: plan.to_text(),
        comment,
        _stop,
    })
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX >> 4).clamp(1, u32::MAX >> 4)
}

/// The task that owns the cursor.
struct Reader {
    sender: mpsc::UnboundedSender<Queued>,
    budget: Arc<Semaphore>,
    most: u32,
    stop: CancellationToken,
    place: String,
}

impl Reader {
    async fn run(self, mut cursor: RawBatchCursor) {
        let mut opening = true;
        while let Some(batch) = cursor.next().await {
            if self.stop.is_cancelled() {
                return;
            }
            let reply = match batch {
                Ok(batch) => ReplyBuffer::new(batch),
                Err(e) => {
                    // The receiver may be gone, and then nobody needs to know.
                    drop(self.sender.send((Err(error::failure(&e, Call::Stream, &self.place)), None)));
                    return;
                }
            };
            // A reply larger than the whole budget takes all of it, and so passes alone.
            let wanted = permits(reply.len()).min(self.most);
            let permit = tokio::select! {
                permit = Arc::clone(&self.budget).acquire_many_owned(wanted) => permit.ok(),
                () = self.stop.cancelled() => return,
            };
            let reply = RawReply { raw: reply.into_bytes(), opening: std::mem::take(&mut opening) };
            if self.sender.send((Ok(reply), permit)).is_err() {
                return;
            }
        }
        drop(self.sender.send((Err(error::ended(&self.place)), None)));
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
