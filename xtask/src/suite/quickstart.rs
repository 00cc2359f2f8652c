//! `cargo xtask quickstart`: the binary, a fresh stack, and the tour in `tests/quickstart.py`.
//!
//! Invariant: without `--keep` nothing is left running, however the tour ends.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
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
    /// For the tour's script, after `--`.
    #[arg(last = true)]
    arguments: Vec<String>,
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
    let outcome = tour(options, &record, &python, &binary);
    if outcome.is_err() {
        servers::show_logs(&record);
    }
    if options.keep {
        record.print(stack::Format::Env)?;
        println!("the servers stay up; `cargo xtask stack down --name {name}` ends them");
        return outcome;
    }
    let taken_down = stack::down(&name);
    outcome.and(taken_down)
}

fn tour(options: &Quickstart, record: &Record, python: &Path, binary: &Path) -> Result<()> {
    let mut command = Command::new(python);
    command
        .arg("tests/quickstart.py")
        .args(&options.arguments)
        .envs(servers::environment(record, binary)?)
        .current_dir(places::workspace());
    if options.keep {
        command.env("MOORLINE_KEEP", "1");
    }
    let status = stack::run_command(&mut command, record)?;
    if !status.success() {
        bail!("the tour ended with {status}");
    }
    Ok(())
}
