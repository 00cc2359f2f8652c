//! What is replayed: anchors, topics and schemas as they are now, checked.
//!
//! Invariant: an anchor that can't be replayed is refused with the nearest one that can.

use std::collections::BTreeMap;
use std::fs;

use moorline_config::Config;
use moorline_export::replay::Schemas;
use moorline_export::select::topics::{self, TopicNow};
use moorline_export::select::{self, Request, Selection};
use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::cuts;
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::ClusterTime;
use moorline_sink_kafka::{SchemaRegistry, TopicReader};
use tokio::runtime::Runtime;

use super::Replay;
use crate::commands::anchors::fetch;
use crate::failure::Failed;
use crate::{messages, wiring};

/// Cuts that are looked at for one that can be replayed.
const MOST_LOOKED_AT: usize = 500;

/// Everything, checked.
pub(super) fn all(
    args: &Replay,
    config: &Config,
    reader: &TopicReader,
    runtime: &Runtime,
) -> Result<(Selection, Vec<Schemas>), Failed> {
    let read = fetch::anchors(reader, &config.anchor_topic_name, &config.name)?;
    read.warnings().for_each(|warning| messages::note(&warning));
    let parsed = |text: &String| text.parse::<At>();
    let request = Request {
        at: parsed(&args.at)?,
        from: args.from.as_ref().map(parsed).transpose()?,
        collections: args.collection.clone(),
        allow_inexact: args.allow_inexact,
    };
    let mut known = fetch::Topics::new();
    let found = select::find(&read.log, &request).map_err(Failure::halt);
    let found = found.and_then(|selection| still_there(&selection, reader, &mut known).map(|()| selection));
    let selection = match found {
        Ok(selection) => selection,
        Err(failure) => return Err(with_nearest(failure, &read.log, &request, reader, &mut known)?.into()),
    };
    let registry = wiring::registry(config)?;
    let mut schemas = Vec::with_capacity(selection.sources.len());
    if args.reader_schema.is_some() && selection.sources.len() != 1 {
        return Err(one_collection().into());
    }
    for source in &selection.sources {
        let mut texts = Vec::new();
        let ids = if source.cut.value_schema_ids.is_empty() { Vec::new() } else { topics::schema_ids(&source.cut) };
        for id in &ids {
            let text = runtime.block_on(registry.by_id(u32::try_from(*id).unwrap_or_default()))?;
            texts.push(text);
        }
        if ids.is_empty() {
            schemas.push(Schemas::default());
            continue;
        }
        topics::check_schemas(&source.cut, &texts)?;
        let mut texts = texts.into_iter().flatten();
        let key = texts.next().unwrap_or_default();
        let values: BTreeMap<i32, String> = source.cut.value_schema_ids.iter().copied().zip(texts).collect();
        let reader = asked(args, &source.cut.topic, &registry, runtime)?;
        schemas.push(Schemas { key, values, reader });
    }
    Ok((selection, schemas))
}

/// The schema that is asked for, where one is.
fn asked(args: &Replay, topic: &str, registry: &SchemaRegistry, runtime: &Runtime) -> Result<Option<String>, Failed> {
    if let Some(path) = &args.reader_schema {
        let unreadable = |error: std::io::Error| {
            Problem::new(
                "MOOR-6129",
                "the reader's schema can't be read",
                path.display().to_string(),
                error.to_string(),
                "name a file that holds an Avro schema",
            )
        };
        return Ok(Some(fs::read_to_string(path).map_err(unreadable)?));
    }
    let Some(version) = args.schema_version else { return Ok(None) };
    let subject = format!("{topic}-value");
    match runtime.block_on(registry.version(&subject, version))? {
        Some(found) => Ok(Some(found)),
        None => Err(Problem::new(
            "MOOR-6129",
            format!("there is no version {version} of the rows' schema"),
            format!("subject {subject}"),
            "the registry has no such version",
            "leave --schema-version out for the newest at the cut, or give a schema by --reader-schema",
        )
        .into()),
    }
}

/// Whether the topics are what the anchors name.
fn still_there(selection: &Selection, reader: &TopicReader, known: &mut fetch::Topics) -> Result<()> {
    fetch::topics(reader, selection.sources.iter().map(|source| &source.cut), known)?;
    for source in &selection.sources {
        let now = known.get(&source.cut.topic).and_then(Option::as_ref).map(|facts| TopicNow {
            id: facts.id.clone(),
            partitions: facts.partitions,
            starts: facts.starts.clone(),
        });
        topics::check(source, now.as_ref()).map_err(Failure::halt)?;
    }
    Ok(())
}

/// What was refused, with the nearest cut that would not be.
fn with_nearest(
    failure: Failure,
    log: &Log,
    request: &Request,
    reader: &TopicReader,
    known: &mut fetch::Topics,
) -> Result<Failure> {
    let refused = ["MOOR-6002", "MOOR-6005", "MOOR-6006", "MOOR-6011", "MOOR-6120", "MOOR-6121"];
    if !refused.contains(&failure.problem.code) {
        return Ok(failure);
    }
    let wanted = cuts::find(log, &request.at).map(|cut| cut.time).unwrap_or(ClusterTime::new(u32::MAX, 0));
    let mut whole: Vec<_> = cuts::all(log).into_iter().filter(|cut| cut.is_whole()).collect();
    whole.sort_by_key(|cut| cut.time.t.abs_diff(wanted.t));
    for cut in whole.iter().take(MOST_LOOKED_AT) {
        let Some(id) = cut.id() else { continue };
        let other = Request { at: At::Id(id.to_owned()), allow_inexact: false, ..request.clone() };
        let Ok(selection) = select::find(log, &other) else { continue };
        if still_there(&selection, reader, known).is_ok() {
            let mut problem = *failure.problem;
            let time = &selection.at.time;
            problem.fix.insert(0, format!("moorline replay --at {id}   the nearest that can be replayed: {time}"));
            return Ok(Failure::new(failure.next, problem));
        }
    }
    Ok(failure)
}

fn one_collection() -> Problem {
    Problem::new(
        "MOOR-6129",
        "a reader's schema is one collection's",
        "--reader-schema",
        "the cut holds more than one collection, or none",
        "name the collection: --collection",
    )
}
