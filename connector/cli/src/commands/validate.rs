//! `validate`: the configuration and the contract files, offline, and what a run would make of them.
//!
//! Invariants: no server is asked; everything that is wrong is told at once and ends with 2.

use std::fmt::Write as _;

use moorline_config::{Config, ContractMode};
use moorline_pipeline::error::Problem;
use serde_json::{Value, json};

use super::catalogue::{self, Catalogue, Entry};
use super::{collisions, table, words};
use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::{configuration, memory, messages, own_topics, selection, wiring};

/// Checks, and prints what would be made.
pub(crate) fn run(global: &Global) -> Result<Exit, Failed> {
    let config = configuration::read(global)?.config;
    wiring::kafka(&config)?.check()?;
    drop(wiring::registry(&config)?);
    let Catalogue { entries, mut problems, strangers, idle_renames } = catalogue::read(&config);
    problems.extend(without_file(&config, &entries));
    let topics: Vec<_> = entries.iter().map(|entry| (&entry.namespace, entry.topic.as_str())).collect();
    problems.extend(collisions::of(&config, &topics));
    if !problems.is_empty() {
        problems.iter().for_each(messages::problem);
        return Ok(Exit::Usage);
    }
    for path in strangers {
        messages::note(&format!("{}: of no collection that is captured", path.display()));
    }
    for key in idle_renames {
        messages::note(&format!("{key}: of no collection that is captured"));
    }
    messages::data(&if global.output == Form::Json { machine(&config, &entries) } else { human(&config, &entries) })?;
    Ok(Exit::Done)
}

/// Collections that are named, but have no file where nothing but files counts.
fn without_file<'a>(config: &'a Config, entries: &'a [Entry]) -> impl Iterator<Item = Problem> + 'a {
    let pinned = config.contract_mode == ContractMode::Pinned;
    entries.iter().filter(move |entry| pinned && entry.contract.is_none()).map(|entry| {
        Problem::new(
            "MOOR-4005",
            format!("{} has no contract", entry.namespace),
            entry.path.display().to_string(),
            "contract.mode=pinned takes nothing but the files",
            format!("moorline contract infer -c FILE --collection {}\nor contract.mode=infer", entry.namespace),
        )
    })
}

/// Include patterns whose collections only the server can tell.
fn patterns(config: &Config) -> Vec<String> {
    let named = selection::named(config);
    let Some(named) = (!named.is_empty()).then_some(named) else { return selection::selection(config).include };
    let single = |pattern: &String| named.iter().any(|n| n.as_str() == pattern.replace("\\.", "."));
    selection::selection(config).include.into_iter().filter(|pattern| !single(pattern)).collect()
}

fn human(config: &Config, entries: &[Entry]) -> String {
    let mut out = String::new();
    if !entries.is_empty() {
        let mut table = table::plain(&["COLLECTION", "TOPIC", "PARTITIONS", "SUBJECTS", "CONTRACT"], &[2]);
        for entry in entries {
            let contract = match &entry.contract {
                Some(written) => format!(
                    "{}   version {}, {} fields",
                    entry.path.display(),
                    written.contract.version,
                    written.contract.fields.len() + 1
                ),
                None => "inferred from a sample at the first start".to_owned(),
            };
            table.add_row([
                entry.namespace.to_string(),
                entry.topic.clone(),
                number(entry.partitions),
                format!("{}-key, -value", entry.topic),
                contract,
            ]);
        }
        let _ = writeln!(out, "{}", table.trim_fmt());
    }
    if let Some(text) = as_text(config) {
        let _ = writeln!(out, "\n{text}, of what the subjects' schemas say; the topics of its own stay as they are");
    }
    let patterns = patterns(config);
    if config.collection_include_list.is_empty() && config.database_include_list.is_empty() {
        let _ = writeln!(out, "\nevery collection but those of admin, local and config: the server tells which");
    } else if !patterns.is_empty() {
        let _ = writeln!(out, "\nand every collection that matches: {}", patterns.join(", "));
    }
    let _ = writeln!(out, "\ntopics of its own");
    let mut table = table::plain(&["TOPIC", "PARTITIONS", "CLEANUP", "HOLDS"], &[1]);
    for topic in own_topics::all(config) {
        table.add_row([topic.name, &number(topic.partitions), topic.cleanup(), topic.holds]);
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
    let made = if config.topic_creation_enable { "made where they are missing" } else { "must be there" };
    let _ = writeln!(
        out,
        "\na run takes at most {} MiB of memory (docs/memory.md says of what)\n\n{} is valid: {} named here; topics are {made}",
        memory::most(config) >> 20,
        config.name,
        words::plural(entries.len(), "collection")
    );
    out
}

/// Which parts of data records are JSON text.
fn as_text(config: &Config) -> Option<&'static str> {
    match (config.key_converter.is_json(), config.value_converter.is_json()) {
        (false, false) => None,
        (false, true) => Some("values are JSON text and keys Avro"),
        (true, false) => Some("keys are JSON text and values Avro"),
        (true, true) => Some("keys and values are JSON text"),
    }
}

fn number(partitions: i32) -> String {
    if partitions < 0 { "broker's".to_owned() } else { partitions.to_string() }
}

fn machine(config: &Config, entries: &[Entry]) -> String {
    let schema = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let collections: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let written = entry.contract.as_ref();
            json!({
                "collection": entry.namespace.as_str(),
                "topic": entry.topic,
                "partitions": entry.partitions,
                "key_subject": format!("{}-key", entry.topic),
                "value_subject": format!("{}-value", entry.topic),
                "contract": entry.path.display().to_string(),
                "contract_version": written.map(|written| written.contract.version),
                "key_schema": written.map(|written| schema(&written.key_schema)),
                "value_schema": written.map(|written| schema(&written.value_schema)),
            })
        })
        .collect();
    let own: Vec<Value> = own_topics::all(config)
        .iter()
        .map(|own| json!({"topic": own.name, "partitions": own.partitions, "cleanup": own.cleanup()}))
        .collect();
    let answer = json!({
        "version": 1,
        "connector": config.name,
        "source": wiring::source_place(config),
        "collections": collections,
        "key_form": wiring::converter(config.key_converter).name(),
        "value_form": wiring::converter(config.value_converter).name(),
        "patterns": patterns(config),
        "own_topics": own,
        "memory_bytes": memory::most(config),
    });
    format!("{answer:#}\n")
}
