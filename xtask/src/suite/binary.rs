//! The binaries that scenarios and the quick start run.
//!
//! Invariant: one profile for both, so that a checkout compiles the dependencies for it once.

use std::path::PathBuf;

use anyhow::Result;

use crate::build;

/// Measured on two cores; see CONTRIBUTING.md.
const PROFILE: &str = "dev";

/// Builds the binary and gives its place.
pub(super) fn moorline() -> Result<PathBuf> {
    let [binary] = named(["moorline"])?;
    Ok(binary)
}

/// Builds the binary and the example that is a binary too, and gives their places.
pub(super) fn moorline_and_example() -> Result<[PathBuf; 2]> {
    named(["moorline", "read-export"])
}

fn named<const COUNT: usize>(names: [&str; COUNT]) -> Result<[PathBuf; COUNT]> {
    build::binaries(names, &["--workspace", "--profile", PROFILE], &[])
}
