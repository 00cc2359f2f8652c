//! What is typed: verbs, and the flags that all of them take.
//!
//! Invariants: a verb or flag that is listed works; what is typed wrongly ends with 2 and a suggestion.

use std::path::PathBuf;

use clap::{Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::commands::anchors::Anchors;
use crate::commands::completion::Completion;
use crate::commands::demo::Demo;
use crate::commands::tail::Tail;
use crate::commands::{config, contract, doctor, explanation, replay, run, status, top, verify};
use crate::failure::Failed;

/// MongoDB's change streams as typed Avro topics in Kafka, with snapshots at their exact place and anchors
#[derive(Debug, Parser)]
#[command(
    name = "moorline",
    version,
    propagate_version = true,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Examples:
  moorline validate -c moorline.properties              every mistake at once, and what would be made; offline
  moorline doctor -c moorline.properties                what would go wrong on these servers, and what to do
  moorline contract infer -c moorline.properties        schemas from a sample, for you to look at
  moorline run -c moorline.properties                   snapshot and stream
  moorline run -c moorline.properties --until snapshot  the same, and stop once the snapshots are in
  moorline anchors list -c moorline.properties          the consistent cuts that were written
  moorline replay -c moorline.properties --format parquet --out ./export
                                                        one of them as files, without touching the source
  moorline explain MOOR-2003                            an error's cause and what to do

Exit codes: 0 done, 1 finding or failed operation, 2 usage or configuration, 3 a system could not be reached,
4 refused for safety, 5 not to be proven either way (verify), 130 stopped by Ctrl-C."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The configuration: a .properties or JSON file; `-` reads stdin
    #[arg(short, long = "config", global = true, value_name = "FILE", env = "MOORLINE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Form of what is printed on stdout
    #[arg(short, long, global = true, value_name = "FORM", default_value = "table")]
    pub(crate) output: Form,
    /// Errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// More messages; twice for all of them
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colours, by default on a terminal only
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// No progress, neither as a bar nor as lines
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Form of messages on stderr; as JSON each line is an object. MOORLINE_LOG sets levels by module
    #[arg(long, global = true, value_name = "FORM", default_value = "text", env = "MOORLINE_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Table,
    /// For machines, with a `version`
    Json,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One object a line
    Json,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The tour on servers that you have: real documents, a live writer, kill -9, anchors, a check; ends what it starts
    Demo(Demo),
    /// Runs one connector: snapshot and stream, until stopped or until what --until names is committed
    Run(run::Run),
    /// Checks the configuration and the contract files, offline, and shows what would be made
    #[command(after_help = "Examples:
  moorline validate -c moorline.properties
  moorline validate -c moorline.properties -o json | jq '.collections[].topic'
  generate-config | moorline validate -c -")]
    Validate,
    /// Opens every connection and says what would go wrong, and what to do about it
    Doctor(doctor::Doctor),
    /// Contracts: the Avro schemas of collections
    #[command(subcommand, arg_required_else_help = true)]
    Contract(contract::Contract),
    /// The connector's anchors: consistent cuts
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Examples:
  moorline anchors list -c moorline.properties
  moorline anchors show -c moorline.properties --at latest --check"
    )]
    Anchors(Anchors),
    /// Proves that an export equals the source at an anchor's cut, or says that this can't be proven
    Verify(verify::Verify),
    /// An export at an anchor, from its topics to files: the state, what changed since another, or every record
    Replay(replay::Replay),
    /// Where a connector stands, by its topics or by itself
    Status(status::Status),
    /// A running connector as it runs: clocks, rates, snapshots, anchors
    Top(top::Top),
    /// Records of a topic, decoded: the last ones, the first ones, or as they come
    Tail(Tail),
    /// Explains an error or a rule, offline
    Explain(explanation::Explain),
    /// A script with which a shell completes what is typed
    Completion(Completion),
    /// The configuration's keys
    #[command(subcommand, arg_required_else_help = true)]
    Config(config::Config),
}

impl Verb {
    /// What is logged without `-v`: a server says what it does, a question is answered and no more.
    pub(crate) fn default_level(&self) -> &'static str {
        if matches!(self, Self::Run(_)) { "info" } else { "warn" }
    }
}

/// Reads what was typed.
pub(crate) fn read() -> Result<Arguments, Failed> {
    let matches = command().try_get_matches().map_err(Failed::Usage)?;
    Arguments::from_arg_matches(&matches).map_err(Failed::Usage)
}

/// The command line as clap knows it. `--color` counts for its own messages too, which come before it is parsed.
pub(crate) fn command() -> clap::Command {
    let typed: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let apart = typed.windows(2).find(|pair| pair[0] == "--color").map(|pair| pair[1].as_str());
    let word = typed.iter().find_map(|argument| argument.strip_prefix("--color=")).or(apart);
    let color = word.and_then(|word| ColorChoice::from_str(word, true).ok()).unwrap_or_default();
    Arguments::command().color(color)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_verb_that_acts_has_examples() {
        fn look(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if command.get_subcommands().next().is_none() {
                assert!(help.starts_with("Examples:\n  ") && help.contains("moorline"), "{path}: {help:?}");
            }
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(|verb| look(verb, &path));
        }
        look(&Arguments::command(), "");
    }
}
