//! The connector as its users run it: the binary, a configuration file, a child process, and what it committed.
//!
//! ```text
//! start ──> "export begins" or "the lane is ours" ──> newest progress record ──> end of the process
//!             └────────────── seconds ──────────────────────┘
//! └──────────────────────────── whole seconds ───────────────────────────────────┘
//! ```
//!
//! Invariants: a run counts only if the topic, read under `read_committed`, gives the collection's documents: as many
//! keys alive as the source has, and after a snapshot as many records; the child does not outlive this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use bson::{RawDocumentBuf, doc};
use clap::{Args, ValueEnum};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::figures::Figures;
use crate::load::split;
use crate::processes::{Meter, Own, peak_rss};
use crate::{places, topic};

const LIMIT: Duration = Duration::from_secs(900);
/// How often the memory of the process is looked at; its peak is the kernel's, so little is missed.
const LOOK: Duration = Duration::from_millis(20);

/// When the run ends.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    Snapshot,
    Now,
}

/// Flags of `product`.
#[derive(Args)]
pub(crate) struct Product {
    /// The binary `moorline`.
    #[arg(long, env = "MOORLINE_BIN")]
    binary: PathBuf,
    /// Connector, group and topic prefix; new for a snapshot.
    #[arg(long)]
    name: String,
    #[arg(long, value_enum)]
    until: Until,
    #[arg(long, default_value = "bench.orders")]
    collection: String,
    /// Documents of the snapshot, or events that were written.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    #[arg(long, default_value_t = 6)]
    partitions: i32,
    /// Where its configuration, its contracts and its logs lie.
    #[arg(long)]
    folder: PathBuf,
    /// Further lines of its configuration.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

/// What the child said, and when.
#[derive(Default)]
struct Log {
    lines: String,
    /// Milliseconds since 1970 of each message's first appearance.
    seen: HashMap<String, i64>,
}

impl Product {
    pub(crate) async fn run(self) -> Result<Figures> {
        let (database, collection) = split(&self.collection)?;
        let configuration = self.configure()?;
        let word = if self.until == Until::Snapshot { "snapshot" } else { "now" };
        let meter = Meter::start(Own::Children)?;
        let began = now_ms();
        let mut child = Command::new(&self.binary)
            .args(["run", "--no-progress", "--log-format", "json", "--until", word, "-c"])
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        let errors = child.stderr.take().context("its messages")?;
        let (log, (code, peak)) = tokio::time::timeout(LIMIT, async { tokio::join!(listen(errors), wait(&mut child)) })
            .await
            .with_context(|| format!("it ran for more than {LIMIT:?}"))?;
        let mut figures =
            meter.stop(if self.until == Until::Snapshot { "snapshot" } else { "catch-up" }, self.documents)?;
        let log = log?;
        std::fs::write(self.folder.join(format!("{}-{word}.log", self.name)), &log.lines)?;
        ensure!(code? == Some(0), "`moorline run --until {word}` failed:\n{}", log.lines);
        log.lines.lines().filter(|l| l.contains(r#""level":"WARN""#)).for_each(|line| eprintln!("{line}"));

        let from = self.from(&log)?;
        let settings = places::kafka(&self.name, self.partitions)?;
        let (namespace, name) = (self.collection.clone(), self.name.clone());
        let looked = tokio::task::spawn_blocking(move || committed(&settings, &name, &namespace)).await??;
        let mongo = places::mongo().await?;
        let source = mongo.database(&database).collection::<RawDocumentBuf>(&collection);
        let documents = source.count_documents(doc! {}).await?;
        ensure!(looked.alive == documents, "the topic has {} keys alive, the source {documents}", looked.alive);
        let snapshot = self.until == Until::Snapshot;
        ensure!(!snapshot || looked.records == self.documents, "{} records, not {}", looked.records, self.documents);
        ensure!(looked.progress_ms >= from, "no progress was committed after the run had begun");

        figures.peak_rss_bytes = peak;
        figures.bytes = Some(looked.bytes);
        figures.whole_seconds = Some(figures.seconds);
        figures.seconds = (looked.progress_ms - from) as f64 / 1000.0;
        figures.parts.insert("before".to_owned(), ((from - began) as f64 / 1000.0).into());
        Ok(figures)
    }

    /// When the work that is measured began: nothing was read of a snapshot before; a catch-up begins to read a little
    /// later, so that its figure is rather too low.
    fn from(&self, log: &Log) -> Result<i64> {
        let message = if self.until == Until::Snapshot { "export begins" } else { "the lane is ours" };
        log.seen.get(message).copied().with_context(|| format!("it never said `{message}`"))
    }

    fn configure(&self) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.folder)?;
        let (name, folder) = (&self.name, Path::new(&self.folder));
        let mut lines = vec![
            format!("name={name}"),
            "connector.class=moorline.mongodb".to_owned(),
            format!("group.id={name}"),
            format!("topic.prefix={name}"),
            format!("bootstrap.servers={}", places::variable("KAFKA_BOOTSTRAP")?),
            format!("schema.registry.url={}", places::variable("SCHEMA_REGISTRY_URL")?),
            format!("mongodb.connection.string={}", places::variable("MONGODB_URI")?),
            format!("collection.include.list={}", self.collection.replace('.', r"\\.")),
            format!("contract.path={}", folder.join(format!("{name}-contracts")).display()),
            format!("topic.creation.default.partitions={}", self.partitions),
            "offset.storage.partitions=1".to_owned(),
            // The run ends with an anchor; ten seconds, the default, would only be waited for.
            "anchor.interval.ms=1000".to_owned(),
        ];
        lines.extend(self.settings.iter().cloned());
        let path = folder.join(format!("{name}.properties"));
        std::fs::write(&path, lines.join("\n") + "\n").with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// Gathers what the child says until it says no more.
async fn listen(errors: tokio::process::ChildStderr) -> Result<Log> {
    let mut log = Log::default();
    let mut lines = BufReader::new(errors).lines();
    while let Some(line) = lines.next_line().await? {
        if let Ok(event) = serde_json::from_str::<serde_json::Value>(&line)
            && let Some(message) = event["fields"]["message"].as_str()
        {
            log.seen.entry(message.to_owned()).or_insert_with(now_ms);
        }
        log.lines += &line;
        log.lines.push('\n');
    }
    Ok(log)
}

/// Waits for the child; its exit code and its peak of memory.
async fn wait(child: &mut Child) -> (Result<Option<i32>>, u64) {
    let id = child.id().map(|id| id.to_string()).unwrap_or_default();
    let mut peak = 0;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return (Ok(status.code()), peak),
            Ok(None) => peak = peak_rss(&id).unwrap_or(peak),
            Err(error) => return (Err(error.into()), peak),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a connector has committed.
struct Committed {
    records: u64,
    bytes: u64,
    alive: u64,
    /// When the newest progress record was made: after the flush of the last data, just before its commit.
    progress_ms: i64,
}

fn committed(settings: &moorline_sink_kafka::KafkaSettings, name: &str, namespace: &str) -> Result<Committed> {
    let mut alive: HashMap<Vec<u8>, bool> = HashMap::new();
    let data = topic::look(settings, &format!("{name}.{namespace}"), &mut |message| {
        alive.insert(message.key().unwrap_or_default().to_vec(), message.value().is_some());
    })?;
    let mut progress_ms = None;
    topic::look(settings, &settings.control.offsets, &mut |message| {
        let key = message.key().unwrap_or_default();
        if key.windows(10).any(|part| part == br#""progress""#) {
            progress_ms = progress_ms.max(message.timestamp());
        }
    })?;
    let Some(progress_ms) = progress_ms else { bail!("no progress was committed") };
    let alive = alive.values().filter(|alive| **alive).count() as u64;
    Ok(Committed { records: data.records, bytes: data.bytes, alive, progress_ms })
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as i64)
}
