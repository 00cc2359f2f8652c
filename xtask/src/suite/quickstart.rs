//! `cargo xtask quickstart`: the binary, a fresh stack, `moorline demo` on it, and then an independent look at what it left.
//!
//! The demo is the product's own tour and checks itself; `tests/quickstart.py` is a client that shares no code with it,
//! and holds every anchor that the demo wrote against the records and the source.
//!
//! Invariant: without `--keep` nothing is left running, however the tour ends.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{binary, servers};
use crate::stack::{self, Options, Record};
use crate::{fetch, places};

/// The tour of the README.
#[derive(Args, Default)]
pub(crate) struct Quickstart {
    /// Leave the servers and the topics for a look around.
    #[arg(long)]
    keep: bool,
}

/// Runs the tour and passes its exit code on.
pub(crate) fn quickstart(options: &Quickstart) -> Result<ExitCode> {
    play(options).map(|()| ExitCode::SUCCESS)
}

/// Runs the tour; an error if it failed.
pub(super) fn play(options: &Quickstart) -> Result<()> {
    fetch::servers()?;
    let python = fetch::environment()?.join("bin").join("python");
    let binary = binary::moorline()?;
    let name = if options.keep { "quickstart".to_owned() } else { format!("quickstart-{}", std::process::id()) };
    let record = stack::up(&Options::named(&name))?;
    let folder = places::state()?.join(format!("{name}-demo"));
    let outcome = tour(&record, &folder, &python, &binary);
    if outcome.is_err() {
        servers::show_logs(&record);
    }
    if options.keep {
        record.print(stack::Format::Env)?;
        say!("files: {}", folder.display());
        say!("the servers stay up; `cargo xtask stack down --name {name}` ends them");
        return outcome;
    }
    let taken_down = stack::down(&name);
    // A folder that can't be removed is no reason to call the tour failed.
    let _ = fs::remove_dir_all(&folder);
    outcome.and(taken_down)
}

fn tour(record: &Record, folder: &Path, python: &Path, binary: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let environment = servers::environment(record, binary)?;
    // The addresses and the documents are in the environment, as the demo takes them.
    run(Command::new(binary).arg("demo").arg("--keep").arg("--folder").arg(folder), record, &environment, "the demo")?;
    let mut look = Command::new(python);
    run(look.arg("tests/quickstart.py").arg(folder), record, &environment, "the independent look")
}

fn run(command: &mut Command, record: &Record, environment: &[(String, String)], what: &str) -> Result<()> {
    let pairs = environment.iter().map(|(name, value)| (name, value));
    let status = stack::run_command(command.envs(pairs).current_dir(places::workspace()), record)?;
    if !status.success() {
        bail!("{what} ended with {status}");
    }
    Ok(())
}
