//! One record: key, value or tombstone with headers, its place among the partitions, and what counts and digest say of it.
//!
//! Invariants: on a misfit nothing is left in the buffer; every record that is pushed is counted and digested once; a
//! document that is held out leaves a tombstone for its key (I-QUAR-1).

use moorline_pipeline::anchor::CollectionDelta;
use moorline_pipeline::contract::model::Misfit;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{ControlRecord, Encoded, Headers, Record};

use crate::items::Item;
use crate::opening::Collection;
use crate::quarantine;
use crate::settings::{Oversize, Settings};

/// Encodes one record; the inner error says why the document does not fit, and leaves nothing behind.
pub(crate) fn record(
    collection: &mut Collection,
    seen_to: bool,
    item: &Item<'_>,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    settings: &Settings,
) -> Result<Result<(), Misfit>> {
    let start = encoded.data.len();
    if let Err(misfit) = collection.plan(false).key(item.id, &mut encoded.data) {
        encoded.data.truncate(start);
        return Ok(Err(misfit));
    }
    let key = start..encoded.data.len();
    let mut value = None;
    let mut headers = None;
    if let Some(document) = item.document {
        match collection.plan(seen_to).value(document, &item.meta, &mut encoded.data) {
            Ok(outcome) => delta.counts.spilled += i64::from(outcome.spilled),
            Err(misfit) => {
                encoded.data.truncate(start);
                return Ok(Err(misfit));
            }
        }
        value = Some(key.end..encoded.data.len());
        let size = encoded.data.len() - start;
        if size > settings.max_record_bytes {
            encoded.data.truncate(start);
            if settings.oversize == Oversize::Halt {
                return Err(oversize(item, size, settings.max_record_bytes));
            }
            return Ok(Err(Misfit {
                rule: "MC615",
                name: "oversize",
                path: String::new(),
                expected: format!("at most {} bytes", settings.max_record_bytes),
                found: format!("{size} bytes"),
            }));
        }
    } else {
        headers = Some(tombstone_headers(item));
    }
    let counts = &mut delta.counts;
    *match item.meta.op {
        b'r' => &mut counts.r,
        b'c' => &mut counts.c,
        b'd' => &mut counts.d,
        _ => &mut counts.u,
    } += 1;
    push(collection, encoded, delta, key, value, headers, settings.anchor_digest);
    Ok(Ok(()))
}

fn push(
    collection: &Collection,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    key: std::ops::Range<usize>,
    value: Option<std::ops::Range<usize>>,
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

/// A tombstone for the key under which a document stood before its `_id` was written anew, where the keys differ.
pub(crate) fn old_key(
    collection: &mut Collection,
    old_id: bson::raw::RawBsonRef<'_>,
    item: &Item<'_>,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    digest: bool,
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
    push(collection, encoded, delta, key, None, Some(tombstone_headers(item)), digest);
}

/// A tombstone says in headers what a value says in its metadata fields.
fn tombstone_headers(item: &Item<'_>) -> Headers {
    let meta = &item.meta;
    let text = |name: &'static str, value: String| (name.into(), value.into_bytes().into_boxed_slice());
    Box::new([
        text("moorline.op", char::from(if item.document.is_some() { b'd' } else { meta.op }).to_string()),
        text("moorline.deleted", "true".to_owned()),
        text("moorline.ts_ms", meta.ts_ms.to_string()),
        text("moorline.cluster_time", meta.cluster_time.to_string()),
        text("moorline.seq", meta.seq.to_string()),
        text("moorline.image_time", meta.image_time.to_string()),
        text("moorline.snapshot", meta.snapshot.to_string()),
    ])
}

/// The quarantine record of a document that is held out; where its key can be told, a tombstone goes with it.
pub(crate) fn quarantined(
    collection: &mut Collection,
    item: &Item<'_>,
    misfit: &Misfit,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    settings: &Settings,
) -> ControlRecord {
    delta.counts.quarantined += 1;
    let start = encoded.data.len();
    let keyed = collection.plan(false).key(item.id, &mut encoded.data).is_ok();
    let key = start..encoded.data.len();
    let control = quarantine::record(&collection.bound, item, misfit, keyed.then(|| &encoded.data[key.clone()]));
    if keyed {
        let headers = Some(tombstone_headers(item));
        push(collection, encoded, delta, key, None, headers, settings.anchor_digest);
    } else {
        encoded.data.truncate(start);
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

fn oversize(item: &Item<'_>, size: usize, limit: usize) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-3009",
        format!("a record of {size} bytes is over the limit of {limit} bytes"),
        format!("{} _id {}", item.namespace, quarantine::id_text(item.id)),
        "the broker would refuse it; the connector stopped at this change and nothing was skipped",
        "raise max.message.bytes of the topic and kafka.message.max.bytes, exclude the large field,\nor record.oversize.handling=quarantine",
    ))
}
