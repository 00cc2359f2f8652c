//! What is replayed: anchors, topics and schemas as they are now, checked.
//!
//! Invariant: an anchor that can't be replayed is refused with the nearest one that can.

use std::collections::BTreeMap;
use std::fs;

use moorline_config::Config;
use moorline_export::replay::Schemas;
use moorline_export::select::topics::{self, TopicNow};
use moorline_export::select::{self, Request, Selection, Source, newest};
use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::cuts;
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::ClusterTime;
use moorline_sink_kafka::{SchemaRegistry, TopicReader};
use tokio::runtime::Runtime;

use super::records::Topics;
use super::{Replay, to_topic};
use crate::commands::anchors::fetch;
use crate::failure::Failed;
use crate::{messages, wiring};

/// Refusals behind which another cut may be taken.
const NEAREST_IS_TOLD: [&str; 8] =
    ["MOOR-6002", "MOOR-6005", "MOOR-6006", "MOOR-6011", "MOOR-6017", "MOOR-6120", "MOOR-6121", "MOOR-6122"];
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
    if let Some(topic) = &args.to_topic {
        to_topic::refuse_own(topic, config, &read.log)?;
    }
    let parsed = |text: &String| text.parse::<At>();
    let request = Request {
        at: parsed(&args.at)?,
        from: args.from.as_ref().map(parsed).transpose()?,
        collections: args.collection.clone(),
        allow_inexact: args.allow_inexact,
    };
    let registry = wiring::registry(config)?;
    let mut now = Now::new(reader, &registry, runtime);
    let found = select::find(&read.log, &request).map_err(|problem| Failure::halt(unread(problem, &read, &request)));
    let found = found.and_then(|selection| now.texts(&selection).map(|texts| (selection, texts)));
    let (selection, texts) = match found {
        Ok(found) => found,
        Err(failure) => return Err(with_nearest(failure, &read.log, &request, &mut now).into()),
    };
    if args.reader_schema.is_some() && selection.sources.len() != 1 {
        return Err(one_collection().into());
    }
    let mut schemas = Vec::with_capacity(selection.sources.len());
    for (source, texts) in selection.sources.iter().zip(texts) {
        let mut made = now.made_of(source, texts)?;
        if !made.values.is_empty() {
            made.reader = asked(args, &source.cut.topic, &registry, runtime)?;
        }
        schemas.push(made);
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

/// Topics and registry as they are now.
pub(in crate::commands) struct Now<'a> {
    reader: &'a TopicReader,
    registry: &'a SchemaRegistry,
    runtime: &'a Runtime,
    topics: fetch::Topics,
}

impl<'a> Now<'a> {
    /// Nothing is asked yet.
    pub(in crate::commands) fn new(
        reader: &'a TopicReader,
        registry: &'a SchemaRegistry,
        runtime: &'a Runtime,
    ) -> Self {
        Self { reader, registry, runtime, topics: fetch::Topics::new() }
    }

    /// The schemas of one source, where its topic and the registry are what the anchors name.
    pub(in crate::commands) fn schemas(&mut self, source: &Source) -> Result<Schemas> {
        self.check(std::slice::from_ref(source))?;
        let texts = self.of_source(source)?;
        self.made_of(source, texts)
    }

    /// The schemas of a source by their texts, the key's first.
    fn made_of(&self, source: &Source, texts: Vec<String>) -> Result<Schemas> {
        let mut texts = texts.into_iter();
        let Some(key) = texts.next() else { return Ok(Schemas::default()) };
        let values: BTreeMap<i32, String> = source.cut.value_schema_ids.iter().copied().zip(texts).collect();
        let newest = self.newest(source, &values)?;
        Ok(Schemas { key, values, newest, reader: None })
    }

    /// The texts of each source's schemas, the key's first, where topics and registry are what the anchors name.
    fn texts(&mut self, selection: &Selection) -> Result<Vec<Vec<String>>> {
        self.check(&selection.sources)?;
        selection.sources.iter().map(|source| self.of_source(source)).collect()
    }

    /// Whether the topics are what the anchors name.
    fn check(&mut self, sources: &[Source]) -> Result<()> {
        fetch::topics(self.reader, sources.iter().map(|source| &source.cut), &mut self.topics)?;
        for source in sources {
            let now = self.topics.get(&source.cut.topic).and_then(Option::as_ref).map(|facts| TopicNow {
                id: facts.id.clone(),
                partitions: facts.partitions,
                starts: facts.starts.clone(),
            });
            topics::check(source, now.as_ref()).map_err(Failure::halt)?;
        }
        Ok(())
    }

    /// Nothing where no record was ever written: there is no schema yet.
    fn of_source(&self, source: &Source) -> Result<Vec<String>> {
        let cut = &source.cut;
        let ids = if cut.value_schema_ids.is_empty() { Vec::new() } else { topics::schema_ids(cut) };
        let text = |id: &i32| self.runtime.block_on(self.registry.by_id(u32::try_from(*id).unwrap_or_default()));
        let texts: Vec<Option<String>> = ids.iter().map(text).collect::<Result<_>>()?;
        if !texts.is_empty() {
            topics::check_schemas(cut, &texts).map_err(Failure::halt)?;
        }
        Ok(texts.into_iter().flatten().collect())
    }

    /// The newest schema at the cut. Of several that may be it, the one with the highest version of the topic's subject.
    fn newest(&self, source: &Source, values: &BTreeMap<i32, String>) -> Result<Option<i32>> {
        let may_be = newest::of(&source.cut, &Topics { reader: self.reader })?;
        if may_be.len() < 2 {
            return Ok(may_be.first().copied());
        }
        let subject = format!("{}-value", source.cut.topic);
        let known = |text: &str| {
            let digest = topics::digest(text);
            may_be.iter().copied().find(|id| values.get(id).and_then(|text| topics::digest(text)) == digest)
        };
        for version in self.runtime.block_on(self.registry.versions(&subject))?.into_iter().rev() {
            let text = self.runtime.block_on(self.registry.version(&subject, version))?;
            if let Some(id) = text.and_then(|text| known(&text)) {
                return Ok(Some(id));
            }
        }
        Ok(may_be.last().copied())
    }
}

/// What was refused, with the nearest cut that would not be.
fn with_nearest(failure: Failure, log: &Log, request: &Request, now: &mut Now<'_>) -> Failure {
    if !NEAREST_IS_TOLD.contains(&failure.problem.code) {
        return failure;
    }
    let wanted = cuts::find(log, &request.at).map(|cut| cut.time).unwrap_or(ClusterTime::new(u32::MAX, 0));
    let mut whole: Vec<_> = cuts::all(log).into_iter().filter(|cut| cut.is_whole()).collect();
    whole.sort_by_key(|cut| cut.time.t.abs_diff(wanted.t));
    for cut in whole.iter().take(MOST_LOOKED_AT) {
        let Some(id) = cut.id() else { continue };
        let other = Request { at: At::Id(id.to_owned()), allow_inexact: false, ..request.clone() };
        let Ok(selection) = select::find(log, &other) else { continue };
        if now.texts(&selection).is_ok() {
            let mut problem = *failure.problem;
            let time = &selection.at.time;
            problem.fix.insert(0, format!("moorline replay --at {id}   the nearest that can be replayed: {time}"));
            return Failure::new(failure.next, problem);
        }
    }
    failure
}

/// An anchor that is not there, where it is one that can't be read: that is told instead.
fn unread(problem: Problem, read: &fetch::Read, request: &Request) -> Problem {
    let mut asked = [Some(&request.at), request.from.as_ref()].into_iter().flatten();
    let strange = asked.find_map(|at| if let At::Id(prefix) = at { read.strange_named(prefix) } else { None });
    strange.filter(|_| problem.code == "MOOR-6001").unwrap_or(problem)
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
