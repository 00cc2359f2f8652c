//! Documents by `_id`, all as they stood at one cluster time.
//!
//! Invariants: one time for all commands of a look-up, the caller's or the one that the server chose for the first.
//! A collection that was dropped or renamed reads as empty without an error, so the result counts only where the UUID
//! is the epoch's before *and* after. Documents may be large: reading ends at the caller's limit, and says so.

use std::io::Write as _;

use bson::raw::cstr;
use bson::spec::ElementType;
use bson::{RawDocumentBuf, rawdoc};
use moorline_pipeline::error::{Next, Result};
use moorline_pipeline::model::{ClusterTime, Id, Namespace, Uuid};
use moorline_pipeline::source::LookUp;

use crate::chunk::{ReadError, documents, is_epoch, majority_after, snapshot_at, unsettled_until};
use crate::client::Connection;
use crate::collections;
use crate::reply::ReplyBuffer;

/// Most `_id`s of one command.
const MOST_IDS: usize = 5000;
/// Most bytes of `_id`s of one command; the server takes 16 MB, and an array adds its own keys.
const MOST_BYTES: usize = 8 << 20;

/// Reads documents.
pub(crate) async fn look_up(
    connection: &Connection,
    namespace: &Namespace,
    uuid: &Uuid,
    ids: &[Id],
    at: Option<ClusterTime>,
    max_bytes: usize,
) -> Result<LookUp> {
    let other_epoch = || LookUp {
        documents: Vec::new(),
        at: at.unwrap_or_default(),
        same_epoch: false,
        unsettled_until: None,
        whole: true,
    };
    if !is_epoch(connection, namespace, uuid).await? {
        return Ok(other_epoch());
    }
    let mut found = match read_all(connection, namespace, ids, at, max_bytes).await {
        Ok(found) => found,
        Err(e) => {
            let failure = e.into_failure(connection);
            if failure.next != Next::NewTime {
                return Err(failure);
            }
            match (collections::standing(connection, namespace).await?, at) {
                (Some((now, true)), Some(at)) if now == *uuid => {
                    let read = read_after(connection, namespace, ids, at, max_bytes).await;
                    read.map_err(|e| e.into_failure(connection))?
                }
                (Some((now, _)), _) if now == *uuid => return Err(failure),
                _ => return Ok(other_epoch()),
            }
        }
    };
    found.same_epoch = is_epoch(connection, namespace, uuid).await?;
    Ok(found)
}

/// Documents of a capped collection, which has no snapshot reads.
async fn read_after(
    connection: &Connection,
    namespace: &Namespace,
    ids: &[Id],
    at: ClusterTime,
    max_bytes: usize,
) -> Result<LookUp, ReadError> {
    let concern = majority_after(at);
    let (mut found, mut unsettled, mut room) = (Vec::new(), None, max_bytes);
    for command_ids in groups(ids) {
        let limit = connection.command_timeout;
        let command = command(namespace.coll(), command_ids, &concern, limit);
        let replies =
            connection.replies(namespace.db(), command, connection.preference(), limit * 2, past(room)).await?;
        unsettled = unsettled.max(unsettled_until(&concern, &replies));
        found.append(&mut documents(&replies)?);
        room = room.saturating_sub(replies.iter().map(ReplyBuffer::len).sum());
        if room == 0 {
            break;
        }
    }
    // Without any time in the replies nothing bounds what was read: the time asked for would claim too much.
    let unsettled = unsettled.ok_or(ReadError::Malformed("a reply without $clusterTime"))?;
    Ok(LookUp { documents: found, at, same_epoch: true, unsettled_until: Some(unsettled), whole: room > 0 })
}

async fn read_all(
    connection: &Connection,
    namespace: &Namespace,
    ids: &[Id],
    at: Option<ClusterTime>,
    max_bytes: usize,
) -> Result<LookUp, ReadError> {
    // The server's own choice of time is asked of the primary: a member that lags would choose one long gone.
    let preference = at.and_then(|_| connection.preference());
    let limit = connection.command_timeout;
    let (mut time, mut found, mut room) = (at, Vec::new(), max_bytes);
    for command_ids in groups(ids) {
        let command = command(namespace.coll(), command_ids, &snapshot_at(time), limit);
        let replies: Vec<ReplyBuffer> =
            connection.replies(namespace.db(), command, preference.clone(), limit * 2, past(room)).await?;
        time = match (time, replies.first().and_then(ReplyBuffer::at_cluster_time)) {
            (None, None) => return Err(ReadError::Malformed("a snapshot read without atClusterTime")),
            (None, chosen) => chosen,
            (asked, _) => asked,
        };
        found.append(&mut documents(&replies)?);
        room = room.saturating_sub(replies.iter().map(ReplyBuffer::len).sum());
        if room == 0 {
            break;
        }
    }
    let at = time.unwrap_or_default();
    Ok(LookUp { documents: found, at, same_epoch: true, unsettled_until: None, whole: room > 0 })
}

/// Says when replies of so many bytes have come.
fn past(max_bytes: usize) -> impl FnMut(&ReplyBuffer) -> bool + Send + 'static {
    let mut bytes = 0;
    move |reply| {
        bytes += reply.len();
        bytes >= max_bytes
    }
}

fn command(coll: &str, ids: &[Id], concern: &bson::RawDocument, limit: std::time::Duration) -> RawDocumentBuf {
    let most = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let mut command = rawdoc! { "find": coll };
    command.append(cstr!("filter"), one_of(ids));
    command.append(cstr!("batchSize"), most.max(1));
    command.append(cstr!("maxTimeMS"), i64::try_from(limit.as_millis()).unwrap_or(i64::MAX).max(1));
    command.append(cstr!("readConcern"), concern);
    command
}

/// `{"_id": {"$in": [...]}}`, written in one go: there are thousands in a batch.
fn one_of(ids: &[Id]) -> RawDocumentBuf {
    const TAGS: [(u8, &[u8]); 2] =
        [(ElementType::EmbeddedDocument as u8, b"_id\0"), (ElementType::Array as u8, b"$in\0")];
    let mut bytes = Vec::with_capacity(ids.iter().map(|id| id.as_bytes().len()).sum::<usize>() + 32);
    let mut starts = vec![0];
    bytes.extend_from_slice(&[0; 4]);
    for (tag, name) in TAGS {
        bytes.push(tag);
        bytes.extend_from_slice(name);
        starts.push(bytes.len());
        bytes.extend_from_slice(&[0; 4]);
    }
    for (place, id) in ids.iter().enumerate() {
        let (tag, value) = id.value_bytes();
        bytes.push(tag);
        // Writing to memory cannot fail.
        let _ = write!(bytes, "{place}\0");
        bytes.extend_from_slice(value);
    }
    for start in starts.into_iter().rev() {
        bytes.push(0);
        let len = (bytes.len() - start) as i32;
        bytes[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }
    RawDocumentBuf::from_bytes(bytes).expect("lengths and zeros are where a document has them")
}

/// Runs of ids that fit into one command. No ids still give one empty run where a time is to be chosen.
fn groups(ids: &[Id]) -> Vec<&[Id]> {
    let (mut groups, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (place, id) in ids.iter().enumerate() {
        let len = id.as_bytes().len() + 8;
        if place > start && (place - start >= MOST_IDS || bytes + len > MOST_BYTES) {
            groups.push(&ids[start..place]);
            (start, bytes) = (place, 0);
        }
        bytes += len;
    }
    groups.push(&ids[start..]);
    groups
}

#[cfg(test)]
mod tests {
    use bson::raw::RawBsonRef;

    use super::*;

    #[test]
    fn a_filter_is_what_the_driver_would_write() {
        let text = Id::new(RawBsonRef::String("ä"));
        let ids = [Id::new(RawBsonRef::Int32(7)), text, Id::new(RawBsonRef::Null)];
        assert_eq!(one_of(&ids), rawdoc! { "_id": { "$in": [7, "ä", bson::RawBson::Null] } });
        assert_eq!(one_of(&[]), rawdoc! { "_id": { "$in": [] } });
    }

    #[test]
    fn runs_are_bounded_by_number_and_bytes() {
        let sizes = |ids: &[Id]| groups(ids).iter().map(|g| g.len()).collect::<Vec<_>>();
        let small: Vec<Id> = (0..12_000).map(|n| Id::new(RawBsonRef::Int32(n))).collect();
        assert_eq!(sizes(&small), [5000, 5000, 2000]);
        let text = "x".repeat(3 << 20);
        let large: Vec<Id> = (0..5).map(|_| Id::new(RawBsonRef::String(&text))).collect();
        assert_eq!(sizes(&large), [2, 2, 1]);
        assert_eq!(sizes(&[]), [0]);
    }
}
