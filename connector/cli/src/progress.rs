//! How a run is seen while it runs: a bar on a terminal, else a line every few seconds.
//!
//! Invariants: only what was committed is shown; a terminal's bar leaves nothing behind; a line is written only when
//! there is something new to say.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use moorline_runtime::Report;
use tokio::task::JoinHandle;

use crate::bar::{self, Bar};
use crate::commands::words;
use crate::messages;

/// Over how long rates are taken.
const WINDOW: Duration = Duration::from_secs(10);
/// The bar's width in characters.
const WIDTH: usize = 20;

/// Counters at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    rows: u64,
    estimate: u64,
    changes: u64,
    quarantined: u64,
    reading: String,
    anchor: String,
}

/// The task that shows progress; ends when it is dropped, and then leaves no bar behind.
pub(crate) struct Progress {
    task: JoinHandle<()>,
    /// Wiped with this and not by the task, which ends later: what is printed next must not be taken for the bar.
    _bar: Bar,
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins to show a report.
pub(crate) fn show(report: Arc<Report>) -> Progress {
    let bar = Bar::begin(true);
    Progress { task: tokio::spawn(watch(report, bar.drawn().cloned())), _bar: bar }
}

async fn watch(report: Arc<Report>, bar: Option<ProgressBar>) {
    let mut every = tokio::time::interval(bar::every(bar.is_some()));
    every.tick().await;
    let mut history: VecDeque<(Instant, Seen)> = VecDeque::from([(Instant::now(), seen(&report))]);
    let mut written = Seen::default();
    loop {
        every.tick().await;
        let (at, now) = (Instant::now(), seen(&report));
        history.push_back((at, now.clone()));
        while history.len() > 2 && at - history[0].0 > WINDOW {
            history.pop_front();
        }
        let (from, first) = &history[0];
        let seconds = (at - *from).as_secs_f64().max(0.001);
        let rates = [now.rows - first.rows, now.changes - first.changes].map(|n| n as f64 / seconds);
        match &bar {
            Some(bar) => bar.set_message(line(&now, rates, true)),
            None if now != written => {
                messages::note(&line(&now, rates, false));
                written = now;
            }
            None => {}
        }
    }
}

fn seen(report: &Report) -> Seen {
    Seen {
        rows: Report::get(&report.rows),
        estimate: Report::get(&report.rows_estimated),
        changes: Report::get(&report.changes),
        quarantined: Report::get(&report.quarantined),
        reading: report.snapshotting(),
        anchor: report.last_anchor().map(|a| words::anchor(&a.id, a.cut, a.exact)).unwrap_or_default(),
    }
}

/// One line of progress; `rates` are rows and changes a second.
fn line(now: &Seen, rates: [f64; 2], drawn: bool) -> String {
    let [rows, changes] = rates;
    let mut parts = Vec::new();
    if now.reading.is_empty() {
        parts.push(format!("stream   +{} changes   {}/s", words::rounded(now.changes), words::rounded(changes as u64)));
        if now.rows > 0 {
            parts.push(format!("{} rows", words::rounded(now.rows)));
        }
    } else {
        // The estimate is the server's metadata, and may be too small.
        let estimate = now.estimate.max(now.rows);
        let share = if estimate == 0 { 0.0 } else { now.rows as f64 / estimate as f64 };
        let drawn = if drawn { format!("  [{}]", bar(share)) } else { String::new() };
        parts.push(format!("snapshot {}{drawn}  {:.0} %", now.reading, share * 100.0));
        parts.push(format!("{} / {} docs", words::rounded(now.rows), words::rounded(estimate)));
        parts.push(format!("{} docs/s", words::rounded(rows as u64)));
        if rows >= 1.0 {
            parts.push(format!("eta {}", words::seconds(((estimate - now.rows) as f64 / rows) as u64)));
        }
        parts.push(format!("stream +{} changes", words::rounded(now.changes)));
    }
    if now.quarantined > 0 {
        parts.push(format!("quarantined {}", words::rounded(now.quarantined)));
    }
    if !now.anchor.is_empty() {
        parts.push(now.anchor.clone());
    }
    parts.join("   ")
}

fn bar(share: f64) -> String {
    let full = ((share * WIDTH as f64) as usize).min(WIDTH);
    "#".repeat(full) + &"-".repeat(WIDTH - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_and_a_stream_are_told_apart() {
        let mut now = Seen { rows: 108_000, estimate: 152_000, changes: 312, ..Seen::default() };
        now.reading = "world.cities".to_owned();
        assert_eq!(
            line(&now, [41_000.0, 3.0], true),
            "snapshot world.cities  [##############------]  71 %   108 k / 152 k docs   41 k docs/s   eta 1 s   \
             stream +312 changes"
        );
        now.reading.clear();
        now.quarantined = 2;
        assert_eq!(line(&now, [0.0, 3.0], false), "stream   +312 changes   3/s   108 k rows   quarantined 2");
    }

    #[test]
    fn an_estimate_that_is_too_small_harms_nobody() {
        let now = Seen { rows: 10, reading: "a.b".to_owned(), ..Seen::default() };
        assert!(line(&now, [10.0, 0.0], true).contains("100 %"));
        assert!(line(&Seen { reading: "a.b".to_owned(), ..Seen::default() }, [0.0, 0.0], true).contains("  0 %"));
    }
}
