//! `tail`: records of a topic as people read them, keys and values decoded with their names.
//!
//! * [`target`]: which topic is meant. * [`gather`]: the records, first or last or as they come. * [`decode`]: bytes to
//!   values, by the registry. * [`changes`]: what changed against the last image of a key. * [`show`]: what is printed.
//!
//! Invariants: only committed records are shown; no group is joined and nothing is written; memory has a bound in bytes
//! however large the topic is; a record that can't be decoded is shown as it is, and told once.

mod changes;
mod decode;
mod gather;
mod show;
mod target;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::{Args, ValueEnum};
use moorline_pipeline::error::{Problem, Result};
use moorline_sink_kafka::TopicReader;
use serde_json::Value;

use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::{configuration, messages, wiring};
use changes::{Change, Images};
use decode::{Decoder, Record};
use gather::{Held, Span};

/// Records at most, so that they can be held and put in order.
const MOST_RECORDS: i64 = 10_000;

/// Flags of `tail`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline tail shop.orders -c moorline.properties
  moorline tail shop.orders -c moorline.properties --op u,d --diff -n 20
  moorline tail quarantine -c moorline.properties --from beginning
  moorline tail shop.orders -c moorline.properties -f -o json | jq 'select(.op == \"d\").key'")]
pub(crate) struct Tail {
    /// A topic, a collection (db.coll), or: anchors, quarantine, offsets
    #[arg(value_name = "TOPIC|COLLECTION")]
    target: String,
    /// Only these: r (snapshot row), c (create), u (update), d (delete)
    #[arg(long, value_name = "OPS", value_delimiter = ',', value_parser = op)]
    op: Vec<char>,
    /// How many records that are there
    #[arg(short = 'n', long = "records", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=MOST_RECORDS))]
    records: u32,
    /// The first ones or the last ones
    #[arg(long, value_name = "WHERE", default_value = "end", conflicts_with = "follow")]
    from: From,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Show what changed against the image of the same key before
    #[arg(long)]
    diff: bool,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// The topic's first records
    Beginning,
    /// The topic's last records
    End,
}

fn op(text: &str) -> Result<char, String> {
    match text {
        "r" | "c" | "u" | "d" => Ok(text.chars().next().unwrap_or('u')),
        _ => Err("an operation is r (snapshot row), c (create), u (update) or d (delete)".to_owned()),
    }
}

/// Shows records.
pub(crate) fn run(args: &Tail, global: &Global) -> Result<Exit, Failed> {
    let config = configuration::read(global)?.config;
    let reader = TopicReader::open(&wiring::kafka(&config)?)?;
    let registry = wiring::registry(&config)?;
    let runtime = super::runtime()?;
    runtime.spawn(end_on_interrupt());
    let topic = target::resolve(&args.target, &config, &reader)?;
    let mut decoder = Decoder::new(&registry, &runtime, &config.field_metadata_prefix);
    let mut session = Session { args, json: global.output == Form::Json, topic: &topic, images: Images::default() };

    let spans = spans(&reader, &topic)?;
    let gathered = {
        let mut keep = |held: &Held| session.wanted(&mut decoder, held);
        let count = args.records as usize;
        match args.from {
            From::Beginning => gather::first(&reader, &topic, &spans, count, &mut keep)?,
            From::End => gather::last(&reader, &topic, &spans, count, &mut keep)?,
        }
    };
    if gathered.cut {
        messages::note("fewer are shown: together they are larger than what is held in memory");
    }
    let mut befores = match args.diff {
        true => changes::befores(&reader, &topic, &spans, &gathered.records, &mut decoder, &mut session.images)?,
        false => HashMap::new(),
    };
    for held in &gathered.records {
        let record = decoder.record(held)?;
        let before = befores.remove(&(held.partition, held.offset));
        session.show(&record, before)?;
    }
    if gathered.records.is_empty() && !args.follow {
        messages::note(&format!("{topic}: no such record"));
    }
    if args.follow {
        follow(&reader, &topic, &spans, &mut decoder, &mut session)?;
    }
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(Exit::Done)
}

/// First and last stable offset of each partition.
fn spans(reader: &TopicReader, topic: &str) -> Result<Vec<Span>> {
    let partitions = reader.partitions(topic)?.unwrap_or(0);
    let span = |partition| {
        let marks = reader.watermarks(topic, partition)?;
        Ok(Span { partition, first: marks.first, end: marks.stable })
    };
    (0..partitions).map(span).collect()
}

fn follow(
    reader: &TopicReader,
    topic: &str,
    spans: &[Span],
    decoder: &mut Decoder<'_>,
    session: &mut Session<'_>,
) -> Result<(), Failed> {
    let starts = spans.iter().map(|span| (span.partition, span.end)).collect();
    let mut ended = None;
    reader.follow(topic, &starts, &mut |message| {
        let Some(message) = message else { return Ok(ControlFlow::Continue(())) };
        let held = Held::of(message);
        let record = decoder.record(&held)?;
        let before = session.args.diff.then(|| session.images.replace(&held, record.image.clone())).flatten();
        if session.op_is_wanted(&record)
            && let Err(failed) = session.show(&record, before)
        {
            ended = Some(failed);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    ended.map_or(Ok(()), Err)
}

/// What is asked for, and what was seen so far.
struct Session<'a> {
    args: &'a Tail,
    json: bool,
    topic: &'a str,
    images: Images,
}

impl Session<'_> {
    /// Whether a record is asked for. Only a filter needs it decoded.
    fn wanted(&self, decoder: &mut Decoder<'_>, held: &Held) -> Result<bool> {
        Ok(self.args.op.is_empty() || self.op_is_wanted(&decoder.record(held)?))
    }

    fn op_is_wanted(&self, record: &Record) -> bool {
        self.args.op.is_empty() || record.meta.op.is_some_and(|op| self.args.op.contains(&op))
    }

    fn show(&self, record: &Record, before: Option<Value>) -> Result<(), Failed> {
        let changes: Option<Vec<Change>> = before.map(|before| changes::between(&before, record.image.as_ref()));
        let changes = self.args.diff.then_some(changes.as_deref());
        let text = match self.json {
            true => show::machine(self.topic, record, changes),
            false => show::human(record, changes, messages::data_color()),
        };
        Ok(messages::data(&text)?)
    }
}

/// Nothing is written here, so there is nothing to be ended in order.
#[expect(clippy::disallowed_methods, reason = "a read that waits for a broker must not keep Ctrl-C waiting")]
async fn end_on_interrupt() {
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(i32::from(Exit::Interrupted.number()));
    }
}

/// What can't be decoded, told once for each schema.
fn undecodable(topic: &str, held: &Held, why: String) -> Problem {
    Problem::new(
        "MOOR-7021",
        "a record can't be decoded, and is shown as its bytes in base64",
        format!("{topic}, partition {}, offset {}", held.partition, held.offset),
        why,
        "read it with the registry that it was written with (schema.registry.url), or find out who else writes to this topic",
    )
}
