//! The binary `moorline`.
//!
//! In reading order: [`arguments`] (what is typed), [`commands`] (one file a verb), [`configuration`] (the file, checked),
//! [`selection`] (what is captured), [`control`] (what `run` tells outside), [`signalling`] (what it is asked), [`wiring`] (the one place that names concrete types), [`store`] (where exports go), [`messages`], [`logs`] and [`progress`] (what is seen),
//! [`failure`] (how it ends).
//!
//! Invariants: data goes to stdout and everything else to stderr; every error is printed once, here; no text that is
//! printed holds a secret.

#[cfg(test)]
mod advice;
mod arguments;
mod bar;
mod certificates;
mod commands;
mod configuration;
mod control;
mod failure;
mod keeping;
mod logs;
mod memory;
mod messages;
mod own_topics;
mod progress;
mod selection;
mod signalling;
mod store;
mod types;
mod wiring;

use std::process::ExitCode;

/// Batches are made on one thread and freed on another: mimalloc hands such memory back without a global lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    failure::call_panics_bugs();
    moorline_sink_kafka::names_by_files_and_dns();
    let ended = arguments::read().and_then(|arguments| {
        messages::init(&arguments.global);
        logs::init(&arguments.global, arguments.verb.default_level())?;
        commands::run(&arguments)
    });
    match ended {
        Ok(exit) => exit.code(),
        Err(failed) => failed.tell().code(),
    }
}
