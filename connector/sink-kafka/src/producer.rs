//! A transactional producer: queueing, waiting for deliveries, and its end.
//!
//! Invariants: one thread takes all reports; within a partition records stand as they were given, also when the queue
//! was full between them; every wait ends with the transaction's time; the end is bounded too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::sink::Committed;
use tracing::{debug, trace, warn};

use crate::deliveries::{Account, BySlot, Run};
use crate::fault;
use crate::ffi::{Client, Event, Events, Kind, NativeError, Scratch, Topic, code};
use crate::settings::KafkaSettings;
use crate::transaction;

/// What librdkafka may need beyond a record's time-out to report it.
const GRACE: Duration = Duration::from_secs(5);
/// How long the end of a producer may take before it is left to itself.
const END: Duration = Duration::from_secs(5);
const ABORT: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(100);

/// A producer. Records are given by slot: the number of an opened topic.
pub(crate) struct Producer(Option<Parts>);

/// What a producer consists of; dropped in this order.
pub(crate) struct Parts {
    pub(crate) topics: Vec<Topic>,
    pub(crate) scratch: Scratch,
    pub(crate) account: Arc<Account>,
    events: Arc<Events>,
    pub(crate) client: Arc<Client>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
    id: String,
    limit: Duration,
    /// When the open transaction has used up its time.
    pub(crate) until: Instant,
}

impl Producer {
    /// A producer that has not spoken to a broker yet.
    pub(crate) fn open(settings: &KafkaSettings, id: &str) -> Result<Self> {
        let client = settings.open(Kind::Producer, settings.producer(id))?;
        let events = Arc::new(Events::of(&client));
        let account = Arc::new(Account::default());
        let stop = Arc::new(AtomicBool::new(false));
        let poller = {
            let (events, account, stop) = (Arc::clone(&events), Arc::clone(&account), Arc::clone(&stop));
            thread::Builder::new().name("kafka-poll".to_owned()).spawn(move || poll(&events, &account, &stop))
        };
        let poller = poller.map_err(|error| {
            fault::unsettled("start", id, &NativeError::with(code::STATE, format!("no thread: {error}")))
        })?;
        Ok(Self(Some(Parts {
            topics: Vec::new(),
            scratch: Scratch::default(),
            account,
            events,
            client,
            stop,
            poller: Some(poller),
            id: id.to_owned(),
            limit: settings.transaction_timeout,
            until: Instant::now(),
        })))
    }

    pub(crate) fn parts(&mut self) -> &mut Parts {
        self.0.as_mut().expect("a producer has its parts until it is dropped")
    }

    pub(crate) fn client(&mut self) -> &Arc<Client> {
        &self.parts().client
    }

    /// What the connections complain of, which tells more than a time-out.
    pub(crate) fn complaint(&mut self) -> Option<NativeError> {
        self.parts().account.trouble()
    }

    /// A topic's slot, when its metadata is known.
    pub(crate) fn attach(&mut self, name: &str, limit: Duration) -> Result<usize, NativeError> {
        let parts = self.parts();
        let slot = match parts.topics.iter().position(|topic| topic.name() == name) {
            Some(slot) => slot,
            None => {
                parts.topics.push(Topic::open(&parts.client, name)?);
                parts.topics.len() - 1
            }
        };
        let until = Instant::now() + limit;
        loop {
            let answer = parts.topics[slot].refresh(limit);
            match answer {
                Ok(partitions) if partitions > 0 => return Ok(slot),
                // A topic that was just made is not known to each broker at once.
                answer if Instant::now() >= until => {
                    return Err(answer.err().unwrap_or(NativeError::of(code::UNKNOWN_TOPIC_OR_PART)));
                }
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The partition count of a slot.
    pub(crate) fn partitions(&mut self, slot: usize) -> i32 {
        self.parts().topics[slot].partitions()
    }

    pub(crate) fn init(&mut self, limit: Duration) -> Result<()> {
        let parts = self.parts();
        transaction::init(&parts.client, &parts.account, &parts.id, limit)
    }

    pub(crate) fn begin(&mut self) -> Result<()> {
        let parts = self.parts();
        if !parts.account.begin() {
            let error = NativeError::with(code::STATE, "records of the last transaction are still out");
            return Err(fault::unsettled("begin", &parts.id, &error));
        }
        parts.until = Instant::now() + parts.limit;
        transaction::begin(&parts.client, &parts.id)
    }

    /// The failure known so far.
    pub(crate) fn check(&mut self) -> Result<()> {
        let parts = self.parts();
        if let Some(lost) = parts.account.failure() {
            let place = format!("topic {}, partition {}", parts.topics[lost.slot].name(), lost.partition);
            // What ended the producer tells more than "purged", which is what its records report then.
            let error = parts.client.fatal().unwrap_or(lost.error);
            return Err(fault::undelivered(&error, &place, lost.bytes));
        }
        match parts.client.fatal() {
            Some(error) => Err(self.failed(&error)),
            None => Ok(()),
        }
    }

    fn failed(&mut self, error: &NativeError) -> Failure {
        let id = &self.parts().id;
        if fault::fenced(error.code) { fault::taken_over(error, id) } else { fault::unsettled("produce", id, error) }
    }

    pub(crate) fn in_time(&mut self, what: &str) -> Result<()> {
        let parts = self.parts();
        if Instant::now() < parts.until + GRACE {
            return Ok(());
        }
        let complaint = parts.account.trouble().map_or(String::new(), |error| format!(": {error}"));
        let error = NativeError::with(code::TIMED_OUT, format!("{what} for {:?}{complaint}", parts.limit));
        Err(fault::undelivered(&error, &parts.id, 0))
    }

    /// Waits until everything queued is delivered; what was delivered since `begin`, by slot.
    pub(crate) fn flush(&mut self) -> Result<BySlot> {
        loop {
            let flushed = self.parts().client.flush(Duration::from_secs(1));
            let settled = flushed && self.parts().account.wait_below(1, Duration::from_secs(1));
            self.check()?;
            if settled {
                break;
            }
            self.in_time("records were not delivered")?;
        }
        let parts = self.parts();
        parts.client.release();
        Ok(parts.account.delivered())
    }

    /// Commits; [`Producer::flush`] has been called.
    pub(crate) fn commit(&mut self) -> Result<Committed> {
        let parts = self.parts();
        transaction::commit(&parts.client, &parts.events, &parts.account, &parts.id, parts.limit)
    }

    /// Aborts; whether a transaction may begin on this producer.
    pub(crate) fn abort(&mut self) -> bool {
        let parts = self.parts();
        let clean = transaction::abort(&parts.client, &parts.events, &parts.account, &parts.id, ABORT);
        clean && parts.client.release()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let Some(parts) = self.0.take() else { return };
        let (done, ended) = mpsc::channel();
        let id = parts.id.clone();
        // librdkafka's own end waits for its threads without a limit, so it has a thread of its own.
        let closing = thread::Builder::new().name("kafka-close".to_owned()).spawn(move || {
            drop(parts);
            let _ = done.send(());
        });
        if closing.is_err() || ended.recv_timeout(END).is_err() {
            warn!(transactional_id = id, "the old producer has not ended in time and is left to itself");
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.client.purge();
        self.stop.store(true, Ordering::Release);
        self.events.wake();
        if let Some(poller) = self.poller.take() {
            let _ = poller.join();
        }
    }
}

/// Takes everything from the main queue until told to stop.
fn poll(events: &Events, account: &Account, stop: &AtomicBool) {
    let mut run = Run::default();
    while !stop.load(Ordering::Acquire) {
        events.poll(TICK, &mut |event| {
            run.take(&event, account);
            match event {
                Event::Error(error) => {
                    debug!(%error, "Kafka client");
                    account.trouble_with(error);
                }
                Event::Log { level, facility, line } => {
                    log(level, &facility, &line);
                    // Some losses of a connection are only logged.
                    if facility == "FAIL" {
                        account.trouble_with(NativeError::with(code::TRANSPORT, line));
                    }
                }
                _ => {}
            }
        });
    }
}

/// A line of librdkafka at the level of what an operator must do: nothing yet, since each call reports its own end.
pub(crate) fn log(level: i32, facility: &str, line: &str) {
    match level {
        0..=4 => debug!(facility, "{line}"),
        _ => trace!(facility, "{line}"),
    }
}
