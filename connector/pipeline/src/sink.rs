//! What a sink must be able to do: one transaction a batch, with the data, its offsets and its control records.
//!
//! Contract: calls block and are made from one thread a lane. `Accepted` is not `Durable`: only what [`LaneSink::commit`]
//! answers with [`Committed`] has happened. After a failure of `commit` nothing is known until the offsets are read again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::Result;

/// Index of a data topic within one lane's sink, given by [`LaneSink::topic`].
pub type TopicIndex = u32;

/// Headers of a record: name and UTF-8 text or bytes.
pub type Headers = Box<[(Cow<'static, str>, Box<[u8]>)]>;

/// A record of a batch; ranges are of the batch's buffer.
#[derive(Clone, Debug)]
pub struct Record {
    /// The topic.
    pub topic: TopicIndex,
    /// The partition, by murmur2 over the recorded count.
    pub partition: i32,
    /// The key's bytes.
    pub key: Range<usize>,
    /// The value's bytes; `None` for a tombstone.
    pub value: Option<Range<usize>>,
    /// Headers; only where there are any.
    pub headers: Option<Headers>,
}

/// Encoded records in the order in which they must stand in each partition, over one buffer.
#[derive(Debug, Default)]
pub struct Encoded {
    /// Keys and values.
    pub data: Vec<u8>,
    /// The records.
    pub records: Vec<Record>,
}

/// What was delivered to one partition within a transaction (offsets as the broker gave them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Offset of the first record.
    pub first: i64,
    /// Offset of the last record.
    pub last: i64,
    /// Records.
    pub records: i64,
}

/// Deliveries of a transaction by topic and partition.
pub type Deliveries = BTreeMap<(TopicIndex, i32), Delivered>;

/// A topic of the connector itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ControlTopic {
    /// `<group>-offsets`, partition by murmur2 of the key.
    Offsets,
    /// `<prefix>.anchors`, partition 0.
    Anchors,
    /// `<prefix>.quarantine`, partition by murmur2 of the key.
    Quarantine,
    /// `<prefix>.transaction`, partition by murmur2 of the key; only where it is switched on.
    Transactions,
    /// The heartbeat topic, partition 0; only where it is switched on.
    Heartbeats,
}

/// A record for a control topic.
#[derive(Clone, Debug)]
pub struct ControlRecord {
    /// Where.
    pub topic: ControlTopic,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Option<Headers>,
}

/// How a commit was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// At the first try.
    Cleanly,
    /// After a retry or a transport error: durable, but the producer must be renewed before the next begin.
    AfterTrouble,
}

/// One lane's transactional producer. All calls block, each with a time limit, and run on the lane's own thread.
pub trait LaneSink: Send + 'static {
    /// Makes those of these topics that are missing and may be made, all by one request; [`LaneSink::topic`] then finds
    /// them, and tells what is wrong with one that could not be made. An error only where nobody answers.
    fn make_topics(&mut self, names: &[String]) -> Result<()>;
    /// The topic's index; makes the topic where it is missing and may be made (`MOOR-3004` and kin otherwise), and
    /// waits until its metadata is known. The second value is its partition count now.
    fn topic(&mut self, name: &str) -> Result<(TopicIndex, i32)>;
    /// Kafka's id of a topic, where the broker tells.
    fn topic_id(&mut self, topic: TopicIndex) -> Option<String>;
    /// Begins a transaction.
    fn begin(&mut self) -> Result<()>;
    /// Queues records. Returns when all are accepted; `batch` lives until [`LaneSink::flush`] returned.
    fn produce(&mut self, batch: &std::sync::Arc<Encoded>) -> Result<()>;
    /// Queues control records.
    fn write(&mut self, records: Vec<ControlRecord>) -> Result<()>;
    /// Waits until everything queued is delivered; what was delivered to data topics since `begin`.
    fn flush(&mut self) -> Result<Deliveries>;
    /// Commits; waits for the answer.
    fn commit(&mut self) -> Result<Committed>;
    /// Aborts the open transaction, if any; best effort.
    fn abort(&mut self);
    /// A new producer with the same transactional id, fencing the old one (`init_transactions`).
    fn renew(&mut self) -> Result<()>;
    /// The newest committed value of each key in the offsets topic whose key begins with `prefix` (bytes of the JSON
    /// key up to and with the connector's partition). Takes each partition's end with a read-uncommitted client and
    /// consumes `read_committed` up to it (I-KAFKA-1); a time-out is a failure, never "no position".
    fn read_offsets(&mut self, wanted: &dyn Fn(&[u8]) -> bool) -> Result<BTreeMap<Vec<u8>, Vec<u8>>>;
}

/// Makes the lanes' sinks.
pub trait Sink: Send + Sync + 'static {
    /// One lane's sink.
    type Lane: LaneSink;
    /// A lane's producer, initialised (`init_transactions` fences every older one of this id). Blocks.
    fn lane(&self, transactional_id: &str) -> Result<Self::Lane>;
}

/// A schema as the registry holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The id that stands in records.
    pub id: u32,
    /// The subject's version.
    pub version: u32,
    /// The schema's text, perhaps written anew by the registry: compare parsed, never as text.
    pub schema: String,
}

/// The schema registry.
pub trait Registry: Send + Sync + 'static {
    /// The newest version of a subject; `None` where there is none.
    fn latest(&self, subject: &str) -> impl std::future::Future<Output = Result<Option<Registered>>> + Send;
    /// The id of a schema under a subject: looked up by content first, registered where it is not there and may be.
    /// Refused: `MOOR-4003`, `Halt`; not reached: `MOOR-4001`, `Retry`.
    fn register(&self, subject: &str, schema: &str) -> impl std::future::Future<Output = Result<u32>> + Send;
}
