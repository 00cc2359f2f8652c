//! `moorline verify`: whether an export at an anchor is what something else holds, proven or plainly not.
//!
//! * [`source`]: against the source itself. * [`report`]: what is printed, for people, machines and JUnit.
//!
//! [`certified`]: the certificates that are written beside the anchor.
//!
//! Invariants: nothing is written but the report and certificates, and a verdict stands also where these could not be; what can't be proven is never ACCEPT; the exit code tells ACCEPT (0),
//! REJECT (1) and UNSUPPORTED (5) apart.

mod certified;
mod report;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use moorline_export::verify::Verdict;
use moorline_pipeline::error::Problem;

use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::{configuration, messages};

/// Flags of `verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline verify -c moorline.properties --against source
  moorline verify -c moorline.properties --against source --at label:month-end-2026-11 --collection shop.orders
  moorline verify -c moorline.properties --against source --rate-limit 5000 -o json --junit verify.xml

Exit codes: 0 ACCEPT, 1 REJECT, 5 UNSUPPORTED (it can't be proven: the reason and what to do are told).
The source is read by snapshot reads at the cut, as the connection string's readPreference has it: with
readPreference=secondary no load falls on the primary. It works while the cut lies within the server's history window
(minSnapshotHistoryWindowInSeconds, 300 s unless set).")]
pub(crate) struct Verify {
    /// What the export is held against
    #[arg(long, value_name = "WHAT")]
    against: Against,
    /// Which cut: a time, `latest`, `label:NAME`, or the beginning of an anchor's id
    #[arg(long, default_value = "latest", value_name = "CUT")]
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
    /// Bytes that the keys of one collection's export may take in memory
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    memory_bytes: usize,
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
}

/// Verifies.
pub(crate) fn run(args: &Verify, global: &Global) -> Result<Exit, Failed> {
    let checked = configuration::read(global)?;
    let runtime = super::runtime()?;
    let made = match args.against {
        Against::Source => runtime.block_on(source::run(args, &checked.config)),
    };
    if let (Ok(made), false) = (&made, args.no_certificate) {
        certified::write(&runtime, &checked.config, made);
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

fn no_junit(path: &std::path::Path, error: &std::io::Error) -> Problem {
    Problem::new(
        "MOOR-6175",
        "the JUnit report can't be written",
        path.display().to_string(),
        error.to_string(),
        "name a file in a folder that this user may write",
    )
}
