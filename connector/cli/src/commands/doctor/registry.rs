//! Verdicts on the registry: whether it takes schemas, which changes it takes, what stands under the subjects already.

use moorline_config::{Config, ContractMode, Drift};
use moorline_pipeline::contract::merge;
use moorline_pipeline::contract::model::{Drift as Policy, Unknown};
use moorline_pipeline::error::Problem;
use moorline_sink_kafka::same_schema;

use super::facts::{DataTopic, Registered};
use super::finding::{Area, Finding, some_of};
use super::kafka::copy;
use crate::commands::catalogue::Entry;

/// All verdicts on the registry. `entries` are the contract files.
pub(super) fn verdicts(config: &Config, facts: &Registered, data: &[DataTopic], entries: &[Entry]) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(mode(facts));
    found.extend(level(config, facts));
    let failed = facts.subjects.values().filter_map(|subject| subject.as_ref().err());
    found.extend(failed.take(1).map(|problem| Finding::error(Area::Registry, copy(problem))));
    for topic in data {
        let entry = entries.iter().find(|entry| entry.namespace == topic.namespace);
        found.extend(key(facts, topic, entry));
        found.extend(foreign(config, facts, topic, entry));
        found.extend(unregistered(config, facts, topic, entry));
    }
    for (subject, judgement) in &facts.judgements {
        if let Ok(Some(words)) = judgement {
            found.push(refused(facts, subject, words));
        }
    }
    found
}

fn latest<'a>(facts: &'a Registered, subject: &str) -> Option<&'a moorline_pipeline::sink::Registered> {
    facts.subjects.get(subject)?.as_ref().ok()?.latest.as_ref()
}

fn curl(facts: &Registered, path: &str, body: &str) -> String {
    format!(
        "curl -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' --data '{body}' {}/{path}",
        facts.place.split(", ").next().unwrap_or_default()
    )
}

fn mode(facts: &Registered) -> Option<Finding> {
    let closed = |mode: &Option<String>| mode.as_deref().is_some_and(|mode| mode != "READWRITE");
    let subjects =
        facts.subjects.iter().filter(|(_, subject)| subject.as_ref().is_ok_and(|subject| closed(&subject.mode)));
    let subjects: Vec<&str> = subjects.map(|(name, _)| name.as_str()).collect();
    let (what, path, mode) = if closed(&facts.registry.mode) {
        ("the registry takes no schemas".to_owned(), "mode".to_owned(), facts.registry.mode.clone())
    } else {
        let first = subjects.first()?;
        (format!("subjects take no schemas: {}", some_of(subjects.iter().copied())), format!("mode/{first}"), None)
    };
    let problem = Problem::new(
        "MOOR-4040",
        what,
        format!("{}, mode {}", facts.place, mode.as_deref().unwrap_or("READONLY")),
        "known schemas go on; a collection that is new, or a document with a new field, stops at the first schema that \
         is to be registered",
        "set the mode to READWRITE; a registry that follows another one is written to there",
    );
    Some(Finding::error(Area::Registry, problem).shell(curl(facts, &path, r#"{"mode": "READWRITE"}"#)))
}

fn level(config: &Config, facts: &Registered) -> Option<Finding> {
    let global = facts.registry.level.as_deref().unwrap_or("NONE");
    let mut judged: Vec<(&str, Option<&str>)> = facts
        .subjects
        .iter()
        .filter_map(|(name, subject)| Some((subject.as_ref().ok()?.level.as_deref()?, Some(name.as_str()))))
        .collect();
    judged.push((global, None));
    let evolves = config.contract_on_drift == Drift::Evolve;
    let worst = judged.iter().find_map(|(level, subject)| {
        let narrow = level.starts_with("FULL") || level.starts_with("FORWARD");
        let why = if *level == "NONE" {
            "any schema is taken: a reader's schema and the next one may not fit together, and nothing says so"
        } else if narrow && evolves {
            "contract.on.drift=evolve widens types (int to long, an empty union to a type), which readers with the \
             older schema can't read: this level refuses it, and such documents go to quarantine"
        } else {
            return None;
        };
        Some((*level, *subject, why))
    });
    let (level, subject, why) = worst?;
    let (place, path) = match subject {
        Some(subject) => (format!("subject {subject}"), format!("config/{subject}")),
        None => (facts.place.clone(), "config".to_owned()),
    };
    let problem = Problem::new(
        "MOOR-4041",
        format!("the compatibility level is {level}"),
        place,
        why,
        "set BACKWARD_TRANSITIVE (or BACKWARD), for which evolution here is made\n\
         or contract.on.drift=quarantine, and widen by contract files",
    );
    let body = r#"{"compatibility": "BACKWARD_TRANSITIVE"}"#;
    Some(Finding::warning(Area::Registry, problem).shell(curl(facts, &path, body)))
}

/// A contract file whose key is another one than what is registered.
fn key(facts: &Registered, topic: &DataTopic, entry: Option<&Entry>) -> Option<Finding> {
    let subject = format!("{}-key", topic.topic);
    let registered = latest(facts, &subject)?;
    let (entry, written) = entry.and_then(|entry| Some((entry, entry.contract.as_ref()?)))?;
    if same_schema(&registered.schema, &written.key_schema) {
        return None;
    }
    let problem = Problem::new(
        "MOOR-4010",
        format!("the key schema of {} would change", topic.namespace),
        format!("{}, subject {subject} version {}", entry.path.display(), registered.version),
        "every key would move to another partition, and old keys would never be compacted away",
        "keep the key as it is registered; for another key begin a new export: another name and topic.prefix",
    );
    Some(Finding::error(Area::Registry, problem))
}

/// Something under a subject that no contract gives.
fn foreign(config: &Config, facts: &Registered, topic: &DataTopic, entry: Option<&Entry>) -> Option<Finding> {
    let subject = format!("{}-value", topic.topic);
    let value = latest(facts, &subject)?;
    let why = match latest(facts, &format!("{}-key", topic.topic)) {
        None => "the value's subject is there, and the key's is not".to_owned(),
        Some(key) => {
            let output = crate::wiring::output(config).output(&topic.namespace, Policy::Spill, Unknown::Spill);
            merge::from_registered(&value.schema, &key.schema, &topic.namespace, &output).err()?.to_string()
        }
    };
    // A file says what is written, whatever else stands there: what the registry says of that is told apart.
    if entry.is_some_and(|entry| entry.contract.is_some()) && config.contract_mode == ContractMode::Pinned {
        return None;
    }
    let problem = Problem::new(
        "MOOR-4006",
        format!("the schema registered for {} is not one of ours", topic.topic),
        format!("subject {subject} version {} (id {})", value.version, value.id),
        why,
        "take another topic.prefix, or delete the subject if nothing reads it",
    );
    let place = facts.place.split(", ").next().unwrap_or_default();
    Some(Finding::error(Area::Registry, problem).shell(format!("curl -X DELETE {place}/subjects/{subject}")))
}

fn unregistered(config: &Config, facts: &Registered, topic: &DataTopic, entry: Option<&Entry>) -> Option<Finding> {
    let subject = format!("{}-value", topic.topic);
    let known = facts.subjects.get(&subject)?.as_ref().ok()?.latest.is_some();
    let written = entry.is_some_and(|entry| entry.contract.is_some());
    if config.auto_register_schemas || known || !written {
        return None;
    }
    let problem = Problem::new(
        "MOOR-4004",
        format!("the schema of {subject} is not registered"),
        facts.place.clone(),
        "auto.register.schemas=false, so the connector does not register it",
        "auto.register.schemas=true, for one start if need be\n\
         or register it yourself: `moorline validate -c FILE -o json` shows the schemas of the contract files",
    );
    Some(Finding::error(Area::Registry, problem))
}

fn refused(facts: &Registered, subject: &str, words: &str) -> Finding {
    let version = latest(facts, subject).map_or(0, |latest| latest.version);
    let problem = Problem::new(
        "MOOR-4003",
        format!("the registry would refuse the next schema of {subject}"),
        format!("{}, against version {version}", facts.place),
        words.chars().take(300).collect::<String>(),
        "keep the old types in the contract file, and quarantine what does not fit (contract.on.drift=quarantine)\n\
         or begin a new export in new topics: another name and topic.prefix",
    );
    Finding::error(Area::Registry, problem)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::commands::doctor::testing::config;
    use moorline_sink_kafka::{RegistryFacts, SubjectFacts};

    fn facts(mode: &str, level: &str) -> Registered {
        Registered {
            place: "http://r".into(),
            registry: RegistryFacts { mode: Some(mode.into()), level: Some(level.into()) },
            subjects: BTreeMap::new(),
            judgements: BTreeMap::new(),
        }
    }

    #[test]
    fn levels_are_held_against_drift() {
        let evolves = config("collection.include.list=a.b");
        let quarantines = config("collection.include.list=a.b\ncontract.on.drift=quarantine");
        let code = |config, registry: &str| level(config, &facts("READWRITE", registry)).map(|f| f.problem.code);
        assert_eq!(code(&evolves, "BACKWARD"), None);
        assert_eq!(code(&evolves, "BACKWARD_TRANSITIVE"), None);
        assert_eq!(code(&evolves, "FULL_TRANSITIVE"), Some("MOOR-4041"));
        assert_eq!(code(&quarantines, "FULL_TRANSITIVE"), None);
        assert_eq!(code(&quarantines, "NONE"), Some("MOOR-4041"));
    }

    #[test]
    fn modes_of_the_registry_and_of_subjects() {
        assert!(mode(&facts("READWRITE", "BACKWARD")).is_none());
        assert!(mode(&facts("READONLY", "BACKWARD")).unwrap().commands[0].text.ends_with("http://r/mode"));
        let mut one = facts("READWRITE", "BACKWARD");
        let subject = SubjectFacts { mode: Some("READONLY".into()), ..SubjectFacts::default() };
        one.subjects.insert("t-value".into(), Ok(subject));
        assert!(mode(&one).unwrap().commands[0].text.ends_with("http://r/mode/t-value"));
    }
}
