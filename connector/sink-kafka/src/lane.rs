//! The sink of a lane: one transactional producer, its topics, and what may be called when.
//!
//! ```text
//! Idle ── begin ──> Open ── commit ──> Idle          (answered at once)
//!   ^                │ ├──── commit ──> Worn          (after trouble, or not answered)
//!   └──── abort ─────┘ └──── abort ───> Worn          (not answered at once)
//! Worn ── renew ──> Idle
//! ```
//!
//! Invariants: a producer that is `Worn` begins nothing; after a commit was sent nothing is aborted.

use std::collections::BTreeMap;
use std::sync::Arc;

use moorline_pipeline::error::Result;
use moorline_pipeline::partition::partition;
use moorline_pipeline::sink::{
    Committed, ControlRecord, ControlTopic, Deliveries, Encoded, LaneSink, Sink, TopicIndex,
};

use crate::ffi::{NativeError, NewTopic, Single, code};
use crate::producer::Producer;
use crate::settings::KafkaSettings;
use crate::{fault, offsets, topics};

/// The connector's own topics take the first slots; those that are switched off take none.
const CONTROL: [ControlTopic; 5] = [
    ControlTopic::Offsets,
    ControlTopic::Anchors,
    ControlTopic::Quarantine,
    ControlTopic::Transactions,
    ControlTopic::Heartbeats,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Open,
    Worn,
}

/// Makes the lanes' sinks.
pub struct KafkaSink {
    settings: Arc<KafkaSettings>,
}

impl KafkaSink {
    /// A sink for these brokers; connects when a lane is asked for.
    pub fn new(settings: KafkaSettings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl Sink for KafkaSink {
    type Lane = KafkaLaneSink;

    fn lane(&self, transactional_id: &str) -> Result<KafkaLaneSink> {
        let mut lane = KafkaLaneSink {
            producer: Producer::open(&self.settings, transactional_id)?,
            settings: Arc::clone(&self.settings),
            id: transactional_id.to_owned(),
            control: Vec::new(),
            data: Vec::new(),
            state: State::Worn,
        };
        lane.ready(true)?;
        Ok(lane)
    }
}

/// A data topic.
struct DataTopic {
    name: String,
    id: Option<String>,
    slot: usize,
}

/// One lane's sink.
pub struct KafkaLaneSink {
    settings: Arc<KafkaSettings>,
    producer: Producer,
    id: String,
    /// The connector's own topics, by slot.
    control: Vec<ControlTopic>,
    /// By topic index.
    data: Vec<DataTopic>,
    state: State,
}

impl KafkaLaneSink {
    /// Knows its topics and has fenced older producers.
    fn ready(&mut self, make: bool) -> Result<()> {
        let limit = self.settings.request_timeout;
        self.control.clear();
        for topic in CONTROL {
            let Some(wanted) = self.settings.topics.control(&self.settings.control, topic) else { continue };
            if make {
                self.ensure(&wanted)?;
            }
            self.attach(&wanted.name)?;
            self.control.push(topic);
        }
        for index in 0..self.data.len() {
            let name = self.data[index].name.clone();
            self.data[index].slot = self.attach(&name)?;
        }
        self.producer.init(limit)?;
        self.state = State::Idle;
        Ok(())
    }

    fn ensure(&mut self, wanted: &NewTopic) -> Result<Option<String>> {
        let limit = self.settings.request_timeout;
        let may_create = self.settings.topics.enable;
        let described = topics::ensure(self.producer.client(), wanted, may_create, limit);
        described.map(|found| found.id).map_err(|mut failure| {
            // "Timed out" alone does not say that no connection could be made, and why.
            if failure.problem.code == "MOOR-3001"
                && let Some(complaint) = self.producer.complaint()
            {
                failure.problem.why = complaint.to_string();
            }
            failure
        })
    }

    fn attach(&mut self, name: &str) -> Result<usize> {
        let attached = self.producer.attach(name, self.settings.request_timeout);
        attached
            .map_err(|error| fault::request(&error, "to tell of a topic", name, moorline_pipeline::error::Next::Retry))
    }

    fn require(&self, state: State, call: &str) -> Result<()> {
        if self.state == state {
            return Ok(());
        }
        let error = NativeError::with(code::STATE, format!("{call} while {:?}", self.state));
        Err(fault::unsettled(call, &self.id, &error))
    }
}

impl LaneSink for KafkaLaneSink {
    fn make_topics(&mut self, names: &[String]) -> Result<()> {
        if !self.settings.topics.enable {
            return Ok(());
        }
        let wanted: Vec<NewTopic> = names.iter().map(|name| self.settings.topics.data(name)).collect();
        topics::make_all(self.producer.client(), &wanted, self.settings.request_timeout)
    }

    fn topic(&mut self, name: &str) -> Result<(TopicIndex, i32)> {
        let wanted = self.settings.topics.data(name);
        let id = self.ensure(&wanted)?;
        let slot = self.attach(name)?;
        let index = match self.data.iter().position(|topic| topic.name == name) {
            Some(index) => {
                self.data[index].id = id;
                index
            }
            None => {
                self.data.push(DataTopic { name: name.to_owned(), id, slot });
                self.data.len() - 1
            }
        };
        Ok((index as TopicIndex, self.producer.partitions(slot)))
    }

    fn topic_id(&mut self, topic: TopicIndex) -> Option<String> {
        self.data.get(topic as usize).and_then(|topic| topic.id.clone())
    }

    fn begin(&mut self) -> Result<()> {
        self.require(State::Idle, "begin")?;
        self.producer.begin()?;
        self.state = State::Open;
        Ok(())
    }

    fn produce(&mut self, batch: &Arc<Encoded>) -> Result<()> {
        self.require(State::Open, "produce")?;
        let slots: Vec<usize> = self.data.iter().map(|topic| topic.slot).collect();
        self.producer.produce(batch, &slots)
    }

    fn write(&mut self, records: Vec<ControlRecord>) -> Result<()> {
        self.require(State::Open, "write")?;
        for record in &records {
            let slot = self.control.iter().position(|topic| *topic == record.topic);
            let slot = slot.expect("whoever writes to a topic has switched it on");
            let partition = match record.topic {
                ControlTopic::Anchors | ControlTopic::Heartbeats => 0,
                _ => partition(&record.key, self.producer.partitions(slot).max(1)),
            };
            let single = Single {
                partition,
                key: &record.key,
                value: record.value.as_deref(),
                headers: record.headers.as_ref(),
            };
            self.producer.one(slot, &single)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Deliveries> {
        self.require(State::Open, "flush")?;
        let delivered = self.producer.flush()?;
        let mut deliveries = Deliveries::new();
        for ((slot, partition), figures) in delivered {
            if let Some(index) = self.data.iter().position(|topic| topic.slot == slot) {
                deliveries.insert((index as TopicIndex, partition), figures);
            }
        }
        Ok(deliveries)
    }

    fn commit(&mut self) -> Result<Committed> {
        self.require(State::Open, "commit")?;
        // The last records go first, so that the commit's time is that of its own request.
        self.producer.flush()?;
        self.state = State::Worn;
        let committed = self.producer.commit()?;
        if committed == Committed::Cleanly {
            self.state = State::Idle;
        }
        Ok(committed)
    }

    fn abort(&mut self) {
        if self.state == State::Open {
            self.state = if self.producer.abort() { State::Idle } else { State::Worn };
        }
    }

    fn renew(&mut self) -> Result<()> {
        self.state = State::Worn;
        let fresh = Producer::open(&self.settings, &self.id)?;
        // The old one ends before the new one fences it: nothing of it is sent any more.
        drop(std::mem::replace(&mut self.producer, fresh));
        self.ready(false)
    }

    fn read_offsets(&mut self, wanted: &dyn Fn(&[u8]) -> bool) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        offsets::read(&self.settings, wanted)
    }
}

impl Drop for KafkaLaneSink {
    fn drop(&mut self) {
        // An open transaction would hold back readers until the coordinator times it out.
        self.abort();
    }
}
