//! Building binaries of this workspace.
//!
//! Invariant: where a binary lies is what cargo says of this very build, never guessed: the build folder may be elsewhere.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{child, places};

/// Everything anew, optimised, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(90 * 60);

/// Runs `cargo build` with further arguments and variables, and gives the binaries of these names.
pub(crate) fn binaries<const COUNT: usize>(
    names: [&str; COUNT],
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<[PathBuf; COUNT]> {
    let mut command = Command::new(places::cargo());
    command
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(names.iter().flat_map(|name| ["--bin", name]))
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(places::workspace());
    let output = child::output(&mut command, LIMIT)?;
    if !output.status.success() {
        bail!("building {} failed", names.join(" and "));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let built: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut found = names.map(|_| PathBuf::new());
    for (name, place) in names.iter().zip(&mut found) {
        let made = built.iter().filter(|message| message["target"]["name"] == *name);
        let path = made.filter_map(|message| message["executable"].as_str()).next_back();
        *place = path.map(PathBuf::from).with_context(|| format!("cargo named no binary `{name}`"))?;
    }
    Ok(found)
}
