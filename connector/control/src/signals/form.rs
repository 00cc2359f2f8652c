//! A signal as it stands in the topic: Debezium's form, `{"id", "type", "data"}`, under the connector's prefix as key.
//!
//! Invariants: whatever is there is a signal or a [`Fault`], never a panic; text that goes on to logs and anchors has no
//! control characters and a bounded length.

use serde_json::Value;

/// An anchor on request.
pub const ANCHOR: &str = "moorline-anchor";
/// A line in the log.
pub const LOG: &str = "log";
/// Signals of Debezium that come later.
const LATER: [&str; 6] =
    ["execute-snapshot", "stop-snapshot", "pause-snapshot", "resume-snapshot", "schema-changes", "set-binlog-position"];
/// Bytes of a signal.
const BYTES_MAX: usize = 64 << 10;
/// Letters of a label or an id.
pub const LABEL_MAX: usize = 200;
/// Letters of a message for the log.
const MESSAGE_MAX: usize = 2000;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An anchor, perhaps with a label.
    Anchor(Option<String>),
    /// A line in the log.
    Log(String),
}

/// A signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its id, where it has one.
    pub id: Option<String>,
    /// What it asks.
    pub asked: Asked,
}

/// Why a record is no signal that can be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `MOOR-7033`, a type that is not known or comes later; `MOOR-7034`, no signal at all.
    pub code: &'static str,
    /// In one line.
    pub why: String,
}

/// Whether a text may be a label: it goes into anchors, tables and command lines.
pub fn label(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() || text.trim() != text {
        Err("a label is not empty, and has no spaces around it")
    } else if text.chars().count() > LABEL_MAX {
        Err("a label has at most 200 characters")
    } else if text.chars().any(char::is_control) {
        Err("a label has no control characters")
    } else {
        Ok(())
    }
}

/// Reads a record's value.
pub fn read(value: Option<&[u8]>) -> Result<Signal, Fault> {
    let value = value.ok_or_else(|| malformed("it has no value"))?;
    if value.len() > BYTES_MAX {
        return Err(malformed(&format!("it has {} bytes, and a signal has at most {BYTES_MAX}", value.len())));
    }
    let value: Value = serde_json::from_slice(value).map_err(|error| malformed(&format!("it is no JSON: {error}")))?;
    let Value::Object(members) = &value else { return Err(malformed("it is no JSON object")) };
    let id = match members.get("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(shown(id, LABEL_MAX)),
        Some(_) => return Err(malformed("`id` is no text")),
    };
    let Some(Value::String(kind)) = members.get("type") else {
        return Err(malformed("it has no `type` that is a text"));
    };
    let data = data(members.get("data"))?;
    let asked = match kind.as_str() {
        ANCHOR => Asked::Anchor(match data.get("label") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => {
                label(text).map_err(malformed)?;
                Some(text.clone())
            }
            Some(_) => return Err(malformed("`label` in `data` is no text")),
        }),
        LOG => match data.get("message") {
            Some(Value::String(message)) => Asked::Log(shown(message, MESSAGE_MAX)),
            _ => return Err(malformed("`message` in `data` is no text")),
        },
        later if LATER.contains(&later) => {
            return Err(Fault { code: "MOOR-7033", why: format!("`{later}` is not yet acted on by this version") });
        }
        other => {
            let why = format!("`{}` is no type of signal: {ANCHOR} and {LOG} are", shown(other, LABEL_MAX));
            return Err(Fault { code: "MOOR-7033", why });
        }
    };
    Ok(Signal { id, asked })
}

/// `data` as an object; from the source's collection it comes as JSON in a text, so that is taken too.
fn data(data: Option<&Value>) -> Result<Value, Fault> {
    match data {
        None | Some(Value::Null) => Ok(Value::Object(serde_json::Map::new())),
        Some(Value::Object(members)) => Ok(Value::Object(members.clone())),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(found @ Value::Object(_)) => Ok(found),
            _ => Err(malformed("`data` is a text, and no JSON object stands in it")),
        },
        Some(_) => Err(malformed("`data` is no JSON object")),
    }
}

/// A text of somebody else, fit to be shown in one line.
pub(super) fn shown(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn malformed(why: &str) -> Fault {
    Fault { code: "MOOR-7034", why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Signal, Fault> {
        read(Some(text.as_bytes()))
    }

    #[test]
    fn debeziums_form() {
        let anchor = of(r#"{"id":"7","type":"moorline-anchor","data":{"label":"month-end"}}"#).unwrap();
        assert_eq!(anchor, Signal { id: Some("7".into()), asked: Asked::Anchor(Some("month-end".into())) });
        assert_eq!(of(r#"{"type":"moorline-anchor"}"#).unwrap().asked, Asked::Anchor(None));
        let text = of(r#"{"type":"log","data":"{\"message\":\"one\\ntwo {}\"}"}"#).unwrap();
        assert_eq!(text.asked, Asked::Log("one\u{fffd}two {}".into()));
    }

    #[test]
    fn what_is_no_signal_is_said_and_harms_nothing() {
        let deep = "[".repeat(200_000);
        let long = format!(r#"{{"type":"moorline-anchor","data":{{"label":"{}"}}}}"#, "x".repeat(201));
        for (text, code) in [
            ("", "MOOR-7034"),
            ("7", "MOOR-7034"),
            ("{\"type\":7}", "MOOR-7034"),
            ("{\"id\":7,\"type\":\"log\"}", "MOOR-7034"),
            ("{\"type\":\"log\"}", "MOOR-7034"),
            ("{\"type\":\"log\",\"data\":\"no\"}", "MOOR-7034"),
            ("{\"type\":\"moorline-anchor\",\"data\":[]}", "MOOR-7034"),
            ("{\"type\":\"moorline-anchor\",\"data\":{\"label\":\" a\"}}", "MOOR-7034"),
            ("{\"type\":\"moorline-anchor\",\"data\":{\"label\":\"a\\u0007\"}}", "MOOR-7034"),
            (&long, "MOOR-7034"),
            (&deep, "MOOR-7034"),
            ("{\"type\":\"execute-snapshot\"}", "MOOR-7033"),
            ("{\"type\":\"drop-everything\"}", "MOOR-7033"),
        ] {
            assert_eq!(of(text).map_err(|fault| fault.code), Err(code), "{}", &text[..text.len().min(80)]);
        }
        assert_eq!(read(None).map_err(|fault| fault.code), Err("MOOR-7034"));
        assert_eq!(read(Some(&[0xff, 0xfe])).map_err(|fault| fault.code), Err("MOOR-7034"));
    }
}
