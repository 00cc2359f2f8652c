//! `status`: where a connector stands, by what its topics hold, or by what it says itself while it runs.
//!
//! Invariants: only committed records count; nothing is written; a source that does not answer is told, and does not
//! keep the rest from being shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use moorline_config::{Checked, Config};
use moorline_pipeline::anchor::cuts;
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::offsets::{Progress, Scope, Stored};
use moorline_pipeline::source::{LogWindow, Source as _};
use moorline_pipeline::task::layout;
use moorline_sink_kafka::TopicReader;
use serde_json::{Value, json};

use super::live::Live;
use super::{anchors, now_ms, table, words};
use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::{configuration, messages, wiring};

/// How long the offsets topic may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// How long the source may take to tell its log's window: it is a help here, and no more.
const SOURCE_LIMIT: Duration = Duration::from_secs(5);

/// What is known of a connector.
struct View {
    connector: String,
    place: String,
    /// By lane number.
    lanes: Vec<Stored>,
    anchors: Log,
    /// `None` where the source did not answer or may not tell.
    window: Option<LogWindow>,
    now_ms: i64,
}

/// Flags of `status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline status -c moorline.properties
  moorline status -c moorline.properties -o json | jq '.lanes[].age_s'
  moorline status --url http://127.0.0.1:8083")]
pub(crate) struct Status {
    /// Ask the running connector that listens there, instead of the topics
    #[arg(long, value_name = "URL", env = "MOORLINE_URL")]
    url: Option<String>,
}

/// Shows it.
pub(crate) fn run(args: &Status, global: &Global) -> Result<Exit, Failed> {
    if let Some(url) = &args.url {
        return of_running(url, global);
    }
    let checked = configuration::read(global)?;
    let kafka = wiring::kafka(&checked.config)?;
    let reader = TopicReader::open(&kafka)?;
    let config = &checked.config;
    let lanes = lanes(&reader, &checked)?;
    let anchors = anchors::log(&reader, &config.anchor_topic_name, &config.name)?.unwrap_or_default();
    let file = global.config.as_deref().unwrap_or_else(|| std::path::Path::new("-"));
    let view = View {
        connector: config.name.clone(),
        place: file.display().to_string(),
        lanes,
        anchors,
        window: window(config)?,
        now_ms: now_ms(),
    };
    messages::data(&if global.output == Form::Json { machine(&view) } else { human(&view) })?;
    Ok(Exit::Done)
}

/// As the running connector says.
fn of_running(url: &str, global: &Global) -> Result<Exit, Failed> {
    let live = Live::find(Some(url), global)?;
    let runtime = super::runtime()?;
    let asked = runtime.block_on(live.ask());
    runtime.shutdown_timeout(Duration::from_millis(100));
    let answer = asked?;
    messages::data(&if global.output == Form::Json {
        format!("{answer:#}\n")
    } else {
        format!(
            "connector {}   as it says itself, at {}\n\n{}",
            answer["connector"].as_str().unwrap_or("-"),
            live.url,
            super::top::still(&answer)
        )
    })?;
    Ok(Exit::Done)
}

/// What is stored of each lane of the layout that the configuration gives.
pub(super) fn lanes(reader: &TopicReader, checked: &Checked) -> Result<Vec<Stored>> {
    let config = &checked.config;
    let settings = wiring::settings(checked);
    let layout = layout::split(&settings.selection, settings.tasks_max);
    let one = layout.lanes.len() == 1;
    let scopes = layout.lanes.iter().map(|part| if one { Scope::All } else { Scope::of_patterns(&part.patterns) });
    let scopes: Vec<Scope> = scopes.collect();
    let topic = config.offset_storage_topic.as_str();
    let mut newest: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut ranges = BTreeMap::new();
    for partition in 0..reader.partitions(topic)?.unwrap_or(0) {
        let marks = reader.watermarks(topic, partition)?;
        ranges.insert(partition, (marks.first, marks.stable));
    }
    reader.read(topic, &ranges, READ_LIMIT, &mut |message| {
        let Some(key) = message.key() else { return Ok(()) };
        if scopes.iter().any(|scope| scope.owns(&config.name, &config.topic_prefix, key)) {
            match message.value() {
                Some(value) => newest.insert(key.to_vec(), value.to_vec()),
                None => newest.remove(key),
            };
        }
        Ok(())
    })?;
    let stored = scopes.iter().map(|scope| Stored::parse(scope, &config.name, &config.topic_prefix, &newest));
    stored.collect::<Result<_, _>>().map_err(Failure::halt)
}

fn window(config: &Config) -> Result<Option<LogWindow>, Failed> {
    let runtime = super::runtime()?;
    let asked = runtime.block_on(async {
        let ask = async { wiring::source(config).await?.log_window().await };
        tokio::time::timeout(SOURCE_LIMIT, ask).await
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    let window = match asked {
        Ok(Ok(window)) => window,
        Ok(Err(failure)) => {
            messages::note(&format!("the source did not tell its oplog: {}", failure.problem.what));
            None
        }
        Err(_) => {
            messages::note(&format!("the source did not answer within {} s", SOURCE_LIMIT.as_secs()));
            None
        }
    };
    Ok(window)
}

impl View {
    fn collections(&self) -> impl Iterator<Item = (usize, &Progress)> {
        self.lanes.iter().enumerate().flat_map(|(lane, stored)| stored.progress.iter().map(move |p| (lane, p)))
    }

    /// Seconds of the log before a lane's position: what is left when it stands still.
    fn headroom(&self, stored: &Stored) -> Option<i64> {
        let frontier = stored.position.as_ref()?.frontier;
        Some(i64::from(frontier.t) - i64::from(self.window?.first.t))
    }
}

fn human(view: &View) -> String {
    let mut out = format!("connector {}   as its topics say, found by {}\n\n", view.connector, view.place);
    let header = ["LANE", "POSITION (UTC)", "AGE", "SNAPSHOTS", "STARTS", "LAST START (UTC)", "OPLOG HEADROOM"];
    let mut table = table::plain(&header, &[2, 4]);
    for (lane, stored) in view.lanes.iter().enumerate() {
        let dash = || "-".to_owned();
        let position = stored.position.as_ref();
        let headroom = view.headroom(stored).map_or_else(dash, |seconds| match u64::try_from(seconds) {
            Ok(seconds) => words::seconds(seconds),
            Err(_) => "none: the position is no longer in the oplog".to_owned(),
        });
        table.add_row([
            lane.to_string(),
            position.map_or_else(|| "none yet".to_owned(), |p| words::instant(p.frontier)),
            position.map_or_else(dash, |p| words::age(view.now_ms - p.frontier.wall_ms())),
            position.map_or_else(dash, |p| if p.snapshot_done { "complete" } else { "being read" }.to_owned()),
            stored.owner.as_ref().map_or_else(dash, |owner| owner.start.to_string()),
            stored.owner.as_ref().map_or_else(dash, |owner| words::milliseconds(owner.since_ms)),
            headroom,
        ]);
    }
    let _ = writeln!(out, "{}\n", table.trim_fmt());
    if view.collections().next().is_some() {
        let header =
            ["COLLECTION", "LANE", "SNAPSHOT", "ROWS r", "CREATES", "UPDATES", "DELETES", "QUARANTINED", "TOPIC"];
        let mut table = table::plain(&header, &[1, 3, 4, 5, 6, 7]);
        for (lane, progress) in view.collections() {
            let counts = &progress.counts;
            table.add_row([
                progress.namespace.to_string(),
                lane.to_string(),
                if progress.export_complete { "complete" } else { "being read" }.to_owned(),
                words::count(counts.r),
                words::count(counts.c),
                words::count(counts.u),
                words::count(counts.d),
                words::count(counts.quarantined),
                progress.topic.clone(),
            ]);
        }
        let _ = writeln!(out, "{}\n", table.trim_fmt());
    }
    match cuts::all(&view.anchors).iter().find(|cut| cut.is_whole()) {
        Some(cut) => {
            let _ = writeln!(
                out,
                "anchor   {}   {}   {} old   exact {}   complete {}",
                cut.id().unwrap_or("-"),
                words::instant(cut.time),
                words::age(view.now_ms - cut.time.wall_ms()),
                words::yes(cut.is_exact()),
                words::yes(cut.is_complete()),
            );
        }
        None => out.push_str("anchor   none yet\n"),
    }
    if let Some(window) = view.window {
        let held = u64::from(window.last.t.saturating_sub(window.first.t));
        let _ = writeln!(out, "oplog    holds {}, {}", words::seconds(held), words::bytes(window.bytes));
    }
    out
}

fn machine(view: &View) -> String {
    let lanes: Vec<Value> = view
        .lanes
        .iter()
        .enumerate()
        .map(|(lane, stored)| {
            let position = stored.position.as_ref();
            json!({
                "lane": lane,
                "position": position.map(|p| p.frontier),
                "time": position.map(|p| words::instant(p.frontier)),
                "age_s": position.map(|p| (view.now_ms - p.frontier.wall_ms()) / 1000),
                "snapshots_complete": position.map(|p| p.snapshot_done),
                "starts": stored.owner.as_ref().map(|owner| owner.start),
                "run_id": stored.owner.as_ref().map(|owner| &owner.run_id),
                "oplog_headroom_s": view.headroom(stored),
            })
        })
        .collect();
    let collections: Vec<Value> = view
        .collections()
        .map(|(lane, progress)| {
            json!({
                "collection": progress.namespace.as_str(),
                "lane": lane,
                "topic": progress.topic,
                "export": progress.export,
                "snapshot_complete": progress.export_complete,
                "records": progress.counts,
            })
        })
        .collect();
    let cuts = cuts::all(&view.anchors);
    let newest = cuts.iter().find(|cut| cut.is_whole());
    let answer = json!({
        "version": 1,
        "connector": view.connector,
        "found_by": view.place,
        "lanes": lanes,
        "collections": collections,
        "anchor": newest.map(|cut| json!({
            "id": cut.id(),
            "time": words::instant(cut.time),
            "age_s": (view.now_ms - cut.time.wall_ms()) / 1000,
            "exact": cut.is_exact(),
            "complete": cut.is_complete(),
        })),
        "oplog": view.window.map(|window| json!({
            "first": window.first, "last": window.last, "bytes": window.bytes, "max_bytes": window.max_bytes,
        })),
    });
    format!("{answer:#}\n")
}
