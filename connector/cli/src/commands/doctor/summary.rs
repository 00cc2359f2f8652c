//! One line an area: what is there, and whether it is well.

use moorline_config::Config;
use moorline_pipeline::forecast;

use super::collections::wants_images;
use super::facts::{Facts, KafkaFacts, Registered, SourceFacts};
use super::finding::{Area, Finding, Severity};
use super::oplog;
use crate::commands::words;
use crate::own_topics;

/// What a log held for less than this says little.
const YOUNG_SECONDS: u64 = 3600;

/// The lines, the last one with the count of findings.
pub(super) fn lines(config: &Config, facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let well = |areas: &[Area]| {
        let errors = findings.iter().filter(|f| f.severity == Severity::Error && areas.contains(&f.area)).count();
        if errors == 0 { "ok".to_owned() } else { words::plural(errors, "error") }
    };
    let source = match &facts.source {
        Ok(source) => of_source(config, source, findings, &well(&[Area::Source, Area::Data])),
        Err(problem) => format!("MongoDB not asked: {}", problem.what),
    };
    let kafka = match &facts.kafka {
        Ok(kafka) => {
            of_kafka(kafka, facts.data.len() + own_topics::all(config).len(), &well(&[Area::Kafka, Area::Topics]))
        }
        Err(problem) => format!("Kafka not asked: {}", problem.what),
    };
    let registry = match &facts.registry {
        Ok(registry) => of_registry(registry, &well(&[Area::Registry, Area::Contracts])),
        Err(problem) => format!("registry not asked: {}", problem.what),
    };
    vec![source, kafka, registry, count(findings)]
}

/// `3 findings, 0 errors`.
fn count(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    format!("{}, {}", words::plural(findings.len(), "finding"), words::plural(errors, "error"))
}

fn of_source(config: &Config, facts: &SourceFacts, findings: &[Finding], well: &str) -> String {
    let server = &facts.server;
    let version = server.version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let kind = match &server.set {
        Some(set) => format!("replica set {set}"),
        None if server.sharded => "sharded cluster".to_owned(),
        None => "standalone".to_owned(),
    };
    let log = match &facts.log {
        Ok(Some(log)) => {
            let short = findings.iter().any(|finding| oplog::CODES.contains(&finding.problem.code));
            window(forecast::window_seconds(log), forecast::held_seconds(log), short)
        }
        _ => "oplog window unknown".to_owned(),
    };
    let captured: Vec<_> = facts.captured().collect();
    let with = captured.iter().filter(|collection| collection.images).count();
    let images = match (with, wants_images(config)) {
        (0, None) => format!("pre-images off (fine for {})", config.output_format.name()),
        (with, None) => format!("pre-images on for {with} of {}", captured.len()),
        (with, Some(_)) if with == captured.len() => "pre-images on".to_owned(),
        (with, Some(_)) => format!("pre-images on for {with} of {}, wanted for all", captured.len()),
    };
    let documents: u64 = captured.iter().map(|collection| collection.documents).sum();
    let what = format!("{}, {} documents", words::plural(captured.len(), "collection"), words::rounded(documents));
    format!("MongoDB {version} {kind} {well} | {log} | {images} | {what}")
}

/// What the oplog holds, called short only where a finding says so: of a log that has just begun, one busy minute says
/// nothing about the next.
fn window(seconds: u64, held: u64, short: bool) -> String {
    match short {
        true => format!("oplog window {} short", span(seconds)),
        false if seconds < YOUNG_SECONDS && held < YOUNG_SECONDS => {
            format!("oplog window not known yet: it began {} ago", words::seconds(held))
        }
        false => format!("oplog window {} ok", span(seconds)),
    }
}

/// A long span in one unit.
fn span(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn of_kafka(facts: &KafkaFacts, topics: usize, well: &str) -> String {
    let transactions = if facts.transactions.is_ok() { "ok" } else { "not to be had" };
    let there = facts.topics.as_ref().map_or(0, std::collections::BTreeMap::len);
    format!(
        "Kafka {} {well} | transactions {transactions} | {there} of {} topics exist",
        words::plural(facts.cluster.brokers, "broker"),
        topics
    )
}

fn of_registry(facts: &Registered, well: &str) -> String {
    let level = facts.registry.level.as_deref().unwrap_or("NONE");
    let there = facts.subjects.values().filter(|subject| subject.as_ref().is_ok_and(|s| s.latest.is_some())).count();
    format!("registry {level} {well} | {there} of {} subjects exist", facts.subjects.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_short_only_where_a_finding_says_so() {
        assert_eq!(window(90, 20, true), "oplog window 1 min short");
        assert_eq!(window(90, 20, false), "oplog window not known yet: it began 20 s ago");
        assert_eq!(window(111_600, 20, false), "oplog window 31 h ok");
    }
}
