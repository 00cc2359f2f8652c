//! One record to be made, as plain references into the replies: what the encoder walks over, once or (when a contract
//! is widened on the way) twice.

use bson::RawDocument;
use bson::oid::ObjectId;
use bson::raw::RawBsonRef;
use moorline_pipeline::contract::plan::Meta;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::{Change, Namespace, Op, Uuid};
use moorline_pipeline::task::images::Treatment;

use crate::work::{EventBatch, Image, RowBatch};

/// A record to be made.
pub(crate) struct Item<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) uuid: Option<Uuid>,
    pub(crate) id: RawBsonRef<'a>,
    /// The document; `None` for a delete, and for an update of which there is only the delta.
    pub(crate) document: Option<&'a RawDocument>,
    /// The event; `None` for a row.
    pub(crate) change: Option<&'a Change>,
    /// The old key of a replaced document whose `_id` was written anew (`1` as `1.0`), where it differs.
    pub(crate) old_id: Option<RawBsonRef<'a>>,
    pub(crate) meta: Meta,
    /// Updates folded into this record.
    pub(crate) folded: u32,
}

fn meta(op: u8, ts_ms: i64, time: u64, seq: i32, image: u64) -> Meta {
    Meta {
        op,
        deleted: op == b'd',
        ts_ms,
        cluster_time: time as i64,
        seq,
        image_time: image as i64,
        snapshot: op == b'r',
    }
}

/// The rows of a chunk. A row stands after all changes before X: its place within pred(X) is the last.
pub(crate) fn of_rows(batch: &RowBatch) -> Result<Vec<Item<'_>>> {
    let time = batch.at.as_u64();
    // Collecting results would let it grow by doubling: megabytes copied a chunk.
    let mut items = Vec::with_capacity(batch.rows.len());
    for row in &batch.rows {
        let document = RawDocument::from_bytes(row).map_err(|e| broken(&batch.namespace, &e.to_string()))?;
        let id = id_of(document).ok_or_else(|| broken(&batch.namespace, "a row has no _id"))?;
        items.push(Item {
            namespace: &batch.namespace,
            uuid: Some(batch.uuid),
            id,
            document: Some(document),
            change: None,
            old_id: None,
            meta: meta(b'r', batch.read_ms, time, i32::MAX, time),
            folded: 0,
        });
    }
    Ok(items)
}

/// A document's `_id`. The server puts it first, and most are ObjectIds.
fn id_of(document: &RawDocument) -> Option<RawBsonRef<'_>> {
    const FIRST: &[u8] = b"\x07_id\0";
    match document.as_bytes()[4..].strip_prefix(FIRST).and_then(<[u8]>::first_chunk) {
        Some(id) => Some(RawBsonRef::ObjectId(ObjectId::from_bytes(*id))),
        None => document.get("_id").ok().flatten(),
    }
}

/// The events of a batch that give a record, in stream order.
pub(crate) fn of_events(batch: &EventBatch) -> Result<Vec<Item<'_>>> {
    let mut items = Vec::with_capacity(batch.events.len());
    for (event, treatment) in batch.events.iter().zip(&batch.treatments) {
        let change = &event.change;
        let (Some(namespace), Some(id)) = (&change.namespace, change.id()) else { continue };
        let time = change.time.as_u64();
        let mut item = Item {
            namespace,
            uuid: change.uuid,
            id,
            document: None,
            change: Some(change),
            old_id: None,
            meta: meta(b'd', change.wall_ms, time, event.seq, time),
            folded: 0,
        };
        match treatment {
            Treatment::Other | Treatment::Overtaken => continue,
            // Counted with the collection; what it says stands in the later record of its key.
            Treatment::Folded => item.folded = 1,
            Treatment::Bare => (item.meta.op, item.meta.deleted) = (b'u', false),
            Treatment::Image(number) | Treatment::Shared(number) => {
                match batch.images.get(*number as usize).and_then(Option::as_ref) {
                    Some(Image { document: Some(bytes), at }) => {
                        let document = RawDocument::from_bytes(bytes).map_err(|e| broken(namespace, &e.to_string()))?;
                        item.document = Some(document);
                        item.meta = meta(b'u', change.wall_ms, time, event.seq, at.as_u64());
                    }
                    // Gone at the later time: one delete, in the place of the key's last update.
                    Some(Image { document: None, at }) if matches!(treatment, Treatment::Image(_)) => {
                        item.meta = meta(b'd', change.wall_ms, time, event.seq, at.as_u64());
                    }
                    _ if batch.deltas => item.meta.op = b'u',
                    Some(_) => item.folded = 1,
                    // No image: a drop hides it; the batch says so, and no record goes out.
                    None => continue,
                }
                item.meta.deleted = item.meta.op == b'd';
            }
            Treatment::Own if change.op == Op::Delete => {}
            Treatment::Own => {
                let op = if change.op == Op::Insert { b'c' } else { b'u' };
                item.meta = meta(op, change.wall_ms, time, event.seq, time);
                match change.full_document() {
                    Some(document) => item.document = Some(document),
                    // `updateLookup` found the document gone: its delete comes later in the stream.
                    None if change.op == Op::Update && batch.deltas => {}
                    None if change.op == Op::Update => item.folded = 1,
                    None => return Err(broken(namespace, "an insert or replace has no fullDocument")),
                }
                if change.op == Op::Replace
                    && let Some(document) = item.document
                    && let Ok(Some(new_id)) = document.get("_id")
                    && new_id != id
                {
                    item.old_id = Some(id);
                    item.id = new_id;
                }
            }
        }
        items.push(item);
    }
    Ok(items)
}

fn broken(namespace: &Namespace, what: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-5001",
        "the source sent something that can't be understood",
        format!("collection {namespace}"),
        what.to_owned(),
        "report this with the server's version; nothing was skipped: the connector stopped at this change",
    ))
}
