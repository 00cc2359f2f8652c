//! A chunk of a collection: rows of one `_id` range in index order, all read at one cluster time.
//!
//! Invariants (I-SNAP-2): the server alone orders `_id`s; bounds are `min` and `max` on the index, never `$gt`/`$lt`,
//! which lose rows of other types. A reply is cut at 16 MB, so the range has ended only when the server says that the
//! cursor is exhausted *and* no row beyond the limit came. An open upper bound loses `_id: MaxKey`, which is asked for
//! by itself. A read of a dropped collection is empty without an error, so the UUID is looked at afterwards. Capped
//! collections have no snapshot reads: they are read by majority, not before the time asked for, and that is said.

use bson::raw::{RawBsonRef, cstr};
use bson::{RawDocument, RawDocumentBuf, rawdoc};
use bytes::Bytes;
use moorline_pipeline::error::{Next, Result};
use moorline_pipeline::model::{ClusterTime, Id, Namespace, Uuid};
use moorline_pipeline::source::{Chunk, ChunkRequest};

use crate::client::{CommandError, Connection};
use crate::collections;
use crate::error::{self, Call};
use crate::reply::ReplyBuffer;

/// Reads a chunk.
pub(crate) async fn read_chunk(connection: &Connection, request: &ChunkRequest) -> Result<Chunk> {
    let failure = match rows(connection, request, &snapshot_at(Some(request.at))).await {
        Ok(chunk) => return settled(connection, request, chunk).await,
        Err(e) => e.into_failure(connection),
    };
    if failure.next != Next::NewTime {
        return Err(failure);
    }
    // A drop under the read may come as an error of many kinds, and so may a capped collection: the server says which.
    match collections::standing(connection, &request.namespace).await? {
        Some((uuid, true)) if uuid == request.uuid => {
            let read = rows(connection, request, &majority_after(request.at)).await;
            let chunk = read.map_err(|e| e.into_failure(connection))?;
            if chunk.unsettled_until.is_none() {
                // Nothing bounds what was read: the time asked for would claim too much.
                return Err(error::malformed(&connection.place, "a reply without $clusterTime"));
            }
            settled(connection, request, chunk).await
        }
        Some((uuid, false)) if uuid == request.uuid => Err(failure),
        _ => Ok(Chunk { rows: Vec::new(), next: None, bytes: 0, same_epoch: false, unsettled_until: None }),
    }
}

async fn settled(connection: &Connection, request: &ChunkRequest, mut chunk: Chunk) -> Result<Chunk> {
    chunk.same_epoch = is_epoch(connection, &request.namespace, &request.uuid).await?;
    Ok(chunk)
}

/// Whether the collection of this name is now the one with this UUID.
pub(crate) async fn is_epoch(connection: &Connection, namespace: &Namespace, uuid: &Uuid) -> Result<bool> {
    Ok(collections::standing(connection, namespace).await?.is_some_and(|(now, _)| now == *uuid))
}

/// Why a read failed.
pub(crate) enum ReadError {
    Command(CommandError),
    Malformed(&'static str),
}

impl From<CommandError> for ReadError {
    fn from(e: CommandError) -> Self {
        Self::Command(e)
    }
}

impl ReadError {
    pub(crate) fn into_failure(self, connection: &Connection) -> moorline_pipeline::error::Failure {
        match self {
            Self::Command(e) => connection.failure(&e, Call::Snapshot),
            Self::Malformed(what) => error::malformed(&connection.place, what),
        }
    }
}

async fn rows(connection: &Connection, request: &ChunkRequest, concern: &RawDocument) -> Result<Chunk, ReadError> {
    let mut unsettled = None;
    let limit = request.limit.max(1) as usize;
    let is_max = |id: &Id| matches!(id.value(), RawBsonRef::MaxKey);
    // From MaxKey on there is nothing that a range could hold, and the server refuses such bounds.
    let (mut rows, mut exhausted) = if request.lo.as_ref().is_some_and(is_max) {
        (Vec::new(), true)
    } else {
        read_range(connection, request, concern, limit, &mut unsettled).await?
    };
    let mut next = None;
    if !exhausted && rows.len() == 1 {
        // One row was enough bytes: a second one would be read only to be dropped.
        next = id_after(connection, request, concern, &rows[0]).await?;
        exhausted = next.is_none();
    } else if rows.len() > limit || !exhausted {
        // The row beyond the limit, or the last one of a read that was stopped early, begins the next chunk.
        rows.truncate(limit + 1);
        let first_of_next = rows.pop().ok_or(ReadError::Malformed("a cursor without rows was left open"))?;
        next = Some(id_of(&first_of_next)?);
    }
    if next.is_none() && exhausted && request.hi.is_none() {
        let has_max = match rows.last() {
            Some(last) => is_max(&id_of(last)?),
            None => false,
        };
        if !has_max {
            rows.append(&mut read_max_key(connection, request, concern, &mut unsettled).await?);
        }
    }
    let bytes = rows.iter().map(Bytes::len).sum();
    Ok(Chunk { rows, next, bytes, same_epoch: true, unsettled_until: unsettled })
}

/// Rows of the range, one more than `limit` where there are more, and whether the server's cursor ended.
async fn read_range(
    connection: &Connection,
    request: &ChunkRequest,
    concern: &RawDocument,
    limit: usize,
    unsettled: &mut Option<ClusterTime>,
) -> Result<(Vec<Bytes>, bool), ReadError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX - 1).saturating_add(1);
    let mut command = rawdoc! { "find": request.namespace.coll(), "hint": { "_id": 1_i32 } };
    if let Some(lo) = &request.lo {
        command.append(cstr!("min"), lo.as_raw());
    }
    if let Some(hi) = &request.hi {
        command.append(cstr!("max"), hi.as_raw());
    }
    command.append(cstr!("limit"), most);
    command.append(cstr!("batchSize"), most);
    let command = finished(command, request, concern);
    let (max_bytes, mut bytes, mut count) = (request.max_bytes, 0, 0);
    // What came by half of the time is kept: past all of it the server would end the cursor with an error.
    let deadline = tokio::time::Instant::now() + request.max_time / 2;
    let enough = move |reply: &ReplyBuffer| {
        bytes += reply.len();
        count += reply.count();
        // A full reply of the server's is a little less than its limit, which is the usual limit of a chunk too.
        let full = bytes >= max_bytes - max_bytes / 16;
        count > limit || (count >= 1 && (full || tokio::time::Instant::now() >= deadline))
    };
    let replies = read(connection, request, command, enough).await?;
    *unsettled = (*unsettled).max(unsettled_until(concern, &replies));
    let exhausted = replies.last().is_some_and(ReplyBuffer::is_last);
    Ok((documents(&replies)?, exhausted))
}

/// The `_id` of the row after this one within the range, from the index alone.
async fn id_after(
    connection: &Connection,
    request: &ChunkRequest,
    concern: &RawDocument,
    row: &Bytes,
) -> Result<Option<Id>, ReadError> {
    let mut command = rawdoc! { "find": request.namespace.coll(), "hint": { "_id": 1_i32 } };
    let id = id_of(row)?;
    command.append(cstr!("min"), id.as_raw());
    if let Some(hi) = &request.hi {
        command.append(cstr!("max"), hi.as_raw());
    }
    command.append(cstr!("projection"), rawdoc! { "_id": 1_i32 });
    command.append(cstr!("limit"), 2_i64);
    let replies = read(connection, request, finished(command, request, concern), |_| false).await?;
    // Without snapshot reads the row itself may be gone by now.
    for row in &documents(&replies)? {
        let found = id_of(row)?;
        if found.as_bytes() != id.as_bytes() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The document with `_id: MaxKey`, if there is one.
async fn read_max_key(
    connection: &Connection,
    request: &ChunkRequest,
    concern: &RawDocument,
    unsettled: &mut Option<ClusterTime>,
) -> Result<Vec<Bytes>, ReadError> {
    let mut filter = RawDocumentBuf::new();
    filter.append(cstr!("_id"), bson::RawBson::MaxKey);
    let command = rawdoc! { "find": request.namespace.coll(), "filter": filter, "limit": 1_i64 };
    let replies = read(connection, request, finished(command, request, concern), |_| false).await?;
    *unsettled = (*unsettled).max(unsettled_until(concern, &replies));
    documents(&replies)
}

fn finished(mut command: RawDocumentBuf, request: &ChunkRequest, concern: &RawDocument) -> RawDocumentBuf {
    command.append(cstr!("maxTimeMS"), i64::try_from(request.max_time.as_millis()).unwrap_or(i64::MAX).max(1));
    command.append(cstr!("readConcern"), concern);
    command
}

async fn read(
    connection: &Connection,
    request: &ChunkRequest,
    command: RawDocumentBuf,
    enough: impl FnMut(&ReplyBuffer) -> bool + Send + 'static,
) -> Result<Vec<ReplyBuffer>, ReadError> {
    let limit = request.max_time + connection.command_timeout;
    Ok(connection.replies(request.namespace.db(), command, connection.preference(), limit, enough).await?)
}

/// Read concern `snapshot`, at a time or at the server's newest.
pub(crate) fn snapshot_at(at: Option<ClusterTime>) -> RawDocumentBuf {
    let mut concern = rawdoc! { "level": "snapshot" };
    if let Some(at) = at {
        concern.append(cstr!("atClusterTime"), bson::Timestamp::from(at));
    }
    concern
}

/// Read concern `majority`, not before a time.
pub(crate) fn majority_after(at: ClusterTime) -> RawDocumentBuf {
    let mut concern = rawdoc! { "level": "majority" };
    concern.append(cstr!("afterClusterTime"), bson::Timestamp::from(at));
    concern
}

/// Up to which time documents may be from, where they were not read at one.
pub(crate) fn unsettled_until(concern: &RawDocument, replies: &[ReplyBuffer]) -> Option<ClusterTime> {
    let is_snapshot = concern.get_str("level").is_ok_and(|level| level == "snapshot");
    (!is_snapshot).then(|| replies.iter().filter_map(ReplyBuffer::cluster_time).max()).flatten()
}

/// All documents of some replies.
pub(crate) fn documents(replies: &[ReplyBuffer]) -> Result<Vec<Bytes>, ReadError> {
    let mut all = Vec::new();
    for reply in replies {
        for document in reply.documents() {
            all.push(document.map_err(ReadError::Malformed)?);
        }
    }
    Ok(all)
}

fn id_of(row: &Bytes) -> Result<Id, ReadError> {
    let document = RawDocument::from_bytes(row).map_err(|_| ReadError::Malformed("a row is not a document"))?;
    match document.get("_id") {
        Ok(Some(id)) => Ok(Id::new(id)),
        _ => Err(ReadError::Malformed("a row has no _id")),
    }
}
