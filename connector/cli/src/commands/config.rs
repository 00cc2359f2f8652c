//! `config`: the keys of a configuration, for editors and checks.

use clap::Subcommand;

use crate::failure::{Exit, Failed};
use crate::messages;

/// The configuration's keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Prints the JSON schema of a flat configuration
    #[command(after_help = "Examples:
  moorline config schema > moorline-config.schema.json")]
    Schema,
}

/// Runs a verb.
pub(crate) fn run(verb: &Config) -> Result<Exit, Failed> {
    let Config::Schema = verb;
    messages::data(&format!("{:#}\n", moorline_config::json_schema()))?;
    Ok(Exit::Done)
}
