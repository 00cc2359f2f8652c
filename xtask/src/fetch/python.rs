//! Python environments: one of the scenario tests and the quick start, one of the programs that tests compare with.
//!
//! Invariant: an environment without the mark `complete` is never used: it is made again. It cannot
//! be unpacked elsewhere and renamed, because the scripts in it name their own folder.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{fingerprint, lock, recipe, remove, tool};
use crate::places;

/// The Python to start from; any 3.11 or newer with `venv` and `pip`.
pub(super) fn interpreter() -> OsString {
    env::var_os("MOORLINE_BASE_PYTHON").unwrap_or_else(|| "python3".into())
}

/// Gives the folder of the environment that tests run in, made if need be.
pub(crate) fn environment() -> Result<PathBuf> {
    made_from("requirements.txt", "python")
}

/// Gives the folder `<name>-<hash>` of the environment with what a recipe lists, made if need be.
pub(super) fn made_from(file: &str, name: &str) -> Result<PathBuf> {
    let (requirements, content) = recipe(file)?;
    let cache = places::cache()?;
    let target = cache.join(format!("{name}-{}", fingerprint(&content)));
    let mark = target.join("complete");
    if mark.is_file() {
        return Ok(target);
    }
    let _lock = lock(&cache)?;
    if mark.is_file() {
        return Ok(target);
    }
    note!("fetching {}", target.file_name().unwrap_or_default().to_string_lossy());
    remove(&target)?;
    tool(Command::new(interpreter()).args(["-m", "venv"]).arg(&target))
        .context("making a Python environment; on Debian the package python3-venv is needed")?;
    tool(
        Command::new(target.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&requirements),
    )?;
    fs::write(&mark, "").with_context(|| format!("marking {}", target.display()))?;
    Ok(target)
}
