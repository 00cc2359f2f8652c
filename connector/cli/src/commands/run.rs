//! `run`: one connector from start to end, in this process.
//!
//! ```text
//! signals heard ──> source asked ──> lanes run ──> goal committed ──> id of the newest anchor on stdout
//!      │                 │               │
//!      └── SIGTERM 0, Ctrl-C 130: what is whole is committed, then it ends; a second signal ends at once
//! ```
//!
//! Invariants: stdout holds nothing but the anchor's id, and only where what `--until` names was reached; a stop that
//! takes too long is given up, which costs nothing but the open transaction.

use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use moorline_config::{Checked, Config};
use moorline_pipeline::anchor::at;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::Source as _;
use moorline_runtime::report::AnchorNote;
use moorline_runtime::{Handle, Outcome, Report, Until};
use tokio_util::sync::CancellationToken;

use super::signals::{Signal, Signals};
use super::{anchors, words};
use crate::arguments::Global;
use crate::control::SourceOnce;
use crate::failure::{Exit, Failed};
use crate::{configuration, control, keeping, messages, progress, signalling, wiring};

/// How long a clean stop may take: a commit's longest answer and what is before it.
const STOP_LIMIT: Duration = Duration::from_secs(75);

/// How long the source's connections may take to end.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Flags of `run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline run -c moorline.properties
  moorline run -c moorline.properties --until snapshot
  id=$(moorline run -c moorline.properties --until anchor) && moorline anchors show -c moorline.properties --at $id
  moorline run -c moorline.properties --until 2026-11-23T12:00:00Z --log-format json")]
pub(crate) struct Run {
    /// Stop cleanly once this is committed; the newest anchor's id is then the last line on stdout.
    ///
    /// now: the cluster time at start, with unfinished first snapshots finished.
    /// snapshot: all first snapshots complete, and one exact anchor.
    /// anchor: an anchor whose cut lies after the cluster time at start.
    /// TIME: a cluster time, as 2026-11-23T12:00:00Z or as SECONDS,INCREMENT.
    #[arg(long, value_name = "now|snapshot|anchor|TIME", value_parser = until, verbatim_doc_comment)]
    until: Option<Until>,
}

fn until(text: &str) -> Result<Until, String> {
    let pair = |text: &str| {
        let (seconds, increment) = text.split_once(',')?;
        Some(ClusterTime::new(u32::from_str(seconds.trim()).ok()?, u32::from_str(increment.trim()).ok()?))
    };
    match text {
        "now" => Ok(Until::Now),
        "snapshot" => Ok(Until::Snapshot),
        "anchor" => Ok(Until::Anchor),
        _ => at::instant(text).or_else(|| pair(text)).map(Until::Time).ok_or_else(|| {
            "give now, snapshot, anchor, a time (2026-11-23T12:00:00Z) or a cluster time (1795435200,1)".to_owned()
        }),
    }
}

/// Runs the connector.
pub(crate) fn run(args: &Run, global: &Global) -> Result<Exit, Failed> {
    let checked = configuration::read(global)?;
    let runtime = super::runtime()?;
    let ended = runtime.block_on(whole(args, global, &checked));
    // A thread that waits for a broker must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn whole(args: &Run, global: &Global, checked: &Checked) -> Result<Exit, Failed> {
    let stop = CancellationToken::new();
    let signals = Signals::listen(stop.clone()).map_err(no_signals)?;
    let report = Arc::new(Report::default());
    let began = Instant::now();
    let shown = (!global.no_progress && !global.quiet).then(|| progress::show(Arc::clone(&report)));
    let outcome = limited(connector(checked, args.until, stop.clone(), Arc::clone(&report)), &stop).await;
    drop(shown);
    let outcome = outcome?;
    messages::note(&summary(&report, began.elapsed()));
    match (outcome, args.until) {
        (Outcome::Reached, Some(_)) => {
            let newest = newest_anchor(report.last_anchor(), &checked.config).await?;
            messages::data(&format!("{newest}\n"))?;
        }
        (Outcome::Stopped, Some(_)) => messages::note("stopped before what --until names was reached"),
        _ => {}
    }
    Ok(if signals.heard() == Some(Signal::Interrupt) { Exit::Interrupted } else { Exit::Done })
}

async fn connector(
    checked: &Checked,
    until: Option<Until>,
    stop: CancellationToken,
    report: Arc<Report>,
) -> Result<Outcome, Failed> {
    // Both make their clients without asking anybody, so what is wrong in their settings is told before any waiting.
    let sink = wiring::sink(&checked.config)?;
    let registry = wiring::registry(&checked.config)?;
    let known = SourceOnce::default();
    // Held until the end: dropped, it listens no more.
    let _listener = control::listen(&checked.config, &report, &known).await?;
    // Nothing has begun before source and registry have answered, so a stop need not wait for them.
    let subject = format!("{}-value", checked.config.anchor_topic_name);
    let reach = async {
        let source = async {
            let source = wiring::source(&checked.config).await?;
            match source.identity().await {
                Ok(_) => Ok(source),
                Err(failure) => {
                    source.close(CLOSE_LIMIT).await;
                    Err(failure)
                }
            }
        };
        tokio::try_join!(source, registry.latest(&subject)).map(|(source, _)| source)
    };
    let source = tokio::select! {
        () = stop.cancelled() => return Ok(Outcome::Stopped),
        source = reach => source?,
    };
    let source = known.get_or_init(|| Arc::new(source));
    let (source, sink, handle) = (Arc::clone(source), Arc::new(sink), Arc::new(Handle::default()));
    let settings = wiring::settings(checked);
    let hearing = hear(checked, &handle, &report, &stop).await?;
    keeping::spawn(checked, &handle, &report, hearing.clone())?;
    let ended = moorline_runtime::run(Arc::clone(&source), sink, registry, settings, until, stop, report, handle).await;
    hearing.cancel();
    source.close(CLOSE_LIMIT).await;
    Ok(ended?)
}

/// Hears signals until the token that is given is cancelled. What waits already is known before the lanes run, unless
/// the brokers do not answer: then it is looked for later.
async fn hear(
    checked: &Checked,
    handle: &Arc<Handle>,
    report: &Arc<Report>,
    stop: &CancellationToken,
) -> Result<CancellationToken, Failed> {
    let ended = stop.child_token();
    if let Some(mut asked) = signalling::open(checked, handle, report)? {
        tokio::select! {
            () = stop.cancelled() => {}
            () = asked.look() => {}
        }
        tokio::spawn(asked.run(ended.clone()));
    }
    Ok(ended)
}

/// Gives a stop its limit.
async fn limited(
    run: impl Future<Output = Result<Outcome, Failed>>,
    stop: &CancellationToken,
) -> Result<Outcome, Failed> {
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_LIMIT).await;
    };
    tokio::select! {
        outcome = run => outcome,
        () = too_long => Err(Failed::from(Problem::new(
            "MOOR-7006",
            format!("the run did not stop within {} s", STOP_LIMIT.as_secs()),
            "this process",
            "a system does not answer; the open transaction is left to its time-out",
            "nothing: what was committed stands, and the next start goes on there",
        ))),
    }
}

fn summary(report: &Report, took: Duration) -> String {
    let mut text = format!(
        "done {:.1} s   {} rows + {} changes",
        took.as_secs_f64(),
        words::count(Report::get(&report.rows) as i64),
        words::count(Report::get(&report.changes) as i64),
    );
    let quarantined = Report::get(&report.quarantined);
    if quarantined > 0 {
        text += &format!("   {} quarantined", words::count(quarantined as i64));
    }
    if let Some(note) = report.last_anchor() {
        text += "   ";
        text += &words::anchor(&note.id, note.cut, note.exact);
    }
    text
}

/// The newest anchor of this run, else the newest there is: a run that found nothing to do writes none.
async fn newest_anchor(of_run: Option<AnchorNote>, config: &Config) -> Result<String, Failed> {
    if let Some(note) = of_run {
        return Ok(note.id);
    }
    let place = anchors::Place {
        connector: config.name.clone(),
        kafka: wiring::kafka(config)?,
        certificates: config.certificate_topic_name.clone(),
    };
    let found = tokio::task::spawn_blocking(move || anchors::newest(&place)).await;
    let found = found.map_err(|panic| no_anchor(&panic.to_string()))??;
    found.ok_or_else(|| no_anchor("the topic holds none of this connector").into())
}

fn no_anchor(why: &str) -> Problem {
    Problem::new(
        "MOOR-6001",
        "there is no anchor whose id could be printed",
        "anchors topic",
        why,
        "moorline run --until anchor waits for one",
    )
}

fn no_signals(error: std::io::Error) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-7004",
        "signals can't be heard",
        "this process",
        error.to_string(),
        "start it in a usual environment",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_words_and_times() {
        assert_eq!(until("now"), Ok(Until::Now));
        assert_eq!(until("1795435200,7"), Ok(Until::Time(ClusterTime::new(1_795_435_200, 7))));
        assert_eq!(until("2026-11-23T12:00:00Z"), Ok(Until::Time(ClusterTime::new(1_795_435_200, 0))));
        assert!(until("tomorrow").is_err() && until("1795435200,").is_err() && until("").is_err());
    }
}
