//! Everything that was read before anything is judged.
//!
//! Invariant: what could not be read stands in its place as the problem that kept it from being read.

use std::collections::{BTreeMap, BTreeSet};

use moorline_pipeline::error::Problem;
use moorline_pipeline::model::Namespace;
use moorline_pipeline::offsets::Progress;
use moorline_pipeline::source::LogWindow;
use moorline_sink_kafka::{ClusterFacts, Obstacle, RegistryFacts, SubjectFacts, TopicFacts};
use moorline_source_mongodb::{CollectionFacts, ServerFacts, Shapes, UserFacts};

/// What was read, or why it was not.
pub(super) type Answer<T> = Result<T, Problem>;

/// The source.
pub(super) struct SourceFacts {
    /// The server.
    pub(super) server: ServerFacts,
    /// Who is logged in.
    pub(super) user: Answer<UserFacts>,
    /// The oplog; `None` where it may not be read.
    pub(super) log: Answer<Option<LogWindow>>,
    /// What stands in the databases.
    pub(super) collections: Answer<Vec<CollectionFacts>>,
    /// Samples of what is captured, as far as time allowed.
    pub(super) shapes: BTreeMap<Namespace, Answer<Shapes>>,
    /// Whether the change stream opens.
    pub(super) stream: Answer<()>,
    /// Whether a snapshot read is answered; no answer where there is nothing to read.
    pub(super) read: Answer<()>,
    /// Whether a member fits the read preference.
    pub(super) preference: Answer<()>,
}

impl SourceFacts {
    /// What is captured.
    pub(super) fn captured(&self) -> impl Iterator<Item = &CollectionFacts> {
        self.collections.iter().flatten().filter(|collection| collection.captured)
    }
}

/// Kafka.
pub(super) struct KafkaFacts {
    /// The cluster.
    pub(super) cluster: ClusterFacts,
    /// Names of topics that may be seen.
    pub(super) names: Answer<BTreeSet<String>>,
    /// Topics of ours that exist.
    pub(super) topics: Answer<BTreeMap<String, Answer<TopicFacts>>>,
    /// What stands in the way of those that do not.
    pub(super) obstacles: Answer<BTreeMap<String, Obstacle>>,
    /// Whether transactions can be had.
    pub(super) transactions: Answer<()>,
    /// What was written so far, by collection.
    pub(super) progress: Answer<Vec<Progress>>,
}

/// The registry.
pub(super) struct Registered {
    /// Where it is, as people may see it.
    pub(super) place: String,
    /// Mode and level.
    pub(super) registry: RegistryFacts,
    /// The subjects of the data topics.
    pub(super) subjects: BTreeMap<String, Answer<SubjectFacts>>,
    /// What the registry says of the schemas of contract files, where they are new to it.
    pub(super) judgements: BTreeMap<String, Answer<Option<String>>>,
}

/// A topic that the connector writes data to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DataTopic {
    /// The collection.
    pub(super) namespace: Namespace,
    /// The topic.
    pub(super) topic: String,
}

/// Everything.
pub(super) struct Facts {
    /// The source as people may see it.
    pub(super) source_place: String,
    /// The source; the problem where it was not reached at all.
    pub(super) source: Answer<SourceFacts>,
    /// The topics of what is captured, and of what is named.
    pub(super) data: Vec<DataTopic>,
    /// Kafka; the problem where it was not reached at all.
    pub(super) kafka: Answer<KafkaFacts>,
    /// The registry; the problem where it was not reached at all.
    pub(super) registry: Answer<Registered>,
}

impl Facts {
    /// Collections whose first snapshot is still to be read, as far as that is known.
    pub(super) fn to_snapshot(&self) -> Vec<&CollectionFacts> {
        let done: BTreeSet<&Namespace> = match &self.kafka {
            Ok(kafka) => kafka.progress.iter().flatten().filter(|p| p.export_complete).map(|p| &p.namespace).collect(),
            Err(_) => BTreeSet::new(),
        };
        let source = self.source.iter();
        source.flat_map(SourceFacts::captured).filter(|collection| !done.contains(&collection.namespace)).collect()
    }
}
