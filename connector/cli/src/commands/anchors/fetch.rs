//! What Kafka holds: the anchors topic as a log, and facts of the data topics that anchors name.
//!
//! Invariants: a read goes to the end that was there when it began, or fails; a record that can't be read is told, and
//! never taken for an anchor.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::anchor::{Anchor, AnchorKey, CollectionCut, decode, decode_key};
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_sink_kafka::{Message, TopicReader};

/// How long the anchors topic may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(120);
/// How long the first records of a topic may take to be read.
const PEEK_LIMIT: Duration = Duration::from_secs(20);

/// The anchors topic as read.
pub(in crate::commands) struct Read {
    pub(in crate::commands) topic: String,
    pub(in crate::commands) connector: String,
    pub(in crate::commands) log: Log,
    /// Offsets of records that are no anchors, why, and the ids that their keys name.
    strange: Vec<(i64, String, Option<String>)>,
    /// Bytes of keys and values.
    pub(in crate::commands) bytes: u64,
    /// Whether it is an archive, whose data topics nobody was asked about.
    pub(in crate::commands) archived: bool,
}

/// A data topic now.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicFacts {
    /// How many partitions it has.
    pub(crate) partitions: i32,
    /// Log start offset by partition.
    pub(crate) starts: BTreeMap<i32, i64>,
    /// Kafka's id, where the broker tells.
    pub(crate) id: Option<String>,
    /// `cleanup.policy`.
    pub(crate) cleanup: String,
    /// `retention.ms`, where it is limited.
    pub(crate) retention_ms: Option<i64>,
    /// `retention.bytes`, where it is limited.
    pub(crate) retention_bytes: Option<i64>,
}

/// Facts by topic; `None` for a topic that is not there.
pub(in crate::commands) type Topics = BTreeMap<String, Option<TopicFacts>>;

/// Reads all anchors of a connector.
pub(in crate::commands) fn anchors(reader: &TopicReader, topic: &str, connector: &str) -> Result<Read> {
    let mut following = Following::new(topic, connector);
    if !following.on(reader)? {
        return Err(no_topic(topic, connector));
    }
    let Following { topic, connector, records, strange, bytes, .. } = following;
    let log = Log::read(&connector, records);
    Ok(Read { topic, connector, log, strange, bytes, archived: false })
}

/// The anchors topic, read further each time.
pub(crate) struct Following {
    topic: String,
    connector: String,
    records: Vec<(AnchorKey, Option<Anchor>)>,
    places: HashMap<AnchorKey, usize>,
    strange: Vec<(i64, String, Option<String>)>,
    bytes: u64,
    next: Option<i64>,
}

impl Following {
    /// Nothing is read yet.
    pub(crate) fn new(topic: &str, connector: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            connector: connector.to_owned(),
            records: Vec::new(),
            places: HashMap::new(),
            strange: Vec::new(),
            bytes: 0,
            next: None,
        }
    }

    /// Reads on to the end that is there now; false where there is no topic.
    pub(crate) fn on(&mut self, reader: &TopicReader) -> Result<bool> {
        if reader.partitions(&self.topic)?.is_none() {
            return Ok(false);
        }
        let marks = reader.watermarks(&self.topic, 0)?;
        let first = self.next.unwrap_or(marks.first).max(marks.first);
        let Self { topic, records, places, strange, bytes, .. } = self;
        reader.read(topic, &BTreeMap::from([(0, (first, marks.stable))]), READ_LIMIT, &mut |message| {
            *bytes += (message.key().map_or(0, <[u8]>::len) + message.value().map_or(0, <[u8]>::len)) as u64;
            match record(message) {
                // The topic is compacted: of records under one key the last counts, also before compaction has run.
                Ok((key, Some(anchor))) => match places.get(&key) {
                    Some(&place) => records[place].1 = Some(anchor),
                    None => {
                        places.insert(key.clone(), records.len());
                        records.push((key, Some(anchor)));
                    }
                },
                Ok((key, None)) => {
                    places.remove(&key);
                    records.push((key, None));
                }
                Err(why) => {
                    let named = decode_key(message.key().unwrap_or_default()).ok().map(|key| key.id);
                    strange.push((message.offset(), why, named));
                }
            }
            Ok(())
        })?;
        self.next = Some(marks.stable.max(first));
        Ok(true)
    }

    /// What was read so far.
    pub(crate) fn log(&self) -> Log {
        Log::read(&self.connector, self.records.iter().cloned())
    }
}

fn record(message: &Message) -> Result<(AnchorKey, Option<Anchor>), String> {
    let key = decode_key(message.key().unwrap_or_default()).map_err(|error| format!("key: {error}"))?;
    let value = message.value().map(decode).transpose().map_err(|error| error.to_string())?;
    match value {
        // A key names its record: one under another key was put there by somebody else.
        Some(anchor) if anchor.key() != key => Err("the key names another anchor".to_owned()),
        value => Ok((key, value)),
    }
}

/// What is given a record: its key, and its value, which a tombstone has none of.
pub(crate) type Visit<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

/// Gives each record of the anchors topic, from `next` on, which then stands behind the last; false where there is no topic.
pub(crate) fn raw(reader: &TopicReader, topic: &str, next: &mut Option<i64>, visit: &mut Visit<'_>) -> Result<bool> {
    if reader.partitions(topic)?.is_none() {
        return Ok(false);
    }
    let marks = reader.watermarks(topic, 0)?;
    let first = next.unwrap_or(marks.first).max(marks.first);
    reader.read(topic, &BTreeMap::from([(0, (first, marks.stable))]), READ_LIMIT, &mut |message| {
        visit(message.key().unwrap_or_default(), message.value());
        Ok(())
    })?;
    *next = Some(marks.stable.max(first));
    Ok(true)
}

/// Why there is nothing to be read.
pub(super) fn no_topic(topic: &str, connector: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-6001",
        format!("there are no anchors: the topic `{topic}` does not exist"),
        format!("connector {connector}"),
        "the connector has not run yet, or has another topic.prefix or anchor.topic.name",
        "moorline run -c FILE --until anchor writes the first one",
    ))
}

impl Read {
    /// Of an archive.
    pub(super) fn of_archive(topic: String, connector: String, log: Log, bytes: u64) -> Self {
        Self { topic, connector, log, strange: Vec::new(), bytes, archived: true }
    }
    /// Records of the anchors topic that are no anchors.
    pub(in crate::commands) fn strange(&self) -> impl Iterator<Item = Problem> {
        self.strange.iter().map(|(offset, why, _)| self.unreadable(*offset, why))
    }
    /// Of these the one whose key names an anchor whose id begins so.
    pub(in crate::commands) fn strange_named(&self, prefix: &str) -> Option<Problem> {
        let named = |id: &Option<String>| id.as_ref().is_some_and(|id| id.starts_with(prefix));
        self.strange.iter().find(|(_, _, id)| named(id)).map(|(offset, why, _)| self.unreadable(*offset, why))
    }
    fn unreadable(&self, offset: i64, why: &str) -> Problem {
        Problem::new(
            "MOOR-6017",
            "a record of the anchors topic is no anchor that this version can read",
            format!("{}, partition 0, offset {offset}", self.topic),
            why,
            "run the version that wrote it, or a newer one; if it is not Moorline's, find out who writes to this topic",
        )
    }
    /// The same, a line each.
    pub(in crate::commands) fn warnings(&self) -> impl Iterator<Item = String> {
        self.strange().map(|p| format!("warning  {}: {}: {}   {}", p.what, p.place, p.why, p.code))
    }
}

/// The facts of the topics that hold these collections.
pub(in crate::commands) fn topics<'a>(
    reader: &TopicReader,
    collections: impl Iterator<Item = &'a CollectionCut>,
    known: &mut Topics,
) -> Result<()> {
    let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for collection in collections {
        let partitions = wanted.entry(&collection.topic).or_default();
        partitions.extend(collection.partitions.iter().map(|p| p.partition));
    }
    for (topic, partitions) in wanted {
        let missing = |facts: &Option<TopicFacts>| {
            facts.as_ref().is_some_and(|facts| partitions.iter().any(|p| !facts.starts.contains_key(p)))
        };
        if known.get(topic).is_none_or(missing) {
            known.insert(topic.to_owned(), facts(reader, topic, &partitions)?);
        }
    }
    Ok(())
}

/// The facts of a topic, with the log starts of these partitions.
pub(crate) fn facts(reader: &TopicReader, topic: &str, partitions: &BTreeSet<i32>) -> Result<Option<TopicFacts>> {
    let Some(count) = reader.partitions(topic)? else { return Ok(None) };
    let configs = reader.configs(topic)?;
    let limited = |key: &str| configs.get(key).and_then(|text| text.parse().ok()).filter(|limit: &i64| *limit >= 0);
    let mut facts = TopicFacts {
        partitions: count,
        starts: BTreeMap::new(),
        id: reader.topic_id(topic)?,
        cleanup: configs.get("cleanup.policy").cloned().unwrap_or_default(),
        retention_ms: limited("retention.ms"),
        retention_bytes: limited("retention.bytes"),
    };
    for &partition in partitions.iter().filter(|p| **p < count) {
        facts.starts.insert(partition, reader.watermarks(topic, partition)?.first);
    }
    Ok(Some(facts))
}

/// The oldest timestamp among the first records of an export, by partition and first offset.
pub(crate) fn oldest(
    reader: &TopicReader,
    topic: &str,
    firsts: impl Iterator<Item = (i32, i64)>,
) -> Result<Option<i64>> {
    let firsts = firsts.map(|(partition, first)| (partition, (first, first + 1))).collect();
    let mut oldest: Option<i64> = None;
    reader.read(topic, &firsts, PEEK_LIMIT, &mut |message| {
        oldest = [oldest, message.timestamp()].into_iter().flatten().min();
        Ok(())
    })?;
    Ok(oldest)
}
