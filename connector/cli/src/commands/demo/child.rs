//! This binary as a process of the demo: shown as it is typed, watched, killed, ended.
//!
//! Invariants: a child never outlives the demo; every wait has a limit; a child that ends otherwise than it should ends
//! the demo, its own error standing above.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use moorline_pipeline::error::Problem;
use tokio_util::sync::CancellationToken;

use super::tour::Stopped;
use crate::messages;

/// How long a step may take.
const LIMIT: Duration = Duration::from_secs(300);
/// How long a child that heard Ctrl-C too may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A run of this binary.
pub(super) struct Run {
    child: Child,
    typed: String,
}

impl Run {
    /// Starts it in a folder, where it finds its files; its messages go where ours go.
    pub(super) fn start(folder: &Path, arguments: &[&str]) -> Result<Self, Problem> {
        let typed = [&["moorline"], arguments].concat().join(" ");
        messages::note(&format!("     $ {typed}"));
        let program = std::env::current_exe().map_err(|error| broken(&typed, &error.to_string()))?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            // What concerns this demo must not come in by variables; of a run only what is wrong is shown, and progress.
            .env_remove("MOORLINE_CONFIG")
            .env("MOORLINE_LOG", std::env::var("MOORLINE_LOG").unwrap_or_else(|_| "warn".to_owned()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        Ok(Self { child: child.map_err(|error| broken(&typed, &error.to_string()))?, typed })
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL; whether that is what ended it.
    pub(super) fn kill(&mut self) -> bool {
        let _ = self.child.kill();
        self.child.wait().is_ok_and(|status| status.signal() == Some(9))
    }

    /// Its answer, when it ends with one of these codes.
    pub(super) fn answer(mut self, stop: &CancellationToken, codes: &[i32]) -> Result<String, Stopped> {
        // Read beside the wait: a full pipe would hold it up.
        let mut out = self.child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = out.as_mut().map(|out| out.read_to_string(&mut text));
            text
        });
        let status = self.wait(stop)?;
        let text = reader.join().unwrap_or_default();
        match status.code() {
            Some(code) if codes.contains(&code) => Ok(text),
            _ => Err(broken(&self.typed, &format!("it ended with {status}; what it said stands above")).into()),
        }
    }

    fn wait(&mut self, stop: &CancellationToken) -> Result<ExitStatus, Stopped> {
        let mut deadline = Instant::now() + LIMIT;
        let mut asked = false;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return if asked { Err(Stopped::Interrupted) } else { Ok(status) };
            }
            if stop.is_cancelled() && !asked {
                (asked, deadline) = (true, Instant::now() + PATIENCE);
            }
            if Instant::now() > deadline {
                self.kill();
                let late = || broken(&self.typed, &format!("it did not end within {} s", LIMIT.as_secs()));
                return Err(if asked { Stopped::Interrupted } else { late().into() });
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill();
        }
    }
}

pub(super) fn broken(place: &str, why: &str) -> Problem {
    Problem::new(
        "MOOR-7024",
        "the demo did not show what it should",
        place,
        why,
        "look at the messages above; if the servers were well, report it with them",
    )
}
