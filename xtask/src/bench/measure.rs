//! The order of things: what is written, measured and waited for in a round.
//!
//! Invariants: each round has a connector, topics and a folder of its own; before each measurement what the last one
//! wrote is on disk, since write-back would be counted against the wrong one.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Bench;
use super::figures::{Figures, Results};
use super::programs::Programs;
use crate::stack::{self, Record};
use crate::{interrupt, places};

/// Documents that are there before the changes of a catch-up are written.
const BEFORE_CHANGES: u64 = 100_000;

/// Records that are produced, and not measured, before the first round.
const WARM_UP: &str = "500000";

/// Collections of a run over many.
const MANY: u64 = 10;

/// Documents of the collections whose latency is measured; each is written to once.
const LATENCY_DOCUMENTS: u64 = 20_000;

/// The setting for a low latency.
const LOW_LATENCY: &str = "poll.interval.ms=2";

/// How long a limited snapshot takes.
const LIMITED_SECONDS: u64 = 15;

/// Changes to be caught up with.
struct CatchUp<'a> {
    round: u32,
    /// One collection, or `DATABASE.*`.
    collection: &'a str,
    /// What stands behind the measurements' names.
    label: &'a str,
    post_images: bool,
    loaded: u64,
}

/// A run of the bench.
pub(super) struct Runs<'run> {
    pub(super) bench: &'run Bench,
    record: &'run Record,
    pub(super) programs: &'run Programs,
    pub(super) folder: PathBuf,
    pub(super) results: Results,
}

impl<'run> Runs<'run> {
    pub(super) fn new(bench: &'run Bench, record: &'run Record, programs: &'run Programs) -> Result<Self> {
        // Beside the servers' data, and gone with it.
        let folder = places::state()?.join(&record.name).join("bench");
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let results = Results {
            cores: thread::available_parallelism().map_or(0, usize::from),
            partitions: bench.partitions,
            settings: bench.settings.clone(),
            ..Results::default()
        };
        Ok(Self { bench, record, programs, folder, results })
    }

    /// Fills a collection.
    pub(super) fn load(&self, collection: &str, documents: u64) -> Result<()> {
        let loaded = self.call(&["load", "--collection", collection, "--documents", &documents.to_string()])?;
        note!(
            "{documents} documents in {collection}, {} bytes each",
            loaded["bytes"].as_u64().unwrap_or_default() / documents.max(1)
        );
        Ok(())
    }

    /// A broker compiles its code while it runs, and a server fills its cache: neither is to be measured.
    pub(super) fn warm_up(&self) -> Result<()> {
        let partitions = self.bench.partitions.to_string();
        for compression in ["lz4", "none"] {
            let name = format!("warm-up-{compression}");
            let flags = ["--documents", WARM_UP, "--partitions", &partitions];
            self.call(&[["produce", "--name", &name, "--compression", compression].as_slice(), &flags].concat())?;
        }
        Ok(())
    }

    /// Encoding alone.
    pub(super) fn encode(&mut self) -> Result<()> {
        self.measure(1, &["encode"])
    }

    /// A snapshot between its bare ends.
    pub(super) fn snapshot_round(&mut self, round: u32) -> Result<()> {
        let documents = self.bench.documents.to_string();
        let partitions = self.bench.partitions.to_string();
        self.measure(round, &["find", "--documents", &documents])?;
        self.measure(round, &["ranges", "--documents", &documents])?;
        for compression in ["lz4", "none"] {
            let name = format!("producer-{compression}-{round}");
            let flags = ["--name", &name, "--documents", &documents, "--partitions", &partitions];
            self.measure(round, &[&["produce", "--compression", compression], flags.as_slice()].concat())?;
        }
        let name = format!("snapshot-{round}");
        self.product(round, &["--name", &name, "--until", "snapshot", "--documents", &documents])
    }

    /// Changes while the connector is down, a bare stream over them, and the connector's own way through them.
    pub(super) fn catch_up_round(&mut self, round: u32) -> Result<()> {
        self.load("bench.changes", BEFORE_CHANGES)?;
        self.catch_up(&CatchUp {
            round,
            collection: "bench.changes",
            label: "",
            post_images: false,
            loaded: BEFORE_CHANGES,
        })
    }

    /// The same where the server brings the images.
    pub(super) fn post_images_round(&mut self, round: u32) -> Result<()> {
        let loaded = BEFORE_CHANGES.to_string();
        self.call(&["load", "--collection", "bench.posted", "--documents", &loaded, "--post-images"])?;
        let label = "-post";
        self.catch_up(&CatchUp { round, collection: "bench.posted", label, post_images: true, loaded: BEFORE_CHANGES })
    }

    /// The collections of [`Self::many_round`]: as many documents as one has elsewhere.
    pub(super) fn load_many(&self) -> Result<()> {
        self.call(&["empty", "--database", "many", "--collections", "100"])?;
        for number in 0..MANY {
            self.load(&format!("many.orders{number}"), self.bench.documents / MANY)?;
        }
        Ok(())
    }

    /// Ten collections at once.
    pub(super) fn many_round(&mut self, round: u32) -> Result<()> {
        let each = self.bench.documents / MANY;
        let documents = (each * MANY).to_string();
        if round == 1 {
            let flags = ["--name", "snapshot-many-1", "--collection", "many.*", "--label", "snapshot-many"];
            let what = ["--until", "snapshot", "--documents", &documents];
            self.product(round, &[flags.as_slice(), what.as_slice()].concat())?;
        }
        for number in 0..MANY {
            let empty = format!("changed.orders{number}");
            self.load(&empty, BEFORE_CHANGES / MANY)?;
        }
        if round == 1 {
            self.call(&["empty", "--database", "changed", "--collections", "100"])?;
        }
        self.catch_up(&CatchUp {
            round,
            collection: "changed.*",
            label: "-many",
            post_images: false,
            loaded: BEFORE_CHANGES,
        })
    }

    fn catch_up(&mut self, of: &CatchUp<'_>) -> Result<()> {
        let (loaded, round) = (of.loaded.to_string(), of.round);
        let name = format!("catch-up{}-{round}", of.label);
        let label = format!("catch-up{}", of.label);
        let mut connector = vec!["--name", &name, "--collection", of.collection, "--label", &label];
        if of.post_images {
            connector.extend(["--set", "capture.mode.full.update.type=post_image"]);
        }
        let first = [connector.as_slice(), &["--until", "snapshot", "--documents", &loaded]].concat();
        self.call(&self.product_flags(&first))?;
        let written = self.change(of)?;
        let changes = self.bench.changes.to_string();
        let (time, increment) = (written["time"].to_string(), written["increment"].to_string());
        let stream_label = format!("stream{}", of.label);
        let mut stream = vec!["stream", "--events", &changes, "--time", &time, "--increment", &increment];
        stream.extend(["--collection", of.collection, "--label", &stream_label]);
        if of.post_images {
            stream.push("--post-images");
        }
        self.measure(round, &stream)?;
        self.product(round, &[connector.as_slice(), &["--until", "now", "--documents", &changes]].concat())
    }

    /// Writes the changes; what was said of the first ones.
    fn change(&self, of: &CatchUp<'_>) -> Result<Value> {
        let Some(database) = of.collection.strip_suffix(".*") else {
            let (loaded, changes) = (of.loaded.to_string(), self.bench.changes.to_string());
            return self.call(&["change", "--collection", of.collection, "--loaded", &loaded, "--changes", &changes]);
        };
        let (loaded, changes) = ((of.loaded / MANY).to_string(), (self.bench.changes / MANY).to_string());
        let mut first = Value::Null;
        for number in 0..MANY {
            let collection = format!("{database}.orders{number}");
            let written =
                self.call(&["change", "--collection", &collection, "--loaded", &loaded, "--changes", &changes])?;
            if number == 0 {
                first = written;
            }
        }
        Ok(first)
    }

    /// Latency with the defaults, and with the setting for a low one.
    pub(super) fn latency(&mut self) -> Result<()> {
        for (label, setting) in [("latency", None), ("latency-low", Some(LOW_LATENCY))] {
            let collection = format!("bench.{}", label.replace('-', "_"));
            self.load(&collection, LATENCY_DOCUMENTS)?;
            let loaded = LATENCY_DOCUMENTS.to_string();
            let mut flags = vec!["--name", label, "--label", label, "--collection", &collection, "--loaded", &loaded];
            flags.extend(setting.iter().flat_map(|line| ["--set", line]));
            let flags = self.connector_flags("latency", &flags);
            self.measure(1, &flags)?;
        }
        Ok(())
    }

    /// A snapshot beside a writer, at full speed and limited.
    pub(super) fn beside(&mut self) -> Result<()> {
        let documents = self.bench.documents.to_string();
        let limit = format!("snapshot.rate.limit.documents={}", self.bench.documents / LIMITED_SECONDS);
        for (label, setting) in [("beside", None), ("beside-limited", Some(limit.as_str()))] {
            let mut flags = vec!["--name", label, "--label", label, "--documents", &documents];
            flags.extend(setting.iter().flat_map(|line| ["--set", line]));
            let flags = self.connector_flags("beside", &flags);
            self.measure(1, &flags)?;
        }
        Ok(())
    }

    fn product(&mut self, round: u32, flags: &[&str]) -> Result<()> {
        let flags = self.product_flags(flags);
        self.measure(round, &flags)
    }

    pub(super) fn product_flags<T: AsRef<str>>(&self, flags: &[T]) -> Vec<String> {
        self.connector_flags("product", flags)
    }

    fn connector_flags<T: AsRef<str>>(&self, verb: &str, flags: &[T]) -> Vec<String> {
        let own = [verb, "--partitions"].map(str::to_owned);
        let mut all: Vec<String> = own.into_iter().chain([self.bench.partitions.to_string()]).collect();
        all.extend(["--folder".to_owned(), self.folder.display().to_string()]);
        all.extend(flags.iter().map(|flag| flag.as_ref().to_owned()));
        for line in &self.bench.settings {
            all.extend(["--set".to_owned(), line.clone()]);
        }
        all
    }

    /// One measurement, kept.
    pub(super) fn measure<T: AsRef<str>>(&mut self, round: u32, arguments: &[T]) -> Result<()> {
        settle()?;
        let printed = match self.call(arguments)? {
            Value::Array(several) => several,
            one => vec![one],
        };
        for one in printed {
            let mut figures: Figures = serde_json::from_value(one).context("reading its figures")?;
            figures.round = round;
            note!("round {round}: {:<14} {:>9.0} a second", figures.measurement, figures.rate());
            self.results.measurements.push(figures);
        }
        Ok(())
    }

    /// Runs `moorline-bench` and gives what it printed.
    pub(super) fn call<T: AsRef<str>>(&self, arguments: &[T]) -> Result<Value> {
        interrupt::check()?;
        let printed = self.folder.join("printed");
        let mut command = Command::new(&self.programs.bench);
        command
            .args(arguments.iter().map(AsRef::as_ref))
            .env("MOORLINE_BIN", &self.programs.moorline)
            .stdout(File::create(&printed).with_context(|| format!("creating {}", printed.display()))?);
        let status = stack::run_command(&mut command, self.record)?;
        let verb = arguments.first().map_or("", AsRef::as_ref);
        if !status.success() {
            bail!("`moorline-bench {verb}` ended with {status}");
        }
        serde_json::from_slice(&fs::read(&printed)?).with_context(|| format!("what `moorline-bench {verb}` printed"))
    }
}

/// Has pages that were written go to disk now.
fn settle() -> Result<()> {
    let status = Command::new("sync").status().context("starting sync")?;
    if !status.success() {
        bail!("sync ended with {status}");
    }
    Ok(())
}
