//! Which crate may use which. The table here and the one in ARCHITECTURE.md are the same.
//!
//! Invariant: an arrow is a dependency of the product. Tests (dev-dependencies) may use more, but
//! never the binary's crate.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::metadata;

const PREFIX: &str = "moorline-";

/// A crate of ours, and which of ours it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("pipeline", &[]),
    ("config", &[]),
    ("source-mongodb", &["pipeline"]),
    ("sink-kafka", &["pipeline"]),
    ("runtime", &["pipeline"]),
    ("export", &["pipeline"]),
    ("control", &["pipeline", "runtime"]),
    ("cli", &["pipeline", "config", "source-mongodb", "sink-kafka", "runtime", "export", "control"]),
    ("bench", &["pipeline", "sink-kafka"]),
    ("read-export", &[]),
    ("xtask", &[]),
];

/// Fails with every arrow that runs another way.
pub(super) fn check() -> Result<()> {
    let metadata = metadata::read()?;
    let members = metadata["workspace_members"].as_array().context("members")?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let mut wrong = Vec::new();
    for package in packages.iter().filter(|package| members.contains(&package["id"])) {
        let name = short(&package["name"]);
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("`{name}` has no row in xtask/src/check/arrows.rs: which crates may it use?"));
            continue;
        };
        for dependency in package["dependencies"].as_array().context("dependencies")? {
            let used = short(&dependency["name"]);
            let ours = ARROWS.iter().any(|(known, _)| *known == used) && dependency["path"].is_string();
            let for_tests = dependency["kind"] == "dev";
            if ours && !allowed.contains(&used) && (!for_tests || used == "cli") {
                wrong.push(format!("`{name}` uses `{used}`, which it may not"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

fn short(name: &Value) -> &str {
    let name = name.as_str().unwrap_or_default();
    name.strip_prefix(PREFIX).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_cycle() {
        for (index, (name, allowed)) in ARROWS.iter().enumerate() {
            for used in *allowed {
                let place = ARROWS.iter().position(|(known, _)| known == used);
                assert!(place.is_some_and(|place| place < index), "`{name}` stands before `{used}`, which it uses");
            }
        }
    }
}
