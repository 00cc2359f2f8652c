//! Keys in a text: names with dots, held against the JSON schema of the configuration.
//!
//! A name is meant as a key if it begins as one of ours does, stands in backticks, or before a `=`.
//!
//! Invariant: names of others are listed here, so that a key without its prefix is found.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Names with dots that are not ours: of brokers and topics, of systems, of data.
const OTHERS: [&str; 15] = [
    "advertised.listeners",
    "anchor.avsc",
    "cleanup.policy",
    "config.system.preimages",
    "default.replication.factor",
    "delete.retention.ms",
    "internal.audit",
    "max.message.bytes",
    "min.insync.replicas",
    "pids.max",
    "retention.bytes",
    "retention.ms",
    "system.*",
    "transaction.max.timeout.ms",
    "a.b",
];
/// Beginnings of properties of contracts and of headers.
const PROPERTIES: [&str; 3] = ["moorline.", "bson.", "connect."];
/// A name with dots.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[a-z][a-z0-9]*(?:\.[a-z0-9_<>]+)+(?:\.\*)?|[a-z][a-z0-9]*\.\*").expect("the pattern is sound")
});

/// The keys that are acted on or accepted, as the JSON schema has them.
pub(super) struct Keys {
    names: serde_json::Map<String, Value>,
    patterns: Vec<Regex>,
}

impl Keys {
    /// All of them.
    pub(super) fn new() -> Self {
        let schema = moorline_config::json_schema();
        let keys = &schema["$defs"]["keys"];
        let patterns = keys["patternProperties"].as_object().unwrap().keys();
        Self {
            names: keys["properties"].as_object().unwrap().clone(),
            patterns: patterns.map(|pattern| Regex::new(pattern).unwrap()).collect(),
        }
    }

    fn has(&self, key: &str) -> bool {
        let begins = |start: &str| self.names.keys().any(|name| name.starts_with(start));
        self.names.contains_key(key)
            || self.patterns.iter().any(|pattern| pattern.is_match(key))
            || key.strip_suffix('*').is_some_and(begins)
    }

    /// Whether the name begins as a key does.
    fn alike(&self, name: &str) -> bool {
        let first = |name: &str| name.split('.').next().map(str::to_owned);
        first(name) == Some("kafka".to_owned()) || self.names.keys().any(|key| first(key) == first(name))
    }

    fn takes(&self, key: &str, value: &str) -> bool {
        let words = self.names.get(key).and_then(|key| key["anyOf"][0]["enum"].as_array().or(key["enum"].as_array()));
        words.is_none_or(|words| words.iter().any(|word| word == value))
    }

    /// What is wrong with the keys in a text.
    pub(super) fn wrong(&self, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for found in NAME.find_iter(text) {
            let (before, after, key) = (&text[..found.start()], &text[found.end()..], found.as_str());
            let within = before.ends_with(|c: char| c.is_alphanumeric() || "._/<$@:-".contains(c));
            // Parts of names that a program fills in, calls of functions, files.
            let goes_on =
                after.starts_with(".{") || after.starts_with(|c: char| c.is_alphanumeric() || "(-_".contains(c));
            if within || goes_on || OTHERS.contains(&key) || PROPERTIES.iter().any(|start| key.starts_with(start)) {
                continue;
            }
            let value = after
                .strip_prefix('=')
                .and_then(|value| value.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').next())
                .map(|value| value.split("..").next().unwrap_or_default().trim_end_matches('.'));
            let meant = self.alike(key) || before.ends_with('`') || value.is_some();
            if meant && !self.has(key) {
                wrong.push(format!("there is no key {key}"));
            } else if let Some(value) = value.filter(|value| meant && !value.is_empty() && !self.takes(key, value)) {
                wrong.push(format!("{key} does not take {value}"));
            }
        }
        wrong
    }
}
