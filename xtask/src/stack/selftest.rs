//! `stack selftest`: two stacks side by side, faults in one of them, and nothing left afterwards.
//!
//! Invariant: it runs in a state folder of its own, so that stacks in use are neither seen nor touched.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::places;

/// Runs the test; an error says what did not hold.
pub(crate) fn selftest() -> Result<()> {
    let state = places::workspace().join(".moorline").join(format!("selftest-{}", std::process::id()));
    let scene = Scene { state };
    let outcome = scene.play();
    // Also after a failure; what failed first is what is reported.
    let cleared = scene.xtask(&["down", "--all"]).map(|_| ());
    outcome.and(cleared)?;
    ensure!(!scene.state.exists(), "{} is left behind", scene.state.display());
    say!("1 passed, 0 failed");
    Ok(())
}

struct Scene {
    state: PathBuf,
}

impl Scene {
    fn play(&self) -> Result<()> {
        let starts = [
            self.command(&["up", "--name", "first", "--format", "json"])?.spawn()?,
            self.command(&["up", "--name", "second", "--nodes", "3", "--format", "json"])?.spawn()?,
        ];
        // Both are collected before either is judged, so that no start is left running.
        let starts = starts.map(|start| start.wait_with_output());
        for start in starts {
            succeeded(start.context("waiting for `up`")?)?;
        }
        let (first, second) = (self.record("first")?, self.record("second")?);
        let of_first = processes(&first)?;
        let of_second = processes(&second)?;
        ensure!(of_first.len() == 3, "the first stack has {} processes", of_first.len());
        ensure!(of_second.len() == 5, "the second stack has {} processes", of_second.len());
        all_run(&[of_first.as_slice(), of_second.as_slice()].concat())?;
        for address in ["mongodb_uri", "kafka_bootstrap", "schema_registry_url"] {
            ensure!(first[address] != second[address], "both stacks have the {address} {}", first[address]);
        }
        ensure!(self.xtask(&["up", "--name", "first"]).is_err(), "a second stack of one name came up");
        note!("ok    two stacks live side by side");

        self.xtask(&["signal", "--name", "second", "--server", "mongo1", "--signal", "KILL"])?;
        self.xtask(&["restart", "--name", "second", "--server", "mongo1"])?;
        let of_second = processes(&self.record("second")?)?;
        all_run(&of_second)?;
        note!("ok    a killed server came back");

        self.xtask(&["down", "--name", "first"])?;
        all_run(&of_second)?;
        self.xtask(&["signal", "--name", "second", "--server", "kafka", "--signal", "STOP"])?;
        self.xtask(&["down", "--name", "second"])?;
        for id in of_first.iter().chain(&of_second) {
            ensure!(!runs(*id), "process {id} is left behind");
        }
        note!("ok    each went down alone, though one server stood still");

        ensure!(self.xtask(&["run", "--name", "third", "--", "false"]).is_err(), "an exit code was lost");
        ensure!(!self.state.exists(), "{} is left behind", self.state.display());
        note!("ok    `run` passes a failure on and leaves nothing");
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let own = places::program()?;
        let mut command = Command::new(own);
        command
            .arg("stack")
            .args(arguments)
            .env("MOORLINE_STATE", &self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    fn xtask(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments)?.output().context("starting this program")?;
        succeeded(output).with_context(|| format!("stack {}", arguments.join(" ")))
    }

    fn record(&self, name: &str) -> Result<Value> {
        let text = self.xtask(&["status", "--name", name, "--format", "json"])?;
        serde_json::from_str(&text).context("reading what `status` printed")
    }
}

fn succeeded(output: Output) -> Result<String> {
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn processes(record: &Value) -> Result<Vec<u64>> {
    let servers = record["servers"].as_array().context("a record has servers")?;
    servers.iter().map(|server| server["process"]["id"].as_u64().context("a server has a process")).collect()
}

fn all_run(ids: &[u64]) -> Result<()> {
    for id in ids {
        ensure!(runs(*id), "process {id} does not run");
    }
    Ok(())
}

/// Asked of the kernel, not of the code under test. One that only waits to be collected is not running.
fn runs(id: u64) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status"));
    status.is_ok_and(|status| !status.lines().any(|line| line.starts_with("State:") && line.contains('Z')))
}
