//! `contract`: the Avro schemas of collections, as files.
//!
//! * [`infer`]: from documents to a file. * [`sampling`]: which documents. * [`evidence`]: what is shown of them.

mod evidence;
mod infer;
mod sampling;

use clap::Subcommand;

use crate::arguments::Global;
use crate::failure::{Exit, Failed};

/// Contracts.
#[derive(Debug, Subcommand)]
pub(crate) enum Contract {
    /// Writes a contract file for each collection, from a sample of its documents, and shows what justifies it
    Infer(infer::Infer),
}

/// Runs a verb.
pub(crate) fn run(verb: &Contract, global: &Global) -> Result<Exit, Failed> {
    match verb {
        Contract::Infer(args) => infer::run(args, global),
    }
}
