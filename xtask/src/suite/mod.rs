//! `cargo xtask test` and `cargo xtask quickstart`: the README's two commands.
//!
//! Invariants: phases run in one order and the first that fails is the last that runs; a phase in
//! which nothing ran has failed; a stack that was started is taken down; the last line says how many
//! passed and failed, over all phases.

mod binary;
mod phase;
mod quickstart;
mod servers;
mod tally;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{check, fetch, stack};

pub(crate) use quickstart::{Quickstart, quickstart};
pub(crate) use tally::Tally;

/// A part of the whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// What `cargo xtask check` does.
    Check,
    /// Tests that need nothing: `cargo test --workspace`.
    Unit,
    /// Rust tests against real servers: those that are ignored otherwise.
    Integration,
    /// Python tests of the binary against real servers, with faults.
    Scenarios,
    /// The README's first command.
    Quickstart,
}

/// Everything, or some of it.
#[derive(Args)]
pub(crate) struct Test {
    /// Only these parts; may be repeated.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// For pytest, after `--`: for example `-k fenced -x`.
    #[arg(last = true)]
    pytest: Vec<String>,
}

/// No unit test waits for anything, so this is compiling.
const UNIT_LIMIT: Duration = Duration::from_secs(45 * 60);

/// Runs the parts that were asked for.
pub(crate) fn test(test: &Test) -> Result<ExitCode> {
    let asked = |part: Part| test.only.is_empty() || test.only.contains(&part);
    let mut total = Tally::default();
    let outcome = run(test, asked, &mut total);
    if let Err(error) = &outcome {
        say!("\nFAILED  {error:#}");
        // A part that broke before it could count must not end as "0 failed".
        total.failed = total.failed.max(1);
    }
    say!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(test: &Test, asked: impl Fn(Part) -> bool, total: &mut Tally) -> Result<()> {
    if asked(Part::Integration) || asked(Part::Scenarios) || asked(Part::Quickstart) {
        timed("fetch", total, || {
            fetch::servers()?;
            fetch::variables().map(|_| Tally::default())
        })?;
    }
    if asked(Part::Check) {
        timed("check", total, check::check)?;
    }
    if asked(Part::Unit) {
        timed("unit", total, || phase::cargo_test(&["--workspace"], &[], &[], UNIT_LIMIT))?;
    }
    if asked(Part::Integration) {
        timed("stacks", total, || {
            stack::selftest()?;
            Ok(Tally { passed: 1, failed: 0 })
        })?;
    }
    if asked(Part::Integration) || asked(Part::Scenarios) {
        servers::with_stack(total, &asked, &test.pytest)?;
    }
    if asked(Part::Quickstart) {
        timed("quickstart", total, || {
            quickstart::play(&Quickstart::default())?;
            Ok(Tally { passed: 1, failed: 0 })
        })?;
    }
    Ok(())
}

/// Runs one phase under a heading and adds up what it counted.
fn timed(name: &str, total: &mut Tally, phase: impl FnOnce() -> Result<Tally>) -> Result<()> {
    say!("\n== {name}");
    let started = Instant::now();
    let tally = phase()?;
    say!("== {name}: {} passed, {} failed in {:.1} s", tally.passed, tally.failed, started.elapsed().as_secs_f32());
    total.add(tally);
    if tally.failed > 0 {
        bail!("{name}");
    }
    Ok(())
}
