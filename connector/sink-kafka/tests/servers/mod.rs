//! What the tests against real servers share: addresses, names that no other test has, batches, reading back.
#![allow(dead_code, reason = "each test file uses its part of this")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{Encoded, Headers, Record, Sink, TopicIndex};
use moorline_sink_kafka::{ControlTopics, KafkaLaneSink, KafkaSettings, KafkaSink, TopicReader};

/// The address of a server, from the environment: `cargo xtask stack up --name X` prints it.
pub(crate) fn address(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}: cargo xtask stack up --name X --format env"))
}

/// A name that no other test and no other run uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
    format!("{name}-{now:x}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Settings with topics of their own.
pub(crate) fn settings(name: &str) -> (KafkaSettings, String) {
    let prefix = unique(name);
    let control =
        ControlTopics::named(format!("{prefix}-offsets"), format!("{prefix}.anchors"), format!("{prefix}.quarantine"));
    let mut settings = KafkaSettings::new(address("KAFKA_BOOTSTRAP"), control);
    settings.control.offsets_partitions = 3;
    settings.topics.default.partitions = Some(6);
    (settings, prefix)
}

pub(crate) fn lane(settings: &KafkaSettings, id: &str) -> KafkaLaneSink {
    KafkaSink::new(settings.clone()).lane(id).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A batch in the making.
#[derive(Default)]
pub(crate) struct Batch(pub(crate) Encoded);

impl Batch {
    pub(crate) fn add(&mut self, topic: TopicIndex, key: &str, value: Option<&[u8]>, headers: Option<Headers>) {
        let Encoded { data, records } = &mut self.0;
        let start = data.len();
        data.extend_from_slice(key.as_bytes());
        let key = start..data.len();
        let value = value.map(|value| {
            data.extend_from_slice(value);
            key.end..data.len()
        });
        let partition = partition(&data[key.clone()], 6);
        records.push(Record { topic, partition, key, value, headers });
    }
    pub(crate) fn done(self) -> Arc<Encoded> {
        Arc::new(self.0)
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: String,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// All committed records of a topic, by partition and offset.
pub(crate) fn read_back(settings: &KafkaSettings, topic: &str) -> Vec<Read> {
    let reader = TopicReader::open(settings).unwrap();
    let count = reader.partitions(topic).unwrap().expect("the topic exists");
    let mut ranges = BTreeMap::new();
    for partition in 0..count {
        let marks = reader.watermarks(topic, partition).unwrap();
        ranges.insert(partition, (marks.first, marks.end));
    }
    let mut found = Vec::new();
    let read = reader.read(topic, &ranges, Duration::from_secs(60), &mut |message| {
        found.push(Read {
            partition: message.partition(),
            offset: message.offset(),
            key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
            value: message.value().map(<[u8]>::to_vec),
            headers: message.headers(),
        });
        Ok(())
    });
    read.unwrap_or_else(|failure| panic!("{failure}"));
    found.sort_by_key(|record| (record.partition, record.offset));
    found
}
