//! A lane that writes random batches through one or more ledgers, with Kafka and the offsets topic beside them.

use std::collections::BTreeMap;

use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::anchor::{
    Anchor, Closed, CollectionDelta, ExportStart, Inexact, LaneFacts, Ledger, Lineage, PositionFacts, decode,
    decode_key,
};
use moorline_pipeline::contract::output::Converter;
use moorline_pipeline::model::{ClusterTime, Namespace};
use moorline_pipeline::offsets::{Scope, Stored};
use moorline_pipeline::sink::{ControlRecord, ControlTopic, Deliveries};
use moorline_pipeline::task::cut::Ticks;

use crate::kafka::{Dice, Kafka, Sent};

pub(crate) const INTERVAL: u32 = 10;

pub(crate) fn facts(lane: u32, lanes: u32, full_every: u32) -> LaneFacts {
    LaneFacts {
        connector: "shop".into(),
        lane,
        lanes,
        layout: "5c1e".into(),
        prefix: "shop".into(),
        scope: if lanes == 1 { Scope::All } else { Scope::of_patterns(&[format!("s.{lane}")]) },
        patterns: vec![],
        history: "674100000000000000000001".into(),
        source_uuids: BTreeMap::new(),
        lineage: Lineage { version: "0.1.0".into(), ..Lineage::default() },
        digest_on: true,
        full_every,
        interval_s: INTERVAL,
        anchor_schema_id: 7,
        anchor_key_schema_id: 6,
    }
}

pub(crate) fn namespace(number: u32) -> Namespace {
    Namespace::new("shop", &format!("c{number}"))
}

pub(crate) fn export(number: u32, epoch: u8, complete: bool) -> ExportStart {
    ExportStart {
        namespace: namespace(number),
        epoch: [epoch; 16],
        topic: format!("shop.shop.c{number}"),
        topic_index: number,
        topic_id: None,
        partition_count: 3,
        key_schema_id: 100 + number,
        key_schema_digest: "00".into(),
        key_converter: Converter::Avro,
        contract: Some("ab".into()),
        complete,
    }
}

pub(crate) fn position(frontier: ClusterTime, inexact_until: Option<ClusterTime>) -> PositionFacts {
    PositionFacts { frontier, resume: None, witness: None, pipeline: "[]".into(), inexact_until, snapshot_done: true }
}

pub(crate) fn tick(number: u32) -> ClusterTime {
    ClusterTime::new(number * INTERVAL, 0)
}

/// What is durable beside the data.
#[derive(Clone, Default)]
pub(crate) struct Durable {
    pub(crate) offsets: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) anchors: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Durable {
    pub(crate) fn commit(&mut self, records: Vec<ControlRecord>) {
        for record in records {
            match record.topic {
                ControlTopic::Offsets => {
                    self.offsets.insert(record.key, record.value.expect("no tombstones here"));
                }
                ControlTopic::Anchors => self.anchors.push((record.key, record.value)),
                ControlTopic::Quarantine | ControlTopic::Transactions | ControlTopic::Heartbeats => {
                    panic!("a ledger writes no quarantine")
                }
            }
        }
    }
    pub(crate) fn log(&self) -> Log {
        Log::read(
            "shop",
            self.anchors
                .iter()
                .map(|(key, value)| (decode_key(key).unwrap(), value.as_deref().map(|value| decode(value).unwrap()))),
        )
    }
    /// A ledger from what is durable, its topics bound.
    pub(crate) fn restore(&self, facts: LaneFacts) -> Ledger {
        let stored = Stored::parse(&facts.scope, &facts.connector, &facts.prefix, &self.offsets).unwrap();
        let known: Vec<Namespace> = stored.progress.iter().map(|p| p.namespace.clone()).collect();
        let mut ledger = Ledger::restore(facts, stored.position.as_ref(), stored.progress);
        for namespace in known {
            let number = namespace.coll()[1..].parse().unwrap();
            ledger.bind(&namespace, number);
        }
        ledger
    }
}

/// One transaction, made without a ledger, so that several can be given the same.
pub(crate) struct Batch {
    pub(crate) begins: Vec<ExportStart>,
    pub(crate) deltas: BTreeMap<Namespace, CollectionDelta>,
    pub(crate) delivered: Deliveries,
    pub(crate) owe: Option<&'static str>,
    pub(crate) ticks: Option<Ticks>,
    pub(crate) position: PositionFacts,
    pub(crate) now_ms: i64,
}

impl Batch {
    pub(crate) fn through(&self, ledger: &mut Ledger) -> Closed {
        for start in &self.begins {
            ledger.begin_export(start.clone());
        }
        ledger.apply(&self.deltas, &self.delivered);
        if let Some(kind) = self.owe {
            ledger.owe(kind);
        }
        ledger.close(self.ticks, self.position.clone(), self.now_ms)
    }
}

/// A random history.
pub(crate) struct History {
    dice: Dice,
    pub(crate) kafka: Kafka,
    begun: BTreeMap<u32, u8>,
    next_tick: u32,
    late_until: Option<ClusterTime>,
    written: u32,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            kafka: Kafka::default(),
            begun: BTreeMap::new(),
            next_tick: 100,
            late_until: None,
            written: 0,
        }
    }
    pub(crate) fn chance(&mut self, one_in: usize) -> bool {
        self.dice.below(one_in) == 0
    }

    pub(crate) fn batch(&mut self) -> Batch {
        let mut begins = vec![];
        let mut records: Vec<Sent> = vec![];
        let mut deltas: BTreeMap<Namespace, CollectionDelta> = BTreeMap::new();
        for _ in 0..self.dice.below(4) {
            let number = self.dice.below(3) as u32;
            let known = self.begun.get(&number).copied();
            // A collection comes to be, and rarely it is created anew.
            if known.is_none() || self.dice.below(40) == 0 {
                let epoch = known.unwrap_or_default() + 1;
                self.begun.insert(number, epoch);
                begins.push(export(number, epoch, self.dice.below(3) > 0));
                // Records of the former export in the same transaction would be counted to the new one.
                records.retain(|(topic, ..)| *topic != number);
                deltas.remove(&namespace(number));
            }
            let delta = deltas.entry(namespace(number)).or_default();
            for _ in 0..self.dice.below(6) {
                self.written += 1;
                let key = format!("k{}", self.dice.below(50)).into_bytes();
                let tombstone = self.dice.below(5) == 0;
                let value = (!tombstone).then(|| [&[0, 0, 0, 0, 110][..], &self.written.to_be_bytes()].concat());
                if tombstone {
                    delta.counts.d += 1;
                    delta.counts.tombstones += 1;
                } else {
                    delta.counts.u += 1;
                    delta.value_schemas.insert(110, "11".into());
                }
                delta.digest.add_record(&key, value.as_deref());
                records.push((number, self.dice.below(3) as i32, key, value));
            }
            match self.dice.below(12) {
                0 => delta.inexact.push(Inexact::of("image-missing", &namespace(number))),
                1 => {
                    let mut reason = Inexact::of("late-lookup", &namespace(number));
                    reason.until = Some(tick(self.next_tick + self.dice.below(4) as u32));
                    delta.inexact.push(reason);
                }
                2 => delta.completed = true,
                3 => delta.counts.quarantined += 1,
                4 => delta.versions = Some(("2026-11-23".into(), self.written)),
                _ => {}
            }
        }
        let delivered = self.kafka.commit(&mut self.dice, &records);
        if self.dice.below(20) == 0 {
            self.late_until = Some(ClusterTime::new((self.next_tick + 1) * INTERVAL + 3, 1));
        }
        let ticks = (self.dice.below(3) == 0).then(|| {
            let covers_from = tick(self.next_tick);
            self.next_tick += 1 + if self.dice.below(3) == 0 { self.dice.below(5) as u32 } else { 0 };
            Ticks { covers_from, cut: tick(self.next_tick - 1) }
        });
        let owe = ["requested", "snapshot-begin", "snapshot-complete"].get(self.dice.below(20)).copied();
        let frontier = ticks.map_or(tick(self.next_tick - 1).succ(), |t| t.cut);
        let position = position(frontier, self.late_until);
        Batch { begins, deltas, delivered, owe, ticks, position, now_ms: frontier.wall_ms() + 41 }
    }
}

/// An anchor without what differs between a full one and a difference: those are the same cut.
pub(crate) fn cut_of(anchor: &Anchor) -> Anchor {
    Anchor { id: String::new(), parent: None, base: None, full: true, ..anchor.clone() }
}
