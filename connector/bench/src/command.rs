//! A program as a process from its start to its end: a verb of the connector, or what a user would write in its place.
//!
//! Invariant: a run counts only if the program ended well and says that it had all documents.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::Command as Process;

use crate::figures::Figures;
use crate::processes::{Meter, Own, ended};

/// Flags of `command`.
#[derive(Args)]
pub(crate) struct Command {
    /// What the measurement is called.
    #[arg(long)]
    label: String,
    /// How many documents it must have had.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// Where their number stands in the JSON that it prints, as a JSON pointer.
    #[arg(long, default_value = "/documents")]
    counted: String,
    /// The program and what it is given.
    #[arg(last = true, required = true)]
    words: Vec<String>,
}

impl Command {
    pub(crate) async fn run(self) -> Result<Figures> {
        let (program, arguments) = self.words.split_first().context("a program")?;
        let meter = Meter::start(Own::Children)?;
        let mut command = Process::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
        let mut stdout = child.stdout.take().context("what it prints")?;
        let reading = tokio::spawn(async move {
            let mut printed = String::new();
            stdout.read_to_string(&mut printed).await.map(|_| printed)
        });
        let (status, peak) = ended(&mut child).await?;
        let mut figures = meter.stop(&self.label, self.documents)?;
        figures.peak_rss_bytes = peak;
        let printed = reading.await??;
        ensure!(status.success(), "`{}` ended with {status}: {printed}", self.words.join(" "));
        let told: Value = serde_json::from_str(&printed).with_context(|| format!("it printed: {printed}"))?;
        let counted = told.pointer(&self.counted).and_then(Value::as_u64);
        ensure!(counted == Some(self.documents), "it counts {counted:?} documents, not {}: {told}", self.documents);
        figures.bytes = told["bytes"].as_u64();
        Ok(figures)
    }
}
