//! A record as lines for people, or as one JSON object a line.
//!
//! Invariants: without colours the text is the same but for them; a string from a record can't drive the terminal, since
//! it is written as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::changes::Change;
use super::decode::Record;
use crate::commands::words;

/// Lines of a difference.
const MOST_CHANGES: usize = 50;

/// Changes: `None` where no difference is asked for, `Some(None)` where no image before was seen.
type Changes<'a> = Option<Option<&'a [Change]>>;

/// Lines for people.
pub(super) fn human(record: &Record, changes: Changes<'_>, color: bool) -> String {
    let paint = |code: &str, text: &str| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let (word, code) = match record.meta.op {
        Some('r') => ("row", "34"),
        Some('c') => ("create", "32"),
        Some('u') => ("update", "33"),
        Some('d') => ("delete", "31"),
        _ if record.value.is_null() => ("tombstone", "31"),
        _ => ("record", "36"),
    };
    let mut out = paint(&format!("1;{code}"), word);
    let time = record.meta.cluster_time.map(|time| format!("{} +{}", words::instant(time), time.i));
    let time = time.or_else(|| record.timestamp.map(words::milliseconds));
    let _ = write!(out, "  {}", time.unwrap_or_default());
    let place = format!("partition {} offset {}", record.partition, record.offset);
    let _ = writeln!(out, "   {}", paint("2", &place));
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "  {} {text}", paint("2", &format!("{name:<6}")));
    };
    line("key", &record.key.to_string());
    // What the first line says already is left out of the document.
    match &record.image {
        Some(image) => line("value", &image.to_string()),
        None => line("value", &record.value.to_string()),
    }
    if !record.headers.is_empty() {
        let headers = record.headers.iter().map(|(name, value)| format!("{name}={}", shown(value)));
        line("head", &headers.collect::<Vec<_>>().join("  "));
    }
    match changes {
        Some(None) => line("diff", "no earlier image of this key was seen"),
        Some(Some([])) => line("diff", "nothing"),
        Some(Some(changes)) => {
            for (at, change) in changes.iter().take(MOST_CHANGES).enumerate() {
                line(if at == 0 { "diff" } else { "" }, &difference(change, &paint));
            }
            if changes.len() > MOST_CHANGES {
                line("", &format!("and {} more", words::plural(changes.len() - MOST_CHANGES, "change")));
            }
        }
        None => {}
    }
    out
}

fn difference(change: &Change, paint: &impl Fn(&str, &str) -> String) -> String {
    let path = if change.path.is_empty() { "(document)".to_owned() } else { shown(&change.path) };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            let (before, after) = (paint("31", &before.to_string()), paint("32", &after.to_string()));
            format!("~ {path}  {before} -> {after}")
        }
        (Some(before), None) => format!("- {path}  {}", paint("31", &before.to_string())),
        (None, Some(after)) => format!("+ {path}  {}", paint("32", &after.to_string())),
        (None, None) => path,
    }
}

/// A text as it is, or as JSON where it would not stay on its line.
fn shown(text: &str) -> String {
    if text.chars().any(char::is_control) { Value::from(text).to_string() } else { text.to_owned() }
}

/// One object on a line.
pub(super) fn machine(topic: &str, record: &Record, changes: Changes<'_>) -> String {
    let headers: Map<String, Value> =
        record.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let mut line = json!({
        "version": 1,
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp,
        "op": record.meta.op.map(String::from),
        "cluster_time": record.meta.cluster_time,
        "time": record.meta.cluster_time.map(words::instant),
        "seq": record.meta.seq,
        "key": record.key,
        "value": record.value,
        "headers": headers,
    });
    if let Some(changes) = changes {
        let change = |change: &Change| json!({"path": change.path, "before": change.before, "after": change.after});
        line["changes"] = changes.map(|changes| changes.iter().map(change).collect::<Vec<_>>()).into();
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use moorline_pipeline::model::ClusterTime;

    use super::super::decode::Meta;
    use super::*;

    fn record() -> Record {
        Record {
            partition: 1,
            offset: 7,
            timestamp: Some(0),
            key: json!({"_id": 1}),
            value: json!({"_id": 1, "a": "x\u{1b}", "__op": "u"}),
            headers: vec![("moorline.rule".to_owned(), "MC602\n".to_owned())],
            meta: Meta { op: Some('u'), cluster_time: Some(ClusterTime::new(1_795_435_200, 3)), seq: Some(0) },
            image: Some(json!({"_id": 1, "a": "x\u{1b}"})),
        }
    }

    #[test]
    fn lines_for_people() {
        let changes = [Change { path: "/a".into(), before: Some(json!(1)), after: Some(json!("x\u{1b}")) }];
        let text = human(&record(), Some(Some(&changes)), false);
        let expected = "update  2026-11-23T12:00:00Z +3   partition 1 offset 7\n  \
                        key    {\"_id\":1}\n  \
                        value  {\"_id\":1,\"a\":\"x\\u001b\"}\n  \
                        head   moorline.rule=\"MC602\\n\"\n  \
                        diff   ~ /a  1 -> \"x\\u001b\"\n";
        assert_eq!(text, expected);
        let colored = human(&record(), None, true);
        assert!(colored.starts_with("\x1b[1;33mupdate\x1b[0m"));
        assert!(human(&record(), Some(None), false).contains("no earlier image"));
    }

    #[test]
    fn one_object_a_line_for_machines() {
        let text = machine("t", &record(), Some(None));
        assert_eq!(text.matches('\n').count(), 1);
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&object["op"], &object["value"]["__op"]), (&json!("u"), &json!("u")));
        assert_eq!((&object["cluster_time"], &object["changes"]), (&json!({"t": 1_795_435_200, "i": 3}), &Value::Null));
        let text = machine("t", &record(), None);
        assert!(!text.contains("changes"));
    }
}
