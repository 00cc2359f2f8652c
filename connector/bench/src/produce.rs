//! The bare producer: the product's own lane sink, given batches that were encoded before the clock runs.
//!
//! Invariant: the calls are the committer's: begin, produce, flush, commit, one transaction a batch; only the control
//! records and everything before the sink are missing.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use moorline_pipeline::sink::{Committed, LaneSink, Sink};
use moorline_sink_kafka::KafkaSink;

use crate::figures::Figures;
use crate::processes::{Meter, Own};
use crate::{places, records, topic};

/// Batches that are encoded beforehand and produced in turn: enough that compression finds nothing across them.
const POOL: usize = 4;

/// Flags of `produce`.
#[derive(Args)]
pub(crate) struct Produce {
    /// Names the topic, which must be new.
    #[arg(long)]
    name: String,
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// Records of a transaction.
    #[arg(long, default_value_t = 32_768)]
    transaction: usize,
    #[arg(long, default_value_t = 6)]
    partitions: i32,
    #[arg(long, default_value = "lz4")]
    compression: String,
}

impl Produce {
    pub(crate) fn run(self) -> Result<Figures> {
        let mut settings = places::kafka(&self.name, self.partitions)?;
        settings.compression.clone_from(&self.compression);
        let mut lane = KafkaSink::new(settings.clone()).lane(&self.name)?;
        let topic_name = format!("{}.orders", self.name);
        let (index, partitions) = lane.topic(&topic_name)?;
        ensure!(partitions == self.partitions, "the topic has {partitions} partitions, not {}", self.partitions);
        let whole = records::batches(POOL, self.transaction, index, partitions)?;
        let rest = (self.documents % self.transaction as u64) as usize;
        let rest = records::batches(usize::from(rest > 0), rest, index, partitions)?;
        let turns = (self.documents / self.transaction as u64) as usize;
        let [mut produce, mut flush, mut commit] = [Duration::ZERO; 3];
        let mut bytes = 0;
        let meter = Meter::start(Own::Itself)?;
        for batch in whole.iter().cycle().take(turns).chain(&rest) {
            lane.begin()?;
            timed(&mut produce, || lane.produce(batch))?;
            timed(&mut flush, || lane.flush())?;
            let committed = timed(&mut commit, || lane.commit())?;
            ensure!(committed == Committed::Cleanly, "a commit was answered only after trouble");
            bytes += batch.data.len() as u64;
        }
        let mut figures = meter.stop(&format!("producer-{}", self.compression), self.documents)?;
        figures.bytes = Some(bytes);
        for (name, part) in [("produce", produce), ("flush", flush), ("commit", commit)] {
            figures.parts.insert(name.to_owned(), part.as_secs_f64().into());
        }
        let found = topic::look(&settings, &topic_name, &mut |_| {})?;
        ensure!(found.records == self.documents, "{} records are committed, not {}", found.records, self.documents);
        Ok(figures)
    }
}

fn timed<T>(sum: &mut Duration, call: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let outcome = call();
    *sum += began.elapsed();
    outcome
}
