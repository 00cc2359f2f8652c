//! `moorline-bench`: the measurements of `cargo xtask bench`, one a subcommand, each on servers that are up.
//!
//! In reading order: [`documents`] (what is measured with), [`load`] and [`changes`] (writing it to the source), [`find`],
//! [`stream`] and [`produce`] (the bare ends), [`ranges`], [`child`] and [`product`] (the connector as a process), [`topic`] and
//! [`wire`] (what it committed), [`drain`] and [`command`] (reading it again), [`steady`], [`latency`] and [`beside`] (with a writer at work), [`encode`] (no servers at
//! all), [`processes`] and [`figures`] (what is told).
//!
//! Invariants: a subcommand prints one JSON object on stdout and nothing else there; a measurement whose result is not
//! what was asked for is a failure, never a figure; addresses and process ids come from the stack's environment.

mod beside;
mod changes;
mod child;
mod command;
mod documents;
mod drain;
mod empty;
mod encode;
mod figures;
mod find;
mod latency;
mod load;
mod places;
mod processes;
mod produce;
mod product;
mod ranges;
mod records;
mod steady;
mod stream;
mod topic;
mod wire;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// The product uses it, so its bare ends must too: replies are allocated anew each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The measurements behind `cargo xtask bench`.
#[derive(Parser)]
#[command(name = "moorline-bench")]
struct Arguments {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Subcommand)]
enum Measurement {
    /// Generate documents into a collection that is made anew.
    Load(load::Load),
    /// Make empty collections.
    Empty(empty::Empty),
    /// Write mixed changes to a loaded collection.
    Change(changes::Change),
    /// Read a whole collection with a bare `find`.
    Find(find::Find),
    /// Read a whole collection by ranges, as a snapshot does, and drop what comes.
    Ranges(ranges::Ranges),
    /// Read changes with a bare change stream.
    Stream(stream::Stream),
    /// Produce records in transactions, with nothing before the producer.
    Produce(produce::Produce),
    /// Run the connector as a process until what `--until` names, and check what it committed.
    Product(product::Product),
    /// Run the connector beside a steady writer, and say how long a write takes to be a record.
    Latency(latency::Latency),
    /// Run a snapshot beside a steady writer, and say how much longer its writes take.
    Beside(beside::Beside),
    /// Read a whole topic with a bare consumer.
    Drain(drain::Drain),
    /// Run a program, and check how many documents it says it had.
    Command(command::Command),
    /// Encode documents, and nothing else.
    Encode(encode::Encode),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let figures = runtime().and_then(|runtime| {
        runtime.block_on(async {
            // Dropping a measurement ends what it started.
            let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            tokio::select! {
                figures = measure(arguments.measurement) => figures,
                _ = terminate.recv() => bail!("asked to stop"),
                _ = interrupt.recv() => bail!("interrupted"),
            }
        })
    });
    match figures {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(measurement: Measurement) -> Result<serde_json::Value> {
    let figures = match measurement {
        Measurement::Load(load) => load.run().await?,
        Measurement::Empty(empty) => return empty.run().await,
        Measurement::Change(change) => return change.run().await,
        Measurement::Find(find) => find.run().await?,
        Measurement::Ranges(ranges) => ranges.run().await?,
        Measurement::Stream(stream) => stream.run().await?,
        Measurement::Produce(produce) => tokio::task::spawn_blocking(move || produce.run()).await??,
        Measurement::Product(product) => product.run().await?,
        Measurement::Latency(latency) => latency.run().await?,
        Measurement::Beside(beside) => beside.run().await?,
        Measurement::Drain(drain) => tokio::task::spawn_blocking(move || drain.run()).await??,
        Measurement::Command(command) => command.run().await?,
        Measurement::Encode(encode) => return tokio::task::spawn_blocking(move || encode.run()).await?,
    };
    Ok(serde_json::to_value(figures)?)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
