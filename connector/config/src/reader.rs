//! From text to configuration: entries, placeholders, each key by its definition, then the whole.
//!
//! Invariants: each entry ends in a value, a mistake or a warning; all mistakes are told at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::{Default, Definition, State};
use crate::given::{Given, Held, Open};
use crate::placeholder::{self, Lookup, PROVIDERS};
use crate::redaction::{is_literal_secret, is_secret, shown};
use crate::report::{Report, quoted};
use crate::text::{self, Content, Entry, Fault};
use crate::value::{self, Complaint};
use crate::{Checked, LiteralSecret, Mistake, assembly, codes, contradictions, digest, keys, nearest, transforms};

/// See [`crate::read`].
pub(crate) fn read(text: &str, place: &str, lookup: &dyn Lookup) -> Result<Checked, Vec<Mistake>> {
    let mut report = Report::new(place, text);
    let Content { entries, faults, broken } = text::read(text);
    faults.into_iter().for_each(|(line, fault)| tell(&mut report, line, fault));
    let literal_secrets = literal_secrets(&entries, place);
    let given = if broken { None } else { Some(take(unique(entries, &mut report), lookup, &mut report)) };
    let made = given.map(|given| {
        let config = assembly::config(&given, &mut report);
        contradictions::check(&config, &given, &mut report);
        let digest = digest::digest(&config, &given);
        (config, digest)
    });
    let warnings = report.finish()?;
    // A text that could not be read has a mistake, so there is a configuration where there is none.
    let (config, digest) = made.ok_or_else(Vec::new)?;
    Ok(Checked { config, warnings, digest, literal_secrets })
}

fn literal_secrets(entries: &[Entry], place: &str) -> Vec<LiteralSecret> {
    let literal = entries.iter().filter(|entry| is_literal_secret(&entry.key, entry.value.trim()));
    literal.map(|entry| LiteralSecret { key: entry.key.clone(), place: format!("{place}:{}", entry.line) }).collect()
}

fn tell(report: &mut Report<'_>, line: usize, fault: Fault) {
    match fault {
        Fault::Unreadable(why, fix) => {
            report.mistake(line, codes::UNREADABLE, "the configuration can't be read".to_owned(), &why, vec![fix]);
        }
        Fault::Nested(key, flat) => {
            let names = flat.iter().map(|key| quoted(key)).collect::<Vec<_>>().join(", ");
            let why = if flat.is_empty() {
                "Connect's keys are flat names with dots".to_owned()
            } else {
                format!("Connect's keys are flat names with dots; as flat keys these would be {names}")
            };
            let write = flat.iter().map(|key| format!("\"{}\": \"...\"", shown(key))).collect::<Vec<_>>().join(", ");
            let fix =
                if write.is_empty() { format!("write \"{}\": \"...\"", shown(&key)) } else { format!("write {write}") };
            report.mistake(
                line,
                codes::NESTED_OBJECT,
                format!("{} is an object, but keys are flat", quoted(&key)),
                &why,
                vec![fix],
            );
        }
        Fault::NoText(key, why) => {
            let fix = vec![format!("\"{}\": \"...\", or take the key out", shown(&key))];
            report.mistake(line, codes::BAD_VALUE, format!("{} has no value that is a text", quoted(&key)), why, fix);
        }
        Fault::OtherName => {
            let why = "the name beside `config` and the one in it are two";
            let fix = vec!["take one of them out".to_owned()];
            report.mistake(
                line,
                codes::CONTRADICTION,
                "`name` stands in the file with two values".to_owned(),
                why,
                fix,
            );
        }
        Fault::Beside(key) => {
            let why = "this form is {\"name\": \"...\", \"config\": {...}}, and all keys stand in `config`";
            let fix = vec!["move it into `config`, or take it out".to_owned()];
            report.mistake(
                line,
                codes::UNKNOWN_KEY,
                format!("unknown member {} beside `config`", quoted(&key)),
                why,
                fix,
            );
        }
    }
}

/// The first of each key; a second one is a mistake.
fn unique(entries: Vec<Entry>, report: &mut Report<'_>) -> Vec<Entry> {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(line) = first.get(&entry.key) {
            let why = format!("it stands on line {line} already; one of the two would win without a word");
            let what = format!("{} is given twice", quoted(&entry.key));
            report.mistake(entry.line, codes::GIVEN_TWICE, what, &why, vec!["take one of them out".to_owned()]);
            continue;
        }
        first.insert(entry.key.clone(), entry.line);
        kept.push(entry);
    }
    kept
}

fn take(entries: Vec<Entry>, lookup: &dyn Lookup, report: &mut Report<'_>) -> Given {
    let mut given = Given::default();
    let mut seen: BTreeSet<&'static str> = BTreeSet::new();
    let mut warned: BTreeSet<&'static str> = BTreeSet::new();
    let named = entries.iter().find(|entry| entry.key == "config.providers");
    let providers = named.map_or_else(|| PROVIDERS.map(str::to_owned).to_vec(), |entry| value::split(&entry.value));
    transforms::refuse(&entries, report);
    for entry in entries {
        let Some(definition) = definition(&entry.key) else {
            unknown(&entry, report);
            continue;
        };
        seen.insert(definition.key);
        match definition.state {
            State::Supported | State::Fixed(_) => accept(&entry, definition, &providers, lookup, &mut given, report),
            State::NotYet => {
                let what = format!("{} is not yet acted on by this version", quoted(&entry.key));
                let about = phrase(definition.about);
                let why = format!("{about}; to go on without it would be to do something else than was asked");
                report.mistake(entry.line, codes::NOT_YET, what, &why, vec!["take the key out".to_owned()]);
            }
            State::Refused(why, fix) => {
                let what = format!("{} is refused", quoted(&entry.key));
                report.mistake(entry.line, codes::REFUSED, what, why, fix.lines().map(str::to_owned).collect());
            }
            State::Ignored(why) => {
                if warned.insert(definition.key) {
                    let what = format!("{} has no effect here", quoted(&entry.key));
                    report.warning(entry.line, codes::IGNORED, what, why, vec!["nothing, or take it out".to_owned()]);
                }
            }
            State::Transform => {}
        }
    }
    for definition in keys::all() {
        if let Default::Required(example) = definition.default
            && !seen.contains(definition.key)
        {
            let what = format!("the required key `{}` is missing", definition.key);
            let fix = vec![format!("add {}={example}, for example", definition.key)];
            report.mistake(report.end(), codes::MISSING_KEY, what, &phrase(definition.about), fix);
        }
    }
    given
}

/// The definition of a key as it stands in a file; the registry's keys may have a converter's prefix.
fn definition(key: &str) -> Option<&'static Definition> {
    let bare = key.strip_prefix("key.converter.").or_else(|| key.strip_prefix("value.converter."));
    let own = keys::find(key);
    if own.is_some_and(|definition| definition.open().is_none()) {
        return own;
    }
    let of_registry = |name: String| keys::find(&name).filter(|definition| definition.open().is_none());
    let registry = bare.and_then(|bare| {
        let known = bare.starts_with("schema.registry.") || bare.contains("auth.") || bare.contains("subject.name");
        let known = known || bare == "auto.register.schemas" || bare == "use.latest.version";
        known.then(|| of_registry(bare.to_owned()).or_else(|| of_registry(format!("schema.registry.{bare}"))))?
    });
    registry.or(own)
}

fn unknown(entry: &Entry, report: &mut Report<'_>) {
    let known = keys::all().filter(|key| key.open().is_none() && !matches!(key.state, State::Refused(..)));
    let names = known.flat_map(|definition| std::iter::once(definition.key).chain(definition.aliases.iter().copied()));
    let fix = match nearest::nearest(&entry.key, names) {
        Some(name) => vec![format!("did you mean `{name}`?")],
        None => vec!["take it out; docs/configuration.md has all keys".to_owned()],
    };
    let why = "it would be ignored, and whoever wrote it relies on it";
    report.mistake(entry.line, codes::UNKNOWN_KEY, format!("unknown key {}", quoted(&entry.key)), why, fix);
}

fn accept(
    entry: &Entry,
    definition: &'static Definition,
    providers: &[String],
    lookup: &dyn Lookup,
    given: &mut Given,
    report: &mut Report<'_>,
) {
    let resolved = match placeholder::resolve(&entry.value, providers, lookup) {
        Ok(resolved) => resolved,
        Err(wrong) => {
            for (what, why, fix) in wrong {
                report.mistake(entry.line, codes::PLACEHOLDER, what, &why, vec![fix]);
            }
            return;
        }
    };
    let name = quoted(&entry.key);
    let hidden = resolved.hidden || is_secret(&entry.key) || is_secret(definition.key);
    let value = if hidden { "that value".to_owned() } else { format!("`{}`", shown(resolved.text.trim())) };
    // Whoever parses a URL wrongly may have written a password into it.
    let value = if definition.key == "schema.registry.url" { "that value".to_owned() } else { value };
    if let Default::Required(example) = definition.default
        && resolved.text.trim().is_empty()
    {
        let fix = vec![format!("{}={example}, for example", definition.key)];
        let what = format!("the required key {name} has no value");
        return report.mistake(entry.line, codes::MISSING_KEY, what, &phrase(definition.about), fix);
    }
    let held = match value::parse(definition, &resolved.text) {
        Ok(held) => held,
        Err(Complaint::Bad(why, fix)) => {
            return report.mistake(entry.line, codes::BAD_VALUE, format!("{name} cannot be {value}"), &why, fix);
        }
        Err(Complaint::NotYet(why, fix)) => {
            return report.mistake(entry.line, codes::NOT_YET, format!("{name} does not yet take {value}"), why, fix);
        }
        Err(Complaint::Refused(why, fix)) => {
            return report.mistake(entry.line, codes::REFUSED, format!("{name} may not be {value}"), &why, fix);
        }
    };
    let (text, line) = (entry.value.trim().to_owned(), entry.line);
    if definition.open().is_some() {
        let key = entry.key.clone();
        return given.open.push(Open { key, value: held, text, line });
    }
    if let Some(other) = given.values.get(definition.key) {
        // Connect's files give the registry to both converters; only different values contradict each other.
        if other.value != held {
            let what = format!("{name} and {} are the same key, with two values", quoted(&other.name));
            let why = format!("the other stands on line {}; one of the two would win without a word", other.line);
            report.mistake(line, codes::GIVEN_TWICE, what, &why, vec!["take one of them out".to_owned()]);
        }
        return;
    }
    given.values.insert(definition.key, Held { value: held, text, line, name: entry.key.clone(), hidden });
}

/// A sentence as a part of another one.
fn phrase(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}
