//! Transforms of Kafka Connect: refused, with what replaces the known ones.

use std::collections::BTreeMap;

use crate::codes;
use crate::redaction::shown;
use crate::report::Report;
use crate::text::Entry;

const SINK: &str = "run it in the sink connector, where it does the same";

/// The end of a class's name, and what replaces it.
const REPLACEMENTS: [(&str, &str); 13] = [
    ("ExtractNewDocumentState", "take it out: output.format=document, the default, does what it did"),
    ("RegexRouter", "take it out: topic.rename.regex and topic.rename.replacement do what it did"),
    (
        "ByLogicalTableRouter",
        "take it out: topic.rename.regex and topic.rename.replacement name topics, one a collection",
    ),
    ("ReplaceField$Value", "leave the field out of the contract (`moorline.excluded`), or name it otherwise there"),
    ("ReplaceField$Key", "the key is `_id` alone"),
    ("MaskField$Value", SINK),
    ("InsertField$Value", "take it out: __op, __ts_ms, __cluster_time and others are always there; else in the sink"),
    ("Filter", SINK),
    ("ValueToKey", "take it out: message.key.mode=id, the default, makes the key of `_id`"),
    ("ExtractField$Key", "take it out: message.key.mode=id, the default, makes the key of `_id`"),
    ("TimestampConverter$Value", "take it out: the contract gives dates their type"),
    ("MongoEventRouter", "an outbox comes later; read the collection as it is"),
    ("HeaderFrom$Value", SINK),
];

/// One mistake for each transform.
pub(crate) fn refuse(entries: &[Entry], report: &mut Report<'_>) {
    let mut found: BTreeMap<&str, (usize, Option<&str>)> = BTreeMap::new();
    for entry in entries {
        let Some(rest) = entry.key.strip_prefix("transforms.") else { continue };
        let (name, key) = rest.split_once('.').unwrap_or((rest, ""));
        let transform = found.entry(name).or_insert((entry.line, None));
        if key == "type" {
            *transform = (entry.line, Some(entry.value.trim()));
        }
    }
    let why = "Moorline has no JVM; transforms are Java classes";
    for (name, (line, class)) in &found {
        let of_class = class.map(|class| format!(" ({})", shown(class))).unwrap_or_default();
        let fix = REPLACEMENTS.iter().find(|(end, _)| class.is_some_and(|class| class.ends_with(end)));
        let fix = fix.map_or(SINK, |(_, fix)| fix).to_owned();
        let what = format!("transform `{}`{of_class} cannot run here", shown(name));
        report.mistake(*line, codes::TRANSFORM, what, why, vec![fix]);
    }
    let list = entries.iter().find(|entry| entry.key == "transforms" && !entry.value.trim().is_empty());
    if let Some(entry) = list.filter(|_| found.is_empty()) {
        let what = "transforms cannot run here".to_owned();
        report.mistake(entry.line, codes::TRANSFORM, what, why, vec![SINK.to_owned()]);
    }
}
