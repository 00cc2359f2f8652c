//! What contradicts itself among the keys that say what records look like.

use crate::choice::{CaptureMode, Converter, DeleteHandling, OutputFormat};
use crate::codes;
use crate::config::Config;
use crate::given::Given;
use crate::report::{Report, quoted};

/// The facts that `add.fields` and `add.headers` may name, within `source.`, `transaction.` or bare.
pub const FACTS: &[&str] = &[
    "op",
    "deleted",
    "ts_ms",
    "cluster_time",
    "seq",
    "image_time",
    "snapshot",
    "ts_us",
    "ts_ns",
    "version",
    "connector",
    "name",
    "db",
    "collection",
    "table",
    "ord",
    "sequence",
    "lsid",
    "txnNumber",
    "wallTime",
    "coalesced",
    "id",
    "total_order",
    "data_collection_order",
];

/// Looks at forms, deletes, images and metadata.
pub(crate) fn check(config: &Config, given: &Given, report: &mut Report<'_>) {
    facts("add.fields", &config.add_fields, given, report);
    facts("add.headers", &config.add_headers, given, report);
    texts(config, given, report);
    let mut contradiction = |key: &str, what: &str, why: &str, fix: &str| {
        let line = given.line(key).unwrap_or(report.end());
        report.mistake(line, codes::CONTRADICTION, what.to_owned(), why, vec![fix.to_owned()]);
    };
    let own = |key: &str| given.line(key).is_some();
    let envelope = config.output_format == OutputFormat::Envelope;
    if envelope && config.delete_tombstone_handling_mode != DeleteHandling::Tombstone {
        contradiction(
            "delete.tombstone.handling.mode",
            "`delete.tombstone.handling.mode` says what flat values do, and `output.format=envelope` has none",
            "an envelope always tells of a delete; whether a record without a value follows is another key",
            "tombstones.on.delete=true or false, or output.format=document",
        );
    }
    if envelope && own("add.fields") {
        contradiction(
            "add.fields",
            "`add.fields` adds to flat values, and `output.format=envelope` has none",
            "an envelope has all of it in `source`, `op`, `ts_ms` and `transaction`",
            "take it out, or output.format=document",
        );
    }
    if envelope && config.capture_coalesce_updates {
        contradiction(
            "capture.coalesce.updates",
            "`capture.coalesce.updates=true` and `output.format=envelope` contradict each other",
            "an envelope carries the delta of one update; the deltas of those folded into it would be lost",
            "take capture.coalesce.updates out, or output.format=document",
        );
    }
    if config.topic_transaction.is_some() && config.capture_coalesce_updates && !envelope {
        contradiction(
            "provide.transaction.metadata",
            "`provide.transaction.metadata` and `capture.coalesce.updates=true` contradict each other",
            "an update that is folded into another has no place among the records of its transaction",
            "capture.coalesce.updates=false",
        );
    }
    let tombstone = config.delete_tombstone_handling_mode == DeleteHandling::Tombstone;
    if !envelope && !config.tombstones_on_delete && tombstone {
        contradiction(
            "tombstones.on.delete",
            "`tombstones.on.delete=false` leaves nothing of a delete",
            "with delete.tombstone.handling.mode=tombstone, which is the default, a tombstone is all there is of it",
            "delete.tombstone.handling.mode=rewrite, or =drop if that is meant",
        );
    }
    let deltas = matches!(config.capture_mode, CaptureMode::Deltas | CaptureMode::DeltasWithPreImage);
    if !envelope && deltas {
        contradiction(
            "capture.mode",
            "`capture.mode` asks for deltas only, and `output.format=document` is made of whole documents",
            "an update would have nothing to write",
            "capture.mode=change_streams_update_full, or output.format=envelope",
        );
    }
    if deltas && own("capture.mode.full.update.type") {
        contradiction(
            "capture.mode.full.update.type",
            "`capture.mode.full.update.type` says where documents come from that `capture.mode` does not ask for",
            "one of the two would have no effect",
            "capture.mode=change_streams_update_full, or take capture.mode.full.update.type out",
        );
    }
}

/// Connect's class is taken for the choice that it stands for, and its text is not the same.
fn texts(config: &Config, given: &Given, report: &mut Report<'_>) {
    for (key, converter) in [("key.converter", config.key_converter), ("value.converter", config.value_converter)] {
        if let (Some(line), Converter::ConnectJson) = (given.line(key), converter) {
            let what = format!("`{key}` names Connect's class, and the text is Moorline's");
            let why = "times are ISO 8601 where Connect writes numbers, decimals are text, and JSON in strings stands in its place";
            let fix = vec![format!("{key}=json, if that is what is wanted; docs/types.md has the forms")];
            report.warning(line, codes::DOUBTFUL, what, why, fix);
        }
    }
}

fn facts(key: &str, list: &[String], given: &Given, report: &mut Report<'_>) {
    let Some(line) = given.line(key) else { return };
    for asked in list {
        let (fact, other) = asked.split_once(':').map_or((asked.as_str(), None), |(fact, other)| (fact, Some(other)));
        let (block, name) = fact.split_once('.').map_or((None, fact), |(block, name)| (Some(block), name));
        let of_transaction = ["id", "total_order", "data_collection_order"].contains(&name);
        let known = FACTS.contains(&name)
            && match block {
                None => true,
                Some("source") => !of_transaction && name != "op" && name != "deleted",
                Some("transaction") => of_transaction,
                Some(_) => false,
            };
        let legal = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !known || !other.is_none_or(legal) {
            let what = format!("{} names no metadata: {}", quoted(key), quoted(asked));
            let fix = match crate::nearest::nearest(name, FACTS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "one of {}, each also as `source.`..., or with another name: op:operation",
                    FACTS.join(", ")
                ),
            };
            report.mistake(line, codes::BAD_VALUE, what, "there is nothing to write under it", vec![fix]);
        }
    }
    let mut names: Vec<String> = list
        .iter()
        .map(|asked| asked.split_once(':').map_or_else(|| asked.replace('.', "_"), |(_, other)| other.to_owned()))
        .collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let what = format!("{} gives {} twice", quoted(key), quoted(&twice[0]));
        let fix = vec!["take one of them out, or give it another name: op:operation".to_owned()];
        report.mistake(line, codes::BAD_VALUE, what, "a record has a name once", fix);
    }
}
