//! The bare consumer: a whole topic under `read_committed`, counted and dropped.
//!
//! Invariant: nothing is done with a record: it is the most that anything could read of the topic with this client.

use anyhow::{Result, ensure};
use clap::Args;

use crate::figures::Figures;
use crate::processes::{Meter, Own};
use crate::{places, topic};

/// Flags of `drain`.
#[derive(Args)]
pub(crate) struct Drain {
    /// The connector that wrote it.
    #[arg(long)]
    name: String,
    #[arg(long, default_value = "bench.orders")]
    collection: String,
    #[arg(long, default_value_t = 6)]
    partitions: i32,
    /// How many records there must be.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
}

impl Drain {
    pub(crate) fn run(self) -> Result<Figures> {
        let settings = places::kafka(&self.name, self.partitions)?;
        let meter = Meter::start(Own::Itself)?;
        let found = topic::look(&settings, &format!("{}.{}", self.name, self.collection), &mut |_| ())?;
        let mut figures = meter.stop("drain", found.records)?;
        ensure!(found.records == self.documents, "{} records came, not {}", found.records, self.documents);
        figures.bytes = Some(found.bytes);
        Ok(figures)
    }
}
