//! `topic.rename.*`: topics of single collections by name, those of many by a regular expression, as Kafka Connect's
//! RegexRouter takes it.
//!
//! Invariants: what is given out compiles, and its replacement names no group that is not there; no character that a
//! broker refuses stands in it. A name of a collection's own counts before the expression.

use std::collections::BTreeMap;

use regex::Regex;

use crate::codes;
use crate::config::{TopicPattern, TopicRenames};
use crate::given::{Given, Open};
use crate::report::Report;
use crate::value::{self, Value};

const REGEX: &str = "topic.rename.regex";
const REPLACEMENT: &str = "topic.rename.replacement";

/// What `topic.rename.*` says.
pub(crate) fn renames(given: &Given, report: &mut Report<'_>) -> TopicRenames {
    let named = given.open.iter().filter_map(|Open { key, value, .. }| match value {
        Value::Text(topic) => Some((key.strip_prefix("topic.rename.")?.to_owned(), topic.clone())),
        _ => None,
    });
    TopicRenames { of: named.collect::<BTreeMap<_, _>>(), pattern: pattern(given, report) }
}

fn pattern(given: &Given, report: &mut Report<'_>) -> Option<TopicPattern> {
    let (line, other) = match (given.line(REGEX), given.line(REPLACEMENT)) {
        (None, None) => return None,
        (Some(line), Some(other)) => (line, other),
        (one, other) => {
            let (there, missing) = if one.is_some() { (REGEX, REPLACEMENT) } else { (REPLACEMENT, REGEX) };
            let what = format!("`{there}` is given, and `{missing}` is not");
            let fix = vec![format!("add {missing}=..., or take the key out")];
            let line = one.or(other).unwrap_or(report.end());
            report.mistake(line, codes::CONTRADICTION, what, "the one does nothing without the other", fix);
            return None;
        }
    };
    let regex = match value::whole(&given.text(REGEX)) {
        Ok(regex) => regex,
        Err(why) => {
            let what = format!("`{REGEX}` can't be read");
            let fix = vec!["write a regular expression over whole topic names, without look-around".to_owned()];
            report.mistake(line, codes::BAD_VALUE, what, &why, fix);
            return None;
        }
    };
    match replacement(&given.text(REPLACEMENT), &regex) {
        Ok(replacement) => Some(TopicPattern { regex, replacement }),
        Err(why) => {
            let what = format!("`{REPLACEMENT}` cannot be {}", given.shown(REPLACEMENT));
            let fix = vec![format!(
                "letters, digits, `.`, `_`, `-`, and `$1` for what the first group of {REGEX} has matched"
            )];
            report.mistake(other, codes::BAD_VALUE, what, &why, fix);
            None
        }
    }
}

/// A replacement in Java's form (`$1_x` is the first group and `_x`) as one in this engine's (`${1}_x`).
fn replacement(text: &str, regex: &Regex) -> Result<String, String> {
    let groups = regex.captures_len();
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter.is_ascii_alphanumeric() || "._-".contains(letter) {
            out.push(letter);
        } else if letter != '$' {
            return Err(format!("brokers take no `{}` in a topic's name", letter.escape_default()));
        } else if rest.next_if_eq(&'{').is_some() {
            let name: String = rest.by_ref().take_while(|letter| *letter != '}').collect();
            if !regex.capture_names().flatten().any(|known| known == name) {
                return Err("it names a group that the expression does not have".to_owned());
            }
            out.push_str(&format!("${{{name}}}"));
        } else {
            // As in Java: as many digits as make the number of a group that is there.
            let mut number = rest.next().and_then(|digit| digit.to_digit(10)).ok_or("a `$` begins no group in it")?;
            while let Some(more) = rest.peek().and_then(|next| next.to_digit(10)) {
                match number.checked_mul(10).and_then(|tens| tens.checked_add(more)) {
                    Some(longer) if (longer as usize) < groups => number = longer,
                    _ => break,
                }
                rest.next();
            }
            if number as usize >= groups {
                return Err(format!("it names group {number}, and the expression has {}", groups - 1));
            }
            out.push_str(&format!("${{{number}}}"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_is_read_as_java_reads_it() {
        let regex = Regex::new("^(?:shop\\.(.*)\\.(?<coll>.*))$").unwrap();
        let made = |text: &str| {
            let replacement = replacement(text, &regex)?;
            Ok::<_, String>(regex.replace("shop.eu.orders", replacement).into_owned())
        };
        assert_eq!(made("all.$1_$2").unwrap(), "all.eu_orders");
        assert_eq!(made("$10x-${coll}").unwrap(), "eu0x-orders");
        assert_eq!(made("$0").unwrap(), "shop.eu.orders");
        for wrong in ["$3", "$", "$x", "${none}", "a b", "\\$1", "a$"] {
            assert!(made(wrong).is_err(), "{wrong}");
        }
    }
}
