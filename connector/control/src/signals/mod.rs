//! Signals: what is asked of a running connector through a topic.
//!
//! ```text
//! read ──> acted on (the handle) ──> committed in all lanes ──> the place behind it is kept
//!   └────> logged and notified, where it is none or can't be acted on
//! ```
//!
//! Invariants: a signal never ends a run; the place that is kept lies behind no signal that is still under way, so that
//! one which came while nothing ran, or was under way when a run ended, is read again; a label that stands in the
//! anchors of all lanes is not written again, and one that an earlier run began is ended at its own cut.

pub mod form;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::model::ClusterTime;
use moorline_runtime::handle::{AnchorRequest, Command};
use moorline_runtime::{Handle, Report};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::clocks::now_ms;
use form::{Asked, Fault, Signal};

/// A record of the signal topic.
#[derive(Clone, Debug)]
pub struct Raw {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, ms since 1970.
    pub at_ms: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// An anchor that has a label.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The label.
    pub label: String,
    /// Its lane, of so many.
    pub lane: (u32, u32),
    /// Its cut.
    pub cut: ClusterTime,
}

/// Where signals come from, and where what became of them goes. Calls block, each with a limit of its own.
pub trait Channel: Send + 'static {
    /// The next signals behind the place where the last call ended, or behind the one that was kept; none where there is
    /// no topic.
    fn read(&mut self) -> Result<Vec<Raw>>;
    /// Keeps the place: the offset that is read first by the next run.
    fn keep_place(&mut self, offset: i64) -> Result<()>;
    /// The anchors that have a label.
    fn labelled(&mut self) -> Result<Vec<Labelled>>;
    /// Tells whoever listens to notifications.
    fn notify(&mut self, notification: &Value) -> Result<()>;
}

/// The signals of one connector.
pub struct Signals<C> {
    channel: Option<C>,
    handle: Arc<Handle>,
    report: Arc<Report>,
    /// The key of its signals: `topic.prefix`.
    key: String,
    every: Duration,
    /// Offsets of signals that are under way, by the id under which the handle knows them.
    under_way: BTreeMap<String, i64>,
    /// Behind the last signal that was read.
    next: Option<i64>,
    kept: Option<i64>,
    /// Whether the last round failed: told once, not each time.
    failing: bool,
}

impl<C: Channel> Signals<C> {
    /// Signals under a key, looked for at an interval.
    pub fn new(channel: C, handle: Arc<Handle>, report: Arc<Report>, key: String, every: Duration) -> Self {
        let channel = Some(channel);
        Self { channel, handle, report, key, every, under_way: BTreeMap::new(), next: None, kept: None, failing: false }
    }

    /// Looks once: to be called before the lanes run, so that what an earlier run began is known to them.
    pub async fn look(&mut self) {
        let Some(mut channel) = self.channel.take() else { return };
        let known: BTreeSet<String> = self.handle.under_way().into_iter().filter_map(|r| r.label).collect();
        let done = self.handle.take_done();
        for done in &done {
            self.under_way.remove(&done.id);
            Report::add(&self.report.signals_handled, 1);
            info!(label = done.label, cut = %done.cut, "the anchor that was asked for is committed in all lanes");
        }
        let notes = done.iter().map(|done| {
            let data = json!({"label": done.label, "cut_t": done.cut.t, "lanes": "all"});
            notification("Anchor", &done.id, "COMPLETED", data)
        });
        let mut notes: Vec<Value> = notes.collect();
        let keep = self.place();
        let kept = self.kept;
        let went = tokio::task::spawn_blocking(move || {
            let mut round = || -> Result<_> {
                // What is done is told and kept first: reading may fail for reasons of its own.
                if let Some(offset) = keep.filter(|offset| kept != Some(*offset)) {
                    channel.keep_place(offset)?;
                }
                for note in notes.drain(..) {
                    channel.notify(&note)?;
                }
                let raw = channel.read()?;
                let wants_labels = raw.iter().any(|raw| {
                    matches!(form::read(raw.value.as_deref()), Ok(Signal { asked: Asked::Anchor(Some(_)), .. }))
                });
                Ok((raw, if wants_labels { channel.labelled()? } else { Vec::new() }))
            };
            let went = round();
            (channel, went)
        })
        .await;
        match went {
            Ok((channel, Ok((raw, labelled)))) => {
                self.failing = false;
                self.kept = keep.or(self.kept);
                self.channel = Some(channel);
                let notes = self.act(raw, &labelled, known);
                self.notify(notes).await;
            }
            Ok((channel, Err(failure))) => {
                self.channel = Some(channel);
                self.failed(&failure);
            }
            Err(panic) => warn!("signals are heard no more: {panic}"),
        }
    }

    /// Looks at each interval until it is stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => self.look().await,
            }
        }
    }

    /// The first offset that is not yet dealt with.
    fn place(&self) -> Option<i64> {
        self.under_way.values().copied().min().or(self.next)
    }

    fn act(&mut self, raw: Vec<Raw>, labelled: &[Labelled], mut known: BTreeSet<String>) -> Vec<Value> {
        let mut notes = Vec::new();
        for raw in raw {
            self.next = Some(raw.offset + 1);
            if raw.key.as_deref() != Some(self.key.as_bytes()) {
                debug!(offset = raw.offset, "a signal for another connector");
                continue;
            }
            let id = format!("signal {}", raw.offset);
            match form::read(raw.value.as_deref()) {
                Ok(Signal { asked: Asked::Log(message), .. }) => {
                    Report::add(&self.report.signals_handled, 1);
                    info!(offset = raw.offset, "signal: {message}");
                }
                Ok(Signal { asked: Asked::Anchor(label), .. }) => {
                    let begun = label.as_deref().map(|label| standing(label, labelled)).unwrap_or_default();
                    if begun == Standing::Whole || label.as_ref().is_some_and(|label| known.contains(label)) {
                        info!(
                            offset = raw.offset,
                            label, "an anchor of that label stands or is under way: none is made"
                        );
                        continue;
                    }
                    let at = if let Standing::Begun(cut) = begun { Some(cut) } else { None };
                    let after_ms = raw.at_ms.unwrap_or(i64::MAX).min(now_ms());
                    let request = AnchorRequest { id: id.clone(), label: label.clone(), after_ms, at };
                    if !self.handle.send(Command::Anchor(request)) {
                        let why = "too many anchors are asked for at once".to_owned();
                        notes.push(self.refuse(raw.offset, &id, &Fault { code: "MOOR-7035", why }));
                        continue;
                    }
                    info!(offset = raw.offset, label, "an anchor is asked for");
                    known.extend(label.clone());
                    notes.push(notification("Anchor", &id, "REQUESTED", json!({"label": label})));
                    self.under_way.insert(id, raw.offset);
                }
                Err(fault) => notes.push(self.refuse(raw.offset, &id, &fault)),
            }
        }
        notes
    }

    fn refuse(&self, offset: i64, id: &str, fault: &Fault) -> Value {
        Report::add(&self.report.signals_refused, 1);
        warn!(offset, code = fault.code, "a signal can't be acted on: {}", fault.why);
        notification("Signal", id, "REFUSED", json!({"offset": offset, "code": fault.code, "why": fault.why}))
    }

    async fn notify(&mut self, notes: Vec<Value>) {
        if notes.is_empty() {
            return;
        }
        let Some(mut channel) = self.channel.take() else { return };
        let told = tokio::task::spawn_blocking(move || {
            let told = notes.iter().try_for_each(|note| channel.notify(note));
            (channel, told)
        });
        if let Ok((channel, told)) = told.await {
            self.channel = Some(channel);
            if let Err(failure) = told {
                self.failed(&failure);
            }
        }
    }

    fn failed(&mut self, failure: &Failure) {
        let problem = &failure.problem;
        if std::mem::replace(&mut self.failing, true) {
            return debug!(code = problem.code, "signals still can't be read: {}: {}", problem.what, problem.why);
        }
        warn!(
            code = problem.code,
            "signals can't be read, or what became of them can't be told: {}: {}; lanes go on, and this is tried again",
            problem.what,
            problem.why
        );
    }
}

/// What the anchors say of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// None has it.
    #[default]
    Free,
    /// Some lanes have it, at this cut.
    Begun(ClusterTime),
    /// All lanes have it.
    Whole,
}

fn standing(label: &str, labelled: &[Labelled]) -> Standing {
    // The newest cut counts, as it does for whoever asks for the label.
    let Some(newest) = labelled.iter().filter(|one| one.label == label).max_by_key(|one| one.cut) else {
        return Standing::Free;
    };
    let of_cut = labelled.iter().filter(|one| one.label == label && one.cut == newest.cut);
    let lanes: BTreeSet<u32> = of_cut.map(|one| one.lane.0).collect();
    if lanes.len() >= newest.lane.1 as usize { Standing::Whole } else { Standing::Begun(newest.cut) }
}

/// Debezium's form of a notification.
fn notification(aggregate: &str, id: &str, kind: &str, data: Value) -> Value {
    json!({"id": id, "aggregate_type": aggregate, "type": kind, "additional_data": data, "timestamp": now_ms()})
}

#[cfg(test)]
mod tests;
