//! The commands against a real broker: two lanes write through their ledgers, then what was written is shown, checked,
//! altered and checked again. Run with `KAFKA_BOOTSTRAP`, as `cargo xtask stack up --name X` prints it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use moorline_pipeline::anchor::{
    Anchor, AnchorKey, CollectionDelta, ExportStart, LaneFacts, Ledger, Lineage, PositionFacts, decode, encode,
    encode_key,
};
use moorline_pipeline::contract::output::Converter;
use moorline_pipeline::model::{ClusterTime, Namespace};
use moorline_pipeline::offsets::{Scope, Stored};
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{ControlRecord, ControlTopic, Encoded, LaneSink, Record, Sink};
use moorline_pipeline::task::cut::Ticks;
use moorline_sink_kafka::{ControlTopics, KafkaLaneSink, KafkaSettings, KafkaSink, TopicReader};

use super::{Anchors, Answer, ListArgs, Place, ShowArgs, run};

const INTERVAL: u32 = 10;
const TICKS: u32 = 6;

struct Lane {
    sink: KafkaLaneSink,
    ledger: Ledger,
    number: u32,
    prefix: String,
    written: u32,
}

fn facts(lane: u32, prefix: &str) -> LaneFacts {
    LaneFacts {
        connector: "shop".into(),
        lane,
        lanes: 2,
        layout: "5c1e5c1e".into(),
        prefix: prefix.into(),
        scope: Scope::of_patterns(&[format!("shop.c{lane}")]),
        patterns: vec![],
        history: "674100000000000000000001".into(),
        source_uuids: BTreeMap::new(),
        lineage: Lineage { source: "rs0".into(), server: "7.0.14".into(), ..Lineage::default() },
        digest_on: true,
        full_every: 3,
        interval_s: INTERVAL,
        anchor_schema_id: 7,
        anchor_key_schema_id: 6,
    }
}

impl Lane {
    fn open(settings: &KafkaSettings, prefix: &str, number: u32) -> Self {
        let mut sink = KafkaSink::new(settings.clone()).lane(&format!("{prefix}-{number}")).unwrap();
        let facts = facts(number, prefix);
        let read = sink.read_offsets(&|key| facts.scope.owns("shop", prefix, key)).unwrap();
        let stored = Stored::parse(&facts.scope, "shop", prefix, &read).unwrap();
        let namespace = Namespace::new("shop", &format!("c{number}"));
        let topic = format!("{prefix}.shop.c{number}");
        let (topic_index, partition_count) = sink.topic(&topic).unwrap();
        let known = !stored.progress.is_empty();
        let mut ledger = Ledger::restore(facts, stored.position.as_ref(), stored.progress);
        if known {
            ledger.bind(&namespace, topic_index);
        } else {
            ledger.begin_export(ExportStart {
                namespace,
                epoch: [number as u8 + 1; 16],
                topic,
                topic_index,
                topic_id: sink.topic_id(topic_index),
                partition_count,
                key_schema_id: 100,
                key_schema_digest: "00".into(),
                key_converter: Converter::Avro,
                contract: Some("a91c3e0000".into()),
                complete: true,
            });
        }
        Self { sink, ledger, number, prefix: prefix.into(), written: 0 }
    }

    fn transaction(&mut self, records: u32, ticks: Option<Ticks>, label: Option<&str>, commit: bool) {
        let namespace = Namespace::new("shop", &format!("c{}", self.number));
        let (topic, partitions) = self.sink.topic(&format!("{}.shop.c{}", self.prefix, self.number)).unwrap();
        let mut batch = Encoded::default();
        let mut delta = CollectionDelta::default();
        for _ in 0..records {
            self.written += 1;
            let key = format!("k{}", self.written % 50).into_bytes();
            let value = (!self.written.is_multiple_of(7))
                .then(|| [&[0, 0, 0, 0, 110][..], &self.written.to_be_bytes()].concat());
            delta.digest.add_record(&key, value.as_deref());
            if value.is_some() {
                delta.counts.u += 1;
                delta.value_schemas.insert(110, "11".into());
            } else {
                delta.counts.d += 1;
                delta.counts.tombstones += 1;
            }
            let start = batch.data.len();
            batch.data.extend_from_slice(&key);
            let end = batch.data.len();
            let value = value.map(|value| {
                batch.data.extend_from_slice(&value);
                end..batch.data.len()
            });
            batch.records.push(Record {
                topic,
                partition: partition(&key, partitions),
                key: start..end,
                value,
                headers: None,
            });
        }
        self.sink.begin().unwrap();
        self.sink.produce(&Arc::new(batch)).unwrap();
        let delivered = self.sink.flush().unwrap();
        if !commit {
            self.sink.abort();
            self.sink.renew().unwrap();
            return;
        }
        let deltas = if records > 0 { BTreeMap::from([(namespace, delta)]) } else { BTreeMap::new() };
        self.ledger.apply(&deltas, &delivered);
        if let Some(label) = label {
            self.ledger.request(Some(label.into()));
        }
        let frontier = ticks.map_or(ClusterTime::new(1, 1), |t| t.cut);
        let position = PositionFacts {
            frontier,
            resume: None,
            witness: None,
            pipeline: "[]".into(),
            inexact_until: None,
            snapshot_done: true,
        };
        let closed = self.ledger.close(ticks, position, frontier.wall_ms() + 41);
        self.sink.write(closed.records).unwrap();
        self.sink.commit().unwrap();
    }

    fn control(&mut self, key: &AnchorKey, value: Option<Vec<u8>>) {
        let record = ControlRecord { topic: ControlTopic::Anchors, key: encode_key(key, 6), value, headers: None };
        self.sink.begin().unwrap();
        self.sink.write(vec![record]).unwrap();
        self.sink.commit().unwrap();
    }
}

fn settings() -> (KafkaSettings, String, u32) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let prefix = format!("anchors-{:x}", now.as_micros());
    let names = [format!("{prefix}-offsets"), format!("{prefix}.anchors"), format!("{prefix}.quarantine")];
    let [offsets, anchors, quarantine] = names;
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP").expect("set KAFKA_BOOTSTRAP: cargo xtask stack up --name X");
    let mut settings = KafkaSettings::new(bootstrap, ControlTopics::named(offsets, anchors, quarantine));
    settings.topics.default.partitions = Some(3);
    (settings, prefix, now.as_secs() as u32 / INTERVAL - TICKS)
}

fn list(place: &Place, kind: &[&str]) -> Answer {
    let kind = kind.iter().map(|k| (*k).to_owned()).collect();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    run(&Anchors::List(ListArgs { since: None, kind, archive: Vec::new(), limit: 20 }), place, false, now_ms).unwrap()
}

fn show(place: &Place, at: &str, check: bool, json: bool) -> Answer {
    let args = ShowArgs { at: at.into(), archive: Vec::new(), check, raw: false, all: false };
    run(&Anchors::Show(args), place, json, 0).unwrap_or_else(|failure| panic!("{failure}"))
}

fn codes(answer: &Answer) -> Vec<&'static str> {
    answer.findings.iter().map(|finding| finding.code).collect()
}

#[test]
#[ignore = "needs servers"]
fn what_two_lanes_wrote_is_listed_shown_checked_and_not_believed_once_altered() {
    let (settings, prefix, first) = settings();
    let mut lanes = [Lane::open(&settings, &prefix, 0), Lane::open(&settings, &prefix, 1)];
    for n in 0..TICKS {
        let at = ClusterTime::new((first + n) * INTERVAL, 0);
        let ticks = Some(Ticks { covers_from: at, cut: at });
        for lane in &mut lanes {
            lane.transaction(20, None, None, true);
            // Its offsets are gone: ranges have holes.
            lane.transaction(3, None, None, false);
            // Lane 1 has nothing to say after the third tick but that time has passed.
            let records = if lane.number == 1 && n > 2 { 0 } else { 5 };
            lane.transaction(records, ticks, (n == 2).then_some("month-end"), true);
        }
        if n == 3 {
            // A restart goes on from what is durable.
            lanes = [Lane::open(&settings, &prefix, 0), Lane::open(&settings, &prefix, 1)];
        }
    }
    let place = Place {
        connector: "shop".into(),
        kafka: settings.clone(),
        certificates: settings.control.anchors.replace("anchors", "certificates"),
    };

    let listed = list(&place, &[]);
    println!("{}{}", listed.data, listed.notes.join("\n"));
    assert_eq!(listed.data.lines().count(), 1 + TICKS as usize);
    assert!(listed.data.lines().skip(1).all(|line| line.contains(" 2/2 ") && line.contains(" yes ")));
    assert_eq!(list(&place, &["!tick"]).data.lines().count(), 2);

    let shown = show(&place, "label:month-end", true, false);
    println!("{}{}", shown.data, shown.notes.join("\n"));
    assert_eq!(codes(&shown), [""; 0]);
    assert!(shown.data.contains("all as written"));
    let newest = show(&place, "latest", true, true);
    let newest: serde_json::Value = serde_json::from_str(&newest.data).unwrap();
    assert_eq!(newest["check"]["records"], 2 * 20 * TICKS + 5 * (TICKS + 3));
    assert_eq!(newest["check"]["findings"], serde_json::json!([]));

    // An anchor that counts a record more, under its own key.
    let reader = TopicReader::open(&settings).unwrap();
    let end = reader.watermarks(&settings.control.anchors, 0).unwrap().stable;
    let mut stored: Vec<Anchor> = vec![];
    let ranges = BTreeMap::from([(0, (0, end))]);
    let limit = std::time::Duration::from_secs(20);
    reader
        .read(&settings.control.anchors, &ranges, limit, &mut |message| {
            stored.push(decode(message.value().unwrap()).unwrap());
            Ok(())
        })
        .unwrap();
    let newest = stored.iter().rev().find(|a| a.lane == 0).unwrap().clone();
    let mut altered = newest.clone();
    altered.collections[0].records.u += 1;
    altered.collections[0].partitions[0].records += 1;
    lanes[0].control(&newest.key(), Some(encode(&altered, 7)));
    let found = codes(&show(&place, "latest", true, false));
    assert!(found.contains(&"MOOR-6011") && found.contains(&"MOOR-6013"), "{found:?}");
    lanes[0].control(&newest.key(), Some(encode(&newest, 7)));
    assert_eq!(codes(&show(&place, "latest", true, false)), [""; 0]);
}
