//! One record: key, value or tombstone with headers, its place among the partitions, and what counts and digest say of it.
//!
//! Invariants: on a misfit nothing is left in the buffer; every record that is pushed is counted and digested once; a
//! document that is held out leaves a delete for its key, in the form that deletes have (I-QUAR-1); a delete that is
//! left out by configuration is counted as a reason why the export is not exact.

use std::ops::Range;

use bson::raw::RawBsonRef;
use moorline_pipeline::anchor::{CollectionDelta, Inexact};
use moorline_pipeline::contract::model::Misfit;
use moorline_pipeline::contract::plan::{Change, Meta};
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{ControlRecord, Encoded, Headers, Record};

use crate::headers::Wanted;
use crate::items::Item;
use crate::opening::Collection;
use crate::oversize::{self, Short};
use crate::quarantine;
use crate::settings::Settings;
use crate::transactions::Transactions;

/// Times that the texts of one record are cut at most.
const MOST_CUTS: u32 = 4;

/// What stays the same while a part is written.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) lane: u32,
    /// The writer's clock, milliseconds since 1970.
    pub(crate) now_ms: i64,
}

/// Encodes one record; the inner error says why the document does not fit, and leaves nothing behind. Gives what had to
/// be cut of it, if anything.
pub(crate) fn record(
    collection: &mut Collection,
    seen_to: bool,
    item: &Item<'_>,
    transactions: &mut Transactions,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    writing: &Writing<'_>,
) -> Result<Result<Option<String>, Misfit>> {
    let settings = writing.settings;
    let mut shortened = None;
    let start = encoded.data.len();
    if let Err(misfit) = collection.plan(false).key(item.id, &mut encoded.data) {
        encoded.data.truncate(start);
        return Ok(Err(misfit));
    }
    let key = start..encoded.data.len();
    transactions.enter(item);
    let change = change(item, transactions, writing);
    let delete = item.meta.op == b'd';
    if delete && !settings.deletes.rows && !settings.deletes.tombstones {
        encoded.data.truncate(start);
        left_out(item, delta);
        return Ok(Ok(None));
    }
    if !delete || settings.deletes.rows {
        let mut written = match collection.plan(seen_to || delete).change(&change, &mut encoded.data) {
            Ok(written) => written,
            Err(misfit) => {
                encoded.data.truncate(start);
                return Ok(Err(misfit));
            }
        };
        let size = encoded.data.len() - start;
        let (mut excess, mut cut) = (0, None);
        for _ in 0..MOST_CUTS {
            let over = (encoded.data.len() - start).saturating_sub(settings.max_record_bytes);
            if over == 0 {
                break;
            }
            // As text within text a record may shrink by less than its texts do: the rest is cut once more.
            excess += over;
            let Some(short) = Short::of(&collection.bound, &change, excess, settings) else { break };
            encoded.data.truncate(key.end);
            written = match collection.plan(seen_to || delete).change(&short.change(&change), &mut encoded.data) {
                Ok(written) => written,
                Err(misfit) => {
                    encoded.data.truncate(start);
                    return Ok(Err(misfit));
                }
            };
            cut = Some(short.fields());
        }
        if encoded.data.len() - start > settings.max_record_bytes {
            encoded.data.truncate(start);
            return oversize::refused(item, size, settings).map(Err);
        }
        if cut.is_some() {
            otherwise(oversize::TRUNCATED, item, delta);
        }
        delta.counts.spilled += i64::from(written.spilled);
        let value = Some(key.end..encoded.data.len());
        let headers = Wanted::of(&collection.bound, &change, writing).before_left_out(written.before.as_ref());
        let headers = headers.truncated(cut.as_deref());
        shortened = cut;
        push(collection, encoded, delta, key.clone(), value, headers.finish(), settings.anchor_digest);
    }
    if delete && settings.deletes.tombstones {
        let headers = Wanted::of(&collection.bound, &change, writing).tombstone(item).finish();
        push(collection, encoded, delta, key, None, headers, settings.anchor_digest);
    }
    let counts = &mut delta.counts;
    *match item.meta.op {
        b'r' => &mut counts.r,
        b'c' => &mut counts.c,
        b'd' => &mut counts.d,
        _ => &mut counts.u,
    } += 1;
    transactions.taken(item);
    Ok(Ok(shortened))
}

/// The change as values tell it.
fn change<'a>(item: &'a Item<'_>, transactions: &'a Transactions, writing: &Writing<'_>) -> Change<'a> {
    let event = item.change;
    Change {
        id: item.id,
        meta: &item.meta,
        before: event.and_then(|event| event.before()),
        after: item.document,
        delta: event.filter(|_| item.meta.op == b'u').and_then(|event| event.delta()),
        session: transactions.session(),
        transaction: transactions.place(item.namespace),
        coalesced: 0,
        processed_ms: writing.now_ms,
    }
}

fn push(
    collection: &Collection,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    key: Range<usize>,
    value: Option<Range<usize>>,
    headers: Option<Headers>,
    digest: bool,
) {
    let key_bytes = &encoded.data[key.clone()];
    let value_bytes = value.clone().map(|range| &encoded.data[range]);
    if digest {
        delta.digest.add_record(key_bytes, value_bytes);
    }
    if value.is_none() {
        delta.counts.tombstones += 1;
    } else {
        // All records of a part are of one version, so the last one added is nearly always this one.
        if delta.value_schemas.last_key_value().is_none_or(|(id, _)| *id != collection.bound.value_id) {
            delta.value_schemas.insert(collection.bound.value_id, collection.bound.value_digest.clone());
        }
    }
    let partition = partition(key_bytes, collection.partition_count);
    encoded.records.push(Record { topic: collection.topic, partition, key, value, headers });
}

/// A delete that goes out in no form: folding what is there no longer gives the source's state.
fn left_out(item: &Item<'_>, delta: &mut CollectionDelta) {
    otherwise("filtered", item, delta);
}

/// Says in the anchor that what stands under a key is not what the source has, and why.
fn otherwise(reason: &str, item: &Item<'_>, delta: &mut CollectionDelta) {
    delta.inexact.push(Inexact { keys: Some(1), ..Inexact::of(reason, item.namespace) });
}

/// The key of a document, where it can be told; else nothing is left in the buffer.
fn keyed(collection: &mut Collection, item: &Item<'_>, encoded: &mut Encoded) -> Option<Range<usize>> {
    let start = encoded.data.len();
    if collection.plan(false).key(item.id, &mut encoded.data).is_err() {
        encoded.data.truncate(start);
        return None;
    }
    Some(start..encoded.data.len())
}

/// A delete of a key, where what happened was none: the document is held out, or stands under another key from now on.
fn removal(
    collection: &mut Collection,
    id: RawBsonRef<'_>,
    key: Range<usize>,
    item: &Item<'_>,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    writing: &Writing<'_>,
) {
    let settings = writing.settings;
    let meta = Meta { op: b'd', deleted: true, ..item.meta };
    let change = Change { processed_ms: writing.now_ms, ..Change::of(id, &meta, None) };
    if settings.deletes.rows {
        let start = encoded.data.len();
        // The key fitted, so a value of nothing but it does too.
        if collection.plan(true).change(&change, &mut encoded.data).is_ok() {
            let value = Some(start..encoded.data.len());
            let headers = Wanted::of(&collection.bound, &change, writing).finish();
            push(collection, encoded, delta, key.clone(), value, headers, settings.anchor_digest);
            delta.counts.d += 1;
        }
    }
    if settings.deletes.tombstones {
        let headers = Wanted::of(&collection.bound, &change, writing).tombstone(item).finish();
        push(collection, encoded, delta, key, None, headers, settings.anchor_digest);
    } else if !settings.deletes.rows {
        left_out(item, delta);
    }
}

/// A delete for the key under which a document stood before its `_id` was written anew, where the keys differ.
pub(crate) fn old_key(
    collection: &mut Collection,
    old_id: RawBsonRef<'_>,
    item: &Item<'_>,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    writing: &Writing<'_>,
) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    if collection.plan(false).key(old_id, &mut old).is_err()
        || collection.plan(false).key(item.id, &mut new).is_err()
        || old == new
    {
        return;
    }
    let start = encoded.data.len();
    encoded.data.extend_from_slice(&old);
    let key = start..encoded.data.len();
    removal(collection, old_id, key, item, encoded, delta, writing);
}

/// Leaves a document out that is too large: a delete goes out for its key, and the anchor says why.
pub(crate) fn skipped(
    collection: &mut Collection,
    item: &Item<'_>,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    writing: &Writing<'_>,
) {
    otherwise(oversize::SKIPPED, item, delta);
    // Its record had a key, or it would not have been too large.
    if let Some(key) = keyed(collection, item, encoded) {
        removal(collection, item.id, key, item, encoded, delta, writing);
    }
}

/// The quarantine record of a document that is held out; where its key can be told, a delete goes with it.
pub(crate) fn quarantined(
    collection: &mut Collection,
    item: &Item<'_>,
    misfit: &Misfit,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    writing: &Writing<'_>,
) -> ControlRecord {
    delta.counts.quarantined += 1;
    let key = keyed(collection, item, encoded);
    let control = quarantine::record(&collection.bound, item, misfit, key.clone().map(|key| &encoded.data[key]));
    if let Some(key) = key {
        removal(collection, item.id, key, item, encoded, delta, writing);
    }
    control
}

pub(crate) fn halted(item: &Item<'_>, misfit: &Misfit) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-5003",
        format!("a document does not fit its contract: {} at {}", misfit.name, misfit.path),
        format!("{} _id {}", item.namespace, quarantine::id_text(item.id)),
        format!("expected {}, found {}; contract.on.drift=halt stops here", misfit.expected, misfit.found),
        "repair the document, widen the contract, or set contract.on.drift=quarantine",
    ))
}
