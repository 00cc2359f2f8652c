//! `moorline verify`: whether an export at an anchor is what something else holds, proven or plainly not.
//!
//! * [`source`]: against the source itself. * [`files`]: an export in a folder. * [`topic`]: the records of a cut.
//! * [`report`]: what is printed, for people, machines and JUnit.
//!
//! [`certified`]: the certificates that are written beside the anchor.
//!
//! Invariants: nothing is written but the report and certificates, and a verdict stands also where these could not be; what can't be proven is never ACCEPT; the exit code tells ACCEPT (0),
//! REJECT (1) and UNSUPPORTED (5) apart.

mod certified;
mod files;
mod report;
mod source;
mod topic;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use moorline_export::verify::Verdict;
use moorline_export::verify::files::Limits;
use moorline_pipeline::error::Problem;

use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::{configuration, messages};

/// The newest cut.
const LATEST: &str = "latest";

/// Flags of `verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline verify -c moorline.properties --against source
  moorline verify -c moorline.properties --against source --at label:month-end-2026-11 --collection shop.orders
  moorline verify -c moorline.properties --against source --rate-limit 5000 -o json --junit verify.xml
  moorline verify -c moorline.properties --against files ./export      manifest, bytes, rows; and the topic folded anew
  moorline verify --against files ./export --offline                   what the files hold is what the manifest says
  moorline verify -c moorline.properties --against topic --at latest

Exit codes: 0 ACCEPT, 1 REJECT, 5 UNSUPPORTED (it can't be proven: the reason and what to do are told).
The source is read by snapshot reads at the cut, as the connection string's readPreference has it: with
readPreference=secondary no load falls on the primary. It works while the cut lies within the server's history window
(minSnapshotHistoryWindowInSeconds, 300 s unless set).")]
pub(crate) struct Verify {
    /// What is verified
    #[arg(long, value_name = "WHAT")]
    against: Against,
    /// The folder, for `--against files`
    #[arg(value_name = "DIR", required_if_eq("against", "files"))]
    folder: Option<PathBuf>,
    /// Ask nobody: hold files against their manifest alone
    #[arg(long)]
    offline: bool,
    /// Which cut: a time, `latest`, `label:NAME`, or the beginning of an anchor's id
    #[arg(long, default_value = LATEST, value_name = "CUT")]
    at: String,
    /// Only this collection (db.coll); may be given more than once
    #[arg(long, value_name = "DB.COLL")]
    collection: Vec<String>,
    /// Documents a second that are read at the source at most; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate_limit: u64,
    /// Ranges of a collection that are read at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
    /// Bytes that one collection's export may take in memory: its keys against the source, else what is sorted there
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    memory_bytes: usize,
    /// Folder for what is sorted on disk, in place of the system's for temporary files
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// Differing keys that are named
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_differences: u32,
    /// A JUnit report beside what is printed, a test case a collection
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write no certificates to the topic `certificate.topic.name`
    #[arg(long)]
    no_certificate: bool,
}

/// What an export may be held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Against {
    /// The source, read at the cut's own time
    Source,
    /// An export in a folder: against its manifest, its anchors and the topic
    Files,
    /// The records of the topic: against what the anchors count and digest
    Topic,
}

/// Verifies.
pub(crate) fn run(args: &Verify, global: &Global) -> Result<Exit, Failed> {
    let is_files = args.against == Against::Files;
    refuse(args, is_files)?;
    // A folder can be held against its manifest without anything else.
    let alone = is_files && (args.offline || global.config.is_none());
    let config = if alone { None } else { Some(configuration::read(global)?.config) };
    let runtime = super::runtime()?;
    let made = match (args.against, &config, &args.folder) {
        (Against::Files, config, Some(folder)) => files::run(args, folder, config.as_ref(), &runtime),
        (Against::Topic, Some(config), _) => topic::run(args, config, &runtime),
        (_, Some(config), _) => runtime.block_on(source::run(args, config)),
        (_, None, _) => unreachable!("only a folder is verified without a configuration"),
    };
    if let (Ok(made), Some(config), false) = (&made, &config, args.no_certificate) {
        certified::write(&runtime, config, made);
    }
    runtime.shutdown_timeout(Duration::from_millis(200));
    let made = made?;
    if let Some(path) = &args.junit {
        std::fs::write(path, report::junit(&made)).map_err(|error| no_junit(path, &error))?;
    }
    let text = if global.output == Form::Json { report::machine(&made) } else { report::human(&made) };
    messages::data(&text)?;
    made.ranges.iter().flat_map(|range| &range.reasons).for_each(messages::problem);
    Ok(match made.verdict() {
        Verdict::Accept => Exit::Done,
        Verdict::Reject => Exit::Finding,
        Verdict::Unsupported => Exit::Unproven,
    })
}

/// Flags that mean nothing for what is verified.
fn refuse(args: &Verify, is_files: bool) -> Result<(), Failed> {
    let text = match (is_files, &args.folder) {
        (false, Some(_)) => "a folder is verified with --against files",
        (false, None) if args.offline => "--offline is for --against files",
        (true, _) if args.at != LATEST => "--at is what the manifest says, with --against files",
        _ => return Ok(()),
    };
    Err(Failed::Usage(crate::arguments::command().error(clap::error::ErrorKind::ArgumentConflict, text)))
}

/// What bounds the reading of files and topics.
fn limits(args: &Verify) -> Limits {
    Limits {
        memory_bytes: args.memory_bytes,
        work_dir: args.work_dir.clone().unwrap_or_else(std::env::temp_dir),
        named: args.max_differences as usize,
    }
}

/// A collection that is asked for and is not there.
fn no_such_collection(name: &str, place: &str) -> Problem {
    Problem::new(
        "MOOR-6129",
        format!("there is no `{name}`"),
        place,
        "--collection names one that it does not hold",
        "name a collection of it, as db.coll",
    )
}

fn no_junit(path: &std::path::Path, error: &std::io::Error) -> Problem {
    Problem::new(
        "MOOR-6175",
        "the JUnit report can't be written",
        path.display().to_string(),
        error.to_string(),
        "name a file in a folder that this user may write",
    )
}
