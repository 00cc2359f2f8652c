//! The binary that scenarios and the quick start run.
//!
//! Invariant: one profile for both, so that a checkout compiles the dependencies for it once.

use std::path::PathBuf;

use anyhow::Result;

use crate::build;

/// Measured on two cores; see CONTRIBUTING.md.
const PROFILE: &str = "dev";

/// Builds the binary and gives its place.
pub(super) fn moorline() -> Result<PathBuf> {
    let [binary] = build::binaries(["moorline"], &["--workspace", "--profile", PROFILE], &[])?;
    Ok(binary)
}
