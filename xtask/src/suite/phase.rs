//! One test runner as a process: its output shown as it comes, its summaries counted, its time limited.
//!
//! Invariant: when the limit is reached or we are interrupted all of it is ended, so that no test goes on against
//! servers that are gone.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::Tally;
use crate::{child, places};

/// Runs `cargo test`. A run that fails without a failed test (it did not compile) counts as one.
pub(super) fn cargo_test(
    arguments: &[&str],
    for_tests: &[&str],
    environment: &[(String, String)],
    limit: Duration,
) -> Result<Tally> {
    let mut command = Command::new(places::cargo());
    command.args(["test", "--no-fail-fast"]).args(arguments).arg("--").args(for_tests);
    runner(&mut command, environment, limit, Tally::of_cargo_line)
}

/// Runs a command and adds up the summaries that `count` finds in its output.
pub(super) fn runner(
    command: &mut Command,
    environment: &[(String, String)],
    limit: Duration,
    count: fn(&str) -> Option<Tally>,
) -> Result<Tally> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.envs(environment.iter().map(|(name, value)| (name, value))).current_dir(places::workspace());
    let mut runner = child::start(command.stdout(Stdio::piped()))?;
    let output = runner.stdout.take().context("its output")?;
    let reader = thread::spawn(move || {
        let mut tally = Tally::default();
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line);
            say!("{line}");
            if let Some(counted) = count(&line) {
                tally.add(counted);
            }
        }
        tally
    });
    let status = child::wait(&mut runner, limit).with_context(|| name.clone())?;
    let mut tally = reader.join().map_err(|_| anyhow!("reading the output of {name}"))?;
    if !status.success() && tally.failed == 0 {
        say!("{name} ended with {status}");
        tally.failed = 1;
    }
    Ok(tally)
}
