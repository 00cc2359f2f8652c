//! `stack run`: a stack for as long as one command runs.
//!
//! Invariants: the stack is taken down however the command ends, also by Ctrl-C; the command's exit
//! code is passed on; a SIGTERM to us reaches the command.

use std::process::{Command, ExitCode, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::process::{Process, Signal};
use super::up::{Options, up};
use super::{Record, down};
use crate::interrupt;

const POLL: Duration = Duration::from_millis(50);
/// How long a command may take to end after an interrupt.
const PATIENCE: Duration = Duration::from_secs(30);

/// Up, run, down.
pub(crate) fn run(options: &Options, words: &[String]) -> Result<ExitCode> {
    let record = up(options)?;
    let [program, arguments @ ..] = words else { unreachable!("clap asks for at least one word") };
    let mut child = Command::new(program);
    child.args(arguments);
    let outcome = command(&mut child, &record);
    let taken_down = down(&options.name);
    let status = outcome?;
    taken_down?;
    // Ended by a signal, as a shell would say it.
    let code = status.code().unwrap_or(130);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Runs a command with a stack's addresses in its environment and waits for it.
pub(crate) fn command(command: &mut Command, record: &Record) -> Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.envs(record.environment()).spawn().with_context(|| format!("starting {name}"))?;
    let process = Process::of(&child)?;
    let mut interrupted: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("waiting for {name}"))? {
            return Ok(status);
        }
        match interrupted {
            // At a terminal Ctrl-C reached the child too; a second request does no harm.
            None if interrupt::requested() => {
                process.signal(Signal::Term)?;
                interrupted = Some(Instant::now());
            }
            Some(since) if since.elapsed() > PATIENCE => process.signal(Signal::Kill)?,
            _ => {}
        }
        thread::sleep(POLL);
    }
}
