//! The committer of a lane, on a thread of its own: one Kafka transaction a batch, with offsets and anchor in it.
//!
//! ```text
//! begin -> produce -> flush (offsets are known) -> progress, anchor, position -> commit -> told to the actor
//! ```
//!
//! Invariants: a transaction is open for produce and commit only (I-KAFKA-2); after a commit that was answered, but
//! only after trouble, the producer is renewed before the next begin (I-KAFKA-6); after any failure nothing is said to
//! be durable: the lane reads the offsets topic again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use moorline_pipeline::anchor::{CollectionDelta, ExportStart, Ledger, PositionFacts};
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::{Namespace, Uuid};
use moorline_pipeline::offsets::Progress;
use moorline_pipeline::sink::{Committed, ControlRecord, ControlTopic, Encoded, LaneSink};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::buffers::Buffers;
use crate::clock::now_ms;
use crate::contracts::Bound;
use crate::faults::{self, Point};
use crate::handle::Handle;
use crate::heartbeats::Heartbeats;
use crate::report::{AnchorNote, CollectionReport, LaneReport, Report};
use crate::work::{Event, Opened, Order, Transaction};

/// Anchors that one transaction takes out at most: some 50 kB of keys.
const RETIRED_MAX: usize = 500;

/// The committer's state.
pub(crate) struct Committer<K> {
    pub(crate) sink: K,
    pub(crate) ledger: Ledger,
    pub(crate) lane: u32,
    pub(crate) report: Arc<Report>,
    pub(crate) told: Arc<LaneReport>,
    /// Counters of the collections that this lane has written to.
    pub(crate) collections: HashMap<Namespace, Arc<CollectionReport>>,
    pub(crate) buffers: Arc<Buffers>,
    /// The stream's pipeline, as stored with the position.
    pub(crate) pipeline: String,
    /// Where this lane writes them.
    pub(crate) heartbeats: Option<Heartbeats>,
    /// What it is asked for.
    pub(crate) handle: Arc<Handle>,
}

impl<K: LaneSink> Committer<K> {
    /// Runs until the encoder closes the channel; a failure is told once and ends the thread. Gives the sink back, and
    /// how many transactions were committed.
    pub(crate) fn run(mut self, mut orders: mpsc::Receiver<Order>, events: &mpsc::UnboundedSender<Event>) -> (K, u64) {
        let mut transactions = 0;
        while let Some(order) = orders.blocking_recv() {
            let done = match order {
                Order::Topics(names) => self.sink.make_topics(&names),
                Order::Open { namespace, uuid, topic, bound, complete, fresh, answer } => {
                    // A failure goes to the encoder, which tells it.
                    let _ = answer.send(self.open(&namespace, uuid, &topic, &bound, complete, fresh));
                    Ok(())
                }
                Order::Commit(transaction) => self.commit(*transaction).map(|event| {
                    transactions += 1;
                    let _ = events.send(event);
                }),
            };
            if let Err(failure) = done {
                self.sink.abort();
                let _ = events.send(Event::Failed(failure));
                break;
            }
        }
        (self.sink, transactions)
    }

    fn open(
        &mut self,
        namespace: &Namespace,
        uuid: Uuid,
        topic: &str,
        bound: &Bound,
        complete: bool,
        fresh: bool,
    ) -> Result<Opened> {
        let (index, now) = self.sink.topic(topic)?;
        if let Some(written) = self.ledger.written_of(namespace) {
            same_keys(written, topic, bound)?;
        }
        if let Some(stored) = self.ledger.collection(namespace)
            && stored.epoch == uuid
            && stored.topic == topic
            && !fresh
        {
            let opened = Opened {
                topic: index,
                partition_count: stored.partition_count,
                versions: stored.versions_day.clone().map(|day| (day, stored.versions_count)),
            };
            self.ledger.bind(namespace, index);
            return Ok(opened);
        }
        let before = self.ledger.written_of(namespace);
        // On another topic, with no rows of this epoch, the export is not the whole.
        let complete =
            complete && !before.is_some_and(|stored| stored.epoch == uuid && stored.topic != topic && !fresh);
        // A topic that has been written to keeps its partition count for placement, also for a new export.
        let partition_count = before.filter(|stored| stored.topic == topic).map_or(now, |s| s.partition_count);
        let versions = before.and_then(|s| s.versions_day.clone().map(|day| (day, s.versions_count)));
        self.ledger.begin_export(ExportStart {
            namespace: namespace.clone(),
            epoch: uuid,
            topic: topic.to_owned(),
            topic_index: index,
            topic_id: self.sink.topic_id(index),
            partition_count,
            key_schema_id: bound.key_id,
            key_schema_digest: bound.key_digest.clone(),
            key_converter: bound.output.converters.key,
            contract: Some(bound.hash.clone()),
            complete,
        });
        info!(collection = %namespace, topic, partitions = partition_count, complete, "export begins");
        Ok(Opened { topic: index, partition_count, versions })
    }

    fn commit(&mut self, transaction: Transaction) -> Result<Event> {
        // What it holds of the budget is given back at the end, however that is.
        let Transaction { data, mut control, deltas, close, held: _held } = transaction;
        control.extend(self.heartbeats.as_mut().and_then(|beats| beats.beat(Instant::now(), now_ms())));
        let pass = |point| faults::pass(point, self.lane);
        pass(Point::BeginBefore)?;
        let began = Instant::now();
        self.sink.begin()?;
        pass(Point::BeginAfter)?;
        pass(Point::ProduceBefore)?;
        for batch in &data {
            self.sink.produce(batch)?;
        }
        if !control.is_empty() {
            self.sink.write(control)?;
        }
        pass(Point::ProduceAfter)?;
        pass(Point::FlushBefore)?;
        let delivered = self.sink.flush()?;
        pass(Point::FlushAfter)?;
        self.ledger.apply(&deltas, &delivered);
        if let Some(kind) = close.owe {
            self.ledger.owe(kind);
        }
        if let Some(asked) = close.asked {
            self.ledger.request(asked.label);
        }
        let position = PositionFacts {
            frontier: close.frontier,
            resume: close.resume,
            witness: close.witness,
            pipeline: self.pipeline.clone(),
            inexact_until: close.inexact_until,
            snapshot_done: close.snapshot_done,
        };
        let mut closed = self.ledger.close(close.ticks, position, now_ms());
        let retired =
            if closed.anchor.is_some() { self.handle.take_retired(self.lane, RETIRED_MAX) } else { Vec::new() };
        closed.records.splice(..0, retired.iter().flatten().map(|key| tombstone(key)));
        self.write(closed.records, deltas.values().any(|delta| delta.snapshot.is_some()))?;
        faults::under_way(Point::CommitSent, self.lane);
        let committed = self.sink.commit()?;
        faults::pass(Point::CommitSent, self.lane)?;
        if committed == Committed::AfterTrouble {
            warn!(lane = self.lane, "the commit was answered after trouble: the producer is renewed");
            self.sink.renew()?;
        }
        faults::pass(Point::CommitAnswered, self.lane)?;
        self.told.commit_seconds.observe(began.elapsed().as_secs_f64());
        Report::add(&self.report.thinned, retired.len() as u64);
        self.told.committed.rise(close.frontier);
        self.tell(&data, &deltas);
        data.into_iter().for_each(|batch| self.buffers.give(batch));
        let anchor = closed.anchor.map(|anchor| {
            debug!(lane = self.lane, id = anchor.id, kind = anchor.kind, exact = anchor.exact, "anchor");
            let cut = anchor.cut;
            let (exact, complete) = (anchor.exact, anchor.complete);
            self.report.anchor(AnchorNote {
                id: anchor.id,
                lane: self.lane,
                kind: anchor.kind,
                cut,
                exact: anchor.exact,
                complete: anchor.complete,
                label: anchor.label,
            });
            self.told.anchored(cut, exact, complete);
            (cut, exact)
        });
        Ok(Event::Committed { frontier: close.frontier, anchor, snapshot_done: close.snapshot_done })
    }

    /// Writes progress, anchor and position, which is the last record; `rows` says that the progress is of a snapshot.
    fn write(&mut self, mut records: Vec<ControlRecord>, rows: bool) -> Result<()> {
        let position = records.split_off(records.len().saturating_sub(1));
        let (anchor, progress): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.topic == ControlTopic::Anchors);
        for (records, passed, before, after) in [
            (progress, rows, Point::ProgressBefore, Point::ProgressAfter),
            (anchor, true, Point::AnchorBefore, Point::AnchorAfter),
            (position, true, Point::PositionBefore, Point::PositionAfter),
        ] {
            if records.is_empty() {
                continue;
            }
            if passed {
                faults::pass(before, self.lane)?;
            }
            self.sink.write(records)?;
            if passed {
                faults::pass(after, self.lane)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, data: &[Arc<Encoded>], deltas: &BTreeMap<Namespace, CollectionDelta>) {
        let records: usize = data.iter().map(|batch| batch.records.len()).sum();
        let bytes: usize = data.iter().map(|batch| batch.data.len()).sum();
        Report::add(&self.told.transactions, 1);
        Report::add(&self.told.records, records as u64);
        Report::add(&self.told.bytes, bytes as u64);
        self.told.transaction_records.observe(records as f64);
        for (namespace, delta) in deltas {
            let counts = &delta.counts;
            Report::add(&self.report.rows, counts.r as u64);
            Report::add(&self.report.quarantined, counts.quarantined as u64);
            Report::add(&self.report.changes, (counts.c + counts.u + counts.d + counts.coalesced) as u64);
            if !self.collections.contains_key(namespace) {
                self.collections.insert(namespace.clone(), self.report.collection(namespace.as_str()));
            }
            self.collections[namespace].committed(delta);
        }
    }
}

/// What takes a record of the anchors topic away.
fn tombstone(key: &[u8]) -> ControlRecord {
    ControlRecord { topic: ControlTopic::Anchors, key: key.to_vec(), value: None, headers: None }
}

/// Refuses keys of another form than those that stand in the topic: they would be other keys of the same documents.
fn same_keys(written: &Progress, topic: &str, bound: &Bound) -> Result<()> {
    let (before, now) = (written.key_converter.name(), bound.output.converters.key.name());
    if before == now || written.topic != topic || written.partitions.is_empty() {
        return Ok(());
    }
    Err(Failure::halt(Problem::new(
        "MOOR-5802",
        format!(
            "the keys of `{topic}` are {before}, and key.converter={now} would write others for the same documents"
        ),
        format!("{}, export {}", written.namespace, written.export),
        "no record under a new key replaces or deletes one under an old key: each document would stand there twice",
        format!("key.converter={before}, as before\nor another topic.prefix, under which everything begins anew"),
    )))
}
