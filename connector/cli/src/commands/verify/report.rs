//! What a verification found: for people, for machines, and as JUnit's XML.
//!
//! Invariants: a verdict stands with its reasons; what is named is bounded and the count of all is told beside.

use std::fmt::Write as _;

use moorline_export::verify::{Verdict, overall};
use moorline_pipeline::certificate::Certificate;
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
    pub(super) sides: Sides,
    pub(super) anchor: String,
    pub(super) cut: ClusterTime,
    pub(super) took_s: f64,
    pub(super) ranges: Vec<Range>,
}

/// What the two numbers of a range count, as nouns: what it is held against, and the export.
pub(super) type Sides = [&'static str; 2];
pub(super) const SOURCE_EXPORT: Sides = ["source", "export"];
pub(super) const TOPIC_FILES: Sides = ["topic", "files"];
pub(super) const MANIFEST_FILES: Sides = ["manifest", "files"];
pub(super) const RECORDS_DOCUMENTS: Sides = ["records", "documents"];

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
    /// `None` where more rows differ than could be told apart.
    pub(super) difference_count: Option<u64>,
    /// Of the export's state, see docs/state-digest.md.
    pub(super) state_digest: Option<String>,
    /// Over the records of the topic, as in the anchor.
    pub(super) records_digest: Option<String>,
    /// The certificate that the verdict rests on, where nothing can be read any more.
    pub(super) certificate: Option<Certificate>,
    pub(super) differences: Vec<Difference>,
    /// Why the verdict is not ACCEPT.
    pub(super) reasons: Vec<Problem>,
}

/// One key that differs.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) key: String,
    /// `missing`, `differs`, `ghost`, `doubled`, `misplaced`.
    pub(super) kind: &'static str,
    /// Where it stands; empty where that is not told.
    pub(super) place: String,
    /// Path, the source's value, the export's.
    pub(super) fields: Vec<(String, Value, Value)>,
}

impl From<moorline_export::verify::Difference> for Difference {
    fn from(found: moorline_export::verify::Difference) -> Self {
        Self { key: found.key, kind: found.kind.word(), place: found.place, fields: found.fields }
    }
}

impl Range {
    /// Nothing is found yet.
    pub(super) fn new(namespace: &str, epoch: &str, export: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            epoch: epoch.to_owned(),
            export: export.to_owned(),
            verdict: Verdict::Unsupported,
            source_documents: 0,
            export_documents: 0,
            equal: 0,
            held_out: 0,
            difference_count: Some(0),
            state_digest: None,
            records_digest: None,
            certificate: None,
            differences: Vec::new(),
            reasons: Vec::new(),
        }
    }
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
    let [one, other] = report.sides;
    let (head, tail) = (one.to_uppercase(), other.to_uppercase());
    let columns = ["COLLECTION", "VERDICT", &head, &tail, "EQUAL", "HELD OUT", "DIFFERENT"];
    let mut table = plain(&columns, &[2, 3, 4, 5, 6]);
    let count = |number: u64| words::count(i64::try_from(number).unwrap_or(i64::MAX));
    for range in &report.ranges {
        table.add_row([
            range.namespace.clone(),
            range.verdict.to_string(),
            count(range.source_documents),
            count(range.export_documents),
            count(range.equal),
            count(range.held_out),
            range.difference_count.map_or_else(|| "many".to_owned(), count),
        ]);
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
    for range in &report.ranges {
        for difference in &range.differences {
            let what = match difference.kind {
                "missing" => format!("is missing in the {other}"),
                "ghost" => format!("is in the {other} only"),
                "doubled" => format!("stands twice: {}", difference.place),
                "misplaced" => format!("is not in its place: {}", difference.place),
                _ => {
                    let field = |(path, source, export): &(String, Value, Value)| {
                        let at = if one == "source" { "at" } else { "in" };
                        format!("{path} is {source} {at} the {one}, {export} in the {other}")
                    };
                    difference.fields.iter().map(field).collect::<Vec<_>>().join("; ")
                }
            };
            let _ = writeln!(out, "{}  {}  {what}", range.namespace, difference.key);
        }
        if let Some(certificate) = &range.certificate {
            let _ = writeln!(out, "{}  {}", range.namespace, rests_on(certificate));
        }
        match range.difference_count.map(|all| all.saturating_sub(range.differences.len() as u64)) {
            Some(0) => {}
            Some(hidden) => drop(writeln!(out, "{}  ... {} more", range.namespace, count(hidden))),
            None => drop(writeln!(out, "{}  ... more than could be told apart (--memory-bytes)", range.namespace)),
        }
    }
    let read = |range: &Range| if one == "source" { range.source_documents } else { range.export_documents };
    let documents = report.ranges.iter().map(read).sum();
    let (verdict, documents, took) = (report.verdict(), count(documents), report.took_s);
    let _ = writeln!(out, "\nverdict  {verdict}   {documents} documents read in {took:.1} s");
    if report.sides == MANIFEST_FILES {
        out.push_str("proven   what the files hold is what _manifest.json says; Kafka was not asked\n");
    }
    out
}

/// What a verdict rests on, where nothing was read.
fn rests_on(certificate: &Certificate) -> String {
    format!(
        "rests on a certificate: {} by {} at {}, {}",
        certificate.verdict,
        certificate.method,
        words::milliseconds(certificate.read_ms),
        certificate.tool
    )
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
                    json!({"key": d.key, "kind": d.kind, "place": d.place, "fields": fields})
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
                "records_digest": range.records_digest,
                "certificate": range.certificate.as_ref().map(|c| json!({"method": c.method, "anchor": c.anchor,
                    "verdict": c.verdict, "read_ms": c.read_ms, "tool": c.tool})),
                "differences": differences,
                "reasons": range.reasons.iter().map(messages::object).collect::<Vec<_>>(),
            })
        })
        .collect();
    let whole = json!({
        "version": 1,
        "connector": report.connector,
        "against": report.against,
        "held_against": report.sides[0],
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
