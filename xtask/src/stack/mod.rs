//! `cargo xtask stack`: one replica set, one broker, one registry, on free ports, any number of times.
//!
//! A stack is a folder `<state>/<name>/` with the servers' data, their logs and `stack.json`, which
//! names the processes. Invariants: a server runs in its own process group and outlives the command
//! that started it; only `down` ends it, and only if the process with that id is still the one that
//! was started; after `down` neither a process nor a file of the stack is left.

mod down;
mod fault;
mod http;
mod kafka;
mod mongod;
mod ports;
mod process;
mod ready;
mod record;
mod registry;
mod run;
mod selftest;
mod status;
mod up;
mod wire;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};

use crate::fetch;

pub(crate) use down::down;
pub(crate) use ready::tail;
pub(crate) use record::Record;
pub(crate) use run::command as run_command;
pub(crate) use selftest::selftest;
pub(crate) use up::{Options, up};

/// What to do with stacks.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Download the servers, the Python environment and the data sets, once.
    Fetch {
        /// Also what tests compare with: Kafka Connect with Debezium, deserializers of others, linters.
        #[arg(long)]
        with_peers: bool,
    },
    /// Start a stack and print how to reach it.
    Up {
        #[command(flatten)]
        options: Options,
        /// How the result is printed.
        #[arg(long, value_enum, default_value_t = Format::Env)]
        format: Format,
    },
    /// Stop a stack and remove its data.
    Down {
        #[arg(long, required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// Every stack of this state folder.
        #[arg(long)]
        all: bool,
    },
    /// List stacks and whether their servers live.
    Status {
        /// Print one stack's addresses and process ids as `up` did.
        #[arg(long)]
        name: Option<String>,
        #[arg(long, value_enum, default_value_t = Format::Env)]
        format: Format,
    },
    /// Start a stack, run a command with its addresses in the environment, and take it down.
    Run {
        #[command(flatten)]
        options: Options,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Send a signal to one server, for fault tests.
    Signal {
        #[arg(long)]
        name: String,
        /// mongo0, mongo1, mongo2, kafka or registry.
        #[arg(long)]
        server: String,
        #[arg(long, value_enum)]
        signal: process::Signal,
    },
    /// Stop one server if it lives, start it again on its port and data, and wait until it answers.
    Restart {
        #[arg(long)]
        name: String,
        #[arg(long)]
        server: String,
    },
    /// Prove that two stacks live side by side and leave nothing behind.
    Selftest,
}

/// How a stack is described on standard output.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// `NAME=value` lines.
    Env,
    /// The whole record.
    Json,
}

/// Carries one command out.
pub(crate) fn execute(command: Command) -> Result<ExitCode> {
    match command {
        Command::Fetch { with_peers } => fetch::everything(with_peers)?,
        Command::Up { options, format } => up(&options)?.print(format)?,
        Command::Down { name: Some(name), .. } => down(&name)?,
        Command::Down { name: None, .. } => down::all()?,
        Command::Status { name: Some(name), format } => Record::load(&name)?.print(format)?,
        Command::Status { name: None, .. } => status::list()?,
        Command::Run { options, command } => return run::run(&options, &command),
        Command::Signal { name, server, signal } => fault::signal(&name, &server, signal)?,
        Command::Restart { name, server } => fault::restart(&name, &server)?,
        Command::Selftest => selftest::selftest()?,
    }
    Ok(ExitCode::SUCCESS)
}
