//! The two programs of a bench: the connector and the measurements, as a user would build them for speed.
//!
//! Invariant: both come from one build with the profile of images and releases, so that no figure is of an older binary.

use std::path::PathBuf;

use anyhow::Result;

use crate::build;

/// Where they are.
pub(super) struct Programs {
    pub(super) moorline: PathBuf,
    pub(super) bench: PathBuf,
}

/// Builds both.
pub(super) fn build() -> Result<Programs> {
    let arguments = ["--profile", "dist", "--package", "moorline-cli", "--package", "moorline-bench"];
    let [moorline, bench] = build::binaries(["moorline", "moorline-bench"], &arguments, &[])?;
    Ok(Programs { moorline, bench })
}
