//! The certificates of a verification: one a collection, under the anchor that stands for the cut.
//!
//! Invariants: a certificate says what the report says; no value of a field goes into it; one that can't be written is
//! told as a warning and changes no verdict.

use moorline_config::Config;
use moorline_export::state;
use moorline_export::verify::Verdict;
use moorline_pipeline::certificate::record::FORMAT;
use moorline_pipeline::certificate::{ACCEPT, Certificate, Certificates, REJECT, UNSUPPORTED};
use tokio::runtime::Runtime;

use super::report::{Range, Report};
use crate::{certificates, messages, wiring};

/// The method of those that were read at the source.
const SOURCE: &str = "source";
/// Why a cut can't be read at the source any more: it is older than the history window.
const OUTSIDE: &str = "MOOR-6171";

/// Writes those of a report.
pub(super) fn write(runtime: &Runtime, config: &Config, report: &Report) {
    let made: Vec<Certificate> =
        report.ranges.iter().filter(|r| says(report, r)).map(|range| of(report, range)).collect();
    if made.is_empty() {
        return;
    }
    certificates::leave(runtime, config, &made, |problems| {
        problems.iter().for_each(messages::warning);
        messages::note("the verdict stands, and no certificate was written (--no-certificate asks for none)");
    });
}

/// Whether it says something of the export at the anchor: a copy in a folder that is not whole says nothing of it, and
/// what rests on an earlier certificate is said there.
fn says(report: &Report, range: &Range) -> bool {
    range.certificate.is_none() && (report.against != "files" || range.verdict == Verdict::Accept)
}

/// What an earlier reading of the source found at a cut that can't be read there any more: a rejection first, else
/// agreement. Only what is unproven for that reason rests on it.
pub(super) fn earlier(range: &mut Range, anchors: &[&str], known: &Certificates) {
    if range.verdict != Verdict::Unsupported || range.reasons.iter().all(|problem| problem.code != OUTSIDE) {
        return;
    }
    let is_of =
        |c: &&Certificate| c.method == SOURCE && c.is_whole() && (&c.epoch, &c.export) == (&range.epoch, &range.export);
    let found = |verdict: &str| {
        let made = known.of(anchors, &range.namespace).filter(is_of).filter(|c| c.verdict == verdict);
        made.max_by_key(|c| c.read_ms).cloned()
    };
    let (verdict, certificate) = match (found(REJECT), found(ACCEPT)) {
        (Some(certificate), _) => (Verdict::Reject, certificate),
        (None, Some(certificate)) => (Verdict::Accept, certificate),
        (None, None) => return,
    };
    range.verdict = verdict;
    range.export_documents = certificate.documents.and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
    range.state_digest.clone_from(&certificate.state_digest);
    range.reasons.retain(|_| verdict == Verdict::Reject);
    range.certificate = Some(certificate);
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
        differing: range.difference_count.and_then(count).filter(|_| proven),
        records_digest: range.records_digest.clone(),
        state_digest: range.state_digest.clone(),
        state_algorithm: range.state_digest.as_ref().map(|_| state::ALGORITHM.to_owned()),
        read_ms: crate::commands::now_ms(),
        tool: ["moorline", wiring::VERSION].join(" "),
        reason: range.reasons.first().map(|problem| format!("{}: {}", problem.code, problem.what)),
    }
}
