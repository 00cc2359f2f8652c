//! What cargo knows about the workspace and everything it depends on.
//!
//! Invariant: `--locked`, so that a stale Cargo.lock fails here and is not mended in passing.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::places;

/// Gives `cargo metadata`'s answer.
pub(super) fn read() -> Result<Value> {
    let output = Command::new(places::cargo())
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(places::workspace())
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("`cargo metadata --locked`: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("reading cargo's metadata")
}
