//! `cargo xtask`: everything that is done with this repository rather than by the product.
//!
//! Invariants: what a command starts it stops, by process id, whatever happens in between; every wait
//! has a limit; standard output carries results only, progress goes to standard error.

#![deny(clippy::print_stdout, clippy::print_stderr)] // A reader that leaves must not end a command: see `output`.

#[macro_use]
mod output;

mod bench;
mod build;
mod check;
mod child;
mod dist;
mod fetch;
mod interrupt;
mod places;
mod stack;
mod suite;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of the Moorline repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start, stop and disturb the real servers that tests and demos run against.
    #[command(subcommand)]
    Stack(stack::Command),
    /// The gate that needs no servers: format, lints, arrows between crates, licences, files.
    Check,
    /// Write the committed files that this program makes: the list of error pages in the binary.
    Generate,
    /// Everything: the gate, unit tests, tests and fault scenarios against real servers, the quick start.
    Test(suite::Test),
    /// The speed of the connector, beside the bare ends of its pipe.
    Bench(bench::Bench),
    /// A static binary: one file that runs on any Linux of this processor.
    Dist(dist::Dist),
    /// The tour of the README, on real servers.
    Quickstart(suite::Quickstart),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = interrupt::listen().and_then(|()| match arguments.command {
        Command::Stack(command) => stack::execute(command),
        Command::Check => check::check().map(|tally| {
            say!("{} passed, {} failed", tally.passed, tally.failed);
            if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }),
        Command::Generate => check::generate().map(|()| ExitCode::SUCCESS),
        Command::Test(test) => suite::test(&test),
        Command::Bench(options) => bench::bench(&options),
        Command::Dist(options) => dist::dist(&options).map(|()| ExitCode::SUCCESS),
        Command::Quickstart(options) => suite::quickstart(&options),
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            note!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
