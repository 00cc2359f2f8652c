//! Programs that are run to their end: their time limited, their output collected where it is wanted.
//!
//! Invariant: a program leads a process group of its own, and the whole group is ended when the limit is reached or we
//! are interrupted, so that nothing of it goes on afterwards.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt;

const POLL: Duration = Duration::from_millis(50);
/// How long a program may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts a program with nothing to read, in a group of its own.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).process_group(0).spawn();
    child.with_context(|| format!("starting `{name}`; is it installed?"))
}

/// Runs a program with its output where ours goes, or where the command says.
pub(crate) fn status(command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    let mut child = start(command)?;
    wait(&mut child, limit).with_context(|| command.get_program().to_string_lossy().into_owned())
}

/// Runs a program and gives what it printed: on standard output, and on standard error unless that is where ours goes.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<Output> {
    let mut child = start(command.stdout(Stdio::piped()))?;
    let (printed, said) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait(&mut child, limit).with_context(|| command.get_program().to_string_lossy().into_owned())?;
    let finish = |reader: thread::JoinHandle<io::Result<Vec<u8>>>| match reader.join() {
        Ok(read) => read.context("reading its output"),
        Err(_) => Err(anyhow!("the reader of its output panicked")),
    };
    Ok(Output { status, stdout: finish(printed)?, stderr: finish(said)? })
}

fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut content = Vec::new();
        if let Some(mut stream) = stream {
            stream.read_to_end(&mut content)?;
        }
        Ok(content)
    })
}

/// Waits for a child that [`start`] made.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_takes_too_long_is_ended_with_all_of_its_group() {
        let mut shell = Command::new("sh");
        // What the shell starts holds the pipe open: only with it gone does the output end.
        let error =
            output(shell.args(["-c", "sleep 600 & sleep 600"]), Duration::from_millis(50)).expect_err("a limit");
        assert!(format!("{error:#}").contains("did not end within"), "{error:#}");
        let mut shell = Command::new("sh");
        let said = output(shell.args(["-c", "echo out; echo err >&2"]).stderr(Stdio::piped()), Duration::from_secs(60));
        let said = said.expect("it ends");
        assert!(said.status.success() && said.stdout == b"out\n" && said.stderr == b"err\n", "{said:?}");
    }
}
