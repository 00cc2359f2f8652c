//! The certificates of a verification: one a collection, under the anchor that stands for the cut.
//!
//! Invariants: a certificate says what the report says; no value of a field goes into it; one that can't be written is
//! told as a warning and changes no verdict.

use moorline_config::Config;
use moorline_pipeline::certificate::record::FORMAT;
use moorline_pipeline::certificate::{Certificate, UNSUPPORTED};
use tokio::runtime::Runtime;

use super::report::{Range, Report};
use crate::commands::words;
use crate::failure::Failed;
use crate::{certificates, messages, wiring};

/// Writes those of a report.
pub(super) fn write(runtime: &Runtime, config: &Config, report: &Report) {
    let made: Vec<Certificate> = report.ranges.iter().map(|range| of(report, range)).collect();
    match certificates::write(runtime, config, &made) {
        Ok(()) => messages::note(&format!(
            "{} written to {}",
            words::plural(made.len(), "certificate"),
            config.certificate_topic_name
        )),
        Err(Failed::Problems(problems)) => {
            problems.iter().for_each(messages::warning);
            messages::note("the verdict stands, and no certificate was written (--no-certificate asks for none)");
        }
        Err(_) => {}
    }
}

fn of(report: &Report, range: &Range) -> Certificate {
    let count = |number: u64| i64::try_from(number).ok();
    let verdict = range.verdict.to_string();
    // Where nothing was proven the counts are those of a reading that was not ended.
    let proven = verdict != UNSUPPORTED;
    Certificate {
        format: FORMAT,
        connector: report.connector.clone(),
        anchor: report.anchor.clone(),
        cut: report.cut,
        collection: range.namespace.clone(),
        epoch: range.epoch.clone(),
        export: range.export.clone(),
        range_from: None,
        range_to: None,
        method: report.against.to_owned(),
        verdict,
        documents: count(range.export_documents).filter(|_| proven && range.source_documents > 0),
        differing: count(range.difference_count).filter(|_| proven),
        records_digest: None,
        state_digest: None,
        state_algorithm: None,
        read_ms: crate::commands::now_ms(),
        tool: ["moorline", wiring::VERSION].join(" "),
        reason: range.reasons.first().map(|problem| format!("{}: {}", problem.code, problem.what)),
    }
}
