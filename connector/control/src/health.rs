//! Who is ready: each system that the connector needs, and each lane, on a line of its own.
//!
//! Invariants: a question has a limit, and all are asked at once; answers are kept for a moment, so that a flood of
//! questions here is none there; what a system answers is told by its error, which holds no secret.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moorline_runtime::Report;
use moorline_runtime::report::LaneState;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// How long a system may take to answer.
const LIMIT: Duration = Duration::from_secs(3);
/// How long answers are good for.
const KEPT: Duration = Duration::from_secs(1);

type Answer = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A system that the connector needs, and how it is asked.
#[derive(Clone)]
pub struct Probe {
    name: &'static str,
    ask: Arc<dyn Fn() -> Answer + Send + Sync>,
}

impl Probe {
    /// `ask` says why not, in one line.
    pub fn new<F>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, ask: Arc::new(move || Box::pin(ask())) }
    }
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub name: String,
    /// Why not, if not.
    pub trouble: Option<String>,
}

/// Who must be ready.
#[derive(Default)]
pub struct Health {
    probes: Vec<Probe>,
    kept: Mutex<Option<(Instant, Vec<Line>)>>,
}

impl Health {
    /// These systems; lanes are known by their report.
    pub fn new(probes: Vec<Probe>) -> Self {
        Self { probes, kept: Mutex::default() }
    }

    /// Asks all.
    pub async fn lines(&self, report: &Report) -> Vec<Line> {
        let mut lines = self.systems().await;
        let lanes = report.lanes();
        if lanes.is_empty() {
            lines.push(Line { name: "lanes".to_owned(), trouble: Some("none has begun".to_owned()) });
        }
        lines.extend(lanes.iter().map(|(number, lane)| {
            let state = lane.state();
            let trouble = match lane.trouble() {
                _ if state == LaneState::Running => None,
                Some(trouble) => Some(format!("{}: {trouble}", state.name())),
                None => Some(state.name().to_owned()),
            };
            Line { name: format!("lane {number}"), trouble }
        }));
        lines
    }

    async fn systems(&self) -> Vec<Line> {
        // Whoever comes while the systems are asked waits for the same answers.
        let mut kept = self.kept.lock().await;
        if let Some((at, lines)) = &*kept
            && at.elapsed() < KEPT
        {
            return lines.clone();
        }
        let mut asked = JoinSet::new();
        for (place, probe) in self.probes.iter().enumerate() {
            let (name, answer) = (probe.name, (probe.ask)());
            asked.spawn(async move {
                let answer = tokio::time::timeout(LIMIT, answer).await;
                let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
                (place, Line { name: name.to_owned(), trouble: answer.err() })
            });
        }
        let mut lines: Vec<(usize, Line)> = asked.join_all().await;
        lines.sort_by_key(|(place, _)| *place);
        let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
        *kept = Some((Instant::now(), lines.clone()));
        lines
    }
}

/// Whether all are ready, and the text.
pub fn told(lines: &[Line]) -> (bool, String) {
    let mut text = String::new();
    for line in lines {
        let _ = match &line.trouble {
            None => writeln!(text, "{:<9} ready", line.name),
            Some(trouble) => writeln!(text, "{:<9} not ready: {}", line.name, trouble.replace(['\n', '\r'], " ")),
        };
    }
    (lines.iter().all(|line| line.trouble.is_none()), text)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn each_on_its_line_in_their_order_and_asked_once_a_moment() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let health = Health::new(vec![
            Probe::new("source", move || {
                counted.fetch_add(1, Ordering::SeqCst);
                async { Ok(()) }
            }),
            Probe::new("registry", || async { Err("MOOR-4001 refused\nat once".to_owned()) }),
        ]);
        let report = Report::default();
        report.lane(0).enter(LaneState::Running);
        report.lane(1);
        let (ready, text) = told(&health.lines(&report).await);
        assert!(!ready);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "source    ready",
                "registry  not ready: MOOR-4001 refused at once",
                "lane 0    ready",
                "lane 1    not ready: starting",
            ]
        );
        health.lines(&report).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
