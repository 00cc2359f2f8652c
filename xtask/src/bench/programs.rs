//! The two programs of a bench: the connector and the measurements, as a user would build them for speed.
//!
//! Invariant: both come from one build with the profile of images and releases, so that no figure is of an older binary.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::places;

/// Where they are.
pub(super) struct Programs {
    pub(super) moorline: PathBuf,
    pub(super) bench: PathBuf,
}

/// Builds both.
pub(super) fn build() -> Result<Programs> {
    let output = Command::new(places::cargo())
        .args(["build", "--profile", "dist", "--bin", "moorline", "--bin", "moorline-bench"])
        .args(["--package", "moorline-cli", "--package", "moorline-bench"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(places::workspace())
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("building the binaries failed");
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let binary = |name: &str| {
        let made =
            messages.iter().find(|message| message["executable"].is_string() && message["target"]["name"] == name);
        let made = made.and_then(|message| message["executable"].as_str());
        made.map(PathBuf::from).with_context(|| format!("cargo named no binary {name}"))
    };
    Ok(Programs { moorline: binary("moorline")?, bench: binary("moorline-bench")? })
}
