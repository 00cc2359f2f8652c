//! The connector as a child process: its configuration, what it says and when, its end.
//!
//! Invariant: the child does not outlive this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::places;
use crate::processes::ended;

/// How often its messages are looked through.
const LOOK: Duration = Duration::from_millis(20);

/// Flags of whatever runs the connector.
#[derive(Args, Clone)]
pub(crate) struct Connector {
    /// The binary `moorline`.
    #[arg(long, env = "MOORLINE_BIN")]
    pub(crate) binary: PathBuf,
    /// Connector, group and topic prefix; new for a snapshot.
    #[arg(long)]
    pub(crate) name: String,
    /// One collection, or `DATABASE.*`.
    #[arg(long, default_value = "bench.orders")]
    pub(crate) collection: String,
    #[arg(long, default_value_t = 6)]
    pub(crate) partitions: i32,
    /// Where its configuration, its contracts and its logs lie.
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// Further lines of its configuration.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

/// A connector that runs.
pub(crate) struct Running {
    child: Child,
    log: Arc<Mutex<Log>>,
    listening: JoinHandle<Result<()>>,
    word: String,
    file: PathBuf,
    /// When it was started, ms since 1970.
    pub(crate) began: i64,
}

/// What the child said, and when.
#[derive(Default)]
pub(crate) struct Log {
    lines: String,
    /// Milliseconds since 1970 of each message's first appearance.
    seen: HashMap<String, i64>,
}

impl Connector {
    /// Starts it; `until` is what ends the run, if anything does.
    pub(crate) fn start(&self, until: Option<&str>) -> Result<Running> {
        let configuration = self.configure()?;
        let mut command = Command::new(&self.binary);
        command.args(["run", "--no-progress", "--log-format", "json", "-c"]).arg(&configuration);
        command.args(until.iter().flat_map(|word| ["--until", word]));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let began = now_ms();
        let mut child = command.spawn().with_context(|| format!("starting {}", self.binary.display()))?;
        let errors = child.stderr.take().context("its messages")?;
        let log = Arc::new(Mutex::new(Log::default()));
        let listening = tokio::spawn(listen(errors, Arc::clone(&log)));
        let word = until.unwrap_or("stopped").to_owned();
        let file = self.folder.join(format!("{}-{word}.log", self.name));
        Ok(Running { child, log, listening, word, file, began })
    }

    fn configure(&self) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.folder)?;
        let (name, folder) = (&self.name, Path::new(&self.folder));
        let include = match self.collection.strip_suffix(".*") {
            Some(database) => format!("database.include.list={database}"),
            None => format!("collection.include.list={}", self.collection.replace('.', r"\\.")),
        };
        let mut lines = vec![
            format!("name={name}"),
            "connector.class=moorline.mongodb".to_owned(),
            format!("group.id={name}"),
            format!("topic.prefix={name}"),
            format!("bootstrap.servers={}", places::variable("KAFKA_BOOTSTRAP")?),
            format!("schema.registry.url={}", places::variable("SCHEMA_REGISTRY_URL")?),
            format!("mongodb.connection.string={}", places::variable("MONGODB_URI")?),
            include,
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

impl Running {
    /// Its process id, as text.
    pub(crate) fn id(&self) -> String {
        self.child.id().map(|id| id.to_string()).unwrap_or_default()
    }

    /// When it first said a message, ms since 1970.
    pub(crate) fn said(&self, message: &str) -> Option<i64> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).seen.get(message).copied()
    }

    /// Waits until it has said a message.
    pub(crate) async fn wait_for(&mut self, message: &str) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        while self.said(message).is_none() {
            let alive = self.child.try_wait()?.is_none();
            ensure!(alive && Instant::now() < until, "it never said `{message}`:\n{}", self.lines());
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) -> Result<()> {
        let id = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32)).context("its process id")?;
        Ok(rustix::process::kill_process(id, rustix::process::Signal::TERM)?)
    }

    /// Waits for its end, which must be a good one; the peak of its memory in bytes.
    pub(crate) async fn end(&mut self) -> Result<u64> {
        let (status, peak) = ended(&mut self.child).await?;
        (&mut self.listening).await??;
        let lines = self.lines();
        std::fs::write(&self.file, &lines)?;
        ensure!(status.success(), "`moorline run` until {} failed:\n{lines}", self.word);
        lines.lines().filter(|l| l.contains(r#""level":"WARN""#)).for_each(|line| eprintln!("{line}"));
        Ok(peak)
    }

    fn lines(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }
}

/// Gathers what the child says until it says no more.
async fn listen(errors: tokio::process::ChildStderr, log: Arc<Mutex<Log>>) -> Result<()> {
    let mut lines = BufReader::new(errors).lines();
    while let Some(line) = lines.next_line().await? {
        let event = serde_json::from_str::<serde_json::Value>(&line).ok();
        let message = event.as_ref().and_then(|event| event["fields"]["message"].as_str()).map(str::to_owned);
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(message) = message {
            log.seen.entry(message).or_insert_with(now_ms);
        }
        log.lines += &line;
        log.lines.push('\n');
    }
    Ok(())
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as i64)
}
