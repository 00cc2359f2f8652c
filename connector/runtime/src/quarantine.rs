//! The record of a document that did not fit: whole, in canonical Extended JSON, with the reason in headers.
//!
//! Invariants: its key is the data topic's key bytes or, where the `_id` has none, the `_id`'s text; it stands in the
//! transaction in which the document's record would have stood.

use bson::raw::RawBsonRef;
use moorline_pipeline::contract::extjson;
use moorline_pipeline::contract::model::Misfit;
use moorline_pipeline::model::Id;
use moorline_pipeline::sink::{ControlRecord, ControlTopic};

use crate::contracts::Bound;
use crate::items::Item;

/// The `_id` as Extended JSON text.
pub(crate) fn id_text(id: RawBsonRef<'_>) -> String {
    extjson::id_text(&Id::new(id))
}

/// The quarantine record of a document. `key` is the data topic's key, where the `_id` fits it.
pub(crate) fn record(bound: &Bound, item: &Item<'_>, misfit: &Misfit, key: Option<&[u8]>) -> ControlRecord {
    let oversize = misfit.rule == "MC615";
    let value = item.document.filter(|_| !oversize).map(|document| {
        let mut out = Vec::with_capacity(document.as_bytes().len() * 2);
        extjson::canonical_lossy(document.as_bytes(), &bound.contract.excluded, &mut out);
        out
    });
    let text = |name: &'static str, value: &str| (name.into(), value.as_bytes().into());
    let meta = &item.meta;
    let headers = vec![
        text("__connect.errors.topic", &bound.output.topic),
        text("__connect.errors.stage", "VALUE_CONVERTER"),
        text("__connect.errors.exception.class.name", "moorline.contract.Misfit"),
        text(
            "__connect.errors.exception.message",
            &format!(
                "{} {} {}: expected {}, found {}",
                misfit.rule, misfit.name, misfit.path, misfit.expected, misfit.found
            ),
        ),
        text("moorline.rule", misfit.rule),
        text("moorline.name", misfit.name),
        text("moorline.path", &misfit.path),
        text("moorline.expected", &misfit.expected),
        text("moorline.found", &misfit.found),
        text("moorline.contract", &bound.hash),
        text("moorline.collection", item.namespace.as_str()),
        text("moorline.op", &char::from(meta.op).to_string()),
        text("moorline.ts_ms", &meta.ts_ms.to_string()),
        text("moorline.cluster_time", &meta.cluster_time.to_string()),
        text("moorline.seq", &meta.seq.to_string()),
        text("moorline.image_time", &meta.image_time.to_string()),
    ];
    ControlRecord {
        topic: ControlTopic::Quarantine,
        key: key.map_or_else(|| id_text(item.id).into_bytes(), <[u8]>::to_vec),
        value,
        headers: Some(headers.into_boxed_slice()),
    }
}
