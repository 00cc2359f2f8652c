//! Reads the registry: itself first, then the subjects of all data topics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use moorline_config::Config;
use moorline_pipeline::error::Problem;
use moorline_sink_kafka::{RegistryExaminer, RegistryFacts, same_schema};

use super::facts::{Answer, DataTopic, Registered};
use super::gather::{unmade, within};
use crate::commands::catalogue::Catalogue;
use crate::wiring;

/// A registry that answers.
pub(super) struct Reached {
    examiner: RegistryExaminer,
    facts: RegistryFacts,
}

/// Asks the registry for itself.
pub(super) async fn reached(config: &Config, limit: Duration) -> Answer<Reached> {
    let examiner = wiring::registry_examiner(config, limit.mul_f64(0.9)).map_err(unmade)?;
    let facts = within(limit, || late(examiner.place(), limit), examiner.registry()).await?;
    Ok(Reached { examiner, facts })
}

/// Asks for the subjects, until the time is over.
pub(super) async fn facts(reached: Reached, data: &[DataTopic], catalogue: &Catalogue, limit: Duration) -> Registered {
    let Reached { examiner, facts: registry } = reached;
    let place = examiner.place().to_owned();
    let mut facts = Registered { place, registry, subjects: BTreeMap::new(), judgements: BTreeMap::new() };
    let until = Instant::now() + limit;
    for topic in data {
        for subject in [format!("{}-key", topic.topic), format!("{}-value", topic.topic)] {
            let left = until.saturating_duration_since(Instant::now());
            let answer = within(left, || late(examiner.place(), limit), examiner.subject(&subject)).await;
            let failed = answer.is_err();
            facts.subjects.insert(subject, answer);
            if failed {
                return facts;
            }
        }
        let entry = catalogue.entries.iter().find(|entry| entry.namespace == topic.namespace);
        let Some(written) = entry.and_then(|entry| entry.contract.as_ref()) else { continue };
        let subject = format!("{}-value", topic.topic);
        let latest = facts.subjects.get(&subject).and_then(|subject| subject.as_ref().ok()?.latest.as_ref());
        if latest.is_some_and(|latest| !same_schema(&latest.schema, &written.value_schema)) {
            let left = until.saturating_duration_since(Instant::now());
            let asked = examiner.judge(&subject, &written.value_schema);
            let judgement = within(left, || late(examiner.place(), limit), asked).await;
            facts.judgements.insert(subject, judgement);
        }
    }
    facts
}

fn late(place: &str, limit: Duration) -> Problem {
    Problem::new(
        "MOOR-4001",
        "the registry did not answer",
        place,
        format!("no answer within {} s", limit.as_secs()),
        "check `schema.registry.url`, its base path included\nor give it longer: --timeout",
    )
}
