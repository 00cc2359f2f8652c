//! Files that a program writes and that are committed: the check that they are not stale.
//!
//! To add one: give the program a `--check` that fails when the committed file differs from what it
//! would write, and add a row here with the arguments for cargo, for example
//! `("docs/configuration.md", &["run", "--quiet", "-p", "moorline-cli", "--", "config", "docs", "--check"])`.

use anyhow::{Context, Result};

use super::cargo;

/// The file, and the arguments for cargo of the command that checks it.
const GENERATED: &[(&str, &[&str])] = &[];

/// Fails with the first stale file.
pub(super) fn check() -> Result<()> {
    for (file, arguments) in GENERATED {
        cargo(arguments).with_context(|| format!("{file} is stale"))?;
    }
    Ok(())
}
