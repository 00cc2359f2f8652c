//! Waiting until a server answers a real request.
//!
//! Invariants: there is always a limit; a server that ended, or did not answer in time, is reported
//! with the end of its log.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::process::Process;
use crate::interrupt;

/// Time between two tries.
const POLL: Duration = Duration::from_millis(100);

/// Tries until the request is answered.
pub(crate) fn wait<T>(
    role: &str,
    process: Process,
    log: &Path,
    limit: Duration,
    mut request: impl FnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let error = match request() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        interrupt::check()?;
        if !process.lives() {
            bail!("{role} ended while starting; the end of its log:\n{}", tail(log, 30));
        }
        if Instant::now() >= deadline {
            bail!(
                "{role} did not answer within {} s ({error:#}); the end of its log:\n{}",
                limit.as_secs(),
                tail(log, 30)
            );
        }
        thread::sleep(POLL);
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path, count: usize) -> String {
    let content = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
