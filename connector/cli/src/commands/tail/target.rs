//! Which topic is meant: by its name, by its collection's, or by what it holds.

use moorline_config::Config;
use moorline_pipeline::error::{Problem, Result};
use moorline_pipeline::model::Namespace;
use moorline_sink_kafka::TopicReader;

use crate::wiring;

/// The most names that are offered where one is wrong.
const MOST_OFFERS: usize = 8;

/// The topic, which is there.
pub(super) fn resolve(target: &str, config: &Config, reader: &TopicReader) -> Result<String, Problem> {
    let topics = reader.topics().map_err(|failure| *failure.problem)?;
    let mut candidates = vec![target.to_owned()];
    match target {
        "anchors" => candidates.push(config.anchor_topic_name.clone()),
        "certificates" => candidates.push(config.certificate_topic_name.clone()),
        "quarantine" => candidates.push(config.quarantine_topic_name.clone()),
        "offsets" => candidates.push(config.offset_storage_topic.clone()),
        _ => {}
    }
    if let Some(namespace) = Namespace::parse(target) {
        candidates.push(wiring::output(config).topic(&namespace));
    }
    if let Some(found) = candidates.iter().find(|candidate| topics.contains_key(*candidate)) {
        return Ok(found.clone());
    }
    let own = |topic: &&String| topic.starts_with(&format!("{}{}", config.topic_prefix, config.topic_delimiter));
    let offers: Vec<&str> = topics.keys().filter(own).map(String::as_str).take(MOST_OFFERS).collect();
    let fix = if offers.is_empty() {
        "moorline run -c FILE --until snapshot writes the first records; moorline validate -c FILE shows the topics' names"
            .to_owned()
    } else {
        format!("these are there:\n{}", offers.join("\n"))
    };
    Err(Problem::new(
        "MOOR-7020",
        format!("there is no topic to read for `{target}`"),
        format!("{}, connector {}", config.bootstrap_servers, config.name),
        format!("the brokers have none of: {}", candidates.join(", ")),
        fix,
    ))
}
