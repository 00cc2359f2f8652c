//! `stack.json`: what runs, how to reach it, and how to start it again.
//!
//! Invariant: the record is written (to a new file, then renamed) after each start of a process and
//! before the next one, so that a crash of ours loses track of one process at most.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::Format;
use super::process::Process;
use crate::places;

/// One stack.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) mongodb_uri: String,
    pub(crate) kafka_bootstrap: String,
    pub(crate) schema_registry_url: String,
    pub(crate) logs: PathBuf,
    /// Whether data and logs outlive `down`.
    pub(crate) keep_data: bool,
    pub(crate) servers: Vec<Server>,
}

/// One server of a stack.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Server {
    /// mongo0, mongo1, mongo2, kafka or registry.
    pub(crate) role: String,
    pub(crate) port: u16,
    pub(crate) log: PathBuf,
    /// The program and its arguments, to start it again.
    pub(crate) command: Vec<String>,
    pub(crate) process: Process,
}

impl Record {
    /// The folder of a stack.
    pub(crate) fn folder(name: &str) -> Result<PathBuf> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            bail!("`{name}` is no name for a stack: use letters, digits, '-', '_' and '.'");
        }
        Ok(places::state()?.join(name))
    }

    /// Reads a stack's record.
    pub(crate) fn load(name: &str) -> Result<Self> {
        let path = Self::folder(name)?.join("stack.json");
        let text = fs::read(&path).with_context(|| format!("no stack `{name}`: reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes the record.
    pub(crate) fn save(&self) -> Result<()> {
        let folder = Self::folder(&self.name)?;
        let partial = folder.join("stack.json.partial");
        fs::write(&partial, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&partial, folder.join("stack.json")))
            .with_context(|| format!("writing the record of `{}`", self.name))
    }

    /// The names of all stacks that have a folder.
    pub(crate) fn names() -> Result<Vec<String>> {
        let state = places::state()?;
        let entries = match fs::read_dir(&state) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("reading {}", state.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The server of that role.
    pub(crate) fn server(&self, role: &str) -> Result<&Server> {
        let roles = || self.servers.iter().map(|server| server.role.as_str()).collect::<Vec<_>>().join(", ");
        self.servers
            .iter()
            .find(|server| server.role == role)
            .with_context(|| format!("`{}` has no server `{role}`, only {}", self.name, roles()))
    }

    /// What tests and demos find in their environment.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("MOORLINE_STACK".into(), self.name.clone()),
            ("MONGODB_URI".into(), self.mongodb_uri.clone()),
            ("KAFKA_BOOTSTRAP".into(), self.kafka_bootstrap.clone()),
            ("SCHEMA_REGISTRY_URL".into(), self.schema_registry_url.clone()),
            ("MOORLINE_STACK_LOGS".into(), self.logs.display().to_string()),
        ];
        for server in &self.servers {
            let role = server.role.to_uppercase();
            if let Some(folder) = self.logs.parent() {
                pairs.push((format!("{role}_DATA"), folder.join("data").join(&server.role).display().to_string()));
            }
            pairs.push((format!("{role}_PID"), server.process.id.to_string()));
            pairs.push((format!("{role}_PORT"), server.port.to_string()));
            pairs.push((format!("{role}_LOG"), server.log.display().to_string()));
        }
        pairs
    }

    /// Prints the stack on standard output.
    pub(crate) fn print(&self, format: Format) -> Result<()> {
        match format {
            Format::Json => say!("{}", serde_json::to_string_pretty(self)?),
            Format::Env => {
                for (name, value) in self.environment() {
                    say!("{name}={value}");
                }
            }
        }
        Ok(())
    }
}
