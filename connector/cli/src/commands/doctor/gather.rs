//! The rim: everything is read, each question under its own limit, and nothing is judged.
//!
//! Invariants: source, brokers and registry are asked side by side, and one that does not answer keeps none of the
//! others from being asked; nothing is written but the trace of a transactional id of the check-up's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moorline_config::Checked;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::Namespace;
use moorline_pipeline::sink::ControlTopic;
use moorline_sink_kafka::{ClusterFacts, Examiner, KafkaSettings, TopicReader, silent};

use super::facts::{Answer, DataTopic, Facts, KafkaFacts};
use super::{ask_registry, ask_source};
use crate::commands::catalogue::Catalogue;
use crate::commands::status;
use crate::failure::Failed;
use crate::own_topics;
use crate::wiring;

/// What may be lost between a limit of ours and one of a client below it.
const SLACK: Duration = Duration::from_millis(500);

/// Reads everything.
pub(super) async fn facts(checked: &Checked, catalogue: &Catalogue, limit: Duration) -> Facts {
    let config = &checked.config;
    let (source, cluster, registry) =
        tokio::join!(ask_source::facts(checked, limit), cluster(checked, limit), ask_registry::reached(config, limit),);
    let captured = source.iter().flat_map(|source| source.captured()).map(|collection| collection.namespace.clone());
    let mut namespaces: Vec<Namespace> =
        captured.chain(catalogue.entries.iter().map(|entry| entry.namespace.clone())).collect();
    namespaces.sort();
    namespaces.dedup();
    let data: Vec<DataTopic> = namespaces
        .into_iter()
        .map(|namespace| {
            let topic = wiring::output(config).topic(&namespace);
            DataTopic { namespace, topic }
        })
        .collect();
    let (kafka, registry) = tokio::join!(
        async {
            let (examiner, cluster) = cluster?;
            Ok(topics(checked, examiner, cluster, &data, limit).await)
        },
        async { Ok(ask_registry::facts(registry?, &data, catalogue, limit).await) },
    );
    Facts { source_place: wiring::source_place(config), source, data, kafka, registry }
}

/// An answer within the limit.
pub(super) async fn within<T>(
    limit: Duration,
    late: impl FnOnce() -> Problem,
    ask: impl Future<Output = Result<T>>,
) -> Answer<T> {
    match tokio::time::timeout(limit, ask).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(*failure.problem),
        Err(_) => Err(late()),
    }
}

/// What keeps a client from being made, as the answer to whatever would have been asked.
pub(super) fn unmade(failed: Failed) -> Problem {
    match failed {
        Failed::Problems(mut problems) if !problems.is_empty() => problems.remove(0),
        other => {
            Problem::new("MOOR-7004", "a client can't be made", "this process", format!("{other:?}"), "report this")
        }
    }
}

/// A blocking question, on a thread of its own: past the limit it is left to itself.
async fn blocking<T: Send + 'static>(
    limit: Duration,
    place: &str,
    ask: impl FnOnce() -> Result<T> + Send + 'static,
) -> Answer<T> {
    let place = place.to_owned();
    let (answer, answered) = tokio::sync::oneshot::channel();
    // Not of the runtime's own: it waits at its end for each of those.
    let thread = std::thread::Builder::new().name("doctor".to_owned()).spawn(move || drop(answer.send(ask())));
    if thread.is_err() {
        return Err(silent(&place, 0));
    }
    match tokio::time::timeout(limit, answered).await {
        Ok(Ok(outcome)) => outcome.map_err(|failure: Failure| *failure.problem),
        _ => Err(silent(&place, limit.as_secs())),
    }
}

async fn cluster(checked: &Checked, limit: Duration) -> Answer<(Arc<Examiner>, ClusterFacts)> {
    let settings = wiring::kafka(&checked.config).map_err(unmade)?;
    let place = settings.bootstrap_servers.clone();
    blocking(limit + SLACK * 2, &place, move || {
        let examiner = Examiner::open(settings, limit.saturating_sub(SLACK))?;
        let cluster = examiner.cluster()?;
        Ok((Arc::new(examiner), cluster))
    })
    .await
}

async fn topics(
    checked: &Checked,
    examiner: Arc<Examiner>,
    cluster: ClusterFacts,
    data: &[DataTopic],
    limit: Duration,
) -> KafkaFacts {
    let config = &checked.config;
    let place = config.bootstrap_servers.as_str();
    let data: Vec<String> = data.iter().map(|data| data.topic.clone()).collect();
    let own = own_topics::all(config);
    let all: Vec<String> = data.iter().cloned().chain(own.iter().map(|own| own.name.to_owned())).collect();
    let id = format!("{}-{}-doctor", config.group_id, config.name);
    let wide = limit + SLACK * 4;
    let [for_names, for_topics, for_transactions] = [(); 3].map(|()| Arc::clone(&examiner));
    let (names, topics, transactions, progress) = tokio::join!(
        blocking(wide, place, move || for_names.names()),
        blocking(wide, place, move || for_topics.topics(&all)),
        blocking(wide, place, move || for_transactions.transactions(&id)),
        progress(checked, limit),
    );
    let topics = topics.map(|topics| {
        topics
            .into_iter()
            .map(|(name, topic)| (name, topic.map_err(|failure| *failure.problem)))
            .collect::<BTreeMap<_, _>>()
    });
    let obstacles = match &topics {
        Ok(there) if config.topic_creation_enable => {
            let data: Vec<String> = data.into_iter().filter(|name| !there.contains_key(name)).collect();
            let own = own.iter().filter(|own| !there.contains_key(own.name)).filter_map(|own| own.made_as);
            let own: Vec<ControlTopic> = own.collect();
            blocking(wide, place, move || examiner.obstacles(&data, &own)).await
        }
        _ => Ok(Default::default()),
    };
    KafkaFacts { cluster, names, topics, obstacles, transactions, progress }
}

async fn progress(checked: &Checked, limit: Duration) -> Answer<Vec<moorline_pipeline::offsets::Progress>> {
    let settings: KafkaSettings = wiring::kafka(&checked.config).map_err(unmade)?;
    let (place, checked) = (checked.config.offset_storage_topic.clone(), checked.clone());
    blocking(limit + SLACK * 4, &place, move || {
        let settings = KafkaSettings { request_timeout: limit.saturating_sub(SLACK), ..settings };
        let lanes = status::lanes(&TopicReader::open(&settings)?, &checked)?;
        Ok(lanes.into_iter().flat_map(|stored| stored.progress).collect())
    })
    .await
}
