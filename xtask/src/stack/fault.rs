//! `stack signal` and `stack restart`: what fault tests do to one server.
//!
//! Invariant: a restarted server has its old port, data and settings, and answers when the command
//! returns; its new process id stands in the record.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::process::{self, Process, Signal};
use super::record::{Record, Server};
use super::{kafka, mongod, ready, registry};

/// How long a server may take to answer again; recovery after a kill is part of it.
const LIMIT: Duration = Duration::from_secs(90);
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends a signal to a server that lives. After KILL the process is gone when this returns.
pub(crate) fn signal(name: &str, role: &str, signal: Signal) -> Result<()> {
    let record = Record::load(name)?;
    let server = record.server(role)?;
    if !server.process.lives() {
        bail!("{role} of `{name}` does not run: no fault would be done");
    }
    server.process.signal(signal)?;
    if signal == Signal::Kill && !server.process.gone_within(PATIENCE) {
        bail!("{role} of `{name}` outlived SIGKILL");
    }
    Ok(())
}

/// Starts a server again. The registry keeps nothing: it comes back empty.
pub(crate) fn restart(name: &str, role: &str) -> Result<()> {
    let mut record = Record::load(name)?;
    let old = record.server(role)?.clone();
    process::stop(&[old.process], PATIENCE)?;
    let process = Process::start(&old.command, &old.log)?;
    let server = Server { process, ..old };
    let place = record.servers.iter_mut().find(|place| place.role == role).context("it was there before")?;
    *place = server.clone();
    record.save()?;
    ready::wait(role, process, &server.log, LIMIT, || match role {
        "kafka" => kafka::answers(server.port),
        "registry" => registry::answers(server.port),
        _ => mongod::joined(server.port),
    })
}
