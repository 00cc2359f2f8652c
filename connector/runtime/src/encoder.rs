//! The encoder of a lane, on a thread of its own: raw documents to Avro records, drift to new versions or quarantine.
//!
//! Invariants: records keep the order of their parts; a part is encoded whole or again from its start after its
//! contract was widened (one version a part); a document that does not fit goes to quarantine in the same
//! transaction, with a tombstone for its key (I-QUAR-1), and is counted. Nothing is skipped silently.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use moorline_pipeline::anchor::{CollectionDelta, Inexact};
use moorline_pipeline::contract::model::Drift;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::{Namespace, Uuid};
use moorline_pipeline::sink::{ControlRecord, Encoded, Registry};
use tokio::sync::mpsc;
use tracing::warn;

use crate::budget::{Budget, Held, OVERHEAD};
use crate::buffers::Buffers;
use crate::contracts::{Bound, Contracts};
use crate::items::{self, Item};
use crate::opening::Collection;
use crate::oversize::{self, Noted, Teller};
use crate::records::{Writing, halted, old_key, quarantined, record, skipped};
use crate::report::Report;
use crate::settings::{Oversize, Settings};
use crate::transactions::{SchemaIds, Transactions};
use crate::work::{Close, Event, EventBatch, Job, Order, Transaction};

/// What one part gives.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) encoded: Encoded,
    pub(crate) quarantine: Vec<ControlRecord>,
    pub(crate) transactions: Vec<ControlRecord>,
    pub(crate) deltas: BTreeMap<Namespace, CollectionDelta>,
    pub(crate) oversize: Noted,
}

/// The encoder's state.
pub(crate) struct Encoder<R> {
    contracts: Arc<Contracts<R>>,
    settings: Arc<Settings>,
    report: Arc<Report>,
    runtime: tokio::runtime::Handle,
    orders: mpsc::Sender<Order>,
    buffers: Arc<Buffers>,
    budget: Budget,
    collections: HashMap<Namespace, Collection>,
    data: Vec<Arc<Encoded>>,
    /// Records of topics other than the data's: quarantine, transactions.
    control: Vec<ControlRecord>,
    deltas: BTreeMap<Namespace, CollectionDelta>,
    held: Vec<Held>,
    lane: u32,
    /// Schemas of the transaction topic, where it is written.
    transaction_topic: Option<SchemaIds>,
    /// What the log knows of records that were too large.
    teller: Teller,
}

impl<R: Registry> Encoder<R> {
    /// `budget`: what documents and records of the lane may take. `place`: the lane, and the schemas of the transaction topic where it is written.
    pub(crate) fn new(
        contracts: Arc<Contracts<R>>,
        settings: Arc<Settings>,
        report: Arc<Report>,
        runtime: tokio::runtime::Handle,
        orders: mpsc::Sender<Order>,
        (buffers, budget): (Arc<Buffers>, Budget),
        place: (u32, Option<SchemaIds>),
    ) -> Self {
        let (lane, transaction_topic) = place;
        Self {
            contracts,
            settings,
            report,
            runtime,
            orders,
            buffers,
            budget,
            collections: HashMap::new(),
            data: Vec::new(),
            control: Vec::new(),
            deltas: BTreeMap::new(),
            held: Vec::new(),
            lane,
            transaction_topic,
            teller: Teller::default(),
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
            Job::Topics(names) => self.order(Order::Topics(names)),
            Job::Open(open) => self.open(&open.namespace, Some(open.uuid), open.bound, open.complete, open.fresh),
            Job::Events(batch) => {
                let snapshotting = Arc::clone(&batch.snapshotting);
                let items = items::of_events(&batch)?;
                let bytes = self.part(&items, &snapshotting)?;
                self.mark(&batch);
                self.hold(batch.held, bytes);
                Ok(())
            }
            Job::Rows(batch) => {
                let items = items::of_rows(&batch)?;
                let snapshotting = HashSet::from([batch.namespace.clone()]);
                let bytes = self.part(&items, &snapshotting)?;
                if self.collections.contains_key(&batch.namespace) {
                    let delta = self.deltas.entry(batch.namespace.clone()).or_default();
                    delta.completed |= batch.complete;
                    delta.snapshot = Some(batch.progress);
                    delta.inexact.extend(batch.inexact);
                }
                self.hold(batch.held, bytes);
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
            control: std::mem::take(&mut self.control),
            deltas: std::mem::take(&mut self.deltas),
            close,
            held: std::mem::take(&mut self.held),
        };
        self.order(Order::Commit(Box::new(transaction)))
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.blocking_send(order).map_err(|_| gone())
    }

    /// Keeps what is held for a part until its transaction is over. Text may be several times as long as its document.
    fn hold(&mut self, mut held: Held, bytes: usize) {
        held.grow(&self.budget, bytes);
        self.held.push(held);
    }

    /// Encodes one part; gives the bytes that its records take.
    fn part(&mut self, items: &[Item<'_>], snapshotting: &HashSet<Namespace>) -> Result<usize> {
        if items.is_empty() {
            return Ok(0);
        }
        self.open_missing(items, snapshotting)?;
        let mut settled: HashSet<Namespace> = HashSet::new();
        loop {
            match self.attempt(items, &settled)? {
                Ok(made) => {
                    let bytes = made.encoded.data.len() + made.encoded.records.len() * OVERHEAD;
                    self.keep(made);
                    return Ok(bytes);
                }
                Err(namespace) => {
                    self.widen(&namespace, items)?;
                    settled.insert(namespace);
                }
            }
        }
    }

    fn keep(&mut self, made: Made) {
        self.teller.tell(made.oversize, self.settings.oversize);
        if !made.encoded.records.is_empty() {
            self.data.push(Arc::new(made.encoded));
        }
        self.control.extend(made.quarantine);
        self.control.extend(made.transactions);
        for (namespace, delta) in made.deltas {
            self.deltas.entry(namespace).or_default().add(delta);
        }
    }

    /// Opens collections that have no plan yet, and begins a new export where the epoch is another one.
    fn open_missing(&mut self, items: &[Item<'_>], snapshotting: &HashSet<Namespace>) -> Result<()> {
        let mut seen: HashSet<&Namespace> = HashSet::new();
        // Once for each run of one collection, and a document in it if there is one: a chunk is one run.
        let alike = |one: &Item<'_>, next: &Item<'_>| one.namespace == next.namespace && one.uuid == next.uuid;
        for run in items.chunk_by(alike) {
            let item = run.iter().find(|item| item.document.is_some()).unwrap_or(&run[0]);
            if let Some(collection) = self.collections.get(item.namespace) {
                if item.uuid.is_some() && collection.epoch != item.uuid {
                    warn!(collection = %item.namespace, "the collection was created anew: a new export begins");
                    let mut bound = collection.bound.clone();
                    // What had ended under an older name of its topic begins under the one of now.
                    if bound.output.topic != self.contracts.topic(item.namespace) {
                        let contracts = Arc::clone(&self.contracts);
                        bound = self.runtime.block_on(contracts.prepare(item.namespace, &[]))?.unwrap_or(bound);
                    }
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

    fn open(
        &mut self,
        namespace: &Namespace,
        uuid: Option<Uuid>,
        bound: Bound,
        complete: bool,
        fresh: bool,
    ) -> Result<()> {
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
        let mut made = Made { encoded: self.buffers.take(), ..Made::default() };
        let mut transactions = Transactions::new(self.transaction_topic);
        let writing = Writing { settings: &self.settings, lane: self.lane, now_ms: crate::clock::now_ms() };
        made.encoded.records.reserve(items.len());
        // Avro is about two thirds of its BSON, so the buffer is made once and seldom grows.
        let bytes: usize = items.iter().filter_map(|item| item.document).map(|d| d.as_bytes().len()).sum();
        made.encoded.data.reserve(bytes / 4 * 3);
        // What depends on the collection is looked up once for each run of its items: a chunk is one run.
        for run in items.chunk_by(|one, next| one.namespace == next.namespace) {
            let namespace = run[0].namespace;
            let Some(collection) = self.collections.get_mut(namespace) else {
                // Deletes in a collection that never had a document: no key of it was ever written.
                continue;
            };
            let Made { encoded, quarantine, deltas, oversize, .. } = &mut made;
            let delta = deltas.entry(namespace.clone()).or_default();
            let seen_to = settled.contains(namespace);
            for item in run {
                if item.folded > 0 {
                    delta.counts.coalesced += i64::from(item.folded);
                    continue;
                }
                if let Some(old_id) = item.old_id {
                    old_key(collection, old_id, item, encoded, delta, &writing);
                }
                let done = record(collection, seen_to, item, &mut transactions, encoded, delta, &writing)?;
                let misfit = match done {
                    Ok(None) => continue,
                    Ok(Some(cut)) => {
                        oversize.note(item, &cut);
                        continue;
                    }
                    Err(misfit) => misfit,
                };
                // No contract makes a document smaller: what is too large is no drift.
                if misfit.rule == oversize::RULE {
                    if self.settings.oversize == Oversize::Skip {
                        oversize.note(item, &format!("{}, largest field {}", misfit.found, misfit.path));
                        skipped(collection, item, encoded, delta, &writing);
                    } else {
                        quarantine.push(quarantined(collection, item, &misfit, encoded, delta, &writing));
                    }
                    continue;
                }
                if collection.bound.on_drift == Drift::Evolve && misfit.rule != "MC402" && !seen_to {
                    return Ok(Err(namespace.clone()));
                }
                if collection.bound.on_drift == Drift::Halt {
                    return Err(halted(item, &misfit));
                }
                quarantine.push(quarantined(collection, item, &misfit, encoded, delta, &writing));
            }
        }
        made.transactions = transactions.finish();
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

fn gone() -> Failure {
    Failure::new(
        Next::Rebuild,
        Problem::new(
            "MOOR-7001",
            "the committer has ended",
            "this lane",
            "a failure before this one",
            "see the error before",
        ),
    )
}
