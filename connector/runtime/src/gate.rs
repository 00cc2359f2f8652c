//! The gate: while it stands at X, chunks are read at pred(X) and go out before anything from X on.
//!
//! Invariants: the gate opens at the latest when its limit has passed and the stream has something to say (I-SNAP-5,
//! but for the chunks in flight, which have a time limit of their own); no row is read while X lies before
//! `inexact_until` or deeper than half of the source's history window.

use std::time::{Duration, Instant};

use moorline_pipeline::model::ClusterTime;

/// Longest time at one X on a quiet source, so that reads stay inside the history window.
const QUIET_MAX: Duration = Duration::from_secs(5);

/// One closing of the gate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    since: Instant,
    max: Duration,
}

impl Gate {
    pub(crate) fn close(max: Duration) -> Self {
        Self { since: Instant::now(), max }
    }
    /// How long it has been closed.
    pub(crate) fn closed(&self) -> Duration {
        self.since.elapsed()
    }
    /// Whether another chunk may begin. `waiting` says that the stream has something to say.
    pub(crate) fn may_read(&self, waiting: bool) -> bool {
        let closed = self.since.elapsed();
        closed < self.max || (!waiting && closed < QUIET_MAX)
    }
}

/// Whether rows may be read at pred(`x`): fresh enough, and past what a late look-up has touched.
pub(crate) fn may_close(x: ClusterTime, now_ms: i64, window: Duration, inexact_until: Option<ClusterTime>) -> bool {
    let age = now_ms - x.wall_ms();
    age < window.as_millis() as i64 / 2 && inexact_until.is_none_or(|until| x > until)
}
