//! How findings are printed: for people, as commands, for machines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::facts::Facts;
use super::finding::{Command, Finding, Severity, Tool};
use super::{Report, advise, profile};
use crate::messages;

/// The version of the form for machines: `schemas/doctor.schema.json`.
const VERSION: u32 = 1;

/// For people: a line an area, then each finding in five lines.
pub(super) fn human(report: &Report, facts: &Facts, fix_commands: bool) -> String {
    let mut out = report.summary.join("\n") + "\n";
    for finding in &report.findings {
        let text = finding.problem.to_string();
        let _ = writeln!(out, "\n{}{}", finding.severity.word(), text.strip_prefix("error").unwrap_or(&text));
    }
    if fix_commands {
        out.push_str(&commands(&report.findings));
    } else if report.findings.iter().any(|finding| !finding.commands.is_empty()) {
        out.push_str("\n--fix-commands prints what would mend these, to be copied\n");
    }
    if let (Some(tally), Ok(source)) = (&report.profile, &facts.source) {
        out.push_str(&profile::human(source, tally));
    }
    if let Some(advice) = &report.advice {
        out.push_str(&advise::human(advice));
    }
    out
}

/// All commands, each once, with what they are for, those of one tool together.
fn commands(findings: &[Finding]) -> String {
    let mut out = String::new();
    for tool in [Tool::Mongosh, Tool::Shell] {
        let mut seen: BTreeSet<&Command> = BTreeSet::new();
        let mut text = String::new();
        for finding in findings {
            let fresh: Vec<&Command> = finding.commands.iter().filter(|c| c.tool == tool && seen.insert(c)).collect();
            if fresh.is_empty() {
                continue;
            }
            let mark = if tool == Tool::Mongosh { "//" } else { "#" };
            let _ = writeln!(text, "{mark} {}  {}", finding.problem.code, finding.problem.what);
            for command in fresh {
                let _ = writeln!(text, "{}", command.text);
            }
        }
        if !text.is_empty() {
            let _ = write!(out, "\n{}\n{text}", tool.word());
        }
    }
    out
}

/// For machines.
pub(super) fn machine(report: &Report, facts: &Facts) -> String {
    let of = |severity: Severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let profile = report.profile.as_ref().zip(facts.source.as_ref().ok());
    let answer = json!({
        "version": VERSION,
        "connector": report.connector,
        "summary": report.summary,
        "errors": of(Severity::Error),
        "warnings": of(Severity::Warning),
        "notes": of(Severity::Note),
        "findings": report.findings.iter().map(object).collect::<Vec<_>>(),
        "profile": profile.map(|(tally, source)| profile::machine(source, tally)),
        "advice": report.advice.as_deref().map(advise::machine),
    });
    format!("{answer:#}\n")
}

fn object(finding: &Finding) -> Value {
    let mut object = messages::object(&finding.problem);
    object["severity"] = finding.severity.word().into();
    object["area"] = finding.area.word().into();
    let command = |command: &Command| json!({"tool": command.tool.word(), "text": command.text});
    object["commands"] = finding.commands.iter().map(command).collect();
    object
}
