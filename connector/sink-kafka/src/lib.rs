//! The Kafka side: one transactional producer a lane, topics, offsets read back, and the schema registry.
//!
//! ```text
//! lane ──> producer ──> transaction     one Kafka transaction a batch
//!  │          └──> deliveries           what the poll thread learnt
//!  ├──> topics, offsets ──> reader      topics made; committed records read back
//!  └──> ffi                             the one place with `unsafe`
//! registry                              schemas looked up and registered
//! examine                               facts for a check-up
//! writer                                single records outside a transaction: signals, notifications
//! ```

mod copier;
mod deliveries;
mod examine;
mod fault;
mod ffi;
mod lane;
mod offsets;
mod producer;
mod queueing;
mod reader;
mod registry;
mod settings;
mod topics;
mod transaction;
mod writer;

pub use copier::TopicCopier;
pub use examine::{Allowed, ClusterFacts, Examiner, Obstacle, Operation, TopicFacts, silent};
pub use ffi::names_by_files_and_dns;
pub use lane::{KafkaLaneSink, KafkaSink};
pub use reader::{Message, TopicReader, Watermarks};
pub use registry::{
    Credentials, RegistryExaminer, RegistryFacts, RegistrySettings, SchemaRegistry, SubjectFacts, same_schema,
};
pub use settings::{ControlTopics, FIXED_KEYS, KafkaSettings};
pub use topics::{TopicGroup, TopicRule, TopicSettings};
pub use writer::TopicWriter;
