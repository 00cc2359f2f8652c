//! What `run` gives to the listener: the counters, and how each system is asked whether it is ready.
//!
//! Invariants: nothing is opened where nothing listens; a question to Kafka blocks a thread of its own, and no longer
//! than its limit.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use moorline_config::Config;
use moorline_control::{Health, Listener, Probe, Telemetry};
use moorline_pipeline::error::Failure;
use moorline_pipeline::source::Source as _;
use moorline_runtime::Report;
use moorline_sink_kafka::TopicReader;
use moorline_source_mongodb::MongoSource;

use crate::failure::Failed;
use crate::wiring;

/// How long brokers may take to answer a question about readiness.
const KAFKA_LIMIT: Duration = Duration::from_millis(2500);

/// The source, once it has answered for the first time.
pub(crate) type SourceOnce = Arc<OnceLock<Arc<MongoSource>>>;

/// Listens where the configuration says so.
pub(crate) async fn listen(
    config: &Config,
    report: &Arc<Report>,
    source: &SourceOnce,
) -> Result<Option<Listener>, Failed> {
    let addresses = wiring::addresses(config);
    if addresses.is_empty() {
        return Ok(None);
    }
    let telemetry = Telemetry {
        connector: config.name.clone(),
        version: wiring::VERSION.to_owned(),
        report: Arc::clone(report),
        health: Health::new(probes(config, source)?),
        started: SystemTime::now(),
    };
    Ok(Some(moorline_control::listen(&addresses, Arc::new(telemetry)).await?))
}

fn probes(config: &Config, source: &SourceOnce) -> Result<Vec<Probe>, Failed> {
    let source = Arc::clone(source);
    let of_source = Probe::new("source", move || {
        let source = source.get().cloned();
        async move {
            let source = source.ok_or_else(|| "it has not answered yet".to_owned())?;
            source.identity().await.map(drop).map_err(in_a_line)
        }
    });
    let mut kafka = wiring::kafka(config)?;
    kafka.request_timeout = KAFKA_LIMIT;
    let (reader, topic) = (Arc::new(TopicReader::open(&kafka)?), config.anchor_topic_name.clone());
    let of_kafka = Probe::new("kafka", move || {
        let (reader, topic) = (Arc::clone(&reader), topic.clone());
        async move {
            let asked = tokio::task::spawn_blocking(move || reader.partitions(&topic)).await;
            asked.map_err(|panic| panic.to_string())?.map(drop).map_err(in_a_line)
        }
    });
    let registry = Arc::new(wiring::registry(config)?);
    let subject = format!("{}-value", config.anchor_topic_name);
    let of_registry = Probe::new("registry", move || {
        let (registry, subject) = (Arc::clone(&registry), subject.clone());
        async move { registry.latest(&subject).await.map(drop).map_err(in_a_line) }
    });
    Ok(vec![of_source, of_kafka, of_registry])
}

fn in_a_line(failure: Failure) -> String {
    let problem = failure.problem;
    format!("{} {}: {}", problem.code, problem.what, problem.why)
}
