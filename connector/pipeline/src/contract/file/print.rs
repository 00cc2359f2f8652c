//! Contract files as text: two spaces a level, a field on one line where it fits, so that diffs show fields.
//!
//! Invariant: one text for one value; members stay in their order.

use serde_json::Value as Json;

/// Columns of a line.
const WIDTH: usize = 120;

/// The text of a value, with a line end.
pub(super) fn print(value: &Json) -> String {
    let mut out = String::new();
    write(value, 0, 0, &mut out);
    out.push('\n');
    out
}

fn write(value: &Json, indent: usize, used: usize, out: &mut String) {
    let flat = flat(value);
    // The document's record is always spread, so that adding a field adds a line.
    if (indent > 0 && indent + used + flat.chars().count() < WIDTH) || !is_nested(value) {
        out.push_str(&flat);
        return;
    }
    let (open, close) = if value.is_object() { ('{', '}') } else { ('[', ']') };
    out.push(open);
    let mut first = true;
    let mut next = |out: &mut String| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent + 2));
    };
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                next(out);
                let name = Json::from(name.as_str()).to_string();
                out.push_str(&name);
                out.push_str(": ");
                // The fields of the document stand on lines of their own, however few.
                if indent == 0 && is_nested(member) && name == "\"fields\"" {
                    write(member, indent + 2, WIDTH, out);
                } else {
                    write(member, indent + 2, name.len() + 3, out);
                }
            }
        }
        Json::Array(items) => {
            for item in items {
                next(out);
                write(item, indent + 2, 1, out);
            }
        }
        _ => {}
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
    out.push(close);
}

fn is_nested(value: &Json) -> bool {
    match value {
        Json::Object(members) => !members.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn flat(value: &Json) -> String {
    match value {
        Json::Object(members) => {
            let members =
                members.iter().map(|(name, member)| format!("{}: {}", Json::from(name.as_str()), flat(member)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
