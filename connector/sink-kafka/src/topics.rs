//! How topics are made: Connect's `topic.creation.*`, and the connector's own topics.
//!
//! Invariants: a topic that exists is taken as it is; nothing is made where `topic.creation.enable` is false; the
//! broker's own words stand in each refusal.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::sink::ControlTopic;
use regex::Regex;
use tracing::info;

use crate::fault;
use crate::ffi::{Client, Described, NativeError, NewTopic, code};
use crate::settings::ControlTopics;

/// Topics that one request is about.
pub(crate) const AT_ONCE: usize = 200;
/// How long is waited before brokers are asked about a topic again.
const ASKED_AGAIN: Duration = Duration::from_millis(50);
/// The same for a partition that has no leader yet.
const LEADERLESS: Duration = Duration::from_millis(100);

/// How a topic is made. -1 leaves a number to the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicRule {
    /// `replication.factor`; inherited from the default group if absent.
    pub replication: Option<i32>,
    /// `partitions`; inherited likewise.
    pub partitions: Option<i32>,
    /// Topic configuration; keys of the default group are inherited.
    pub configs: BTreeMap<String, String>,
}

/// A group of topics with a rule of its own.
#[derive(Clone, Debug)]
pub struct TopicGroup {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    rule: TopicRule,
}

/// `topic.creation.*`.
#[derive(Clone, Debug)]
pub struct TopicSettings {
    /// `topic.creation.enable`.
    pub enable: bool,
    /// `topic.creation.default.*`.
    pub default: TopicRule,
    /// `topic.creation.<group>.*`, in the order of `topic.creation.groups`: the first that fits counts.
    pub groups: Vec<TopicGroup>,
}

impl Default for TopicSettings {
    fn default() -> Self {
        // Under compaction or retention an anchor stops being replayable, so neither is a default for data.
        let configs = [("cleanup.policy", "delete"), ("retention.ms", "-1")];
        let configs = configs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let default = TopicRule { replication: Some(-1), partitions: Some(-1), configs };
        Self { enable: true, default, groups: Vec::new() }
    }
}

impl TopicGroup {
    /// A group; patterns match whole names, as Connect's do. The error names the pattern.
    pub fn new(include: &[String], exclude: &[String], rule: TopicRule) -> Result<Self, String> {
        let compile = |patterns: &[String]| {
            let one = |pattern: &String| Regex::new(&format!("^(?:{pattern})$")).map_err(|e| format!("{pattern}: {e}"));
            patterns.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { include: compile(include)?, exclude: compile(exclude)?, rule })
    }

    fn takes(&self, topic: &str) -> bool {
        let any = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(topic));
        any(&self.include) && !any(&self.exclude)
    }
}

impl TopicSettings {
    /// How a data topic is made.
    pub(crate) fn data(&self, name: &str) -> NewTopic {
        let mut configs = self.default.configs.clone();
        let group = self.groups.iter().find(|group| group.takes(name)).map(|group| &group.rule);
        if let Some(rule) = group {
            configs.extend(rule.configs.clone());
        }
        NewTopic {
            name: name.to_owned(),
            partitions: group.and_then(|rule| rule.partitions).or(self.default.partitions).unwrap_or(-1),
            replication: group.and_then(|rule| rule.replication).or(self.default.replication).unwrap_or(-1),
            configs,
        }
    }

    /// How one of the connector's own topics is made; `None` for one that is switched off.
    pub(crate) fn control(&self, control: &ControlTopics, topic: ControlTopic) -> Option<NewTopic> {
        let replication = self.default.replication.unwrap_or(-1);
        let (name, partitions, replication, configs): (_, _, _, &[(&str, &str)]) = match topic {
            ControlTopic::Offsets => (
                &control.offsets,
                control.offsets_partitions,
                control.offsets_replication,
                &[("cleanup.policy", "compact")],
            ),
            ControlTopic::Anchors => {
                (&control.anchors, 1, replication, &[("cleanup.policy", "compact"), ("min.compaction.lag.ms", "0")])
            }
            ControlTopic::Quarantine => {
                (&control.quarantine, -1, replication, &[("cleanup.policy", "delete"), ("retention.ms", "-1")])
            }
            ControlTopic::Transactions => {
                (control.transactions.as_ref()?, -1, replication, &[("cleanup.policy", "delete")])
            }
            ControlTopic::Heartbeats => (control.heartbeats.as_ref()?, 1, replication, &[("cleanup.policy", "delete")]),
        };
        let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Some(NewTopic { name: name.clone(), partitions, replication, configs })
    }
}

/// A topic as it is, made where it is missing and may be.
pub(crate) fn ensure(client: &Client, wanted: &NewTopic, may_create: bool, limit: Duration) -> Result<Described> {
    let name = &wanted.name;
    let asked = |error: &NativeError| fault::request(error, "to describe topics", name, Next::Retry);
    if let Some(found) = client.describe(name, limit).map_err(|error| asked(&error))? {
        return Ok(found);
    }
    if !may_create {
        return Err(missing(wanted));
    }
    match client.create(wanted, limit) {
        Ok(()) => info!(topic = name, partitions = wanted.partitions, configs = ?wanted.configs, "topic made"),
        // Another lane was faster.
        Err(error) if error.code == code::TOPIC_ALREADY_EXISTS => {}
        Err(error) => return Err(not_created(client, wanted, &error, limit)),
    }
    let what = ["to describe topics", "to show the topic that was made"];
    until(client, name, limit, what, |found| found.filter(|found| found.partitions > 0))
}

/// Asks about a topic until the brokers tell what is waited for, within the limit: they do not say when it is so. `what`
/// is what they were doing where they refuse, and where it takes too long.
fn until<T>(
    client: &Client,
    name: &str,
    limit: Duration,
    what: [&str; 2],
    wanted: impl Fn(Option<Described>) -> Option<T>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        let found = client.describe(name, limit);
        let found = found.map_err(|error| fault::request(&error, what[0], name, Next::Retry))?;
        if let Some(found) = wanted(found) {
            return Ok(found);
        }
        if Instant::now() >= end {
            return Err(fault::unreachable(&NativeError::of(code::TIMED_OUT), what[1], name, Next::Retry));
        }
        thread::sleep(ASKED_AGAIN);
    }
}

/// The oldest offset and the end of a partition, as the client's isolation has it. What `passes` is waited for within the
/// limit: a topic that was made a moment ago may have no leader yet.
pub(crate) fn watermarks(
    client: &Client,
    name: &str,
    partition: i32,
    limit: Duration,
    passes: fn(i32) -> bool,
) -> Result<(i64, i64)> {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match client.watermarks(name, partition, left) {
            Err(error) if passes(error.code) && left > LEADERLESS => thread::sleep(LEADERLESS),
            found => {
                let asked = |error| fault::request(&error, "to tell a partition's offsets", name, Next::Retry);
                return found.map_err(asked);
            }
        }
    }
}

/// Makes the topics that are missing, some at a time; what one could not be made for is told when it is opened.
pub(crate) fn make_all(client: &Client, wanted: &[NewTopic], limit: Duration) -> Result<()> {
    for wanted in wanted.chunks(AT_ONCE) {
        let place = wanted.first().map_or("", |topic| topic.name.as_str());
        let asked = |error: NativeError| fault::request(&error, "to make topics", place, Next::Retry);
        let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
        let there = client.describe_all(&names, false, limit).map_err(asked)?;
        let missing: Vec<NewTopic> = wanted.iter().filter(|topic| !there.contains_key(&topic.name)).cloned().collect();
        let made = client.create_all(&missing, false, limit).map_err(asked)?;
        for topic in missing.iter().filter(|topic| made.get(&topic.name).is_some_and(std::result::Result::is_ok)) {
            info!(topic = topic.name, partitions = topic.partitions, configs = ?topic.configs, "topic made");
        }
    }
    Ok(())
}

/// Removes a topic, and waits until its name is free; one that is not there is as good.
pub(crate) fn remove(client: &Client, name: &str, limit: Duration) -> Result<()> {
    const WHAT: &str = "to remove a topic";
    match client.delete(name, limit) {
        Err(error) if error.code != code::UNKNOWN_TOPIC_OR_PART => {
            return Err(fault::request(&error, WHAT, name, Next::Retry));
        }
        _ => {}
    }
    until(client, name, limit, [WHAT; 2], |found| found.is_none().then_some(()))
}

fn missing(wanted: &NewTopic) -> Failure {
    let mut command = format!("kafka-topics --create --topic {}", wanted.name);
    for (flag, number) in [("partitions", wanted.partitions), ("replication-factor", wanted.replication)] {
        if number > 0 {
            command.push_str(&format!(" --{flag} {number}"));
        }
    }
    for (key, value) in &wanted.configs {
        command.push_str(&format!(" --config {key}={value}"));
    }
    Failure::halt(Problem::new(
        "MOOR-3005",
        format!("topic `{}` does not exist", wanted.name),
        &wanted.name,
        "topic.creation.enable=false, so the connector does not make it",
        format!("{command}\nor topic.creation.enable=true"),
    ))
}

fn not_created(client: &Client, wanted: &NewTopic, error: &NativeError, limit: Duration) -> Failure {
    let name = &wanted.name;
    if error.retriable || fault::transport(error.code) || error.code == code::TOPIC_AUTHORIZATION_FAILED {
        return fault::request(error, "to make a topic", name, Next::Retry);
    }
    let known = client.topics(limit).unwrap_or_default();
    let (place, why, fix) = match known.keys().find(|known| collide(known, name)) {
        Some(other) => (
            format!("topic {name}; topic {other} exists"),
            "brokers treat `.` and `_` as equal in topic names".to_owned(),
            "topic.rename.<db>.<coll>=NAME gives the collection another topic\n\
             or leave one collection out (collection.exclude.list)"
                .to_owned(),
        ),
        None => (
            name.clone(),
            error.to_string(),
            "correct `topic.creation.*`, or make the topic beforehand: one that exists is taken as it is".to_owned(),
        ),
    };
    Failure::halt(Problem::new("MOOR-3004", format!("topic `{name}` cannot be created"), place, why, fix))
}

/// Whether the broker takes two names for one in its metrics, and so refuses the second.
fn collide(one: &str, other: &str) -> bool {
    one != other && one.replace('.', "_") == other.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_that_fits_overrides_the_default() {
        let rule = |partitions, key: &str| TopicRule {
            replication: None,
            partitions: Some(partitions),
            configs: [(key.to_owned(), "1".to_owned())].into(),
        };
        let group = |include: &str, exclude: &[&str], rule| {
            let exclude: Vec<String> = exclude.iter().map(|pattern| (*pattern).to_owned()).collect();
            TopicGroup::new(&[include.to_owned()], &exclude, rule).unwrap()
        };
        let mut settings = TopicSettings::default();
        settings.default.replication = Some(3);
        settings.groups = vec![group("shop\\..*", &["shop\\.x"], rule(6, "a")), group(".*x", &[], rule(9, "b"))];
        let made = settings.data("shop.orders");
        assert_eq!((made.partitions, made.replication), (6, 3));
        assert_eq!(made.configs["cleanup.policy"], "delete");
        assert_eq!(made.configs["a"], "1");
        assert_eq!(settings.data("shop.x").partitions, 9);
        // Whole names only.
        assert_eq!(settings.data("my.shop.orders").partitions, -1);
        assert!(TopicGroup::new(&["(".to_owned()], &[], TopicRule::default()).is_err());
    }

    #[test]
    fn names_that_brokers_take_for_one() {
        assert!(collide("shop.fs.files_chunks", "shop.fs_files.chunks"));
        assert!(!collide("a.b", "a.b"));
        assert!(!collide("a.b", "a-b"));
    }
}
