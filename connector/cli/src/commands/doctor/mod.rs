//! `doctor`: opens every connection, and says what would keep a run from starting, or stop it later, and what to do.
//!
//! * [`gather`], [`ask_source`], [`ask_registry`]: the rim, which reads [`facts`] and judges nothing.
//! * [`source`], [`rights`], [`oplog`], [`collections`], [`kafka`], [`topics`], [`registry`], [`files`]: verdicts, pure.
//! * [`profile`], [`advise`]: what there is, and which settings fit it. * [`finding`], [`summary`], [`output`]: what is said.
//!
//! Invariants: a verdict is a function of facts; all findings are told at once; nothing that is checked is changed.

mod advise;
mod ask_registry;
mod ask_source;
mod collections;
mod facts;
mod files;
mod finding;
mod gather;
mod kafka;
mod oplog;
mod output;
mod profile;
mod registry;
mod rights;
mod source;
mod summary;
#[cfg(test)]
mod testing;
mod topics;

use std::time::Duration;

use clap::Args;
use moorline_config::Checked;

use super::catalogue::{self, Catalogue};
use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::{configuration, messages, wiring};
use advise::Advice;
use facts::Facts;
use finding::{Area, Finding, Severity};
use profile::Tally;

/// Flags of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline doctor -c moorline.properties                 what would go wrong, before it does
  moorline doctor -c moorline.properties --fix-commands  with the commands that would mend it
  moorline doctor -c moorline.properties --profile --advise --seconds 60
  moorline doctor -c moorline.properties -o json | jq -r '.findings[] | .severity + \" \" + .code + \" \" + .what'

Exit codes: 0 no errors (there may be warnings), 1 errors, 3 a system could not be reached.")]
pub(crate) struct Doctor {
    /// Print the commands that would mend what was found: rights, settings, topics, ACLs, the registry
    #[arg(long)]
    fix_commands: bool,
    /// How long each check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Show sizes, `_id`s, write rates, hot keys and what a snapshot will take; looks at the change stream for a while
    #[arg(long)]
    profile: bool,
    /// How long --profile looks at the change stream
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Say which settings fit this cluster better, by the table of docs/doctor.md
    #[arg(long)]
    advise: bool,
}

/// What is said.
struct Report {
    connector: String,
    summary: Vec<String>,
    findings: Vec<Finding>,
    /// What was seen of the stream, where it was looked at.
    profile: Option<Tally>,
    /// Rows of the table that fit, where they were asked for.
    advice: Option<Vec<Advice>>,
}

/// Checks everything.
pub(crate) fn run(args: &Doctor, global: &Global) -> Result<Exit, Failed> {
    let checked = configuration::read(global)?;
    let catalogue = catalogue::read(&checked.config);
    let runtime = super::runtime()?;
    let facts = runtime.block_on(gather::facts(&checked, &catalogue, Duration::from_secs(args.timeout)));
    let mut report = report(&checked, &catalogue, &facts);
    if args.profile && facts.source.is_ok() {
        let looked = runtime.block_on(profile::look(&checked, args.seconds));
        match looked {
            Ok(tally) => report.profile = Some(tally),
            Err(failure) => messages::note(&format!("the stream could not be looked at: {}", failure.problem.what)),
        }
    }
    // What did not answer in time is left to itself.
    runtime.shutdown_timeout(Duration::from_millis(100));
    report.advice = args.advise.then(|| advise::rows(&checked.config, &facts));
    let json = global.output == Form::Json;
    messages::data(&if json {
        output::machine(&report, &facts)
    } else {
        output::human(&report, &facts, args.fix_commands)
    })?;
    Ok(exit(&report.findings))
}

fn report(checked: &Checked, catalogue: &Catalogue, facts: &Facts) -> Report {
    let config = &checked.config;
    let mut findings = files::verdicts(checked, catalogue);
    let limit = wiring::settings(checked).max_record_bytes as u64;
    match &facts.source {
        Ok(source) => {
            let place = &facts.source_place;
            findings.extend(source::verdicts(source, place));
            findings.extend(rights::verdicts(source, &ask_source::selection(checked), place));
            if let Ok(Some(log)) = &source.log {
                findings.extend(oplog::verdicts(config, log, &facts.to_snapshot(), place));
            }
            findings.extend(collections::verdicts(config, source, limit));
        }
        Err(problem) => findings.push(Finding::error(Area::Source, kafka::copy(problem))),
    }
    match &facts.kafka {
        Ok(brokers) => {
            findings.extend(kafka::verdicts(config, brokers));
            findings.extend(topics::verdicts(config, brokers, &facts.data, limit));
        }
        Err(problem) => {
            let finding = Finding::error(Area::Kafka, kafka::copy(problem));
            findings.push(kafka::with_rights(config, finding));
        }
    }
    match &facts.registry {
        Ok(registry) => findings.extend(registry::verdicts(config, registry, &facts.data, &catalogue.entries)),
        Err(problem) => findings.push(Finding::error(Area::Registry, kafka::copy(problem))),
    }
    // What stops a run first; within that, area by area as the lines above them.
    findings.sort_by_key(|finding| (finding.severity, finding.area));
    let summary = summary::lines(config, facts, &findings);
    Report { connector: config.name.clone(), summary, findings, profile: None, advice: None }
}

fn exit(findings: &[Finding]) -> Exit {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let worst = errors.map(|finding| Exit::of(finding.problem.code) == Exit::Unreachable).max();
    match worst {
        None => Exit::Done,
        Some(true) => Exit::Unreachable,
        Some(false) => Exit::Finding,
    }
}
