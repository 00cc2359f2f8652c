//! One test runner as a process: its output shown as it comes, its summaries counted, its time limited.
//!
//! Invariant: the runner has a process group of its own, and the whole group is ended when the limit
//! is reached or we are interrupted, so that no test goes on against servers that are gone.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::Tally;
use crate::{interrupt, places};

const POLL: Duration = Duration::from_millis(50);
/// How long a runner may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(30);

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
    let mut child = command
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(places::workspace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let output = child.stdout.take().context("its output")?;
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
    let status = wait(&mut child, limit).with_context(|| name.clone())?;
    let mut tally = reader.join().map_err(|_| anyhow!("reading the output of {name}"))?;
    if !status.success() && tally.failed == 0 {
        say!("{name} ended with {status}");
        tally.failed = 1;
    }
    Ok(tally)
}

fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    let reason = loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt::requested() {
            break "was interrupted".to_owned();
        }
        if Instant::now() >= deadline {
            break format!("did not end within {} s", limit.as_secs());
        }
        thread::sleep(POLL);
    };
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process group")?;
    // An error here says that the group is gone already.
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() && Instant::now() < deadline {
        thread::sleep(POLL);
    }
    let _ = kill_process_group(group, Signal::KILL);
    child.wait()?;
    bail!("it {reason}")
}
