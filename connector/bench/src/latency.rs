//! Latency at a steady pace: from a write to its record at a consumer that reads committed records only.
//!
//! Invariants: each write is of a document of its own, so that its record is known by its key; every write is seen, or the
//! measurement fails; the first seconds are not counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bson::oid::ObjectId;
use clap::Args;
use moorline_sink_kafka::{KafkaSettings, TopicReader};
use tokio_util::sync::CancellationToken;

use crate::child::Connector;
use crate::figures::Figures;
use crate::load::split;
use crate::places;
use crate::processes::{Meter, Own};
use crate::steady::{Kind, Steady, quantiles};

/// What is not counted at the start.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the last record may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Flags of `latency`.
#[derive(Args)]
pub(crate) struct Latency {
    #[command(flatten)]
    connector: Connector,
    /// Documents that were loaded.
    #[arg(long)]
    loaded: u64,
    /// Writes a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// What the measurement is called.
    #[arg(long, default_value = "latency")]
    label: String,
}

impl Latency {
    pub(crate) async fn run(self) -> Result<Figures> {
        let (database, collection) = split(&self.connector.collection)?;
        let mut running = self.connector.start(None)?;
        running.wait_for("snapshot read").await?;
        let settings = places::kafka(&self.connector.name, self.connector.partitions)?;
        let topic = format!("{}.{}", self.connector.name, self.connector.collection);
        let records = follow(settings, topic, self.connector.partitions);
        let mut wanted = self.loaded;
        while wanted > 0 {
            records.recv_timeout(PATIENCE).context("the snapshot's records did not come")?;
            wanted -= 1;
        }
        let client = places::mongo().await?;
        let writer =
            Steady { client, database, collection, kind: Kind::Mixed, rate: self.rate, loaded: self.loaded, first: 0 };
        let most = self.rate * self.seconds;
        ensure!(most <= self.loaded, "{most} writes need as many documents, not {}", self.loaded);
        let own = Own::Process(running.id().parse()?);
        let meter = Meter::start(own)?;
        let began = Instant::now();
        let writes = writer.run(most, CancellationToken::new()).await?;
        let mut figures = meter.stop(&self.label, most)?;

        let mut seen: HashMap<ObjectId, Instant> = HashMap::new();
        while seen.len() < writes.len() {
            let (id, at) = records.recv_timeout(PATIENCE).context("not every write became a record")?;
            seen.entry(id).or_insert(at);
        }
        let (mut of_write, mut of_answer) = (Vec::new(), Vec::new());
        for write in writes.iter().filter(|write| write.due >= began + WARM_UP) {
            let at = *seen.get(&write.id).with_context(|| format!("no record of {}", write.id))?;
            of_write.push(at.saturating_duration_since(write.due));
            of_answer.push(at.saturating_duration_since(write.answered));
        }
        running.terminate()?;
        figures.peak_rss_bytes = running.end().await?;
        let mut part = |name: &str, value: f64| drop(figures.parts.insert(name.to_owned(), value.into()));
        let [p50, p99, most] = quantiles(of_write, [500, 990, 1000]);
        let [answer_p50, answer_p99] = quantiles(of_answer, [500, 990]);
        part("p50_ms", p50);
        part("p99_ms", p99);
        part("max_ms", most);
        part("answer_p50_ms", answer_p50);
        part("answer_p99_ms", answer_p99);
        Ok(figures)
    }
}

/// Ids of a topic's records as they come, until nobody listens.
fn follow(settings: KafkaSettings, topic: String, partitions: i32) -> Receiver<(ObjectId, Instant)> {
    let (sender, records) = mpsc::channel();
    std::thread::spawn(move || {
        let ranges: BTreeMap<i32, (i64, i64)> = (0..partitions).map(|partition| (partition, (0, i64::MAX))).collect();
        let mut visit = |message: &moorline_sink_kafka::Message| {
            let at = Instant::now();
            // An end is an error here; whoever listens says what was missing.
            let id = id_of(message.key().unwrap_or_default()).map_err(|_| gone())?;
            sender.send((id, at)).map_err(|_| gone())
        };
        let read = TopicReader::open(&settings)
            .and_then(|reader| reader.read(&topic, &ranges, Duration::from_secs(300), &mut visit));
        drop(read);
    });
    records
}

fn gone() -> moorline_pipeline::error::Failure {
    use moorline_pipeline::error::{Failure, Problem};
    Failure::halt(Problem::new("MOOR-7001", "nobody reads any more", "the bench", "it has ended", "nothing"))
}

/// The ObjectId of a framed key: five bytes of frame, the length 24, hexadecimal digits.
fn id_of(key: &[u8]) -> Result<ObjectId> {
    let digits = key.get(6..30).and_then(|digits| std::str::from_utf8(digits).ok());
    ObjectId::parse_str(digits.context("a key that is no ObjectId")?).map_err(|error| anyhow!("{error}"))
}
