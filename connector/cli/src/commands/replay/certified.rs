//! The certificate of a replay: what was read and folded agrees with the anchor, and how many documents that makes.
//!
//! Invariants: it is never ACCEPT, since nothing was held against the source; there is one only of whole collections as
//! they are, not of chosen fields, of another schema, of a difference or a log; one that can't be written is a note, and
//! the replay is none the worse.

use moorline_config::Config;
use moorline_export::manifest::{Cut, Mode};
use moorline_export::state;
use moorline_pipeline::anchor::CollectionCut;
use moorline_pipeline::certificate::record::FORMAT;
use moorline_pipeline::certificate::{Certificate, REPLAY, UNSUPPORTED};
use moorline_pipeline::error::Problem;
use tokio::runtime::Runtime;

use super::Replay;
use crate::{certificates, commands, messages, wiring};

/// What was found of a collection.
pub(super) struct Found<'a> {
    pub(super) cut: &'a CollectionCut,
    /// Rows of its state.
    pub(super) documents: u64,
    /// Over the records that were read.
    pub(super) records_digest: Option<String>,
    pub(super) state_digest: Option<String>,
}

/// Writes certificates, where the replay is one of states as they are.
pub(super) fn write(args: &Replay, runtime: &Runtime, config: &Config, at: &Cut, found: &[Found<'_>]) {
    let as_they_are = args.columns.is_empty() && args.reader_schema.is_none() && args.schema_version.is_none();
    if args.no_certificate || found.is_empty() || !as_they_are || args.mode() != Mode::State {
        return;
    }
    let made: Vec<Certificate> = found.iter().map(|found| of(&config.name, at, found)).collect();
    certificates::leave(runtime, config, &made, |problems| {
        for Problem { code, what, why, .. } in problems {
            messages::note(&format!("no certificate was written: {what}: {why}   {code}"));
        }
        messages::note("the replay is none the worse (--no-certificate asks for none)");
    });
}

fn of(connector: &str, at: &Cut, found: &Found<'_>) -> Certificate {
    Certificate {
        format: FORMAT,
        connector: connector.to_owned(),
        anchor: at.anchors.first().cloned().unwrap_or_default(),
        cut: at.cut,
        collection: found.cut.namespace.clone(),
        epoch: found.cut.epoch.clone(),
        export: found.cut.export.clone(),
        range_from: None,
        range_to: None,
        method: REPLAY.to_owned(),
        verdict: UNSUPPORTED.to_owned(),
        documents: i64::try_from(found.documents).ok(),
        differing: None,
        records_digest: found.records_digest.clone(),
        state_digest: found.state_digest.clone(),
        state_algorithm: found.state_digest.as_ref().map(|_| state::ALGORITHM.to_owned()),
        read_ms: commands::now_ms(),
        tool: ["moorline", wiring::VERSION].join(" "),
        reason: Some(
            "MOOR-6143: records counted, digested and folded as the anchor says; the source was not asked".to_owned(),
        ),
    }
}
