//! Verdicts on topics: those that exist, as they are, and those that are to be made.

use std::collections::BTreeMap;

use moorline_config::Config;
use moorline_pipeline::error::Problem;
use moorline_pipeline::offsets::Progress;
use moorline_pipeline::sink::ControlTopic;
use moorline_sink_kafka::{Obstacle, Operation, TopicFacts};

use super::facts::{DataTopic, KafkaFacts};
use super::finding::{Area, Finding, some_of};
use super::kafka;
use crate::commands::{collisions, words};
use crate::own_topics::{self, OwnTopic};

/// All verdicts on topics. `limit` is the most bytes of a record.
pub(super) fn verdicts(config: &Config, facts: &KafkaFacts, data: &[DataTopic], limit: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    let names: Vec<_> = data.iter().map(|data| (&data.namespace, data.topic.as_str())).collect();
    found.extend(collisions::of(config, &names).into_iter().map(|problem| Finding::error(Area::Topics, problem)));
    let own = own_topics::all(config);
    let none = BTreeMap::new();
    let topics = facts.topics.as_ref().unwrap_or(&none);
    for name in data.iter().map(|data| data.topic.as_str()) {
        if let Some(Ok(topic)) = topics.get(name) {
            found.extend(compacted(config, name, topic));
            found.extend(retained(config, name, topic));
            found.extend(small(config, name, topic, limit));
        }
    }
    for (name, topic) in topics {
        match topic {
            Ok(topic) => {
                found.extend(copies(config, name, topic));
                found.extend(rights(config, &own, name, topic));
            }
            Err(problem) => found.push(kafka::with_rights(config, Finding::error(Area::Topics, kafka::copy(problem)))),
        }
    }
    for own in own.iter().filter(|own| own.compacted) {
        if let Some(Ok(topic)) = topics.get(own.name) {
            found.extend(kept(config, own, topic));
        }
    }
    for progress in facts.progress.iter().flatten() {
        if let Some(Ok(topic)) = topics.get(&progress.topic) {
            found.extend(changed(progress, topic));
        }
        found.extend(moved(progress, data));
    }
    found.extend(missing(config, facts, data, &own));
    for (name, obstacle) in facts.obstacles.iter().flatten() {
        found.push(obstructed(config, facts, name, obstacle));
    }
    found
}

fn setting<'a>(topic: &'a TopicFacts, key: &str) -> Option<&'a str> {
    topic.settings.as_ref()?.get(key).map(String::as_str)
}

fn alter(config: &Config, topic: &str, change: &str) -> String {
    format!(
        "kafka-configs --bootstrap-server {} --alter --topic {topic} --add-config {change}",
        config.bootstrap_servers
    )
}

fn compacted(config: &Config, name: &str, topic: &TopicFacts) -> Option<Finding> {
    let policy = setting(topic, "cleanup.policy").filter(|policy| policy.contains("compact"))?;
    let problem = Problem::new(
        "MOOR-3030",
        format!("topic `{name}` is compacted"),
        format!("cleanup.policy={policy}"),
        "compaction takes records away that anchors count: their counts and digests no longer hold, and no older cut \
         can be read again",
        "cleanup.policy=delete with retention.ms=-1, if cuts are to stay readable\n\
         nothing, if only the newest state is wanted",
    );
    Some(Finding::warning(Area::Topics, problem).shell(alter(config, name, "cleanup.policy=delete,retention.ms=-1")))
}

fn retained(config: &Config, name: &str, topic: &TopicFacts) -> Option<Finding> {
    if !setting(topic, "cleanup.policy")?.contains("delete") {
        return None;
    }
    let limit = |key: &str| setting(topic, key).and_then(|text| text.parse::<i64>().ok()).filter(|limit| *limit >= 0);
    let (ms, bytes) = (limit("retention.ms"), limit("retention.bytes"));
    let kept = match (ms, bytes) {
        (Some(ms), _) => words::seconds(ms.unsigned_abs() / 1000),
        (None, Some(bytes)) => words::bytes(bytes.unsigned_abs()),
        (None, None) => return None,
    };
    let problem = Problem::new(
        "MOOR-3031",
        format!("topic `{name}` keeps its records for {kept} only"),
        if ms.is_some() { "retention.ms of the topic" } else { "retention.bytes of the topic" },
        "a snapshot's rows are written once: when they are gone, the topic no longer holds the collection, and anchors \
         outlive what they stand for",
        "retention.ms=-1 and retention.bytes=-1, if the topic is to hold the whole",
    );
    Some(Finding::warning(Area::Topics, problem).shell(alter(config, name, "retention.ms=-1,retention.bytes=-1")))
}

fn small(config: &Config, name: &str, topic: &TopicFacts, limit: u64) -> Option<Finding> {
    let most: u64 = setting(topic, "max.message.bytes")?.parse().ok()?;
    if most >= limit {
        return None;
    }
    let problem = Problem::new(
        "MOOR-3036",
        format!(
            "topic `{name}` takes records of {} at most, and the connector sends up to {}",
            words::bytes(most),
            words::bytes(limit)
        ),
        "max.message.bytes of the topic, kafka.message.max.bytes of the connector",
        "a record between the two passes here and is refused by the broker: the task stops at that change",
        format!("raise the topic's limit, or kafka.message.max.bytes={most}"),
    );
    Some(Finding::warning(Area::Topics, problem).shell(alter(config, name, &format!("max.message.bytes={limit}"))))
}

fn copies(config: &Config, name: &str, topic: &TopicFacts) -> Option<Finding> {
    let least: i32 = setting(topic, "min.insync.replicas")?.parse().ok()?;
    if topic.replication == 0 || least <= topic.replication {
        return None;
    }
    let problem = Problem::new(
        "MOOR-3034",
        format!("topic `{name}` wants {least} copies of each record, and has {}", topic.replication),
        "min.insync.replicas of the topic",
        "no record can be written to it: the connector writes with acks=all",
        "lower min.insync.replicas, or give the topic more copies (kafka-reassign-partitions)",
    );
    let change = format!("min.insync.replicas={}", (topic.replication - 1).max(1));
    Some(Finding::error(Area::Topics, problem).shell(alter(config, name, &change)))
}

fn rights(config: &Config, own: &[OwnTopic<'_>], name: &str, topic: &TopicFacts) -> Option<Finding> {
    let allowed = topic.allowed.as_ref()?;
    let needed = own.iter().find(|own| own.name == name).map(|own| own.needs);
    let needed = needed.unwrap_or(&[Operation::Write, Operation::Describe]);
    let missing: Vec<&str> = needed.iter().filter(|one| !allowed.contains(one)).map(|one| one.name()).collect();
    if missing.is_empty() {
        return None;
    }
    let problem = Problem::new(
        "MOOR-3002",
        format!("the user may not {} topic `{name}`", missing.join(", ")),
        name,
        "the broker's authorizer says so",
        "grant the missing operations to the user of `kafka.sasl.username` (or the certificate's principal)",
    );
    Some(kafka::with_rights(config, Finding::error(Area::Topics, problem)))
}

/// Whether what must stay is kept.
fn kept(config: &Config, own: &OwnTopic<'_>, topic: &TopicFacts) -> Option<Finding> {
    let name = own.name;
    let positions = own.made_as == Some(ControlTopic::Offsets);
    let certificates = own.key == "certificate.topic.name";
    let holds = match (positions, certificates) {
        (true, _) => "positions",
        (_, true) => "certificates",
        _ => "anchors",
    };
    let policy = setting(topic, "cleanup.policy").filter(|policy| *policy != "compact")?;
    let problem = Problem::new(
        "MOOR-3037",
        format!("topic `{name}` holds {holds} and does not keep them"),
        format!("cleanup.policy={policy}"),
        if positions {
            "once retention takes the last position, the connector starts anew: it takes all snapshots again"
        } else if certificates {
            "once retention takes a certificate, nothing tells any more what was proven, or refuted, of its anchor"
        } else {
            "once retention takes an anchor, nothing tells any more what the data up to it was"
        },
        "cleanup.policy=compact, which keeps the newest record of each key for ever",
    );
    Some(Finding::error(Area::Topics, problem).shell(alter(config, name, "cleanup.policy=compact")))
}

/// A topic that is no longer what it was when the connector first wrote to it.
fn changed(progress: &Progress, topic: &TopicFacts) -> Option<Finding> {
    let name = &progress.topic;
    if let (Some(then), Some(now)) = (&progress.topic_id, &topic.id)
        && then != now
    {
        let problem = Problem::new(
            "MOOR-3033",
            format!("topic `{name}` was made anew since the connector first wrote to it"),
            format!("collection {}, topic id {then} then, {now} now", progress.namespace),
            "what was written is gone, and the connector would go on as if it stood there",
            "start once with snapshot.mode=always, which writes all of it again\n\
             or begin a new export: another name and topic.prefix",
        );
        return Some(Finding::error(Area::Topics, problem));
    }
    if progress.partition_count == topic.partitions {
        return None;
    }
    let problem = Problem::new(
        "MOOR-3032",
        format!(
            "topic `{name}` has {} partitions, and {} when the connector first wrote to it",
            topic.partitions, progress.partition_count
        ),
        format!("collection {}", progress.namespace),
        "keys stay where they are: the connector goes on with the old count, and other producers and joins that place \
         keys by the new one look elsewhere",
        "nothing, if no join relies on the placement\nelse begin a new export with the new count: another name and topic.prefix",
    );
    Some(Finding::warning(Area::Topics, problem))
}

/// A collection whose topic has another name than it had.
fn moved(progress: &Progress, data: &[DataTopic]) -> Option<Finding> {
    let now = data.iter().find(|data| data.namespace == progress.namespace && data.topic != progress.topic)?;
    let problem = Problem::new(
        "MOOR-5703",
        format!("the topic of {} has another name than before", progress.namespace),
        format!("before {}, now {}", progress.topic, now.topic),
        "the next start begins a new export there: every document is read again, and the old topic gets nothing more",
        "nothing, if that is meant\nelse topic.rename.<db>.<coll> or topic.rename.regex as they were",
    );
    Some(Finding::warning(Area::Topics, problem))
}

/// Topics that nobody will make.
fn missing(config: &Config, facts: &KafkaFacts, data: &[DataTopic], own: &[OwnTopic<'_>]) -> Option<Finding> {
    if config.topic_creation_enable {
        return None;
    }
    let topics = facts.topics.as_ref().ok()?;
    let wanted = data
        .iter()
        .map(|data| data.topic.as_str())
        .chain(own.iter().filter(|own| own.made_as.is_some()).map(|own| own.name));
    let missing: Vec<&str> = wanted.filter(|name| !topics.contains_key(*name)).collect();
    let first = missing.first()?;
    let problem = Problem::new(
        "MOOR-3005",
        format!("topics do not exist: {}", some_of(missing.iter().copied())),
        *first,
        "topic.creation.enable=false, so the connector does not make them",
        "make them, or topic.creation.enable=true",
    );
    let command = |name: &&str| {
        let compacted = own.iter().any(|own| own.name == *name && own.compacted);
        let policy = if compacted { "compact" } else { "delete --config retention.ms=-1" };
        format!(
            "kafka-topics --bootstrap-server {} --create --topic {name} --config cleanup.policy={policy}",
            config.bootstrap_servers
        )
    };
    Some(missing.iter().map(command).fold(Finding::error(Area::Topics, problem), Finding::shell))
}

/// A topic that the broker would not make.
fn obstructed(config: &Config, facts: &KafkaFacts, name: &str, obstacle: &Obstacle) -> Finding {
    let (code, what, place, why, fix) = match obstacle {
        Obstacle::Forbidden(words) => (
            "MOOR-3002",
            format!("the user may not make topic `{name}`"),
            name.to_owned(),
            words.clone(),
            "grant Create on the topics, or make them beforehand: one that exists is taken as it is",
        ),
        Obstacle::TooManyCopies(words) => (
            "MOOR-3038",
            format!("topic `{name}` can't have as many copies as are asked for"),
            "topic.creation.default.replication.factor, offset.storage.replication.factor".to_owned(),
            format!("{words}; the cluster has {} broker(s)", facts.cluster.brokers),
            "topic.creation.default.replication.factor=-1 leaves it to the brokers; else no more than there are of them",
        ),
        Obstacle::Refused(words) => {
            let alike = |other: &&String| *other != name && other.replace('.', "_") == name.replace('.', "_");
            match facts.names.as_ref().ok().and_then(|names| names.iter().find(alike)) {
                Some(other) => (
                    "MOOR-3004",
                    format!("topic `{name}` cannot be created"),
                    format!("topic {other} exists"),
                    "brokers take `.` and `_` for the same in topic names".to_owned(),
                    "exclude the collection, or capture it with another connector and topic.prefix",
                ),
                None => (
                    "MOOR-3004",
                    format!("topic `{name}` cannot be created"),
                    name.to_owned(),
                    words.clone(),
                    "correct `topic.creation.*`, or make the topic beforehand: one that exists is taken as it is",
                ),
            }
        }
    };
    kafka::with_rights(config, Finding::error(Area::Topics, Problem::new(code, what, place, why, fix)))
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
