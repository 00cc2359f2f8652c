//! The parts that share one stack: Rust tests against servers, then Python scenarios.
//!
//! Invariant: the stack is taken down whatever happens, and the ends of its logs are shown before if a
//! part failed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Part, Tally, binary, phase, timed};
use crate::stack::{self, Options, Record};
use crate::{fetch, places};

const INTEGRATION_LIMIT: Duration = Duration::from_secs(45 * 60);
const SCENARIOS_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Lines of each server's log that a failure shows.
const TAIL: usize = 40;

/// Builds, starts a stack, runs the parts that were asked for, and takes it down.
pub(super) fn with_stack(total: &mut Tally, asked: &impl Fn(Part) -> bool, pytest: &[String]) -> Result<()> {
    let mut built = None;
    timed("build", total, || {
        built = Some(binary::moorline_and_example()?);
        Ok(Tally::default())
    })?;
    let built = built.context("binaries were built")?;
    let name = format!("test-{}", std::process::id());
    let mut record = None;
    timed("stack", total, || {
        record = Some(stack::up(&Options::named(&name))?);
        Ok(Tally::default())
    })?;
    let record = record.context("a stack is up")?;
    let outcome = run(total, asked, pytest, &record, &built);
    if outcome.is_err() {
        show_logs(&record);
    }
    let taken_down = stack::down(&name);
    outcome.and(taken_down)
}

fn run(
    total: &mut Tally,
    asked: &impl Fn(Part) -> bool,
    pytest: &[String],
    record: &Record,
    [binary, example]: &[PathBuf; 2],
) -> Result<()> {
    let mut environment = environment(record, binary)?;
    environment.push(("MOORLINE_EXAMPLE".into(), example.display().to_string()));
    if asked(Part::Integration) {
        timed("integration", total, || {
            let tally =
                phase::cargo_test(&["--workspace", "--tests"], &["--ignored"], &environment, INTEGRATION_LIMIT)?;
            something_ran(tally)
        })?;
    }
    if asked(Part::Scenarios) {
        timed("scenarios", total, || {
            let mut command = Command::new(fetch::environment()?.join("bin").join("pytest"));
            // Scenarios wait more than they work: three at a time on two cores. `-- -n 0` runs them one by one.
            let together = ["-n", "3", "--dist", "worksteal"];
            command.args(["tests", "-q", "-p", "no:cacheprovider"]).args(together).args(pytest);
            something_ran(phase::runner(&mut command, &environment, SCENARIOS_LIMIT, Tally::of_pytest_line)?)
        })?;
    }
    Ok(())
}

/// What tests and the quick start find in their environment.
pub(super) fn environment(record: &Record, binary: &Path) -> Result<Vec<(String, String)>> {
    let mut pairs = record.environment();
    pairs.extend(fetch::variables()?);
    let own = places::program()?;
    pairs.push(("MOORLINE_BIN".into(), binary.display().to_string()));
    pairs.push(("MOORLINE_XTASK".into(), own.display().to_string()));
    // Where `MOORLINE_XTASK stack …` finds this stack, from whatever folder it is called.
    pairs.push(("MOORLINE_STATE".into(), places::state()?.display().to_string()));
    pairs.push(("PYTHONUNBUFFERED".into(), "1".into()));
    pairs.push(("PYTHONDONTWRITEBYTECODE".into(), "1".into()));
    Ok(pairs)
}

fn something_ran(tally: Tally) -> Result<Tally> {
    ensure!(tally != Tally::default(), "no test ran");
    Ok(tally)
}

/// Shows the end of each server's log.
pub(super) fn show_logs(record: &Record) {
    for server in &record.servers {
        say!("\n-- {}: the end of its log\n{}", server.role, stack::tail(&server.log, TAIL));
    }
}
