//! The encoder of a lane, on a thread of its own: raw documents to Avro records, drift to new versions or quarantine.
//!
//! Invariants: records keep the order of their parts; a part is encoded whole or again from its start after its
//! contract was widened (one version a part); a document that does not fit goes to quarantine in the same
//! transaction, with a tombstone for its key (I-QUAR-1), and is counted. Nothing is skipped silently.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use moorline_pipeline::anchor::{CollectionDelta, Inexact};
use moorline_pipeline::contract::model::{Drift, Misfit};
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::{Namespace, Uuid};
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{ControlRecord, Encoded, Headers, Record, Registry};
use tokio::sync::mpsc;
use tracing::warn;

use crate::contracts::{Bound, Contracts};
use crate::items::{self, Item};
use crate::opening::Collection;
use crate::quarantine;
use crate::report::Report;
use crate::settings::{Oversize, Settings};
use crate::work::{Close, Event, EventBatch, Job, Order, Transaction};

/// What one part gives.
#[derive(Default)]
struct Made {
    encoded: Encoded,
    quarantine: Vec<ControlRecord>,
    deltas: BTreeMap<Namespace, CollectionDelta>,
}

/// The encoder's state.
pub(crate) struct Encoder<R> {
    contracts: Arc<Contracts<R>>,
    settings: Arc<Settings>,
    report: Arc<Report>,
    runtime: tokio::runtime::Handle,
    orders: mpsc::Sender<Order>,
    collections: HashMap<Namespace, Collection>,
    data: Vec<Arc<Encoded>>,
    quarantine: Vec<ControlRecord>,
    deltas: BTreeMap<Namespace, CollectionDelta>,
}

impl<R: Registry> Encoder<R> {
    pub(crate) fn new(
        contracts: Arc<Contracts<R>>,
        settings: Arc<Settings>,
        report: Arc<Report>,
        runtime: tokio::runtime::Handle,
        orders: mpsc::Sender<Order>,
    ) -> Self {
        Self {
            contracts,
            settings,
            report,
            runtime,
            orders,
            collections: HashMap::new(),
            data: Vec::new(),
            quarantine: Vec::new(),
            deltas: BTreeMap::new(),
        }
    }

    /// Runs until the actor closes the channel; a failure is told once and ends the thread.
    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<Job>, events: &mpsc::UnboundedSender<Event>) {
        while let Some(job) = jobs.blocking_recv() {
            if let Err(failure) = self.take(job) {
                let _ = events.send(Event::Failed(failure));
                return;
            }
        }
    }

    fn take(&mut self, job: Job) -> Result<()> {
        match job {
            Job::Open(open) => {
                self.open(&open.namespace, Some(open.uuid), open.bound, open.complete, open.fresh)
            }
            Job::Events(batch) => {
                let snapshotting = Arc::clone(&batch.snapshotting);
                let items = items::of_events(&batch)?;
                self.part(&items, &snapshotting)?;
                self.mark(&batch);
                Ok(())
            }
            Job::Rows(batch) => {
                let items = items::of_rows(&batch)?;
                let snapshotting = HashSet::from([batch.namespace.clone()]);
                self.part(&items, &snapshotting)?;
                if self.collections.contains_key(&batch.namespace) {
                    let delta = self.deltas.entry(batch.namespace.clone()).or_default();
                    delta.completed |= batch.complete;
                    delta.snapshot = Some(batch.progress);
                }
                Ok(())
            }
            Job::Close(close) => self.close(close),
        }
    }

    fn mark(&mut self, batch: &EventBatch) {
        for (namespace, reasons) in &batch.inexact {
            if self.collections.contains_key(namespace) {
                let reasons: Vec<Inexact> = reasons.clone();
                self.deltas.entry(namespace.clone()).or_default().inexact.extend(reasons);
            }
        }
    }

    fn close(&mut self, close: Close) -> Result<()> {
        for (namespace, collection) in &mut self.collections {
            if std::mem::take(&mut collection.changed) {
                let delta = self.deltas.entry(namespace.clone()).or_default();
                delta.contract = Some(collection.bound.hash.clone());
                if !collection.versions.0.is_empty() {
                    delta.versions = Some(collection.versions.clone());
                }
            }
        }
        let transaction = Transaction {
            data: std::mem::take(&mut self.data),
            quarantine: std::mem::take(&mut self.quarantine),
            deltas: std::mem::take(&mut self.deltas),
            close,
        };
        self.order(Order::Commit(Box::new(transaction)))
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.blocking_send(order).map_err(|_| gone())
    }

    /// Encodes one part.
    fn part(&mut self, items: &[Item<'_>], snapshotting: &HashSet<Namespace>) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.open_missing(items, snapshotting)?;
        let mut settled: HashSet<Namespace> = HashSet::new();
        loop {
            match self.attempt(items, &settled)? {
                Ok(made) => {
                    self.keep(made);
                    return Ok(());
                }
                Err(namespace) => {
                    self.widen(&namespace, items)?;
                    settled.insert(namespace);
                }
            }
        }
    }

    fn keep(&mut self, made: Made) {
        if !made.encoded.records.is_empty() {
            self.data.push(Arc::new(made.encoded));
        }
        self.quarantine.extend(made.quarantine);
        for (namespace, delta) in made.deltas {
            self.deltas.entry(namespace).or_default().add(delta);
        }
    }

    /// Opens collections that have no plan yet, and begins a new export where the epoch is another one.
    fn open_missing(&mut self, items: &[Item<'_>], snapshotting: &HashSet<Namespace>) -> Result<()> {
        let mut seen: HashSet<&Namespace> = HashSet::new();
        for item in items {
            if let Some(collection) = self.collections.get(item.namespace) {
                if item.uuid.is_some() && collection.epoch != item.uuid {
                    warn!(collection = %item.namespace, "the collection was created anew: a new export begins");
                    let bound = collection.bound.clone();
                    self.open(item.namespace, item.uuid, bound, true, true)?;
                    let delta = self.deltas.entry(item.namespace.clone()).or_default();
                    delta.inexact.push(Inexact::of("ghosts-possible", item.namespace));
                }
                continue;
            }
            if item.document.is_none() || !seen.insert(item.namespace) {
                continue;
            }
            let documents: Vec<_> =
                items.iter().filter(|i| i.namespace == item.namespace).filter_map(|i| i.document).collect();
            let contracts = Arc::clone(&self.contracts);
            let bound = self.runtime.block_on(contracts.prepare(item.namespace, &documents))?;
            if let Some(bound) = bound {
                let complete = !snapshotting.contains(item.namespace);
                self.open(item.namespace, item.uuid, bound, complete, false)?;
            }
        }
        Ok(())
    }

    fn open(&mut self, namespace: &Namespace, uuid: Option<Uuid>, bound: Bound, complete: bool, fresh: bool) -> Result<()> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.order(Order::Open {
            namespace: namespace.clone(),
            uuid: uuid.unwrap_or_default(),
            topic: bound.output.topic.clone(),
            bound: Box::new(bound.clone()),
            complete,
            fresh,
            answer,
        })?;
        let opened = answered.recv().map_err(|_| gone())??;
        self.collections.insert(namespace.clone(), Collection::new(bound, uuid, opened));
        Ok(())
    }

    /// Encodes all items; `Err(namespace)` where that collection's contract should be widened first.
    fn attempt(&mut self, items: &[Item<'_>], settled: &HashSet<Namespace>) -> Result<Result<Made, Namespace>> {
        let mut made = Made::default();
        made.encoded.records.reserve(items.len());
        for item in items {
            let Some(collection) = self.collections.get_mut(item.namespace) else {
                // A delete in a collection that never had a document: no key of it was ever written.
                continue;
            };
            let delta = if made.deltas.contains_key(item.namespace) {
                made.deltas.get_mut(item.namespace).expect("just seen")
            } else {
                made.deltas.entry(item.namespace.clone()).or_default()
            };
            if item.folded > 0 {
                delta.counts.coalesced += i64::from(item.folded);
                continue;
            }
            if let Some(old_id) = item.old_id {
                old_key(collection, old_id, item, &mut made.encoded, delta, self.settings.anchor_digest);
            }
            let seen_to = settled.contains(item.namespace);
            if let Err(misfit) = record(collection, seen_to, item, &mut made.encoded, delta, &self.settings)? {
                let evolvable = misfit.rule != "MC402" && !seen_to;
                if collection.bound.on_drift == Drift::Evolve && evolvable {
                    return Ok(Err(item.namespace.clone()));
                }
                if collection.bound.on_drift == Drift::Halt {
                    return Err(halted(item, &misfit));
                }
                quarantined(collection, item, &misfit, &mut made, &self.settings);
                Report::add(&self.report.quarantined, 1);
            }
        }
        Ok(Ok(made))
    }

    /// Adds one version that takes what this part's documents need, or gives up widening and spills.
    fn widen(&mut self, namespace: &Namespace, items: &[Item<'_>]) -> Result<()> {
        let today = crate::clock::today();
        let contracts = Arc::clone(&self.contracts);
        let Some(collection) = self.collections.get_mut(namespace) else { return Ok(()) };
        collection.renew(&today);
        if collection.may_evolve(&today, contracts.version_budget()) {
            let documents: Vec<_> = items
                .iter()
                .filter(|i| i.namespace == namespace)
                .filter_map(|i| i.document)
                .filter(|d| collection.plan(false).fits(d).is_err())
                .collect();
            if let Some(bound) = self.runtime.block_on(contracts.evolve(&collection.bound, &documents))? {
                collection.evolved(bound, &today);
                Report::add(&self.report.evolved, 1);
            }
        } else {
            warn!(collection = %namespace, budget = contracts.version_budget(),
                "the version budget of the day is spent: unknown fields go to __spill");
            collection.spend();
        }
        // What could not be widened is spilled or quarantined: this part does not try again.
        Ok(())
    }
}

/// Encodes one record; the inner error says why the document does not fit, and leaves nothing behind.
fn record(
    collection: &mut Collection,
    seen_to: bool,
    item: &Item<'_>,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    settings: &Settings,
) -> Result<Result<(), Misfit>> {
    let start = encoded.data.len();
    if let Err(misfit) = collection.plan(false).key(item.id, &mut encoded.data) {
        encoded.data.truncate(start);
        return Ok(Err(misfit));
    }
    let key = start..encoded.data.len();
    let mut value = None;
    let mut headers = None;
    if let Some(document) = item.document {
        match collection.plan(seen_to).value(document, &item.meta, &mut encoded.data) {
            Ok(outcome) => delta.counts.spilled += i64::from(outcome.spilled),
            Err(misfit) => {
                encoded.data.truncate(start);
                return Ok(Err(misfit));
            }
        }
        value = Some(key.end..encoded.data.len());
        let size = encoded.data.len() - start;
        if size > settings.max_record_bytes {
            encoded.data.truncate(start);
            if settings.oversize == Oversize::Halt {
                return Err(oversize(item, size, settings.max_record_bytes));
            }
            return Ok(Err(Misfit {
                rule: "MC615",
                name: "oversize",
                path: String::new(),
                expected: format!("at most {} bytes", settings.max_record_bytes),
                found: format!("{size} bytes"),
            }));
        }
    } else {
        headers = Some(tombstone_headers(item));
    }
    let counts = &mut delta.counts;
    *match item.meta.op {
        b'r' => &mut counts.r,
        b'c' => &mut counts.c,
        b'd' => &mut counts.d,
        _ => &mut counts.u,
    } += 1;
    push(collection, encoded, delta, key, value, headers, settings.anchor_digest);
    Ok(Ok(()))
}

fn push(
    collection: &Collection,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    key: std::ops::Range<usize>,
    value: Option<std::ops::Range<usize>>,
    headers: Option<Headers>,
    digest: bool,
) {
    let key_bytes = &encoded.data[key.clone()];
    let value_bytes = value.clone().map(|range| &encoded.data[range]);
    if digest {
        delta.digest.add_record(key_bytes, value_bytes);
    }
    if value.is_none() {
        delta.counts.tombstones += 1;
    } else {
        let digest = || collection.bound.value_digest.clone();
        delta.value_schemas.entry(collection.bound.value_id).or_insert_with(digest);
    }
    let partition = partition(key_bytes, collection.partition_count);
    encoded.records.push(Record { topic: collection.topic, partition, key, value, headers });
}

/// A tombstone for the key under which a document stood before its `_id` was written anew, where the keys differ.
fn old_key(
    collection: &mut Collection,
    old_id: bson::raw::RawBsonRef<'_>,
    item: &Item<'_>,
    encoded: &mut Encoded,
    delta: &mut CollectionDelta,
    digest: bool,
) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    if collection.plan(false).key(old_id, &mut old).is_err() || collection.plan(false).key(item.id, &mut new).is_err() || old == new {
        return;
    }
    let start = encoded.data.len();
    encoded.data.extend_from_slice(&old);
    let key = start..encoded.data.len();
    push(collection, encoded, delta, key, None, Some(tombstone_headers(item)), digest);
}

/// A tombstone says in headers what a value says in its metadata fields.
fn tombstone_headers(item: &Item<'_>) -> Headers {
    let meta = &item.meta;
    let text = |name: &'static str, value: String| (name.into(), value.into_bytes().into_boxed_slice());
    Box::new([
        text("moorline.op", char::from(if item.document.is_some() { b'd' } else { meta.op }).to_string()),
        text("moorline.deleted", "true".to_owned()),
        text("moorline.ts_ms", meta.ts_ms.to_string()),
        text("moorline.cluster_time", meta.cluster_time.to_string()),
        text("moorline.seq", meta.seq.to_string()),
        text("moorline.image_time", meta.image_time.to_string()),
        text("moorline.snapshot", meta.snapshot.to_string()),
    ])
}

fn quarantined(collection: &mut Collection, item: &Item<'_>, misfit: &Misfit, made: &mut Made, settings: &Settings) {
    let delta = made.deltas.entry(item.namespace.clone()).or_default();
    delta.counts.quarantined += 1;
    let start = made.encoded.data.len();
    let keyed = collection.plan(false).key(item.id, &mut made.encoded.data).is_ok();
    let key = start..made.encoded.data.len();
    let control = quarantine::record(&collection.bound, item, misfit, keyed.then(|| &made.encoded.data[key.clone()]));
    made.quarantine.push(control);
    if keyed {
        let headers = Some(tombstone_headers(item));
        push(collection, &mut made.encoded, delta, key, None, headers, settings.anchor_digest);
    } else {
        made.encoded.data.truncate(start);
    }
}

fn halted(item: &Item<'_>, misfit: &Misfit) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-5003",
        format!("a document does not fit its contract: {} at {}", misfit.name, misfit.path),
        format!("{} _id {}", item.namespace, quarantine::id_text(item.id)),
        format!("expected {}, found {}; contract.on.drift=halt stops here", misfit.expected, misfit.found),
        "repair the document, widen the contract, or set contract.on.drift=quarantine",
    ))
}

fn oversize(item: &Item<'_>, size: usize, limit: usize) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-3009",
        format!("a record of {size} bytes is over the limit of {limit} bytes"),
        format!("{} _id {}", item.namespace, quarantine::id_text(item.id)),
        "the broker would refuse it; the connector stopped at this change and nothing was skipped",
        "raise max.message.bytes of the topic and kafka.message.max.bytes, exclude the large field,\nor record.oversize.handling=quarantine",
    ))
}

fn gone() -> Failure {
    Failure::new(
        Next::Rebuild,
        Problem::new("MOOR-7001", "the committer has ended", "this lane", "a failure before this one", "see the error before"),
    )
}
