//! The verbs, one file each, and what they share.
//!
//! Invariants: a verb gives its data to stdout in one piece, so that what is piped on is never half an answer; a
//! finding is told on stderr and ends with 1.

pub(crate) mod anchors;
mod catalogue;
mod collisions;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod contract;
pub(crate) mod demo;
pub(crate) mod doctor;
mod explain;
pub(crate) mod explanation;
mod live;
pub(crate) mod replay;
pub(crate) mod run;
mod signals;
pub(crate) mod status;
mod table;
pub(crate) mod tail;
pub(crate) mod top;
mod validate;
pub(crate) mod verify;
pub(crate) mod words;

use std::time::{SystemTime, UNIX_EPOCH};

use moorline_pipeline::error::Problem;

use crate::arguments::{Arguments, Form, Global, Verb};
use crate::failure::{Exit, Failed};
use crate::{configuration, messages, wiring};

/// Runs what was typed.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failed> {
    wiring::install_cryptography();
    let global = &arguments.global;
    match &arguments.verb {
        Verb::Demo(args) => demo::run(args, global),
        Verb::Run(args) => run::run(args, global),
        Verb::Validate => validate::run(global),
        Verb::Doctor(args) => doctor::run(args, global),
        Verb::Contract(verb) => contract::run(verb, global),
        Verb::Anchors(verb) => show_anchors(verb, global),
        Verb::Verify(args) => verify::run(args, global),
        Verb::Replay(args) => replay::run(args, global),
        Verb::Status(args) => status::run(args, global),
        Verb::Top(args) => top::run(args, global),
        Verb::Tail(args) => tail::run(args, global),
        Verb::Explain(args) => explanation::run(args, global),
        Verb::Completion(args) => completion::run(args),
        Verb::Config(verb) => config::run(verb),
    }
}

fn show_anchors(verb: &anchors::Anchors, global: &Global) -> Result<Exit, Failed> {
    let json = global.output == Form::Json;
    if !verb.archives().is_empty() && (global.config.is_none() || !matches!(verb, anchors::Anchors::Diff(_))) {
        return tell(anchors::of_archive(verb, None, json, now_ms())?);
    }
    let config = configuration::read(global)?.config;
    let place = anchors::Place {
        kafka: wiring::kafka(&config)?,
        connector: config.name.clone(),
        certificates: config.certificate_topic_name.clone(),
    };
    match verb {
        anchors::Anchors::Create(args) => return anchors::create::run(args, global, &config, &place),
        anchors::Anchors::Wait(args) => return anchors::wait::run(args, global, &place),
        anchors::Anchors::Prune(args) => {
            return tell(anchors::prune::run(args, &config, &place, json, now_ms())?);
        }
        anchors::Anchors::List(_) | anchors::Anchors::Show(_) | anchors::Anchors::Diff(_) => {}
    }
    if !verb.archives().is_empty() {
        return tell(anchors::of_archive(verb, Some(&place), json, now_ms())?);
    }
    tell(anchors::run(verb, &place, json, now_ms())?)
}

/// Tells an answer.
fn tell(answer: anchors::Answer) -> Result<Exit, Failed> {
    messages::data(&answer.data)?;
    answer.notes.iter().for_each(|note| messages::note(note));
    answer.findings.iter().for_each(messages::problem);
    Ok(if answer.findings.is_empty() { Exit::Done } else { Exit::Finding })
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The threads on which connections live.
fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("moorline").build().map_err(|error| {
        Problem::new(
            "MOOR-7004",
            "threads can't be started",
            "this process",
            error.to_string(),
            "raise the limit of threads and of open files",
        )
        .into()
    })
}
