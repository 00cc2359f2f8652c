//! A run of the connector as its users have it: the binary, a configuration file, and what it committed.
//!
//! ```text
//! start ──> "export begins" or "the lane is ours" ──> newest progress record ──> end of the process
//!             └────────────── seconds ──────────────────────┘
//! └──────────────────────────── whole seconds ───────────────────────────────────┘
//! ```
//!
//! Invariant: a run counts only if its topics, read under `read_committed`, give the documents of the source: as many
//! keys alive as the source has, and after a snapshot as many records.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use bson::{RawDocumentBuf, doc};
use clap::{Args, ValueEnum};
use moorline_sink_kafka::KafkaSettings;

use crate::child::{Connector, Running};
use crate::figures::Figures;
use crate::load::split;
use crate::processes::{Meter, Own};
use crate::{places, topic, wire};

/// When the run ends.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    Snapshot,
    Now,
}

/// Flags of `product`.
#[derive(Args)]
pub(crate) struct Product {
    #[command(flatten)]
    connector: Connector,
    #[arg(long, value_enum)]
    until: Until,
    /// Documents of the snapshot, or events that were written.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// What the measurement is called, where it is neither `snapshot` nor `catch-up`.
    #[arg(long)]
    label: Option<String>,
}

impl Product {
    pub(crate) async fn run(self) -> Result<Figures> {
        let is_snapshot = self.until == Until::Snapshot;
        let (word, label) = if is_snapshot { ("snapshot", "snapshot") } else { ("now", "catch-up") };
        let sent = wire::sent_by_the_source().await?;
        let meter = Meter::start(Own::Children)?;
        let mut running = self.connector.start(Some(word))?;
        let peak = running.end().await?;
        let label = self.label.as_deref().unwrap_or(label);
        let mut figures = meter.stop(label, self.documents)?;
        let wire_in = wire::sent_by_the_source().await? - sent;

        let from = self.from(&running)?;
        let name = self.connector.name.clone();
        let settings = places::kafka(&name, self.connector.partitions)?;
        let collections = self.collections().await?;
        let named = collections.clone();
        let looked = tokio::task::spawn_blocking(move || committed(&settings, &name, &named)).await??;
        let documents = count(&collections).await?;
        ensure!(looked.alive == documents, "the topics have {} keys alive, the source {documents}", looked.alive);
        ensure!(!is_snapshot || looked.records == self.documents, "{} records, not {}", looked.records, self.documents);
        ensure!(looked.last_ms >= from, "no progress was committed after the run had begun");

        figures.peak_rss_bytes = peak;
        figures.bytes = Some(looked.bytes);
        figures.whole_seconds = Some(figures.seconds);
        figures.seconds = (looked.last_ms - from) as f64 / 1000.0;
        let mut part = |name: &str, value: f64| drop(figures.parts.insert(name.to_owned(), value.into()));
        part("before", (from - running.began) as f64 / 1000.0);
        part("wire_in", wire_in as f64);
        if is_snapshot {
            part("first_record", (looked.first_ms - running.began) as f64 / 1000.0);
            part("wire_out", wire::held_by_the_broker(&self.connector.name)? as f64);
        }
        Ok(figures)
    }

    /// When the work that is measured began: nothing was read of a snapshot before; a catch-up begins to read a little
    /// later, so that its figure is rather too low.
    fn from(&self, running: &Running) -> Result<i64> {
        let message = if self.until == Until::Snapshot { "export begins" } else { "the lane is ours" };
        running.said(message).with_context(|| format!("it never said `{message}`"))
    }

    /// The full names of what is captured.
    async fn collections(&self) -> Result<Vec<String>> {
        let Some(database) = self.connector.collection.strip_suffix(".*") else {
            return Ok(vec![self.connector.collection.clone()]);
        };
        let names = places::mongo().await?.database(database).list_collection_names().await?;
        Ok(names.into_iter().map(|name| format!("{database}.{name}")).collect())
    }
}

async fn count(collections: &[String]) -> Result<u64> {
    let client = places::mongo().await?;
    let mut documents = 0;
    for namespace in collections {
        let (database, collection) = split(namespace)?;
        let source = client.database(&database).collection::<RawDocumentBuf>(&collection);
        documents += source.count_documents(doc! {}).await?;
    }
    Ok(documents)
}

/// What a connector has committed.
struct Committed {
    records: u64,
    bytes: u64,
    alive: u64,
    /// When the first and the newest progress record were made: after the flush of the data beside it, just before its
    /// commit.
    first_ms: i64,
    last_ms: i64,
}

fn committed(settings: &KafkaSettings, name: &str, collections: &[String]) -> Result<Committed> {
    let (mut records, mut bytes, mut total) = (0, 0, 0);
    for namespace in collections {
        let mut alive: HashMap<Vec<u8>, bool> = HashMap::new();
        let found = topic::look_if_there(settings, &format!("{name}.{namespace}"), &mut |message| {
            alive.insert(message.key().unwrap_or_default().to_vec(), message.value().is_some());
        })?;
        records += found.records;
        bytes += found.bytes;
        total += alive.values().filter(|alive| **alive).count() as u64;
    }
    let mut times = None;
    topic::look(settings, &settings.control.offsets, &mut |message| {
        let key = message.key().unwrap_or_default();
        if key.windows(10).any(|part| part == br#""progress""#)
            && let Some(at) = message.timestamp()
        {
            let (first, last) = times.unwrap_or((at, at));
            times = Some((at.min(first), at.max(last)));
        }
    })?;
    let Some((first_ms, last_ms)) = times else { bail!("no progress was committed") };
    Ok(Committed { records, bytes, alive: total, first_ms, last_ms })
}
