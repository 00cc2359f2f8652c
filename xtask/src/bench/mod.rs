//! `cargo xtask bench`: how fast the connector is, beside the bare ends of its pipe, on servers of its own.
//!
//! Invariants: what is compared ran in one run, interleaved by rounds, since machines drift; every figure that is printed
//! was measured by this run; the stack is taken down unless it is to be kept; Ctrl-C ends the measurement under way.

mod aims;
mod export;
mod figures;
mod measure;
mod programs;
mod table;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::stack::{self, Options, Record};
use figures::Results;
use measure::Runs;

/// Longer than a run, so that snapshot reads and images of its beginning can still be had; and room for the documents.
const STACK: [&str; 2] = ["mongo.minSnapshotHistoryWindowInSeconds=1800", "mongod.wiredTigerCacheSizeGB=1"];

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Encoding alone, without servers.
    Encode,
    /// A snapshot, a bare find, a bare read of ranges and bare producers.
    Snapshot,
    /// Changes that were written while the connector was down, and a bare change stream of the same events.
    CatchUp,
    /// The same with the server's post-images.
    PostImages,
    /// Snapshot and catch-up of ten collections, beside a hundred empty ones.
    Many,
    /// From a write to its committed record, at a steady pace.
    Latency,
    /// What a snapshot costs a steady writer.
    Beside,
    /// Replays and verifications of what a snapshot wrote, a bare consumer, a bare find, and what a user would write.
    Export,
}

/// How the result is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Table,
    /// Every measurement of every round.
    Json,
}

/// A first figure: the connector beside the bare ends of its pipe.
#[derive(Args)]
pub(crate) struct Bench {
    /// Documents of the snapshot.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// Changes of the catch-up, in multiples of 6000.
    #[arg(long, default_value_t = 300_000)]
    changes: u64,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Partitions of the topics.
    #[arg(long, default_value_t = 6)]
    partitions: u32,
    /// Only this part; may be repeated.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// A line of the connector's configuration; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Leave the servers and the topics for a look around.
    #[arg(long)]
    keep: bool,
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

/// Builds, starts a stack, measures, and prints.
pub(crate) fn bench(bench: &Bench) -> Result<ExitCode> {
    let programs = programs::build()?;
    let name = if bench.keep { "bench".to_owned() } else { format!("bench-{}", std::process::id()) };
    let mut options = Options::named(&name);
    options.settings = STACK.map(str::to_owned).to_vec();
    let record = stack::up(&options)?;
    let outcome = run(bench, &record, &programs);
    if bench.keep {
        note!("the servers stay up; `cargo xtask stack down --name {name}` ends them");
    } else {
        stack::down(&name)?;
    }
    let results = outcome?;
    match bench.output {
        Form::Table => say!("{}", table::of(&results).trim_end()),
        Form::Json => say!("{}", serde_json::to_string_pretty(&results)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn run(bench: &Bench, record: &Record, programs: &programs::Programs) -> Result<Results> {
    let mut runs = Runs::new(bench, record, programs)?;
    let asked = |part| bench.only.is_empty() || bench.only.contains(&part);
    if asked(Part::Encode) {
        runs.encode()?;
    }
    runs.warm_up()?;
    if asked(Part::Snapshot) || asked(Part::Beside) || asked(Part::Export) {
        runs.load("bench.orders", bench.documents)?;
    }
    if asked(Part::Many) {
        runs.load_many()?;
    }
    for round in 1..=bench.rounds {
        if asked(Part::Snapshot) {
            runs.snapshot_round(round)?;
        }
        if asked(Part::CatchUp) {
            runs.catch_up_round(round)?;
        }
        // One round less: they are compared with rounds of the same number.
        if asked(Part::Many) && (round < bench.rounds || round == 1) {
            runs.many_round(round)?;
        }
        if asked(Part::PostImages) && round == 1 {
            runs.post_images_round(round)?;
        }
    }
    if asked(Part::Export) {
        runs.export()?;
    }
    if asked(Part::Latency) {
        runs.latency()?;
    }
    if asked(Part::Beside) {
        runs.beside()?;
    }
    runs.results.aims = aims::judged(&runs.results);
    Ok(runs.results)
}
