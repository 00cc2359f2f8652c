//! Where things lie: the workspace, the download cache, the state of running stacks.
//!
//! Invariant: the cache lies outside the build folder, so that `cargo clean` costs no download, and
//! the state of stacks is the one folder that `down` must leave empty.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the checkout this binary was built from.
pub(crate) fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The cargo that started us, or the one on the path.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// This program's file. `cargo test` may have built it anew since it was started: then the new file at its place.
pub(crate) fn program() -> Result<PathBuf> {
    Ok(at_its_place(env::current_exe().context("finding this program")?))
}

/// Linux says of a running program whose file was replaced that it is deleted.
fn at_its_place(program: PathBuf) -> PathBuf {
    match program.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(place) => PathBuf::from(place),
        None => program,
    }
}

/// Downloads, shared by all checkouts of a user.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(path) = variable("MOORLINE_CACHE") {
        return absolute(path);
    }
    if let Some(path) = variable("XDG_CACHE_HOME") {
        return absolute(path.join("moorline"));
    }
    let home = variable("HOME").context("neither MOORLINE_CACHE nor HOME is set")?;
    absolute(home.join(".cache").join("moorline"))
}

/// One folder for each stack that is up.
pub(crate) fn state() -> Result<PathBuf> {
    match variable("MOORLINE_STATE") {
        Some(path) => absolute(path),
        None => Ok(workspace().join(".moorline").join("stacks")),
    }
}

/// The pinned versions and settings of the servers.
pub(crate) fn recipes() -> PathBuf {
    workspace().join("deploy").join("stack")
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn absolute(path: PathBuf) -> Result<PathBuf> {
    std::path::absolute(&path).with_context(|| format!("making {} absolute", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_built_anew_is_found() {
        for (said, place) in
            [("/t/xtask (deleted)", "/t/xtask"), ("/t/xtask", "/t/xtask"), ("/t (a)/xtask", "/t (a)/xtask")]
        {
            assert_eq!(at_its_place(said.into()), Path::new(place));
        }
    }
}
