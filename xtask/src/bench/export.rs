//! What is measured of an export that stands in a topic: replays, verifications, and what they are compared with.
//!
//! Invariants: all read the same topic of the same run; each replay has a folder of its own, which is gone behind it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::measure::Runs;
use crate::{fetch, places};

/// A budget below the fold's size, so that runs are sorted on disk.
const SMALL_MEMORY: &str = "20000000";

/// What a user would write without the verb.
const BY_HAND: &str = "tests/peers/replay_by_hand.py";

/// Where a verification says how many documents the export has.
const DOCUMENTS: &str = "/ranges/0/export_documents";

/// The connector whose topic is read.
const NAME: &str = "export";

impl Runs<'_> {
    /// One snapshot, and everything that is measured of its topic.
    pub(super) fn export(&mut self) -> Result<()> {
        let documents = self.bench.documents.to_string();
        let flags = ["--name", NAME, "--until", "snapshot", "--documents", &documents];
        self.call(&self.product_flags(&flags))?;
        let python = fetch::peers()?.into_iter().find(|(name, _)| name == "MOORLINE_PEERS_BIN");
        let python = Path::new(&python.context("the peers' Python")?.1).join("python");
        let by_hand = places::workspace().join(BY_HAND);
        let partitions = self.bench.partitions.to_string();
        for round in 1..=self.bench.rounds {
            let read = ["--name", NAME, "--documents", &documents, "--partitions", &partitions];
            self.measure(round, &[&["drain"], read.as_slice()].concat())?;
            let parquet = self.replay(round, "replay-parquet", &["--format", "parquet"])?;
            let files =
                ["verify", "--against", "files", &parquet.display().to_string(), "--no-certificate"].map(str::to_owned);
            self.verb(round, "verify-files", DOCUMENTS, &files.each_ref().map(String::as_str))?;
            removed(&parquet)?;
            removed(&self.replay(round, "replay-sorted", &["--format", "parquet", "--memory-bytes", SMALL_MEMORY])?)?;
            removed(&self.replay(round, "replay-avro", &["--format", "avro"])?)?;
            removed(&self.replay(round, "replay-jsonl", &["--format", "jsonl.zst"])?)?;
            let out = self.folder.join("by-hand.parquet").display().to_string();
            let topic = format!("{NAME}.bench.orders");
            let (python, by_hand) = (python.display().to_string(), by_hand.display().to_string());
            self.command(round, "by-hand", "/documents", &[&python, &by_hand, &topic, &out])?;
            fs::remove_file(&out)?;
            self.measure(round, &["find", "--documents", &documents])?;
            let verify = |against: &'static str| ["verify", "--against", against, "--no-certificate"];
            self.verb(round, "verify-topic", DOCUMENTS, &verify("topic"))?;
            self.verb(round, "verify-source", DOCUMENTS, &verify("source"))?;
        }
        Ok(())
    }

    /// A replay; the folder that it wrote.
    fn replay(&mut self, round: u32, label: &str, flags: &[&str]) -> Result<PathBuf> {
        let out = self.folder.join(label);
        let folder = out.display().to_string();
        let all = [["replay", "--out", &folder].as_slice(), flags].concat();
        self.verb(round, label, "/documents", &all)?;
        Ok(out)
    }

    /// A verb of the connector.
    fn verb(&mut self, round: u32, label: &str, counted: &str, words: &[&str]) -> Result<()> {
        let moorline = self.programs.moorline.display().to_string();
        let file = self.folder.join(format!("{NAME}.properties")).display().to_string();
        let after = ["-c", &file, "-o", "json", "--no-progress"];
        self.command(round, label, counted, &[&[moorline.as_str()], words, after.as_slice()].concat())
    }

    fn command(&mut self, round: u32, label: &str, counted: &str, words: &[&str]) -> Result<()> {
        let documents = self.bench.documents.to_string();
        let flags = ["command", "--label", label, "--documents", &documents, "--counted", counted, "--"];
        self.measure(round, &[flags.as_slice(), words].concat())
    }
}

fn removed(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))
}
