//! Data sets for demos and tests: npm packages, used as plain archives.
//!
//! Invariant: optional. Without `npm` the stack works, and who needs a set says that it is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{folder, recipe, tool};
use crate::places;

/// Gives the folder with a folder `<name>-<version>` for each set of `deploy/stack/datasets.txt`.
pub(crate) fn data_sets() -> Result<PathBuf> {
    let (_, content) = recipe("datasets.txt")?;
    let content = String::from_utf8(content).context("deploy/stack/datasets.txt")?;
    for line in content.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, version) = line.split_once(' ').with_context(|| format!("`{line}` is not `name version`"))?;
        if let Err(error) = folder(&format!("data/{name}-{version}"), |partial| unpack(name, version, partial)) {
            note!("warning: without the data set {name}: {error:#}");
        }
    }
    Ok(places::cache()?.join("data"))
}

fn unpack(name: &str, version: &str, partial: &Path) -> Result<()> {
    let archive = tool(
        Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(partial)
            .arg(format!("{name}@{version}"))
            // npm would read the settings of a package it is started in.
            .current_dir(partial),
    )?;
    let archive = partial.join(archive.lines().last().unwrap_or_default().trim());
    tool(Command::new("tar").arg("-xzf").arg(&archive).args(["--strip-components", "1", "-C"]).arg(partial))?;
    fs::remove_file(&archive).with_context(|| format!("removing {}", archive.display()))?;
    Ok(())
}
