//! The text of a value as what its key takes, or why it can't be.
//!
//! Invariant: a complaint never holds the value itself; whoever tells it knows whether it may be shown.

use regex::Regex;

use crate::definition::{Answer, Default, Definition, Kind, State, UNBUILT, Word};
use crate::listener::{self, Wrong};
use crate::patterns::{self, Verdict};
use crate::retention::Retention;

/// A value in the form of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<String>),
    Number(i64),
    Boolean(bool),
}

/// Why a value is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// It is none that the key can have: why, and what to write.
    Bad(String, Vec<String>),
    /// It comes later: why, and what to write until then.
    NotYet(&'static str, Vec<String>),
    /// It is refused: why, and what to write.
    Refused(String, Vec<String>),
}

/// Longest name of a topic.
const TOPIC_LETTERS: usize = 249;

/// Parses a value; spaces around it do not count, as in Connect.
pub(crate) fn parse(definition: &Definition, text: &str) -> Result<Value, Complaint> {
    let text = text.trim();
    let value = of_kind(definition, text)?;
    match definition.state {
        State::Fixed(values) if !matches!(definition.kind, Kind::Choice(_)) && !values.contains(&text) => {
            Err(Complaint::NotYet(
                UNBUILT,
                vec![instead(definition, &format!("`{}` is what works", values.first().unwrap_or(&"")))],
            ))
        }
        _ => Ok(value),
    }
}

fn of_kind(definition: &Definition, text: &str) -> Result<Value, Complaint> {
    let list = matches!(definition.kind, Kind::List | Kind::Patterns);
    if text.is_empty() && !list && !matches!(definition.state, State::Fixed(values) if values.contains(&"")) {
        let fix = instead(definition, "write a value");
        return Err(Complaint::Bad("an empty value says nothing, and could be meant as any".to_owned(), vec![fix]));
    }
    let bad = |why: &str, hint: &str| Complaint::Bad(why.to_owned(), vec![instead(definition, hint)]);
    match definition.kind {
        Kind::Text | Kind::Secret | Kind::Path => Ok(Value::Text(text.to_owned())),
        Kind::ConnectionString => connection_string(text).map_err(|(why, hint)| bad(why, hint)),
        Kind::Topic => topic(text).map_err(|why| bad(why, "use letters, digits, `.`, `_` and `-`")),
        Kind::AvroName => {
            let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if first && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                Ok(Value::Text(text.to_owned()))
            } else {
                Err(bad(
                    "names in Avro begin with a letter or `_`, and have letters, digits and `_`",
                    "write such a name",
                ))
            }
        }
        Kind::List => Ok(Value::List(split(text))),
        Kind::Patterns => Ok(Value::List(patterns::split(text))),
        Kind::Urls => urls(definition, text),
        Kind::Listeners => listener::parse(text).map(Value::List).map_err(|wrong| match wrong {
            Wrong::Bad(why) => bad(why, "write http://127.0.0.1:8083"),
            Wrong::NotYet => {
                Complaint::NotYet(UNBUILT, vec![instead(definition, "write http://, behind a proxy that speaks TLS")])
            }
        }),
        Kind::Retention => match text.parse::<Retention>() {
            Ok(_) => Ok(Value::Text(text.to_owned())),
            Err(why) => Err(bad(&why, "write PERIOD:SPAN with commas, as all:1h,1m:1d,1h:30d,1d, or none")),
        },
        Kind::Number(least, most) => number(definition, text, least, most, ""),
        Kind::Duration(least, most) => number(definition, text, least, most, " milliseconds"),
        Kind::Bytes(least, most) => number(definition, text, least, most, " bytes"),
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err(bad("it is a switch", "write true or false")),
        },
        Kind::Choice(words) => choice(definition, words, text),
    }
}

fn number(definition: &Definition, text: &str, least: i64, most: i64, unit: &str) -> Result<Value, Complaint> {
    let range = match most {
        i64::MAX => format!("a whole number of{unit} from {least}"),
        _ if unit.is_empty() => format!("a whole number from {least} to {most}"),
        _ => format!("a whole number of{unit} from {least} to {most}"),
    };
    let range = range.replace("number of from", "number from");
    match text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Value::Number(number)),
        Ok(_) => Err(Complaint::Bad(format!("it is out of range: {range}"), vec![instead(definition, &range)])),
        Err(_) => {
            let unit = if unit.is_empty() { "" } else { "; the unit stands in the key's name, not in the value" };
            Err(Complaint::Bad(format!("it takes {range}{unit}"), vec![instead(definition, &range)]))
        }
    }
}

fn choice(definition: &Definition, words: &[Word], text: &str) -> Result<Value, Complaint> {
    let taken: Vec<&str> =
        words.iter().filter(|word| matches!(word.answer, Answer::Taken)).map(|word| word.name).collect();
    let hint = match taken.as_slice() {
        [one] => format!("`{one}` is what works"),
        _ => format!("one of: {}", taken.join(", ")),
    };
    match words.iter().find(|word| word.name.eq_ignore_ascii_case(text)) {
        Some(Word { name, answer: Answer::Taken }) => Ok(Value::Text((*name).to_owned())),
        Some(Word { answer: Answer::NotYet(why), .. }) => Err(Complaint::NotYet(why, vec![instead(definition, &hint)])),
        Some(Word { answer: Answer::Refused(why, fix), .. }) => {
            Err(Complaint::Refused((*why).to_owned(), fix.lines().map(str::to_owned).collect()))
        }
        None => {
            let mut fix = Vec::new();
            if let Some(near) = crate::nearest::nearest(text, taken.iter().copied()) {
                fix.push(format!("did you mean `{near}`?"));
            }
            fix.push(instead(definition, &hint));
            Err(Complaint::Bad("it takes one of a few words".to_owned(), fix))
        }
    }
}

/// What to write, with the default if there is one.
fn instead(definition: &Definition, hint: &str) -> String {
    match definition.default {
        Default::Value(value) => format!("{hint}; the default is {}={value}", definition.key),
        Default::Required(example) => format!("{hint}; for example {}={example}", definition.key),
        Default::Derived(_) | Default::None => format!("{hint}, or take the key out"),
    }
}

/// Texts with commas between them.
pub(crate) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn connection_string(text: &str) -> Result<Value, (&'static str, &'static str)> {
    let hint = "mongodb://user@host:27017/?replicaSet=rs0, with the password in mongodb.password";
    let rest = text.strip_prefix("mongodb://").or_else(|| text.strip_prefix("mongodb+srv://"));
    match rest {
        None => Err(("a connection string begins with mongodb:// or mongodb+srv://", hint)),
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => Err(("it names no host", hint)),
        Some(_) if text.chars().any(char::is_whitespace) => Err(("it has spaces in it", hint)),
        Some(_) => Ok(Value::Text(text.to_owned())),
    }
}

/// A text that may be a topic's name.
pub(crate) fn topic(text: &str) -> Result<Value, &'static str> {
    if text.len() > TOPIC_LETTERS {
        Err("brokers take at most 249 characters in a topic's name")
    } else if text == "." || text == ".." || !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        Err("brokers take no such topic name")
    } else {
        Ok(Value::Text(text.to_owned()))
    }
}

fn urls(definition: &Definition, text: &str) -> Result<Value, Complaint> {
    let bad = |why: &str, hint: &str| Err(Complaint::Bad(why.to_owned(), vec![instead(definition, hint)]));
    let urls = split(text);
    for url in &urls {
        let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
            return bad("a URL of the registry begins with http:// or https://", "write such a URL");
        };
        let host = rest.split('/').next().unwrap_or_default();
        if rest.contains('@') {
            return bad(
                "a user in a URL is shown wherever the URL is",
                "write schema.registry.basic.auth.user.info=user:password and the URL without them",
            );
        }
        if host.is_empty() || rest.contains(['?', '#']) || rest.chars().any(char::is_whitespace) {
            return bad("that is no base URL", "write scheme, host and port, and the path if there is one");
        }
    }
    if urls.is_empty() {
        return bad("there is no URL in it", "write one");
    }
    Ok(Value::List(urls))
}

/// A regular expression over whole names that is matched here, and not by the server.
pub(crate) fn whole(pattern: &str) -> Result<Regex, String> {
    match patterns::check(pattern) {
        Verdict::Good => Regex::new(&format!("^(?:{pattern})$")).map_err(|_| "it is too large".to_owned()),
        Verdict::Doubtful(why) | Verdict::Bad(why) => Err(why),
    }
}
