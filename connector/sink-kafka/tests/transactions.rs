//! A lane's transactions against a real broker.

mod servers;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use moorline_pipeline::error::Next;
use moorline_pipeline::sink::{Committed, ControlRecord, ControlTopic, Delivered, LaneSink, Sink};
use moorline_sink_kafka::KafkaSink;
use servers::{Batch, lane, read_back, settings};

fn position(key: &str, value: &str) -> Vec<ControlRecord> {
    vec![ControlRecord {
        topic: ControlTopic::Offsets,
        key: key.as_bytes().to_vec(),
        value: Some(value.as_bytes().to_vec()),
        headers: None,
    }]
}

#[test]
#[ignore = "needs servers"]
fn a_small_transaction_takes_milliseconds() {
    let (settings, prefix) = settings("latency");
    let mut sink = lane(&settings, &prefix);
    let (topic, _) = sink.topic(&format!("{prefix}.data")).unwrap();
    let mut took = Vec::new();
    let mut commits = Vec::new();
    for round in 0..50 {
        let mut batch = Batch::default();
        batch.add(topic, "k", Some(format!("{round}").as_bytes()), None);
        let started = Instant::now();
        sink.begin().unwrap();
        sink.produce(&batch.done()).unwrap();
        sink.flush().unwrap();
        sink.write(position("p", &round.to_string())).unwrap();
        let asked = Instant::now();
        let committed = sink.commit().unwrap();
        commits.push(asked.elapsed());
        took.push(started.elapsed());
        if committed == Committed::AfterTrouble {
            sink.renew().unwrap();
        }
    }
    took.sort();
    commits.sort();
    println!("transaction: median {:?}, slowest {:?}; commit: median {:?}", took[25], took[49], commits[25]);
    assert!(commits[25] < Duration::from_millis(50), "{commits:?}");
    assert_eq!(read_back(&settings, &format!("{prefix}.data")).len(), 50);
}

#[test]
#[ignore = "needs servers"]
fn each_record_once_in_order_and_aborted_ones_never() {
    const RECORDS: usize = 100_000;
    const BATCH: usize = 10_000;
    let (settings, prefix) = settings("once");
    let mut sink = lane(&settings, &prefix);
    let name = format!("{prefix}.data");
    let (topic, partitions) = sink.topic(&name).unwrap();
    assert_eq!(partitions, 6);
    let mut delivered: BTreeMap<i32, Vec<Delivered>> = BTreeMap::new();
    let batches: Vec<_> = (0..RECORDS / BATCH)
        .map(|round| {
            let mut batch = Batch::default();
            for number in round * BATCH..(round + 1) * BATCH {
                let key = format!("key-{}", number % 997);
                batch.add(topic, &key, Some(format!("{number:>300}").as_bytes()), None);
            }
            batch.done()
        })
        .collect();
    let started = Instant::now();
    for (round, batch) in batches.iter().enumerate() {
        // One transaction in three is tried and given up first.
        if round % 3 == 1 {
            sink.begin().unwrap();
            sink.produce(batch).unwrap();
            if round % 2 == 0 {
                sink.flush().unwrap();
            }
            sink.abort();
        }
        if sink.begin().is_err() {
            sink.renew().unwrap();
            sink.begin().unwrap();
        }
        sink.produce(batch).unwrap();
        for ((index, partition), figures) in sink.flush().unwrap() {
            assert_eq!(index, topic);
            delivered.entry(partition).or_default().push(figures);
        }
        sink.write(position("p", &round.to_string())).unwrap();
        if sink.commit().unwrap() == Committed::AfterTrouble {
            sink.renew().unwrap();
        }
    }
    let took = started.elapsed();
    println!("{:.0} records/s, with three of ten batches written twice", RECORDS as f64 / took.as_secs_f64());

    let records = read_back(&settings, &name);
    assert_eq!(records.len(), RECORDS);
    let mut last: HashMap<&str, i64> = HashMap::new();
    for record in &records {
        let value = String::from_utf8_lossy(record.value.as_ref().unwrap());
        let number: i64 = value.trim().parse().unwrap();
        if let Some(before) = last.insert(&record.key, number) {
            assert_eq!(number, before + 997, "{}", record.key);
        }
    }
    // I-KAFKA-4: committed records in the ranges are their counts, holes included.
    for (partition, ranges) in delivered {
        for range in ranges {
            let within =
                |r: &&servers::Read| r.partition == partition && (range.first..=range.last).contains(&r.offset);
            assert_eq!(records.iter().filter(within).count() as i64, range.records);
            assert!(records.iter().any(|r| r.partition == partition && r.offset == range.first));
            assert!(records.iter().any(|r| r.partition == partition && r.offset == range.last));
        }
    }
}

#[test]
#[ignore = "needs servers"]
fn throughput_of_large_batches() {
    let (settings, prefix) = settings("speed");
    let mut sink = lane(&settings, &prefix);
    let (topic, _) = sink.topic(&format!("{prefix}.data")).unwrap();
    let mut batch = Batch::default();
    for number in 0..32_768 {
        batch.add(topic, &format!("{number:024}"), Some(format!("{number:>340}").as_bytes()), None);
    }
    let batch = batch.done();
    for _ in 0..2 {
        let started = Instant::now();
        for round in 0..10 {
            sink.begin().unwrap();
            sink.produce(&batch).unwrap();
            sink.flush().unwrap();
            sink.write(position("p", &round.to_string())).unwrap();
            if sink.commit().unwrap() == Committed::AfterTrouble {
                println!("renewed");
                sink.renew().unwrap();
            }
        }
        println!("{:.0} records/s", 327_680.0 / started.elapsed().as_secs_f64());
    }
}

/// Log lines of the code under test, to see that a fault did happen.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
#[ignore = "needs servers"]
fn a_full_queue_loses_nothing_and_keeps_order() {
    let (mut settings, prefix) = settings("full");
    settings.queue_messages = 300;
    let mut sink = lane(&settings, &prefix);
    let (one, _) = sink.topic(&format!("{prefix}.one")).unwrap();
    let (two, _) = sink.topic(&format!("{prefix}.two")).unwrap();
    let mut batch = Batch::default();
    for number in 0..20_000 {
        let headers = (number % 50 == 0).then(|| Box::from([("n".into(), Box::from(number.to_string().as_bytes()))]));
        let value = format!("{number}");
        let topic = if number % 2 == 0 { one } else { two };
        batch.add(topic, &format!("k{}", number % 31), Some(value.as_bytes()), headers);
    }
    sink.begin().unwrap();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    tracing::subscriber::with_default(subscriber, || sink.produce(&batch.done()).unwrap());
    let full = String::from_utf8_lossy(&log.0.lock().unwrap()).matches("queue is full").count();
    println!("the queue was full {full} times");
    assert!(full > 0, "the queue was never full: the test shows nothing");
    let delivered = sink.flush().unwrap();
    assert_eq!(delivered.values().map(|figures| figures.records).sum::<i64>(), 20_000);
    sink.commit().unwrap();
    for name in ["one", "two"] {
        let records = read_back(&settings, &format!("{prefix}.{name}"));
        assert_eq!(records.len(), 10_000);
        let mut last: HashMap<i32, i64> = HashMap::new();
        for record in records {
            let number: i64 = String::from_utf8_lossy(&record.value.unwrap()).parse().unwrap();
            assert!(last.insert(record.partition, number).is_none_or(|before| before < number));
        }
    }
}

#[test]
#[ignore = "needs servers"]
fn tombstones_with_headers_stand_in_their_place() {
    let (settings, prefix) = settings("tombstones");
    let mut sink = lane(&settings, &prefix);
    let name = format!("{prefix}.data");
    let (topic, _) = sink.topic(&name).unwrap();
    let mut batch = Batch::default();
    for number in 0..3_000_u32 {
        let headers =
            Box::from([("seq".into(), Box::from(number.to_string().as_bytes())), ("empty".into(), Box::from([]))]);
        match number % 7 {
            3 => batch.add(topic, "the key", None, Some(headers)),
            5 => batch.add(topic, "the key", Some(b""), None),
            _ => batch.add(topic, "the key", Some(number.to_string().as_bytes()), None),
        }
    }
    sink.begin().unwrap();
    sink.produce(&batch.done()).unwrap();
    let delivered = sink.flush().unwrap();
    sink.commit().unwrap();
    let records = read_back(&settings, &name);
    let figures = delivered.values().next().unwrap();
    assert_eq!((figures.first, figures.last, figures.records), (0, 2_999, 3_000));
    assert_eq!(records.len(), 3_000);
    for (number, record) in records.iter().enumerate() {
        match number % 7 {
            3 => {
                assert_eq!(record.value, None);
                assert_eq!(record.headers[0], ("seq".to_owned(), Some(number.to_string().into_bytes())));
                assert_eq!(record.headers[1], ("empty".to_owned(), Some(Vec::new())));
            }
            5 => assert_eq!(record.value.as_deref(), Some(&b""[..])),
            _ => assert_eq!(record.value, Some(number.to_string().into_bytes())),
        }
    }
}

#[test]
#[ignore = "needs servers"]
fn a_second_producer_fences_the_first_which_may_renew() {
    let (settings, prefix) = settings("fencing");
    let mut first = lane(&settings, &prefix);
    let name = format!("{prefix}.data");
    let (topic, _) = first.topic(&name).unwrap();
    let batch = |value: &str| {
        let mut batch = Batch::default();
        batch.add(topic, "k", Some(value.as_bytes()), None);
        batch.done()
    };
    first.begin().unwrap();
    first.produce(&batch("lost")).unwrap();
    first.flush().unwrap();

    let mut second = lane(&settings, &prefix);
    second.topic(&name).unwrap();
    second.begin().unwrap();
    second.produce(&batch("second")).unwrap();
    second.flush().unwrap();
    second.commit().unwrap();

    let failure = first.commit().unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-7003", Next::Rebuild), "{failure}");
    first.abort();
    assert!(first.begin().is_err(), "a fenced producer begins nothing");

    first.renew().unwrap();
    first.begin().unwrap();
    first.produce(&batch("first again")).unwrap();
    first.flush().unwrap();
    first.commit().unwrap();
    // Now the second one is fenced, at its first request.
    second.begin().unwrap();
    let produced = second.produce(&batch("lost too")).and_then(|()| second.flush().map(drop));
    let failure = produced.and_then(|()| second.commit().map(drop)).unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-7003", Next::Rebuild), "{failure}");

    let values: Vec<_> = read_back(&settings, &name).into_iter().map(|record| record.value.unwrap()).collect();
    assert_eq!(values, [b"second".to_vec(), b"first again".to_vec()]);
}

#[test]
#[ignore = "needs servers"]
fn a_transaction_that_timed_out_can_be_rebuilt() {
    let (mut settings, prefix) = settings("timeout");
    settings.transaction_timeout = Duration::from_secs(2);
    let mut sink = lane(&settings, &prefix);
    let name = format!("{prefix}.data");
    let (topic, _) = sink.topic(&name).unwrap();
    let batch = |value: &str| {
        let mut batch = Batch::default();
        batch.add(topic, "k", Some(value.as_bytes()), None);
        batch.done()
    };
    sink.begin().unwrap();
    sink.produce(&batch("late")).unwrap();
    sink.flush().unwrap();
    // The coordinator looks for such transactions every 10 s. What counts is that the commit fails for good.
    std::thread::sleep(Duration::from_secs(14));
    let failure = sink.commit().unwrap_err();
    assert_eq!(failure.next, Next::Rebuild, "{failure}");
    println!("{failure}");
    sink.renew().unwrap();
    sink.begin().unwrap();
    sink.produce(&batch("in time")).unwrap();
    sink.flush().unwrap();
    sink.commit().unwrap();
    assert_eq!(read_back(&settings, &name).len(), 1);
}

#[test]
#[ignore = "needs servers"]
fn a_record_over_the_limit_halts() {
    let (settings, prefix) = settings("large");
    let mut sink = lane(&settings, &prefix);
    let (topic, _) = sink.topic(&format!("{prefix}.data")).unwrap();
    let mut batch = Batch::default();
    batch.add(topic, "k", Some(&vec![0; 2 << 20]), None);
    sink.begin().unwrap();
    let failure = sink.produce(&batch.done()).unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-3009", Next::Halt), "{failure}");
    sink.abort();

    // Over the topic's own limit: only the broker knows, and says so with the delivery.
    let (mut settings, prefix) = servers::settings("larger");
    settings.message_max_bytes = 4 << 20;
    settings.compression = "none".to_owned();
    let mut sink = lane(&settings, &prefix);
    let (topic, _) = sink.topic(&format!("{prefix}.data")).unwrap();
    let mut batch = Batch::default();
    batch.add(topic, "k", Some(&vec![0; 2 << 20]), None);
    sink.begin().unwrap();
    let failure = sink.produce(&batch.done()).and_then(|()| sink.flush().map(drop)).unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-3009", Next::Halt), "{failure}");
    sink.abort();
}

#[test]
#[ignore = "needs servers"]
fn a_partition_that_is_not_there_halts_instead_of_hanging() {
    let (mut settings, prefix) = settings("fewer");
    settings.topics.default.partitions = Some(1);
    let mut sink = lane(&settings, &prefix);
    let (topic, count) = sink.topic(&format!("{prefix}.data")).unwrap();
    assert_eq!(count, 1);
    let mut batch = Batch::default();
    for number in 0..20 {
        batch.add(topic, &number.to_string(), Some(b"v"), None);
    }
    sink.begin().unwrap();
    let failure = sink.produce(&batch.done()).unwrap_err();
    assert_eq!(failure.problem.code, "MOOR-3011", "{failure}");
}

#[test]
fn no_broker_is_told_in_time() {
    let control = moorline_sink_kafka::ControlTopics::named("o", "a", "q");
    let mut settings = moorline_sink_kafka::KafkaSettings::new("127.0.0.1:1", control);
    settings.request_timeout = Duration::from_secs(2);
    let started = Instant::now();
    let Err(failure) = KafkaSink::new(settings).lane("nobody") else { panic!("there is no broker") };
    assert_eq!((failure.problem.code, failure.next), ("MOOR-3001", Next::Retry), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    println!("{failure}");
}
