//! What a snapshot costs those who write meanwhile: a steady writer alone, then beside the connector.
//!
//! Invariants: the server and the writer have one core for themselves, the broker and the connector the other, so that what
//! is seen is the server's work and not a lack of cores; only writes that fall due while the snapshot is read are counted.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio_util::sync::CancellationToken;

use crate::child::{Connector, now_ms};
use crate::figures::Figures;
use crate::load::split;
use crate::places;
use crate::processes::{Meter, Own};
use crate::steady::{Kind, Steady, Write, mean, quantiles};

/// Flags of `beside`.
#[derive(Args)]
pub(crate) struct Beside {
    #[command(flatten)]
    connector: Connector,
    /// Documents of the collection.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// Updates a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// How long the writer is alone.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// What the measurement is called.
    #[arg(long, default_value = "beside")]
    label: String,
}

impl Beside {
    pub(crate) async fn run(self) -> Result<Figures> {
        let cores = Cores::set()?;
        let outcome = self.measure().await;
        drop(cores);
        outcome
    }

    async fn measure(&self) -> Result<Figures> {
        let (database, collection) = split(&self.connector.collection)?;
        let client = places::mongo().await?;
        let writer = |first| Steady {
            client: client.clone(),
            database: database.clone(),
            collection: collection.clone(),
            kind: Kind::Updates,
            rate: self.rate,
            loaded: self.documents,
            first,
        };
        let alone = writer(0).run(self.rate * self.seconds, CancellationToken::new()).await?;
        let alone = waits(alone.iter().skip(alone.len() / 4));

        let stop = CancellationToken::new();
        let (began, began_ms) = (Instant::now(), now_ms());
        let writing = tokio::spawn(writer(self.documents / 2).run(u64::MAX, stop.clone()));
        let meter = Meter::start(Own::Children)?;
        let mut running = self.connector.start(Some("snapshot"))?;
        // Children take after the thread that starts them, and threads to come after the one that is moved here.
        pin(&running.id(), Some(1))?;
        running.wait_for("export begins").await?;
        running.wait_for("snapshot read").await?;
        let at =
            |message| running.said(message).map_or(Duration::ZERO, |ms| Duration::from_millis((ms - began_ms) as u64));
        let (from, to) = (began + at("export begins"), began + at("snapshot read"));
        let peak = running.end().await;
        stop.cancel();
        let writes = writing.await??;
        let peak = peak?;
        let mut figures = meter.stop(&self.label, self.documents)?;
        figures.whole_seconds = Some(figures.seconds);
        figures.seconds = (to - from).as_secs_f64();
        figures.peak_rss_bytes = peak;
        let beside = waits(writes.iter().filter(|write| write.due >= from && write.due < to));
        let added = (mean(&beside) - mean(&alone)) * beside.len() as f64 * 1e6 / self.documents as f64;
        let mut part = |name: &str, value: f64| drop(figures.parts.insert(name.to_owned(), value.into()));
        part("added_seconds", added / 1000.0);
        let [p50, p99] = quantiles(alone, [500, 990]);
        part("alone_p50_ms", p50);
        part("alone_p99_ms", p99);
        part("writes", beside.len() as f64);
        let [p50, p99] = quantiles(beside, [500, 990]);
        part("p50_ms", p50);
        part("p99_ms", p99);
        Ok(figures)
    }
}

fn waits<'w>(writes: impl Iterator<Item = &'w Write>) -> Vec<Duration> {
    writes.map(|write| write.answered.saturating_duration_since(write.due)).collect()
}

/// The cores as they are shared out; given back when dropped.
struct Cores(Vec<String>);

impl Cores {
    fn set() -> Result<Self> {
        let (mongod, broker) = (places::variable("MONGO0_PID")?, places::variable("KAFKA_PID")?);
        pin(&mongod, Some(0))?;
        pin("self", Some(0))?;
        pin(&broker, Some(1))?;
        Ok(Self(vec![mongod, broker]))
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        for process in &self.0 {
            // A server that has ended has no core to give back.
            let _ = pin(process, None);
        }
    }
}

/// Puts all threads of a process on one core, or on all of them.
fn pin(process: &str, core: Option<usize>) -> Result<()> {
    let mut set = CpuSet::new();
    match core {
        Some(core) => set.set(core),
        None => (0..std::thread::available_parallelism()?.get().max(2)).for_each(|core| set.set(core)),
    }
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let id = thread?.file_name().to_string_lossy().parse()?;
        // A thread may have ended since it was listed.
        let _ = sched_setaffinity(Pid::from_raw(id), &set);
    }
    Ok(())
}
