//! Facts about a Kafka cluster that a check-up judges: read, and nothing decided.
//!
//! Invariants: no topic is made or changed; the one trace that is left is a transactional id of the check-up's own,
//! which fences nobody and expires on the broker; each call has a time limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::sink::ControlTopic;

use crate::fault;
use crate::ffi::{Client, Configured, Event, Events, Kind, NativeError, NewTopic, code};
use crate::producer::Producer;
use crate::settings::KafkaSettings;
use crate::topics::AT_ONCE;

/// What an authorizer lets us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Read records.
    Read,
    /// Write records.
    Write,
    /// Make topics.
    Create,
    /// Ask about topics.
    Describe,
    /// Ask about settings.
    DescribeConfigs,
}

impl Operation {
    /// As Kafka's tools call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Create => "Create",
            Self::Describe => "Describe",
            Self::DescribeConfigs => "DescribeConfigs",
        }
    }
    fn number(self) -> i32 {
        match self {
            Self::Read => 3,
            Self::Write => 4,
            Self::Create => 5,
            Self::Describe => 8,
            Self::DescribeConfigs => 10,
        }
    }
}

/// Operations that are allowed; `None` where the broker did not say.
pub type Allowed = Option<BTreeSet<Operation>>;

/// The cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterFacts {
    /// Its brokers.
    pub brokers: usize,
    /// Settings of one broker; `None` where they may not be read.
    pub settings: Option<BTreeMap<String, String>>,
}

/// A topic that exists.
#[derive(Clone, Debug, Default)]
pub struct TopicFacts {
    /// Kafka's id of it.
    pub id: Option<String>,
    /// Partitions.
    pub partitions: i32,
    /// The fewest copies of a partition.
    pub replication: i32,
    /// Its settings, inherited ones included; `None` where they may not be read.
    pub settings: Option<BTreeMap<String, String>>,
    /// What we may do with it.
    pub allowed: Allowed,
}

/// Why a topic could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// We may not make it.
    Forbidden(String),
    /// More copies are asked for than there are brokers.
    TooManyCopies(String),
    /// A name, a setting, a policy: the broker's words.
    Refused(String),
}

/// Asks for facts. All calls block.
pub struct Examiner {
    client: Arc<Client>,
    events: Events,
    settings: KafkaSettings,
    limit: Duration,
}

impl Examiner {
    /// With the limit of each request. Connects when it is first asked.
    pub fn open(mut settings: KafkaSettings, limit: Duration) -> Result<Self> {
        settings.request_timeout = limit;
        let client = settings.open(Kind::Consumer, settings.consumer(false))?;
        Ok(Self { events: Events::of(&client), client, settings, limit })
    }

    /// What the connections said: a refused login before all else, since a lost connection follows from it.
    fn complaint(&self) -> Option<NativeError> {
        let mut found: Option<NativeError> = None;
        let mut keep = |event| {
            if let Event::Error(error) = event
                && found.as_ref().is_none_or(|found| found.code != code::AUTHENTICATION)
            {
                found = Some(error);
            }
        };
        while self.events.poll(Duration::ZERO, &mut keep) {}
        found
    }

    fn failed(&self, error: &NativeError, what: &str) -> Failure {
        fault::request(error, what, &self.settings.bootstrap_servers, Next::Retry)
    }

    /// The cluster: `MOOR-3001` where no broker answers, `MOOR-3002` where it does not take the user.
    pub fn cluster(&self) -> Result<ClusterFacts> {
        let brokers = match self.client.brokers(self.limit) {
            Ok(brokers) => brokers,
            // "Timed out" alone does not say that no connection could be made, and why.
            Err(error) => return Err(self.failed(&self.complaint().unwrap_or(error), "to describe the cluster")),
        };
        let broker: Vec<Configured<'_>> = brokers.first().map(|id| Configured::Broker(*id)).into_iter().collect();
        let settings = self.client.configs_all(&broker, self.limit).unwrap_or_default();
        Ok(ClusterFacts { brokers: brokers.len(), settings: settings.into_values().next().and_then(Result::ok) })
    }

    /// The names of all topics that we may see.
    pub fn names(&self) -> Result<BTreeSet<String>> {
        let topics = self.client.topics(self.limit).map_err(|error| self.failed(&error, "to list topics"))?;
        Ok(topics.into_keys().collect())
    }

    /// Those of these topics that exist; one that may not be seen is the failure in its place.
    pub fn topics(&self, names: &[String]) -> Result<BTreeMap<String, Result<TopicFacts>>> {
        let mut found = BTreeMap::new();
        for names in names.chunks(AT_ONCE) {
            let described = self.client.describe_all(names, true, self.limit);
            let described = described.map_err(|error| self.failed(&error, "to describe topics"))?;
            let there: Vec<Configured<'_>> =
                described.iter().filter(|(_, topic)| topic.is_ok()).map(|(name, _)| Configured::Topic(name)).collect();
            let mut settings = self.client.configs_all(&there, self.limit).unwrap_or_default();
            for (name, topic) in described {
                let settings = settings.remove(&name).and_then(Result::ok);
                let facts = topic.map(|topic| TopicFacts {
                    id: topic.id,
                    partitions: topic.partitions,
                    replication: topic.replication,
                    settings,
                    allowed: allowed(topic.operations),
                });
                let facts = facts.map_err(|error| fault::request(&error, "to describe a topic", &name, Next::Retry));
                found.insert(name, facts);
            }
        }
        Ok(found)
    }

    /// What stands in the way of making these topics as the connector would make them, by the broker's own judgement.
    pub fn obstacles(&self, data: &[String], own: &[ControlTopic]) -> Result<BTreeMap<String, Obstacle>> {
        let topics = &self.settings.topics;
        let own = own.iter().filter_map(|topic| topics.control(&self.settings.control, *topic));
        let wanted: Vec<NewTopic> = data.iter().map(|name| topics.data(name)).chain(own).collect();
        let mut found = BTreeMap::new();
        for wanted in wanted.chunks(AT_ONCE) {
            let tried = self.client.create_all(wanted, true, self.limit);
            for (name, outcome) in tried.map_err(|error| self.failed(&error, "to try whether topics can be made"))? {
                let Err(error) = outcome else { continue };
                let words = error.to_string();
                found.insert(
                    name,
                    match error.code {
                        // Made since it was looked for.
                        code::TOPIC_ALREADY_EXISTS => continue,
                        code::TOPIC_AUTHORIZATION_FAILED | code::CLUSTER_AUTHORIZATION_FAILED => {
                            Obstacle::Forbidden(words)
                        }
                        code::INVALID_REPLICATION_FACTOR => Obstacle::TooManyCopies(words),
                        _ => Obstacle::Refused(words),
                    },
                );
            }
        }
        Ok(found)
    }

    /// Whether transactions can be had with the connector's settings, tried with an id of the check-up's own.
    pub fn transactions(&self, id: &str) -> Result<()> {
        let mut producer = Producer::open(&self.settings, id)?;
        producer.init(self.limit)
    }
}

fn allowed(numbers: Option<BTreeSet<i32>>) -> Allowed {
    use Operation::{Create, Describe, DescribeConfigs, Read, Write};
    let known = [Read, Write, Create, Describe, DescribeConfigs];
    numbers.map(|numbers| known.into_iter().filter(|known| numbers.contains(&known.number())).collect())
}

/// A check that outlived its limit.
pub fn silent(place: &str, seconds: u64) -> Problem {
    let error = NativeError::with(code::TIMED_OUT, format!("no answer within {seconds} s"));
    *fault::unreachable(&error, "within the limit of a check", place, Next::Retry).problem
}
