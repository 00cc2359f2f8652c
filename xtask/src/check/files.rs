//! What holds for every file of ours: headers, length, and nothing about the machine it was written on.
//!
//! Invariant: the files are those that git has or would take; what git ignores is not ours.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places;

/// A Rust file longer than this is mentioned, and longer than the second fails without a reason.
const LONG: usize = 250;
const TOO_LONG: usize = 400;
/// How a file says why it is long.
const REASON: &str = "// long: ";

/// Folders of development machines. They are put together here so that this file passes its own test.
const MACHINE_FOLDERS: &[&str] = &["root", "work", "home"];
/// Hosts of package registries; a build takes whichever its user has configured.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io/"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("registry.npm", "js.org"),
    concat!("repo1.maven", ".org"),
    concat!("repo.maven", ".apache.org"),
    concat!("proxy.golang", ".org"),
];

/// Fails with every file that breaks a rule.
pub(super) fn check() -> Result<()> {
    let root = places::workspace();
    let mut wrong = Vec::new();
    for name in names(&root)? {
        // Absent: deleted, and not committed yet. Not text: pictures, archives.
        let Ok(text) = fs::read_to_string(root.join(&name)) else { continue };
        if name.ends_with(".rs") {
            rust(&name, &text, &mut wrong);
        }
        // Cargo.lock is written by cargo and names the index's repository.
        if name != "Cargo.lock" {
            machine(&name, &text, &mut wrong);
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

fn names(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("starting git")?;
    if !output.status.success() {
        bail!("`git ls-files`: {}", String::from_utf8_lossy(&output.stderr));
    }
    let names = String::from_utf8(output.stdout).context("a file's name")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

fn rust(name: &str, text: &str, wrong: &mut Vec<String>) {
    if !text.starts_with("//!") {
        wrong.push(format!("{name}:1: opens without `//!`: what it is, and its invariants"));
    }
    let lines = text.lines().count();
    let reason = text.lines().any(|line| line.trim_start().starts_with(REASON));
    if lines > TOO_LONG && !reason {
        wrong.push(format!("{name}: {lines} lines; split it, or say why with `{REASON}<why>`"));
    } else if lines > LONG && !reason {
        note!("warning: {name} has {lines} lines");
    }
}

fn machine(name: &str, text: &str, wrong: &mut Vec<String>) {
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index + 1);
        for folder in MACHINE_FOLDERS {
            if names_folder(line, &format!("/{folder}/")) {
                wrong.push(format!("{place}: names a folder of one machine under /{folder}"));
            }
        }
        for host in REGISTRIES {
            if line.contains(host) {
                wrong.push(format!("{place}: names the package registry {host}"));
            }
        }
    }
}

/// Whether the line has an absolute path into that folder, rather than one that only has the name in it.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && !"._-/}*>$".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_count() {
        let folder = format!("/{}/", MACHINE_FOLDERS[1]);
        assert!(names_folder(&format!("open(\"{folder}main\")"), &folder));
        assert!(names_folder(&format!("{folder}main"), &folder));
        assert!(!names_folder(&format!("target{folder}main"), &folder));
        assert!(!names_folder(&format!("$TMP{folder}main"), &folder));
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let long = format!("//! x\n{}", "\n".repeat(TOO_LONG));
        let mut wrong = Vec::new();
        rust("a.rs", &long, &mut wrong);
        assert_eq!(wrong.len(), 1);
        rust("b.rs", &format!("{long}// long: one table\n"), &mut wrong);
        assert_eq!(wrong.len(), 1);
    }
}
