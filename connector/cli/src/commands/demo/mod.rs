//! `demo`: the tour, on servers that one has: real documents, a live writer, `kill -9`, anchors, and a check.
//!
//! * [`documents`]: what is moved. * [`source`]: loading it, and the writer. * [`child`]: this binary as a process.
//! * [`check`]: the topics against what the writer knows. * [`tour`]: the steps.
//!
//! Invariants: every number is counted in this run; the kill met a live run in the middle of a snapshot, or the demo has
//! failed; whatever was started has ended and the database of the demo is gone when it ends, also after Ctrl-C.

mod check;
mod child;
mod documents;
mod source;
mod tour;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use moorline_config::Environment;
use secrecy::ExposeSecret as _;

use crate::arguments::Global;
use crate::configuration;
use crate::failure::{Exit, Failed};

/// Flags of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline demo -c moorline.properties                  on the servers that a configuration names
  moorline demo --mongodb 'mongodb://localhost:27017/?replicaSet=rs0' --kafka localhost:9092 --registry http://localhost:8081
  cargo xtask quickstart                                with servers of its own, from a checkout")]
pub(crate) struct Demo {
    /// MongoDB's connection string
    #[arg(long, value_name = "URI", env = "MONGODB_URI", required_unless_present = "config", hide_env_values = true)]
    mongodb: Option<String>,
    /// Kafka's bootstrap servers
    #[arg(long, value_name = "HOSTS", env = "KAFKA_BOOTSTRAP", required_unless_present = "config")]
    kafka: Option<String>,
    /// The schema registry
    #[arg(long, value_name = "URL", env = "SCHEMA_REGISTRY_URL", required_unless_present = "config")]
    registry: Option<String>,
    /// The folder of the documents: the npm package vega-datasets, unpacked into it
    #[arg(long, value_name = "DIR", env = "MOORLINE_DATA")]
    data: PathBuf,
    /// Where files are written; a folder of its own that is removed at the end, unless one is named
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Leave the database as it is at the end, for a look around
    #[arg(long)]
    keep: bool,
}

/// Addresses, as lines of a configuration.
struct Servers {
    mongodb: String,
    lines: String,
}

/// Runs the tour.
pub(crate) fn run(args: &Demo, global: &Global) -> Result<Exit, Failed> {
    let servers = servers(args, global)?;
    let sets = documents::read(&args.data)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = format!("demo{:x}", since.as_millis() as u64 & 0xff_ffff_ffff);
    let (folder, ours) = match &args.folder {
        Some(folder) => (folder.clone(), false),
        None => (std::env::temp_dir().join(format!("moorline-{name}")), true),
    };
    let unwritable = |error: std::io::Error| child::broken(&folder.display().to_string(), &error.to_string());
    std::fs::create_dir_all(&folder).map_err(unwritable)?;
    let runtime = super::runtime()?;
    let ended = tour::play(&runtime, &servers, &name, &folder, sets, args.keep);
    runtime.shutdown_timeout(Duration::from_secs(1));
    if ours && !args.keep {
        // What is left in the folder for temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&folder);
    }
    ended
}

/// What is typed counts over the configuration.
fn servers(args: &Demo, global: &Global) -> Result<Servers, Failed> {
    let config = match global.config {
        Some(_) => Some(configuration::read(global)?.config),
        None => None,
    };
    let config = config.as_ref();
    let given = |typed: &Option<String>, read: Option<String>| typed.clone().or(read).unwrap_or_default();
    let mongodb = given(&args.mongodb, config.map(|c| c.mongodb_connection_string.expose_secret().to_owned()));
    let kafka = given(&args.kafka, config.map(|c| c.bootstrap_servers.clone()));
    let registry = given(&args.registry, config.map(|c| c.schema_registry_url.join(",")));
    let lines = format!(
        "bootstrap.servers={kafka}\nschema.registry.url={registry}\nmongodb.connection.string={}\n",
        // A backslash begins an escape in a properties file.
        mongodb.replace('\\', "\\\\")
    );
    Ok(Servers { mongodb, lines })
}

/// A configuration as it was written for the demo's own runs.
fn checked(text: &str) -> Result<moorline_config::Config, Failed> {
    let checked = moorline_config::read(text, "the demo's configuration", &Environment);
    let problems = |mistakes: Vec<_>| Failed::Problems(mistakes.into_iter().map(configuration::problem).collect());
    checked.map(|checked| checked.config).map_err(problems)
}
