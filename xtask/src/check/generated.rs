//! Files that a program writes and that are committed: the check that they are not stale.
//!
//! To add one: give the program a `--check` that fails when the committed file differs from what it
//! would write, and add a row here with the arguments for cargo.

use anyhow::{Context, Result};

use super::cargo;

/// The file, and the arguments for cargo of the command that checks it.
const GENERATED: &[(&str, &[&str])] = &[(
    "docs/configuration.md or schemas/moorline-config.schema.json",
    &["run", "--quiet", "-p", "moorline-config", "--example", "generate", "--", "--check"],
)];

/// Fails with the first stale file.
pub(super) fn check() -> Result<()> {
    for (file, arguments) in GENERATED {
        cargo(arguments).with_context(|| format!("{file} is stale"))?;
    }
    Ok(())
}
