//! Topics made by their rules, and the offsets topic read back, against a real broker.

mod servers;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use moorline_pipeline::error::Next;
use moorline_pipeline::sink::{ControlRecord, ControlTopic, LaneSink, Sink};
use moorline_sink_kafka::{KafkaLaneSink, KafkaSink, TopicGroup, TopicReader, TopicRule};
use servers::{lane, settings};

fn offsets(pairs: &[(&str, Option<&str>)]) -> Vec<ControlRecord> {
    let record = |(key, value): &(&str, Option<&str>)| ControlRecord {
        topic: ControlTopic::Offsets,
        key: key.as_bytes().to_vec(),
        value: value.map(|value| value.as_bytes().to_vec()),
        headers: None,
    };
    pairs.iter().map(record).collect()
}

fn write(sink: &mut KafkaLaneSink, pairs: &[(&str, Option<&str>)]) {
    sink.begin().unwrap();
    sink.write(offsets(pairs)).unwrap();
    sink.flush().unwrap();
    sink.commit().unwrap();
}

fn read(sink: &mut KafkaLaneSink, prefix: &'static [u8]) -> BTreeMap<String, String> {
    let found = sink.read_offsets(&|key| key.starts_with(prefix)).unwrap_or_else(|failure| panic!("{failure}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    found.into_iter().map(|(key, value)| (text(key), text(value))).collect()
}

#[test]
#[ignore = "needs servers"]
fn the_newest_value_of_each_key() {
    let (settings, prefix) = settings("newest");
    let mut sink = lane(&settings, &prefix);
    assert!(read(&mut sink, b"").is_empty());
    for round in 0..5 {
        let value = round.to_string();
        write(&mut sink, &[("a1", Some(&value)), ("a2", Some(&value)), ("b", Some(&value))]);
    }
    write(&mut sink, &[("a2", None), ("a3", Some("x"))]);
    sink.begin().unwrap();
    sink.write(offsets(&[("a1", Some("aborted"))])).unwrap();
    sink.flush().unwrap();
    sink.abort();
    let expected = [("a1", "4"), ("a3", "x")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(read(&mut sink, b"a"), expected.into());
}

/// I-KAFKA-1: a foreign transaction that is open must not hide the newest position.
#[test]
#[ignore = "needs servers"]
fn a_foreign_open_transaction_is_waited_for() {
    let (mut settings, prefix) = settings("foreign");
    settings.control.offsets_partitions = 1;
    settings.offsets_timeout = Duration::from_secs(3);
    let mut ours = lane(&settings, &format!("{prefix}-ours"));
    write(&mut ours, &[("position", Some("old"))]);

    let mut foreign = lane(&settings, &format!("{prefix}-foreign"));
    foreign.begin().unwrap();
    foreign.write(offsets(&[("other", Some("x"))])).unwrap();
    foreign.flush().unwrap();
    // Committed, but behind the open transaction: a reader "to the end" does not see it.
    write(&mut ours, &[("position", Some("new"))]);
    let reader = TopicReader::open(&settings).unwrap();
    let marks = reader.watermarks(&settings.control.offsets, 0).unwrap();
    assert!(marks.stable < marks.end, "no foreign transaction stands in the way: the test shows nothing");

    let started = Instant::now();
    let failure = ours.read_offsets(&|_| true).unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-3007", Next::Retry), "{failure}");
    assert!(started.elapsed() >= Duration::from_secs(3) && started.elapsed() < Duration::from_secs(15));

    let ending = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        foreign.abort();
        foreign
    });
    assert_eq!(read(&mut ours, b"position")["position"], "new");
    drop(ending.join().unwrap());
}

#[test]
#[ignore = "needs servers"]
fn topics_are_made_by_their_group() {
    let (mut settings, prefix) = settings("groups");
    let rule = TopicRule {
        replication: None,
        partitions: Some(4),
        configs: [("retention.ms".to_owned(), "86400000".to_owned())].into(),
    };
    let include = [format!("{}\\..*", prefix.replace('.', "\\."))];
    let exclude = [".*\\.plain".to_owned()];
    settings.topics.groups = vec![TopicGroup::new(&include, &exclude, rule).unwrap()];
    settings.topics.default.partitions = Some(2);
    let mut sink = lane(&settings, &prefix);
    let (special, count) = sink.topic(&format!("{prefix}.special")).unwrap();
    assert_eq!(count, 4);
    let (plain, count) = sink.topic(&format!("{prefix}.plain")).unwrap();
    assert_eq!(count, 2);
    assert_eq!(sink.topic(&format!("{prefix}.special")).unwrap(), (special, 4));
    let id = sink.topic_id(special).expect("this broker has topic ids");
    assert_eq!(id.len(), 22, "{id}");
    assert_ne!(sink.topic_id(plain), Some(id));

    let reader = TopicReader::open(&settings).unwrap();
    let config = |topic: &str, key: &str| reader.configs(topic).unwrap()[key].clone();
    assert_eq!(config(&format!("{prefix}.special"), "retention.ms"), "86400000");
    assert_eq!(config(&format!("{prefix}.special"), "cleanup.policy"), "delete");
    assert_eq!(config(&format!("{prefix}.plain"), "retention.ms"), "-1");
    let control = &settings.control;
    assert_eq!(config(&control.offsets, "cleanup.policy"), "compact");
    assert_eq!(reader.partitions(&control.offsets).unwrap(), Some(3));
    assert_eq!(config(&control.anchors, "cleanup.policy"), "compact");
    assert_eq!(config(&control.anchors, "min.compaction.lag.ms"), "0");
    assert_eq!(reader.partitions(&control.anchors).unwrap(), Some(1));
    assert_eq!(config(&control.quarantine, "retention.ms"), "-1");
    assert_eq!(reader.partitions("no.such.topic").unwrap(), None);
    assert!(!reader.topics().unwrap().contains_key("no.such.topic"), "asking made the topic");
}

#[test]
#[ignore = "needs servers"]
fn what_cannot_be_made_is_told_with_its_reason() {
    let (mut settings, prefix) = settings("refused");
    let mut sink = lane(&settings, &prefix);
    sink.topic(&format!("{prefix}.fs.files_chunks")).unwrap();
    let failure = sink.topic(&format!("{prefix}.fs_files.chunks")).unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-3004", Next::Halt));
    assert!(failure.problem.place.contains("fs.files_chunks exists"), "{failure}");

    settings.topics.default.configs.insert("retention.ms".into(), "soon".into());
    let mut sink = lane(&settings, &prefix);
    let failure = sink.topic(&format!("{prefix}.odd")).unwrap_err();
    assert_eq!(failure.problem.code, "MOOR-3004");
    assert!(failure.problem.why.contains("retention.ms"), "{failure}");

    settings.topics.enable = false;
    let mut sink = lane(&settings, &prefix);
    let failure = sink.topic(&format!("{prefix}.absent")).unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-3005", Next::Halt), "{failure}");
    println!("{failure}");
}

#[test]
#[ignore = "needs servers"]
fn a_transaction_longer_than_the_broker_allows() {
    let (mut settings, prefix) = settings("limit");
    settings.transaction_timeout = Duration::from_secs(3600);
    let Err(failure) = KafkaSink::new(settings).lane(&prefix) else { panic!("the broker allows 15 minutes") };
    assert_eq!((failure.problem.code, failure.next), ("MOOR-3006", Next::Halt), "{failure}");
}

#[test]
#[ignore = "needs servers"]
fn a_range_that_is_gone_is_no_empty_range() {
    let (settings, prefix) = settings("gone");
    let mut sink = lane(&settings, &prefix);
    let topic = format!("{prefix}.data");
    sink.topic(&topic).unwrap();
    let reader = TopicReader::open(&settings).unwrap();
    let ranges = [(0, (1_000, 2_000))].into();
    let failure = reader.read(&topic, &ranges, Duration::from_secs(5), &mut |_| Ok(())).unwrap_err();
    assert_eq!(failure.problem.code, "MOOR-3012", "{failure}");
}
