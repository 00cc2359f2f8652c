//! Records that say that the connector is alive, for whoever watches topics and not positions.
//!
//! Invariants: a heartbeat goes with a transaction that there is anyway, so it is in the topic exactly if that was
//! committed, and none is made for it; one a `heartbeat.interval.ms` on average, of the first lane, and fewer where
//! nothing is committed for longer than that: a quiet stream commits at each tick of `anchor.interval.ms`.

use std::time::{Duration, Instant};

use moorline_pipeline::contract::output::transaction::{heartbeat_key, heartbeat_value};
use moorline_pipeline::sink::{ControlRecord, ControlTopic};

use crate::transactions::SchemaIds;

/// The lane that writes them: one record is enough for all.
pub(crate) const LANE: u32 = 0;

/// When the next heartbeat is due, and how it is written.
pub(crate) struct Heartbeats {
    prefix: String,
    ids: SchemaIds,
    interval: Duration,
    due: Instant,
}

impl Heartbeats {
    /// The first is due at once.
    pub(crate) fn new(prefix: String, ids: SchemaIds, interval: Duration, now: Instant) -> Self {
        Self { prefix, ids, interval, due: now }
    }

    /// The record that a transaction takes with it, where one is due; `now_ms` is the writer's clock.
    pub(crate) fn beat(&mut self, now: Instant, now_ms: i64) -> Option<ControlRecord> {
        // Commits at ticks come a little sooner or later than the interval: a hair too soon is not skipped.
        if now + self.interval / 10 < self.due {
            return None;
        }
        // Those that were missed are not made up for.
        self.due = if now < self.due + self.interval { self.due + self.interval } else { now + self.interval };
        Some(ControlRecord {
            topic: ControlTopic::Heartbeats,
            key: heartbeat_key(&self.prefix, self.ids.key),
            value: Some(heartbeat_value(now_ms, self.ids.value)),
            headers: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_an_interval_whenever_commits_come() {
        let start = Instant::now();
        let ids = SchemaIds { key: 7, value: 8 };
        let beats = |commits_ms: &[u64]| {
            let mut heartbeats = Heartbeats::new("shop".to_owned(), ids, Duration::from_secs(10), start);
            let at = commits_ms.iter().copied();
            at.filter(|ms| heartbeats.beat(start + Duration::from_millis(*ms), 5).is_some()).collect::<Vec<_>>()
        };
        // Ticks as long as the interval, each a little off: none is left out.
        assert_eq!(beats(&[300, 10_100, 20_400, 29_900, 40_000]).len(), 5);
        // Many commits: the average holds.
        let busy: Vec<u64> = (0..1000).map(|n| n * 100).collect();
        assert_eq!(beats(&busy).len(), 10 + 1);
        // A long silence is not made up for.
        assert_eq!(beats(&[0, 95_000, 95_100, 95_200, 105_000]), [0, 95_000, 105_000]);
        let mut heartbeats = Heartbeats::new("shop".to_owned(), ids, Duration::from_secs(10), start);
        let record = heartbeats.beat(start, 5).unwrap();
        assert_eq!(record.key, b"\0\0\0\0\x07\x08shop");
        assert_eq!(record.value.unwrap(), b"\0\0\0\0\x08\x0a");
    }
}
