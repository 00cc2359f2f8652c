//! What a verification found: for people, for machines, and as JUnit's XML.
//!
//! Invariants: a verdict stands with its reasons; what is named is bounded and the count of all is told beside.

use std::fmt::Write as _;

use moorline_export::verify::{Verdict, overall};
use moorline_pipeline::error::Problem;
use moorline_pipeline::model::ClusterTime;
use serde_json::{Value, json};

use crate::commands::table::plain;
use crate::commands::words;
use crate::messages;

/// What was found of all ranges.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) connector: String,
    pub(super) against: &'static str,
    pub(super) anchor: String,
    pub(super) cut: ClusterTime,
    pub(super) took_s: f64,
    pub(super) ranges: Vec<Range>,
}

/// What was found of one range: here always a whole collection.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) namespace: String,
    pub(super) epoch: String,
    pub(super) export: String,
    pub(super) verdict: Verdict,
    pub(super) source_documents: u64,
    pub(super) export_documents: u64,
    pub(super) equal: u64,
    pub(super) held_out: u64,
    pub(super) difference_count: u64,
    /// Of the export's state, see docs/state-digest.md.
    pub(super) state_digest: Option<String>,
    pub(super) differences: Vec<Difference>,
    /// Why the verdict is not ACCEPT.
    pub(super) reasons: Vec<Problem>,
}

/// One key that differs.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) key: String,
    /// `missing`, `differs`, `ghost`.
    pub(super) kind: &'static str,
    /// Path, the source's value, the export's.
    pub(super) fields: Vec<(String, Value, Value)>,
}

impl Report {
    pub(super) fn verdict(&self) -> Verdict {
        overall(self.ranges.iter().map(|range| range.verdict))
    }
}

pub(super) fn human(report: &Report) -> String {
    let mut out = format!(
        "verify   anchor {} against {}, cut {} {}\n\n",
        report.anchor,
        report.against,
        words::instant(report.cut),
        report.cut
    );
    let mut table =
        plain(&["COLLECTION", "VERDICT", "SOURCE", "EXPORT", "EQUAL", "HELD OUT", "DIFFERENT"], &[2, 3, 4, 5, 6]);
    let count = |number: u64| words::count(i64::try_from(number).unwrap_or(i64::MAX));
    for range in &report.ranges {
        table.add_row([
            range.namespace.clone(),
            range.verdict.to_string(),
            count(range.source_documents),
            count(range.export_documents),
            count(range.equal),
            count(range.held_out),
            count(range.difference_count),
        ]);
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
    for range in &report.ranges {
        for difference in &range.differences {
            let what = match difference.kind {
                "missing" => "is missing in the export".to_owned(),
                "ghost" => "is in the export only".to_owned(),
                _ => {
                    let field = |(path, source, export): &(String, Value, Value)| {
                        format!("{path} is {source} at the source, {export} in the export")
                    };
                    difference.fields.iter().map(field).collect::<Vec<_>>().join("; ")
                }
            };
            let _ = writeln!(out, "{}  {}  {what}", range.namespace, difference.key);
        }
        let hidden = range.difference_count.saturating_sub(range.differences.len() as u64);
        if hidden > 0 {
            let _ = writeln!(out, "{}  ... {} more", range.namespace, count(hidden));
        }
    }
    let documents = report.ranges.iter().map(|range| range.source_documents).sum();
    let (verdict, documents, took) = (report.verdict(), count(documents), report.took_s);
    let _ = writeln!(out, "\nverdict  {verdict}   {documents} documents read in {took:.1} s");
    out
}

pub(super) fn machine(report: &Report) -> String {
    let ranges: Vec<Value> = report
        .ranges
        .iter()
        .map(|range| {
            let differences: Vec<Value> = range
                .differences
                .iter()
                .map(|d| {
                    let field = |(path, source, export): &(String, Value, Value)| {
                        json!({"path": path, "source": source, "export": export})
                    };
                    let fields: Vec<Value> = d.fields.iter().map(field).collect();
                    json!({"key": d.key, "kind": d.kind, "fields": fields})
                })
                .collect();
            json!({
                "namespace": range.namespace,
                "epoch": range.epoch,
                "range": "all",
                "cut": report.cut,
                "verdict": range.verdict.word(),
                "source_documents": range.source_documents,
                "export_documents": range.export_documents,
                "equal": range.equal,
                "held_out": range.held_out,
                "difference_count": range.difference_count,
                "state_digest": range.state_digest,
                "state_digest_algorithm": range.state_digest.as_ref().map(|_| moorline_export::state::ALGORITHM),
                "differences": differences,
                "reasons": range.reasons.iter().map(messages::object).collect::<Vec<_>>(),
            })
        })
        .collect();
    let whole = json!({
        "version": 1,
        "connector": report.connector,
        "against": report.against,
        "anchor": report.anchor,
        "cut": report.cut,
        "time": words::instant(report.cut),
        "verdict": report.verdict().word(),
        "seconds": report.took_s,
        "ranges": ranges,
    });
    format!("{whole:#}\n")
}

/// REJECT is a failure, UNSUPPORTED an error: neither is taken for a test that passed.
pub(super) fn junit(report: &Report) -> String {
    let number = |verdict| report.ranges.iter().filter(|range| range.verdict == verdict).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"moorline verify {} {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">\n",
        escaped(report.against),
        escaped(&report.anchor),
        report.ranges.len(),
        number(Verdict::Reject),
        number(Verdict::Unsupported),
        report.took_s,
    );
    for range in &report.ranges {
        let name = escaped(&range.namespace);
        let _ = write!(out, "  <testcase classname=\"{}\" name=\"{name}\"", escaped(&report.connector));
        let tag = match range.verdict {
            Verdict::Accept => {
                out.push_str("/>\n");
                continue;
            }
            Verdict::Reject => "failure",
            Verdict::Unsupported => "error",
        };
        let reasons: Vec<String> = range.reasons.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            out,
            ">\n    <{tag} message=\"{}\">{}</{tag}>\n  </testcase>",
            range.verdict,
            escaped(&reasons.join("\n"))
        );
    }
    out.push_str("</testsuite>\n");
    out
}

/// XML 1.0 has no form for control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
