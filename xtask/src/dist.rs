//! `cargo xtask dist`: one file that runs on any Linux of this processor, with nothing of the system's in it.
//!
//! The target is the host's own, with the C library linked in (the page on the static binary in docs/adr says why not
//! musl). Invariant: the result is not believed to be static but read: an ELF file that asks for no interpreter and
//! no library, and that starts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{build, places};

/// What is built, and with what compiled in; the manifests of the product have each of these words.
const PACKAGE: &str = "moorline-cli";
const FEATURE: &str = "vendored";
const PROFILE: &str = "dist";

/// A static binary of the product.
#[derive(Args)]
pub(crate) struct Dist {
    /// A folder that the binary is copied to.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Builds it, checks it, and prints where it is, its size and the time it took.
pub(crate) fn dist(options: &Dist) -> Result<()> {
    let started = Instant::now();
    let target = host()?;
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
    // The target is named even though it is the host's: else the flags would reach build scripts and macros as well.
    let arguments =
        ["--locked", "--profile", PROFILE, "--package", PACKAGE, "--features", FEATURE, "--target", &target];
    let [mut binary] = build::binaries(["moorline"], &arguments, &[(&flags, "-C target-feature=+crt-static")])?;
    let content = fs::read(&binary).with_context(|| format!("reading {}", binary.display()))?;
    check_static(&content).with_context(|| binary.display().to_string())?;
    let version = Command::new(&binary).arg("--version").output().context("starting the binary")?;
    ensure!(version.status.success(), "`moorline --version` ended with {}", version.status);
    if let Some(folder) = &options.output {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let copy = folder.join("moorline");
        fs::copy(&binary, &copy).with_context(|| format!("writing {}", copy.display()))?;
        binary = copy;
    }
    say!(
        "{}: {}, static, {:.1} MB, {:.0} s",
        binary.display(),
        String::from_utf8_lossy(&version.stdout).trim(),
        content.len() as f64 / 1e6,
        started.elapsed().as_secs_f64(),
    );
    Ok(())
}

/// The triple that this machine builds for by itself.
fn host() -> Result<String> {
    let output =
        Command::new("rustc").arg("-vV").current_dir(places::workspace()).output().context("starting rustc")?;
    let text = String::from_utf8(output.stdout).context("rustc -vV")?;
    let triple = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    ensure!(triple.ends_with("-linux-gnu"), "a static binary is built on Linux with glibc, not on {triple}");
    Ok(triple.to_owned())
}

/// Fails where the file asks for anything: `PT_INTERP` is a loader, `DT_NEEDED` a library.
fn check_static(file: &[u8]) -> Result<()> {
    const INTERPRETER: u64 = 3;
    const DYNAMIC: u64 = 2;
    const NEEDED: u64 = 1;
    ensure!(file.starts_with(b"\x7fELF\x02\x01"), "no 64-bit little-endian ELF file");
    let (table, size, count) = (word(file, 32, 8)?, word(file, 54, 2)?, word(file, 56, 2)?);
    for index in 0..count {
        let header = table.saturating_add(index * size);
        match word(file, header, 4)? {
            INTERPRETER => bail!("it asks for a loader: not static"),
            DYNAMIC => {
                let (offset, length) = (word(file, header + 8, 8)?, word(file, header + 32, 8)?);
                for entry in 0..length / 16 {
                    let place = offset.saturating_add(entry * 16);
                    ensure!(word(file, place, 8)? != NEEDED, "it asks for a library: not static");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A little-endian number of `size` bytes at `at`.
fn word(file: &[u8], at: u64, size: usize) -> Result<u64> {
    let at = usize::try_from(at).context("an offset")?;
    let bytes = file.get(at..at.saturating_add(size)).context("the file ends inside its headers")?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_asks_for_a_loader_is_not_static() {
        let own = std::env::current_exe().and_then(fs::read).expect("this test's own file");
        let error = check_static(&own).expect_err("tests are linked dynamically");
        assert!(error.to_string().contains("not static"), "{error}");
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let own = std::env::current_exe().and_then(fs::read).expect("this test's own file");
        for end in [0, 6, 60, 64, 100] {
            assert!(check_static(&own[..end]).is_err(), "cut at {end}");
        }
        assert!(check_static(b"#!/bin/sh").is_err());
    }

    /// The build takes too long to be tried each time; that it can begin is seen here.
    #[test]
    fn the_manifests_have_what_is_asked_for() {
        let read = |path: &str| fs::read_to_string(places::workspace().join(path)).expect(path);
        assert!(read("Cargo.toml").contains(&format!("\n[profile.{PROFILE}]\n")));
        for (manifest, feature) in [
            ("connector/cli/Cargo.toml", format!("\n{FEATURE} = [\"moorline-sink-kafka/{FEATURE}\"]\n")),
            ("connector/sink-kafka/Cargo.toml", format!("\n{FEATURE} = [\"rdkafka/ssl-vendored\"]\n")),
        ] {
            assert!(read(manifest).contains(&feature), "{manifest} lacks {feature}");
        }
        assert!(read("connector/cli/Cargo.toml").contains(&format!("name = \"{PACKAGE}\"\n")));
        assert!(read("Cargo.lock").contains("\nname = \"openssl-src\"\n"), "`--locked` needs it");
        assert!(read("connector/cli/src/main.rs").contains("names_by_files_and_dns()"), "look-ups would load modules");
        assert!(read("deploy/Dockerfile").contains("cargo xtask dist"), "the image has another binary");
        assert!(host().is_ok_and(|triple| triple.ends_with("-linux-gnu")));
    }
}
