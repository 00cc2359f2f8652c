//! `cargo xtask`: everything that is done with this repository rather than by the product.
//!
//! Invariants: what a command starts it stops, by process id, whatever happens in between; every wait
//! has a limit; standard output carries results only, progress goes to standard error.

mod fetch;
mod interrupt;
mod places;
mod stack;

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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = interrupt::listen().and_then(|()| match arguments.command {
        Command::Stack(command) => stack::execute(command),
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
