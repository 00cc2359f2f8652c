//! A server's process: started so that it outlives us, and ended only while it is still ours.
//!
//! Invariant: a process is its id *and* its start time. Ids are used again by the kernel; a signal is
//! sent only while both agree.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rustix::process::{Pid, kill_process};
use serde::{Deserialize, Serialize};

/// How often the kernel is asked whether a process is gone.
const POLL: Duration = Duration::from_millis(20);

/// Which process, beyond doubt.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: i32,
    /// Clock ticks after boot, field 22 of `/proc/<id>/stat`.
    pub(crate) started: u64,
}

/// The signals of fault tests.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Signal {
    Kill,
    Stop,
    Cont,
    Term,
}

impl Process {
    /// Starts a program with its output appended to `log`.
    pub(crate) fn start(command: &[String], log: &Path) -> Result<Self> {
        let [program, arguments @ ..] = command else { bail!("an empty command") };
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Its own group: a Ctrl-C at the terminal is ours to handle, and our end is not its end.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {program}"))?;
        Self::of(&child)
    }

    /// Names a child of ours. It stays in the process table until it is waited for, so it is found.
    pub(crate) fn of(child: &Child) -> Result<Self> {
        let id = i32::try_from(child.id()).context("a process id")?;
        let (_, started) = look(id).with_context(|| format!("process {id} left no trace under /proc"))?;
        Ok(Self { id, started })
    }

    /// Whether it runs. A process that ended and waits to be collected does not.
    pub(crate) fn lives(self) -> bool {
        look(self.id).is_some_and(|(state, started)| started == self.started && state != 'Z' && state != 'X')
    }

    /// Sends a signal, unless the process is gone.
    pub(crate) fn signal(self, signal: Signal) -> Result<()> {
        if !self.lives() {
            return Ok(());
        }
        let signal = match signal {
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Cont => rustix::process::Signal::CONT,
            Signal::Term => rustix::process::Signal::TERM,
        };
        let id = Pid::from_raw(self.id).context("a process id")?;
        match kill_process(id, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("signalling process {}", self.id)),
        }
    }

    /// Waits until it is gone; false if the limit came first.
    pub(crate) fn gone_within(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.lives() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }
}

/// Ends all of them: asks, waits, and kills what is left.
pub(crate) fn stop(processes: &[Process], patience: Duration) -> Result<()> {
    for process in processes {
        process.signal(Signal::Term)?;
        // One that was stopped by a fault test would not hear the request.
        process.signal(Signal::Cont)?;
    }
    let deadline = Instant::now() + patience;
    for process in processes {
        if !process.gone_within(deadline.saturating_duration_since(Instant::now())) {
            process.signal(Signal::Kill)?;
        }
    }
    for process in processes {
        if !process.gone_within(Duration::from_secs(10)) {
            bail!("process {} outlived SIGKILL by 10 s", process.id);
        }
    }
    Ok(())
}

/// State letter and start time, or nothing if there is no such process.
fn look(id: i32) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_its_id_and_its_start() {
        let own = i32::try_from(std::process::id()).expect("an id");
        let (_, started) = look(own).expect("we run");
        assert!(Process { id: own, started }.lives());
        assert!(!Process { id: own, started: started + 1 }.lives());
    }
}
