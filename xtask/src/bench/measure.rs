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

/// A run of the bench.
pub(super) struct Runs<'run> {
    bench: &'run Bench,
    record: &'run Record,
    programs: &'run Programs,
    folder: PathBuf,
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
            measurements: Vec::new(),
        };
        Ok(Self { bench, record, programs, folder, results })
    }

    /// Fills a collection.
    pub(super) fn load(&self, collection: &str, documents: u64) -> Result<()> {
        let loaded = self.call(&["load", "--collection", collection, "--documents", &documents.to_string()])?;
        eprintln!(
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

    /// A snapshot between its bare ends.
    pub(super) fn snapshot_round(&mut self, round: u32) -> Result<()> {
        let documents = self.bench.documents.to_string();
        let partitions = self.bench.partitions.to_string();
        self.measure(round, &["find", "--documents", &documents])?;
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
        let (loaded, changes) = (BEFORE_CHANGES.to_string(), self.bench.changes.to_string());
        self.load("bench.changes", BEFORE_CHANGES)?;
        let name = format!("catch-up-{round}");
        let connector = ["--name", &name, "--collection", "bench.changes"];
        self.call(
            &self.product_flags(&[&connector, ["--until", "snapshot", "--documents", &loaded].as_slice()].concat()),
        )?;
        let written = self.call(&["change", "--loaded", &loaded, "--changes", &changes])?;
        let (time, increment) = (written["time"].to_string(), written["increment"].to_string());
        self.measure(round, &["stream", "--events", &changes, "--time", &time, "--increment", &increment])?;
        self.product(round, &[&connector, ["--until", "now", "--documents", &changes].as_slice()].concat())
    }

    fn product(&mut self, round: u32, flags: &[&str]) -> Result<()> {
        let flags = self.product_flags(flags);
        self.measure(round, &flags)
    }

    fn product_flags<T: AsRef<str>>(&self, flags: &[T]) -> Vec<String> {
        let own = ["product", "--partitions"].map(str::to_owned);
        let mut all: Vec<String> = own.into_iter().chain([self.bench.partitions.to_string()]).collect();
        all.extend(["--folder".to_owned(), self.folder.display().to_string()]);
        all.extend(flags.iter().map(|flag| flag.as_ref().to_owned()));
        for line in &self.bench.settings {
            all.extend(["--set".to_owned(), line.clone()]);
        }
        all
    }

    /// One measurement, kept.
    fn measure<T: AsRef<str>>(&mut self, round: u32, arguments: &[T]) -> Result<()> {
        settle()?;
        let mut figures: Figures = serde_json::from_value(self.call(arguments)?).context("reading its figures")?;
        figures.round = round;
        eprintln!("round {round}: {:<14} {:>9.0} a second", figures.measurement, figures.rate());
        self.results.measurements.push(figures);
        Ok(())
    }

    /// Runs `moorline-bench` and gives what it printed.
    fn call<T: AsRef<str>>(&self, arguments: &[T]) -> Result<Value> {
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
