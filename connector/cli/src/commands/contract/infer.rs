//! `contract infer`: a contract file for each collection, from its documents.
//!
//! Invariants: a file that is there is never overwritten without `--force`; a file is whole or not there; the evidence
//! is shown whether or not anything is written.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use moorline_config::{Config, codes};
use moorline_pipeline::contract::file;
use moorline_pipeline::contract::infer::{Inferred, infer_with};
use moorline_pipeline::error::{Problem, Result};
use moorline_pipeline::model::Namespace;
use moorline_pipeline::source::{CollectionInfo, Source};
use serde_json::{Value, json};

use super::evidence;
use super::sampling::{self, Sample};
use crate::arguments::{Form, Global};
use crate::commands::words;
use crate::failure::{Exit, Failed};
use crate::selection::selection;
use crate::{configuration, messages, types, wiring};

/// Flags of `contract infer`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline contract infer -c moorline.properties
  moorline contract infer -c moorline.properties --collection shop.orders --full
  moorline contract infer -c moorline.properties --dry-run --strict -o json")]
pub(crate) struct Infer {
    /// Only this collection (db.coll); may be given more than once
    #[arg(long, value_name = "NAME", value_parser = namespace)]
    collection: Vec<Namespace>,
    /// Read all documents, not a sample
    #[arg(long)]
    full: bool,
    /// Exit 1 where a path could not be decided
    #[arg(long)]
    strict: bool,
    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
    /// Show, and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn namespace(text: &str) -> Result<Namespace, String> {
    Namespace::parse(text).ok_or_else(|| "a collection's full name is DATABASE.COLLECTION".to_owned())
}

/// What became of a collection.
enum Fate {
    Written,
    Unchanged,
    WouldBeWritten,
    Kept(Problem),
    /// No document, so no contract.
    Empty,
}

/// Infers and writes.
pub(crate) fn run(args: &Infer, global: &Global) -> Result<Exit, Failed> {
    let config = configuration::read(global)?.config;
    let runtime = super::super::runtime()?;
    let ended = runtime.block_on(all(args, global, &config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn all(args: &Infer, global: &Global, config: &Config) -> Result<Exit, Failed> {
    let source = wiring::source(config).await?;
    let collections = wanted(args, config, &source).await?;
    let (mut text, mut objects) = (String::new(), Vec::new());
    let (mut undecided, mut kept) = (false, Vec::new());
    for collection in &collections {
        messages::note(&format!("{}: reading documents", collection.namespace));
        let sample = if args.full {
            sampling::all(&source, collection).await?
        } else {
            sampling::some(&source, config, collection).await?
        };
        if sample.cut_off {
            messages::note(&format!("{}: only the first 1 GiB of documents was read", collection.namespace));
        }
        let options = types::options(config, types::Looks::Person);
        let inferred = infer_with(&collection.namespace, sample.documents(), &wiring::limits(config), &options);
        let path = config.contract_path.join(file::file_name(&collection.namespace));
        let fate = match &inferred {
            Some(inferred) => keep(args, &path, &file::write(&inferred.contract))?,
            None => Fate::Empty,
        };
        undecided |= inferred.as_ref().is_none_or(|inferred| !inferred.undecided.is_empty());
        if global.output == Form::Json {
            objects.push(object(collection, &sample, inferred.as_ref(), &path, &fate));
        } else {
            text += &human(collection, &sample, inferred.as_ref(), &path, &fate);
        }
        if let Fate::Kept(problem) = fate {
            kept.push(problem);
        }
    }
    if global.output == Form::Json {
        text = format!("{:#}\n", json!({"version": 1, "connector": config.name, "collections": objects}));
    }
    messages::data(&text)?;
    if !kept.is_empty() {
        return Err(Failed::Problems(kept));
    }
    Ok(if args.strict && undecided { Exit::Finding } else { Exit::Done })
}

async fn wanted<S: Source>(args: &Infer, config: &Config, source: &S) -> Result<Vec<CollectionInfo>, Failed> {
    if args.collection.is_empty() {
        let found = source.collections(&selection(config)).await?;
        return if found.is_empty() { Err(nothing(config).into()) } else { Ok(found) };
    }
    let mut found = Vec::new();
    for name in &args.collection {
        found.push(source.collection(name).await?.ok_or_else(|| {
            Problem::new(
                codes::BAD_VALUE,
                format!("there is no collection {name}"),
                format!("--collection, {}", wiring::source_place(config)),
                "a contract is inferred from documents",
                "look for a typing mistake: names are case-sensitive",
            )
        })?);
    }
    Ok(found)
}

fn nothing(config: &Config) -> Problem {
    Problem::new(
        codes::DOUBTFUL,
        "no collection is captured yet",
        wiring::source_place(config),
        "nothing that the server has matches the include and exclude lists",
        "look for a typing mistake in collection.include.list: names are case-sensitive",
    )
}

/// Writes a file, unless it is there with another text.
fn keep(args: &Infer, path: &Path, text: &str) -> Result<Fate, Problem> {
    let existing = match fs::read_to_string(path) {
        Ok(existing) => Some(existing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unwritable(path, &error)),
    };
    match existing {
        Some(existing) if existing == text => return Ok(Fate::Unchanged),
        Some(_) if !args.force => return Ok(Fate::Kept(refused(path))),
        _ if args.dry_run => return Ok(Fate::WouldBeWritten),
        _ => {}
    }
    write(path, text).map_err(|error| unwritable(path, &error))?;
    Ok(Fate::Written)
}

/// Beside it, and renamed: a crash leaves no half contract.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("avsc.new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        "MOOR-4007",
        "a contract file can't be read or written",
        path.display().to_string(),
        error.to_string(),
        "set contract.path to a folder that this user may write",
    )
}

fn refused(path: &Path) -> Problem {
    Problem::new(
        "MOOR-4008",
        "a contract file that is there was not overwritten",
        path.display().to_string(),
        "it differs from what the documents say now, and somebody may have reviewed or edited it",
        "--force overwrites it; --dry-run -o json shows the evidence without writing",
    )
}

fn human(
    collection: &CollectionInfo,
    sample: &Sample,
    inferred: Option<&Inferred>,
    path: &Path,
    fate: &Fate,
) -> String {
    let name = &collection.namespace;
    let of = words::count((collection.documents.max(sample.len() as u64)) as i64);
    let Some(inferred) = inferred else { return format!("{name}: no documents, so no contract\n\n") };
    let said = match fate {
        Fate::Written => "",
        Fate::Unchanged => "   unchanged",
        Fate::WouldBeWritten => "   not written (--dry-run)",
        Fate::Kept(_) => "   kept as it is",
        Fate::Empty => "",
    };
    format!(
        "{}{name}: {} of {of} sampled -> {}  {}{said}\n\n",
        evidence::human(inferred),
        words::count(sample.len() as i64),
        path.display(),
        evidence::counts(inferred),
    )
}

fn object(
    collection: &CollectionInfo,
    sample: &Sample,
    inferred: Option<&Inferred>,
    path: &Path,
    fate: &Fate,
) -> Value {
    json!({
        "collection": collection.namespace.as_str(),
        "sampled": sample.len(),
        "documents": collection.documents,
        "file": path.display().to_string(),
        "written": matches!(fate, Fate::Written),
        "paths": inferred.map(evidence::machine),
        "undecided": inferred.map(|inferred| &inferred.undecided),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(force: bool, dry_run: bool) -> Infer {
        Infer { collection: Vec::new(), full: false, strict: false, force, dry_run }
    }

    #[test]
    fn a_file_is_overwritten_by_force_only() {
        let folder = std::env::temp_dir().join(format!("moorline-infer-{}", std::process::id()));
        let path = folder.join("a.b.avsc");
        assert!(matches!(keep(&flags(false, true), &path, "one").unwrap(), Fate::WouldBeWritten));
        assert!(!path.exists());
        assert!(matches!(keep(&flags(false, false), &path, "one").unwrap(), Fate::Written));
        assert!(matches!(keep(&flags(false, false), &path, "one").unwrap(), Fate::Unchanged));
        assert!(matches!(keep(&flags(false, false), &path, "two").unwrap(), Fate::Kept(_)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert!(matches!(keep(&flags(true, false), &path, "two").unwrap(), Fate::Written));
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        fs::remove_dir_all(&folder).unwrap();
    }
}
