//! One lane: its clocks, its state, and what its stages do.
//!
//! ```text
//! starting ──> running ──> ended
//!    ^            └──> waiting (after a failure) ──┐
//!    └─────────────────────────────────────────────┘
//! ```

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moorline_pipeline::error::Problem;
use moorline_pipeline::model::ClusterTime;

use super::Report;
use super::clock::Clock;
use super::histogram::{Histogram, RECORDS, SECONDS};

/// Where a lane is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// It takes its position up and opens its stream.
    Starting,
    /// It reads and commits.
    Running,
    /// It has failed, and is rebuilt after a wait.
    Waiting,
    /// It has ended.
    Ended,
}

impl LaneState {
    /// The word for people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
        }
    }
}

const STATES: [LaneState; 4] = [LaneState::Starting, LaneState::Running, LaneState::Waiting, LaneState::Ended];
/// `exact` of a lane without an anchor in this run.
const NO_ANCHOR: u8 = 2;

/// A lane's counters.
#[derive(Debug)]
pub struct LaneReport {
    /// Everything before this time was read.
    pub read: Clock,
    /// Everything before this time is committed.
    pub committed: Clock,
    /// Its newest anchor's cut.
    pub cut: Clock,
    /// The cut of its newest anchor that is exact and complete.
    pub whole: Clock,
    /// Bytes of changes that were read ahead and wait.
    pub read_ahead_bytes: AtomicU64,
    /// Transactions.
    pub transactions: AtomicU64,
    /// Records in them, without those of the connector's own topics.
    pub records: AtomicU64,
    /// Bytes of their keys and values.
    pub bytes: AtomicU64,
    /// From the begin of a transaction to the answer of its commit, seconds.
    pub commit_seconds: Histogram,
    /// Records of a transaction.
    pub transaction_records: Histogram,
    /// Look-ups of updated documents.
    pub look_ups: AtomicU64,
    /// Documents that they asked for.
    pub look_up_keys: AtomicU64,
    /// Time that they took, microseconds.
    pub look_up_micros: AtomicU64,
    /// Time for which the gate stood closed, microseconds.
    pub gate_micros: AtomicU64,
    /// Times that it was rebuilt after a failure.
    pub rebuilt: AtomicU64,
    exact: AtomicU8,
    state: AtomicU8,
    trouble: Mutex<Option<String>>,
}

impl Default for LaneReport {
    fn default() -> Self {
        Self {
            read: Clock::default(),
            committed: Clock::default(),
            cut: Clock::default(),
            whole: Clock::default(),
            read_ahead_bytes: AtomicU64::default(),
            transactions: AtomicU64::default(),
            records: AtomicU64::default(),
            bytes: AtomicU64::default(),
            commit_seconds: Histogram::new(SECONDS),
            transaction_records: Histogram::new(RECORDS),
            look_ups: AtomicU64::default(),
            look_up_keys: AtomicU64::default(),
            look_up_micros: AtomicU64::default(),
            gate_micros: AtomicU64::default(),
            rebuilt: AtomicU64::default(),
            exact: AtomicU8::new(NO_ANCHOR),
            state: AtomicU8::new(0),
            trouble: Mutex::default(),
        }
    }
}

impl LaneReport {
    /// Where it is.
    pub fn state(&self) -> LaneState {
        STATES[usize::from(self.state.load(Ordering::Relaxed)) % STATES.len()]
    }
    /// It has come there; one that runs has no trouble any more.
    pub fn enter(&self, state: LaneState) {
        let place = STATES.iter().position(|one| *one == state).unwrap_or_default();
        self.state.store(place as u8, Ordering::Relaxed);
        if state == LaneState::Running {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
    /// What has thrown it out, until it runs again: code and what.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// It has failed.
    pub fn fail(&self, problem: &Problem) {
        let text = format!("{} {}", problem.code, problem.what);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
    /// Whether its newest anchor is exact; `None` without one.
    pub fn exact(&self) -> Option<bool> {
        match self.exact.load(Ordering::Relaxed) {
            NO_ANCHOR => None,
            exact => Some(exact == 1),
        }
    }
    /// It has committed an anchor.
    pub fn anchored(&self, cut: ClusterTime, exact: bool, complete: bool) {
        self.cut.rise(cut);
        self.exact.store(u8::from(exact), Ordering::Relaxed);
        if exact && complete {
            self.whole.rise(cut);
        }
    }
    /// It has looked documents up.
    pub fn looked_up(&self, keys: usize, took: Duration) {
        Report::add(&self.look_ups, 1);
        Report::add(&self.look_up_keys, keys as u64);
        Report::add(&self.look_up_micros, took.as_micros() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_over_once_it_runs() {
        let lane = LaneReport::default();
        assert_eq!((lane.state(), lane.exact()), (LaneState::Starting, None));
        lane.fail(&Problem::new("MOOR-2001", "no server answers", "db", "why", "fix"));
        lane.enter(LaneState::Waiting);
        assert_eq!(lane.trouble().as_deref(), Some("MOOR-2001 no server answers"));
        lane.enter(LaneState::Running);
        assert_eq!((lane.state(), lane.trouble()), (LaneState::Running, None));
    }
}
