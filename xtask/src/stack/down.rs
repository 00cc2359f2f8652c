//! `stack down`: stops exactly what `up` started, and removes what it wrote.
//!
//! Invariant: a stack that is not there is down already: `down` may be repeated.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::process::{self, Process};
use super::record::Record;
use crate::places;

/// How long the servers may take to end by themselves.
const PATIENCE: Duration = Duration::from_secs(15);

/// Stops a stack.
pub(crate) fn down(name: &str) -> Result<()> {
    let folder = Record::folder(name)?;
    if !folder.exists() {
        note!("there is no stack `{name}`");
        return Ok(());
    }
    let mut keep = false;
    if folder.join("stack.json").exists() {
        let record = Record::load(name)?;
        stop(&record)?;
        keep = record.keep_data;
    }
    if keep {
        note!("stack `{name}` is down; its data stays in {}", folder.display());
        return Ok(());
    }
    remove(&folder)?;
    note!("stack `{name}` is down");
    Ok(())
}

/// Stops every stack of the state folder. One that can't be stopped keeps no other up.
pub(crate) fn all() -> Result<()> {
    let failed: Vec<String> =
        Record::names()?.iter().filter_map(|name| down(name).err()).map(|error| format!("{error:#}")).collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

/// Stops the processes of a record.
pub(crate) fn stop(record: &Record) -> Result<()> {
    let processes: Vec<Process> = record.servers.iter().map(|server| server.process).collect();
    process::stop(&processes, PATIENCE).with_context(|| format!("stopping the stack `{}`", record.name))
}

/// Removes a stack's folder, and the state folder if that was the last.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    // Fails while other stacks are up, which is as it should be.
    let _ = fs::remove_dir(places::state()?);
    Ok(())
}
