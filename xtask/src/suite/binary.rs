//! The binary that scenarios and the quick start run.
//!
//! Invariant: one profile for both, so that a checkout compiles the dependencies for it once.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::places;

/// Builds the binary and gives its place.
pub(super) fn moorline() -> Result<PathBuf> {
    let output = Command::new(places::cargo())
        .args(["build", "--workspace", "--bin", "moorline", "--profile", PROFILE])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(places::workspace())
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("building the binary failed");
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let mut executables = lines.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executables.next().context("cargo named no binary")
}

/// Measured on two cores; see CONTRIBUTING.md.
const PROFILE: &str = "dev";
