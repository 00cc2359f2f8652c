//! What an anchor, a source and a configuration must be for a proof to be possible at all.
//!
//! Invariants: each answer says why and what to do; nothing here reads anything.

use std::time::Duration;

use moorline_pipeline::anchor::{Anchor, CollectionCut};
use moorline_pipeline::error::Problem;
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::{CollectionInfo, Identity};

use crate::commands::words;

/// Why a collection can't be proven, by what the anchor and the source say of themselves.
pub(super) fn unsupported(
    anchor: &Anchor,
    collection: &CollectionCut,
    identity: &Identity,
    info: Option<&CollectionInfo>,
) -> Option<Problem> {
    let place = format!("{}, anchor {}", collection.namespace, anchor.id);
    if anchor.history != identity.history {
        let why = format!("the anchor is of history {}, the source is {}", anchor.history, identity.history);
        return Some(another(place, why));
    }
    let epoch = info.map(|info| uuid::Uuid::from_bytes(info.uuid));
    match epoch {
        Some(now) if uuid::Uuid::parse_str(&collection.epoch).is_ok_and(|then| then == now) => {}
        Some(now) => return Some(another(place, format!("epoch {} has ended, {now} stands now", collection.epoch))),
        None => return Some(another(place, "there is no such collection any more".to_owned())),
    }
    if info.is_some_and(|info| info.capped) {
        return Some(unclaimed(place, "the server has no snapshot reads of capped collections".to_owned()));
    }
    if identity.sharded {
        return Some(unclaimed(place, "a transaction over shards has no one time".to_owned()));
    }
    if collection.scope.is_some() {
        return Some(unclaimed(place, "the export is a part of the collection only".to_owned()));
    }
    if !collection.export_complete {
        return Some(unclaimed(place, "its snapshot is not whole at this cut".to_owned()));
    }
    if !collection.exact {
        let of = |reason: &&moorline_pipeline::anchor::Inexact| {
            reason.namespace.as_ref().is_none_or(|name| *name == collection.namespace)
        };
        let reasons: Vec<&str> = anchor.inexact.iter().filter(of).map(|reason| reason.reason.as_str()).collect();
        return Some(unclaimed(place, format!("the export is not exact: {}", reasons.join(", "))));
    }
    None
}

/// Why a cut can't be read at `now_s` (seconds of cluster time) any more.
pub(super) fn outside(cut: ClusterTime, now_s: u64, window: Duration) -> Option<Problem> {
    let age = now_s.saturating_sub(u64::from(cut.t));
    (age >= window.as_secs()).then(|| {
        Problem::new(
            "MOOR-6171",
            format!("the cut is {age} s old, and the source keeps {} s of its history", window.as_secs()),
            format!("cut {} {cut}", words::instant(cut)),
            "what the source held then can't be read any more, and that it agrees later would prove nothing",
            "verify a newer cut: --at latest while the connector runs\n\
             or let the server keep more: db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 1800})",
        )
    })
}

fn another(place: String, why: String) -> Problem {
    Problem::new(
        "MOOR-6172",
        "the source is no longer the one that was exported",
        place,
        why,
        "verify a cut of the export that stands now: --at latest",
    )
}

fn unclaimed(place: String, why: String) -> Problem {
    Problem::new(
        "MOOR-6173",
        "the anchor does not say that this export is the source's state",
        place,
        why,
        "wait for a cut that is exact and complete: moorline anchors wait -c FILE --after now\n\
         moorline anchors show -c FILE --at CUT tells until when a reason holds",
    )
}

/// The collection has neither a contract nor a registered schema.
pub(super) fn no_contract(namespace: &str) -> Problem {
    uncomparable(
        namespace,
        "there is neither a contract file nor a registered schema, so a document can't be made a row",
        "run it where the connector runs, with its contract.path and schema.registry.url",
    )
}

/// What was read can't be compared.
pub(super) fn uncomparable(place: &str, why: &str, fix: &str) -> Problem {
    Problem::new("MOOR-6174", "the export and the source can't be compared", place, why, fix)
}

/// Topics of JSON text have no schema by which a row could be read.
pub(super) fn json_text() -> Problem {
    uncomparable(
        "key.converter, value.converter",
        "the topics hold JSON text, which names no schema: types that JSON has no form for can't be told",
        "verify a connector that writes Avro: key.converter=avro and value.converter=avro",
    )
}

/// A name that the cut does not hold.
pub(super) fn not_in_cut(namespace: &str) -> Problem {
    uncomparable(
        &format!("--collection {namespace}"),
        "the cut holds no export of this collection",
        "moorline anchors show -c FILE --at CUT lists what it holds",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_verify_1_a_cut_at_the_window_s_end_is_outside() {
        let cut = ClusterTime::new(1000, 0);
        assert!(outside(cut, 1299, Duration::from_secs(300)).is_none());
        assert_eq!(outside(cut, 1300, Duration::from_secs(300)).unwrap().code, "MOOR-6171");
    }
}
