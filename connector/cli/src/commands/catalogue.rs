//! The collections that can be told offline: those that the configuration names and those that have a contract file.
//!
//! Invariant: what is shown for a collection is what a run would make of it: the same file, topic, subjects and schemas.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use moorline_config::Config;
use moorline_pipeline::contract::model::{Contract, Output};
use moorline_pipeline::contract::{derive, file};
use moorline_pipeline::error::Problem;
use moorline_pipeline::model::Namespace;
use regex::Regex;

use crate::{selection, wiring};

/// A collection that is captured.
pub(super) struct Entry {
    /// `db.coll`.
    pub(super) namespace: Namespace,
    /// The topic of its records.
    pub(super) topic: String,
    /// Partitions that a new topic gets; -1 leaves them to the broker.
    pub(super) partitions: i32,
    /// Its contract file.
    pub(super) path: PathBuf,
    /// What stands in it.
    pub(super) contract: Option<Written>,
}

/// A contract that stands in a file.
pub(super) struct Written {
    /// The contract.
    pub(super) contract: Contract,
    /// The key's schema as it is registered.
    pub(super) key_schema: String,
    /// The value's schema as it is registered.
    pub(super) value_schema: String,
}

/// What was found.
#[derive(Default)]
pub(super) struct Catalogue {
    /// By name.
    pub(super) entries: Vec<Entry>,
    /// What is wrong in contract files, in the order of files and lines.
    pub(super) problems: Vec<Problem>,
    /// Contract files of collections that are not captured.
    pub(super) strangers: Vec<PathBuf>,
    /// Keys that rename topics of collections that are not captured.
    pub(super) idle_renames: Vec<String>,
}

/// Reads the contract files, and derives what would be made.
pub(super) fn read(config: &Config) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let mut namespaces = selection::named(config);
    match files(&config.contract_path) {
        Ok(found) => {
            for (path, namespace) in found {
                match namespace {
                    Some(namespace) if selection::takes(config, &namespace) => namespaces.push(namespace),
                    _ => catalogue.strangers.push(path),
                }
            }
        }
        Err(error) => catalogue.problems.push(unreadable(&config.contract_path, &error)),
    }
    for name in config.topic_renames.of.keys() {
        match Namespace::parse(name) {
            Some(namespace) if selection::takes(config, &namespace) => namespaces.push(namespace),
            _ => catalogue.idle_renames.push(format!("topic.rename.{name}")),
        }
    }
    namespaces.sort();
    namespaces.dedup();
    for namespace in namespaces {
        let path = config.contract_path.join(file::file_name(&namespace));
        let topic = wiring::output(config).topic(&namespace);
        let contract = match fs::read_to_string(&path) {
            Ok(text) => contract(config, &namespace, &path, &text, &mut catalogue.problems),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                catalogue.problems.push(unreadable(&path, &error));
                None
            }
        };
        let partitions = partitions(config, &topic);
        catalogue.entries.push(Entry { namespace, topic, partitions, path, contract });
    }
    catalogue
}

fn contract(
    config: &Config,
    namespace: &Namespace,
    path: &Path,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Option<Written> {
    match file::parse_beside(text, namespace, &config.field_metadata_prefix) {
        Ok(contract) => {
            let output = output(config, &contract);
            let (key_schema, value_schema) =
                (derive::key_schema(&contract, &output), derive::value_schema(&contract, &output));
            Some(Written { contract, key_schema, value_schema })
        }
        Err(wrong) => {
            problems.extend(wrong.into_iter().map(|problem| {
                let column = problem.column.map(|column| format!(":{column}")).unwrap_or_default();
                Problem::new(
                    problem.code,
                    problem.what,
                    format!("{}:{}{column}", path.display(), problem.line),
                    "nothing can be encoded by this contract",
                    problem.fix,
                )
            }));
            None
        }
    }
}

/// The output of a collection: spilled fields have a place where drift or the contract may send them there.
fn output(config: &Config, contract: &Contract) -> Output {
    let settings = wiring::contract(config);
    let of_key = settings.on_drift_of.get(contract.namespace.as_str()).copied();
    let on_drift = of_key.or(contract.on_drift).unwrap_or(settings.on_drift);
    let unknown = contract.unknown.unwrap_or(settings.unknown);
    wiring::output(config).output(&contract.namespace, on_drift, unknown)
}

fn partitions(config: &Config, topic: &str) -> i32 {
    let fits = |patterns: &[String]| {
        patterns.iter().any(|pattern| Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(topic)))
    };
    let group = config.topic_creation_groups.iter().find(|group| fits(&group.include) && !fits(&group.exclude));
    let of_group = group.and_then(|group| group.rule.partitions);
    of_group.or(config.topic_creation_default.partitions).unwrap_or(-1)
}

/// Contract files with the collections that their names mean; a folder that is not there holds none.
fn files(folder: &Path) -> io::Result<Vec<(PathBuf, Option<Namespace>)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "avsc") {
            let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(decoded);
            found.push((path, name.as_deref().and_then(Namespace::parse)));
        }
    }
    found.sort();
    Ok(found)
}

/// A file's name without its percent-encoding.
fn decoded(stem: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        "MOOR-4007",
        "a contract file can't be read",
        path.display().to_string(),
        error.to_string(),
        "set contract.path to a folder that this user may read",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_decoded_as_it_was_encoded() {
        for name in ["shop.orders", "shop.fs.files", "a b.c/d%\u{e9}"] {
            let namespace = Namespace::parse(name).unwrap();
            let file = file::file_name(&namespace);
            assert_eq!(decoded(file.strip_suffix(".avsc").unwrap()).as_deref(), Some(name));
        }
        assert_eq!(decoded("a.b%2"), None);
        assert_eq!(decoded("a.b%zz"), None);
    }
}
