//! The page of all keys, made of their definitions.

use std::fmt::Write as _;

use crate::definition::{Answer, Default, Definition, Importance, Kind, State, Word};
use crate::keys::GROUPS;

const HEAD: &str = "\
<!-- Generated from connector/config/src/keys by `cargo run -p moorline-config --example generate`. Do not edit. -->

# Configuration

A file is Java `.properties` or flat JSON, also in the form `{\"name\": ..., \"config\": {...}}` of Connect's REST
interface. Keys are flat names with dots; units stand in the name (`.ms`, `.bytes`). Where Debezium's connector for
MongoDB or Kafka Connect has a key for the same thing, it has the same name and values here (`=` in the column
*elsewhere*, with the other default in brackets).

`${env:NAME}`, `${file:PATH:KEY}` and `${directory:PATH:FILE}` stand for values outside of the file. They are resolved
at the start and never shown. In properties a backslash begins an escape: the pattern `shop\\.orders` is written
`shop\\\\.orders`.

An unknown key is an error that names the nearest known one, and so is a key or a value that is *not yet* acted on.
Nothing is ignored in silence. `moorline validate -c FILE` tells all mistakes of a file at once.

## The least

```properties
";

const AFTER: &str = "\
collection.include.list=shop.orders,shop.customers
```
";

/// The page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for definition in crate::keys::all() {
        if let Default::Required(example) = definition.default {
            line(&mut page, format_args!("{}={example}", definition.key));
        }
    }
    page.push_str(AFTER);
    for (name, keys) in GROUPS {
        line(&mut page, format_args!("\n## {name}\n"));
        line(&mut page, format_args!("| key | default | takes | elsewhere | importance | what it does |"));
        line(&mut page, format_args!("| --- | --- | --- | --- | --- | --- |"));
        for definition in *keys {
            row(&mut page, definition);
        }
    }
    page
}

/// A `String` takes whatever is written to it.
fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
    page.push('\n');
}

fn row(page: &mut String, definition: &Definition) {
    let aliases: Vec<String> = definition.aliases.iter().map(|alias| format!("`{alias}`")).collect();
    let also = if aliases.is_empty() { String::new() } else { format!("<br>also {}", aliases.join(", ")) };
    let importance = match definition.importance {
        Importance::High => "high",
        Importance::Medium => "medium",
        Importance::Low => "low",
    };
    let cells = [
        format!("`{}`{also}", definition.key),
        default(definition),
        takes(definition),
        definition.like.to_owned(),
        importance.to_owned(),
        about(definition),
    ];
    line(page, format_args!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
}

fn default(definition: &Definition) -> String {
    match definition.default {
        Default::Required(_) => "**required**".to_owned(),
        Default::Value("") | Default::None => String::new(),
        Default::Value(value) => format!("`{value}`"),
        Default::Derived(words) => words.to_owned(),
    }
}

fn takes(definition: &Definition) -> String {
    if !matches!(definition.state, State::Supported | State::Fixed(_)) {
        return String::new();
    }
    if let (State::Fixed(values), false) = (definition.state, matches!(definition.kind, Kind::Choice(_))) {
        let values: Vec<String> = values.iter().filter(|v| !v.is_empty()).map(|value| format!("`{value}`")).collect();
        return format!("{}; others not yet", values.join(", "));
    }
    let range = |least: i64, most: i64, unit: &str| match most {
        i64::MAX => format!("{least}.. {unit}").trim_end().to_owned(),
        _ => format!("{least}..{most} {unit}").trim_end().to_owned(),
    };
    match definition.kind {
        Kind::Text => "text".to_owned(),
        Kind::Secret => "secret".to_owned(),
        Kind::ConnectionString => "connection string, secret".to_owned(),
        Kind::Topic => "topic name".to_owned(),
        Kind::AvroName => "Avro name".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::List => "list".to_owned(),
        Kind::Patterns => "list of patterns".to_owned(),
        Kind::Urls => "list of URLs".to_owned(),
        Kind::Listeners => "list of addresses".to_owned(),
        Kind::Retention => "`none`, or `PERIOD:SPAN` with commas".to_owned(),
        Kind::Number(least, most) => range(least, most, ""),
        Kind::Duration(least, most) => range(least, most, "ms"),
        Kind::Bytes(least, most) => range(least, most, "bytes"),
        Kind::Boolean => "`true`, `false`".to_owned(),
        Kind::Choice(words) => choice(words),
    }
}

fn choice(words: &[Word]) -> String {
    let of = |wanted: fn(&Answer) -> bool| {
        let names = words.iter().filter(|word| wanted(&word.answer)).map(|word| format!("`{}`", word.name));
        names.collect::<Vec<_>>().join(", ")
    };
    let mut text = of(|answer| matches!(answer, Answer::Taken));
    let later = of(|answer| matches!(answer, Answer::NotYet(_)));
    let refused = of(|answer| matches!(answer, Answer::Refused(..)));
    if !later.is_empty() {
        text.push_str(&format!("; not yet {later}"));
    }
    if !refused.is_empty() {
        text.push_str(&format!("; refused {refused}"));
    }
    text
}

fn about(definition: &Definition) -> String {
    let text = match definition.state {
        State::Supported | State::Fixed(_) => definition.about.to_owned(),
        State::NotYet => format!("*Not yet.* {}", definition.about),
        State::Ignored(why) => format!("*No effect, with a warning:* {why}."),
        State::Refused(why, fix) => format!("*Refused:* {why}. Instead: {}", fix.replace('\n', "; ")),
        State::Transform => format!("*Refused* (MOOR-1010): {}", definition.about),
    };
    // Within back-ticks Markdown shows a `<` as it is.
    let parts = text.split('`').enumerate();
    let parts: Vec<String> =
        parts.map(|(index, part)| if index % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() }).collect();
    parts.join("`")
}
