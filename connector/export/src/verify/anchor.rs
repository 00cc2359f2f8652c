//! What a manifest says of the anchors that it names, against the anchors.
//!
//! Invariant: whatever a manifest took over from an anchor is compared, so that a manifest that was written by somebody
//! else is not believed.

use moorline_pipeline::error::Problem;

use crate::manifest::{Collection, Cut, Manifest};
use crate::select::{Selection, Source};

/// The source of a collection in a selection that was made anew; else what does not agree.
///
/// # Errors
/// MOOR-6181, with the field of the manifest.
pub fn source<'a>(manifest: &Manifest, collection: &Collection, found: &'a Selection) -> Result<&'a Source, Problem> {
    let place = |field: &str| format!("{}, {field}", collection.namespace);
    let differs = |field: &str, told: String, anchor: String| {
        Problem::new(
            "MOOR-6181",
            "the manifest does not say what the anchor says",
            place(field),
            format!("the manifest has {told}, the anchor {anchor}"),
            "do not use the folder: a manifest is never edited by hand; replay the anchor into another one",
        )
    };
    let same = |field: &str, told: String, anchor: String| {
        if told == anchor { Ok(()) } else { Err(differs(field, told, anchor)) }
    };
    cut("at", &manifest.at, &found.at, &same)?;
    match (&manifest.from, &found.from) {
        (Some(told), Some(anchor)) => cut("from", told, anchor, &same)?,
        (told, anchor) => same("from", format!("{:?}", told.is_some()), format!("{:?}", anchor.is_some()))?,
    }
    same("history", manifest.history.clone(), found.history.clone())?;
    let Some(source) = found.sources.iter().find(|source| source.cut.namespace == collection.namespace) else {
        return Err(differs("namespace", collection.namespace.clone(), "no such collection".to_owned()));
    };
    let anchor = &source.cut;
    let exact = manifest.exact || collection.exact;
    same("exact", exact.to_string(), (anchor.exact || (found.exact && manifest.exact)).to_string())?;
    same("complete", collection.complete.to_string(), anchor.export_complete.to_string())?;
    same("epoch", collection.epoch.clone(), anchor.epoch.clone())?;
    same("export", collection.export.clone(), anchor.export.clone())?;
    same("scope", format!("{:?}", collection.scope), format!("{:?}", anchor.scope))?;
    same("topic", collection.topic.clone(), anchor.topic.clone())?;
    same("topic_id", format!("{:?}", collection.topic_id), format!("{:?}", anchor.topic_id))?;
    same("key_schema_id", collection.key_schema_id.to_string(), anchor.key_schema_id.to_string())?;
    same("value_schema_ids", format!("{:?}", collection.value_schema_ids), format!("{:?}", anchor.value_schema_ids))?;
    same("schema_digests", format!("{:?}", collection.schema_digests), format!("{:?}", anchor.schema_digests))?;
    same("counts", format!("{:?}", collection.counts), format!("{:?}", anchor.records))?;
    same("records", collection.records.to_string(), source.records().to_string())?;
    same("partitions", format!("{:?}", collection.partitions), format!("{:?}", source.ranges))?;
    if let (Some(told), Some(digest)) = (&collection.records_digest, source.digest) {
        same("records_digest", told.clone(), digest.to_hex())?;
    }
    Ok(source)
}

type Same<'a> = &'a dyn Fn(&str, String, String) -> Result<(), Problem>;

fn cut(field: &str, told: &Cut, anchor: &Cut, same: Same<'_>) -> Result<(), Problem> {
    let of = |cut: &Cut| [cut.time.clone(), cut.cut.to_string(), cut.layout.clone(), cut.anchors.join(", ")];
    for (name, (told, anchor)) in ["time", "cut", "layout", "anchors"].iter().zip(of(told).into_iter().zip(of(anchor)))
    {
        same(&format!("{field}.{name}"), told, anchor)?;
    }
    Ok(())
}
