//! Downloads, once, into the cache: three servers, a Python environment, a few data sets, programs to compare with.
//!
//! Invariants: a folder in the cache is whole or absent (unpacked beside it, then renamed; the Python
//! environment, which cannot be moved, carries a mark when it is whole); parallel runs wait for each
//! other at one lock; a folder's name holds the version or the hash of its recipe, so that nothing
//! is ever updated in place.

mod peers;
mod python;
mod servers;
mod sets;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{child, interrupt, places};

pub(crate) use peers::peers;
pub(crate) use python::environment;
pub(crate) use servers::{Servers, servers};
pub(crate) use sets::data_sets;

/// A few hundred megabytes on a slow line.
const TOOL_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How long another run's downloads are waited for: more than they take on a slow line.
const LOCK_LIMIT: Duration = Duration::from_secs(45 * 60);
const LOCK_POLL: Duration = Duration::from_millis(200);

/// Fetches whatever is missing, and says where it lies. Quick when nothing is.
pub(crate) fn everything(with_peers: bool) -> Result<()> {
    servers()?;
    let mut found = variables()?;
    if with_peers {
        found.extend(peers()?);
    }
    for (name, value) in found {
        say!("{name}={value}");
    }
    Ok(())
}

/// What the Python tests and the quick start find in their environment beside a stack's addresses.
pub(crate) fn variables() -> Result<Vec<(String, String)>> {
    let python = environment()?.join("bin").join("python");
    Ok(vec![
        ("MOORLINE_PYTHON".into(), python.display().to_string()),
        ("MOORLINE_DATA".into(), data_sets()?.display().to_string()),
    ])
}

/// Gives `<cache>/<name>`, filled by `fill` if it is not there yet.
fn folder(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = places::cache()?;
    let target = cache.join(name);
    if target.is_dir() {
        return Ok(target);
    }
    let _lock = lock(&cache)?;
    if target.is_dir() {
        return Ok(target);
    }
    let partial = cache.join(format!("{name}.partial"));
    remove(&partial)?;
    fs::create_dir_all(&partial).with_context(|| format!("creating {}", partial.display()))?;
    note!("fetching {name}");
    fill(&partial).with_context(|| format!("fetching {name}"))?;
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(&partial, &target).with_context(|| format!("moving {} into place", partial.display()))?;
    Ok(target)
}

/// Holds off other runs while one downloads. Released when the file is closed, also by a crash.
fn lock(cache: &Path) -> Result<File> {
    fs::create_dir_all(cache).with_context(|| format!("creating {}", cache.display()))?;
    let path = cache.join("fetch.lock");
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    let deadline = Instant::now() + LOCK_LIMIT;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                bail!("another run has held {} for {} s: end it, and try again", path.display(), LOCK_LIMIT.as_secs());
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if !told {
            note!("waiting for another run that is fetching");
            told = true;
        }
        interrupt::check()?;
        thread::sleep(LOCK_POLL);
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Runs a tool whose failure ends the fetch; what it said is in the error.
fn tool(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = child::output(command.stderr(Stdio::piped()), TOOL_LIMIT)?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        let tail = lines[lines.len().saturating_sub(30)..].join("\n");
        bail!("`{name}` ended with {}:\n{tail}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Has Maven put all that a recipe depends on into one folder.
fn jars_of(pom: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new("mvn");
    command.args(["--quiet", "--batch-mode", "--file"]).arg(pom).arg("dependency:copy-dependencies");
    tool(command.arg(format!("-DoutputDirectory={}", folder.display()))).map(|_| ())
}

/// Sixteen hex digits that name a recipe's content (FNV-1a; a name, not a proof).
fn fingerprint(content: &[u8]) -> String {
    let hash = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

fn recipe(name: &str) -> Result<(PathBuf, Vec<u8>)> {
    let path = places::recipes().join(name);
    let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok((path, content))
}
