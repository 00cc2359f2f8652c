//! `anchors wait`: waits in a process of its own until a cut is whole, by reading the anchors topic.
//!
//! Invariants: 0 means that the cut is whole and exact; what is not there in time, and what is there but not exact, are
//! told apart; a broker that is away for a moment is waited for, within the limit.

use std::thread;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args};
use moorline_pipeline::anchor::at::{self, At};
use moorline_pipeline::anchor::cuts::{self, Cut};
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::error::{Failure, Next, Problem};
use moorline_pipeline::model::ClusterTime;
use moorline_sink_kafka::TopicReader;
use serde_json::json;

use super::{Place, fetch, words};
use crate::arguments::{Form, Global};
use crate::commands::now_ms;
use crate::failure::{Exit, Failed};
use crate::messages;

/// The pause between two looks at the topic.
const PAUSE: Duration = Duration::from_millis(300);

/// Flags of `anchors wait`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(ArgGroup::new("cut").required(true).multiple(false)))]
pub(crate) struct WaitArgs {
    /// The cut with this label
    #[arg(long, value_name = "LABEL", group = "cut")]
    label: Option<String>,
    /// The cut at this time, or another form of a cut: latest, label:NAME, the beginning of an id
    #[arg(long, value_name = "CUT", group = "cut", value_parser = named)]
    at: Option<At>,
    /// The first cut after this time, or after now
    #[arg(long, value_name = "TIME|now", group = "cut", value_parser = after)]
    after: Option<ClusterTime>,
    /// How long to wait at most, as 90s, 5m, 1h
    #[arg(long, default_value = "5m", value_name = "SPAN", value_parser = words::span)]
    timeout: Duration,
}

fn named(text: &str) -> Result<At, String> {
    text.parse::<At>().map_err(|problem| format!("{}: {}", problem.what, problem.why))
}

fn after(text: &str) -> Result<ClusterTime, String> {
    if text == "now" {
        return Ok(ClusterTime::new(u32::try_from(now_ms() / 1000).unwrap_or(u32::MAX), 0));
    }
    at::instant(text).ok_or_else(|| "give now, or a time such as 2026-11-23T12:00:00Z".to_owned())
}

/// Which cut is waited for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Label(String),
    At(At),
    After(ClusterTime),
}

impl Wanted {
    fn words(&self) -> String {
        match self {
            Self::Label(label) => format!("label:{label}"),
            Self::At(At::Latest) => "latest".to_owned(),
            Self::At(At::Time(time)) => format!("at {}", words::instant(*time)),
            Self::At(At::Label(label)) => format!("label:{label}"),
            Self::At(At::Id(id)) => id.clone(),
            Self::After(time) => format!("after {}", words::instant(*time)),
        }
    }

    /// The cut, if it is whole; else why not yet.
    fn find<'a>(&self, log: &'a Log) -> Result<Cut<'a>, String> {
        let at = match self {
            Self::Label(label) => At::Label(label.clone()),
            Self::At(at) => at.clone(),
            Self::After(time) => {
                // Newest first, so the last that fits is the first after that time.
                let mut all = cuts::all(log);
                all.retain(|cut| cut.is_whole() && cut.time > *time);
                return all.pop().ok_or_else(|| "no whole cut lies after that time yet".to_owned());
            }
        };
        cuts::find(log, &at).map_err(|problem| format!("{}: {}", problem.what, problem.why))
    }
}

/// Waits for what the flags say.
pub(crate) fn run(args: &WaitArgs, global: &Global, place: &Place) -> Result<Exit, Failed> {
    let wanted = match (&args.label, &args.at, args.after) {
        (Some(label), _, _) => Wanted::Label(label.clone()),
        (_, Some(at), _) => Wanted::At(at.clone()),
        (_, _, Some(time)) => Wanted::After(time),
        (None, None, None) => Wanted::At(At::Latest),
    };
    let reader = TopicReader::open(&place.kafka)?;
    let anchors = fetch::Following::new(&place.kafka.control.anchors, &place.connector);
    until(&wanted, args.timeout, global, &reader, anchors)
}

/// Waits for a cut, and tells it.
pub(super) fn until(
    wanted: &Wanted,
    limit: Duration,
    global: &Global,
    reader: &TopicReader,
    mut anchors: fetch::Following,
) -> Result<Exit, Failed> {
    let deadline = Instant::now() + limit;
    loop {
        let looked = anchors.on(reader);
        let left = deadline.saturating_duration_since(Instant::now());
        let why = match looked {
            Ok(true) => {
                let log = anchors.log();
                match wanted.find(&log) {
                    Ok(cut) => return tell(&cut, wanted, global),
                    Err(why) => why,
                }
            }
            Ok(false) => "the anchors topic is not there yet".to_owned(),
            Err(failure) if left.is_zero() || !matches!(failure.next, Next::Retry | Next::Reconnect) => {
                return Err(failure.into());
            }
            Err(Failure { problem, .. }) => format!("{} {}", problem.code, problem.what),
        };
        if left.is_zero() {
            return Err(too_late(wanted, limit, &why).into());
        }
        thread::sleep(PAUSE.min(left));
    }
}

fn tell(cut: &Cut<'_>, wanted: &Wanted, global: &Global) -> Result<Exit, Failed> {
    let id = cut.id().unwrap_or_default();
    let (exact, complete) = (cut.is_exact(), cut.is_complete());
    if global.output == Form::Json {
        let answer = json!({
            "version": 1,
            "id": id,
            "cut": cut.time,
            "time": words::instant(cut.time),
            "kind": cut.kind(),
            "label": cut.label(),
            "exact": exact,
            "complete": complete,
            "lanes": cut.lanes,
        });
        messages::data(&format!("{answer:#}\n"))?;
    } else {
        messages::data(&format!("{id}\n"))?;
    }
    let parts = if complete { "" } else { "; its snapshots are not complete" };
    messages::note(&format!("cut {} of {} lanes is whole{parts}", words::instant(cut.time), cut.lanes));
    if exact {
        return Ok(Exit::Done);
    }
    let reasons: Vec<String> = cut
        .anchors
        .iter()
        .flat_map(|anchor| &anchor.inexact)
        .map(|reason| format!("{} {}", reason.reason, reason.namespace.as_deref().unwrap_or("all collections")))
        .collect();
    Err(Problem::new(
        "MOOR-6032",
        format!("the cut that was waited for ({}) is there, and is not exact", wanted.words()),
        format!("anchor {id} of {}", words::instant(cut.time)),
        reasons.join(", "),
        format!("moorline anchors show -c FILE --at {id} says since when and until when; a later cut may be exact"),
    )
    .into())
}

fn too_late(wanted: &Wanted, limit: Duration, why: &str) -> Problem {
    Problem::new(
        "MOOR-6031",
        format!("the cut that was waited for ({}) was not there within {} s", wanted.words(), limit.as_secs()),
        "anchors topic",
        why,
        "look whether the connector runs and keeps up: moorline status -c FILE; or wait longer: --timeout 30m",
    )
}
