//! `cargo xtask check`: the gate that needs no servers.
//!
//! Invariants: all steps run, so that one run shows everything that is wrong; a step only reads, but
//! for cargo's own build folder.

mod arrows;
mod files;
mod generated;
mod licences;
mod metadata;
mod pages;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::suite::Tally;
use crate::{child, interrupt, places};

/// Clippy compiles everything when it runs for the first time.
const LIMIT: Duration = Duration::from_secs(60 * 60);

type Step = (&'static str, fn() -> Result<()>);

/// Cheap ones first: they are what is wrong most often.
const STEPS: &[Step] = &[
    ("format", || cargo(&["fmt", "--all", "--", "--check", "-l"])),
    ("files", files::check),
    ("arrows", arrows::check),
    ("licences", licences::check),
    ("pages", pages::check),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])),
    ("generated", generated::check),
];

/// Runs all steps and counts them.
pub(crate) fn check() -> Result<Tally> {
    let mut tally = Tally::default();
    for (name, step) in STEPS {
        interrupt::check()?;
        let started = Instant::now();
        let outcome = step();
        let seconds = started.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => {
                tally.passed += 1;
                say!("ok      {name:<10} {seconds:>6.1} s");
            }
            Err(error) => {
                tally.failed += 1;
                say!("FAILED  {name:<10} {seconds:>6.1} s\n{error:#}");
            }
        }
    }
    Ok(tally)
}

/// Writes what is committed and made by this program.
pub(crate) fn generate() -> Result<()> {
    pages::write()
}

/// Runs cargo with its output where ours goes.
fn cargo(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(places::cargo());
    let status = child::status(command.args(arguments).current_dir(places::workspace()), LIMIT)?;
    if !status.success() {
        bail!("`cargo {}` failed", arguments.join(" "));
    }
    Ok(())
}
