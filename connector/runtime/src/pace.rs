//! How fast a snapshot may read: `snapshot.rate.limit.documents` and `.bytes`.
//!
//! Invariants: over any longer time no more is read than the limits say, but for the chunks in flight; a chunk is so
//! small that a limited snapshot reads several times a second, not a burst now and then; without limits nothing waits.

use std::time::{Duration, Instant};

/// Chunks a second that a limit is cut into.
const CHUNKS_A_SECOND: u64 = 10;

/// The pace of one lane's snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Documents a second; 0 for no limit.
    documents: u64,
    /// Bytes a second; 0 for no limit.
    bytes: u64,
    /// When what was read is paid for.
    free_at: Instant,
}

impl Pace {
    pub(crate) fn new(documents: u64, bytes: u64) -> Self {
        Self { documents, bytes, free_at: Instant::now() }
    }

    /// How long to wait before the next chunk may begin.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.free_at.saturating_duration_since(now)
    }

    /// Takes note of what was read. Time in which nothing was read is not saved up.
    pub(crate) fn read(&mut self, rows: u64, bytes: u64, now: Instant) {
        let cost = seconds(rows, self.documents).max(seconds(bytes, self.bytes));
        self.free_at = self.free_at.max(now) + Duration::from_secs_f64(cost);
    }

    /// Rows of a chunk under this pace, at most `most`.
    pub(crate) fn rows(&self, most: u32) -> u32 {
        u32::try_from(part(self.documents, u64::from(most))).unwrap_or(most)
    }

    /// Bytes of a chunk under this pace, at most `most`.
    pub(crate) fn bytes(&self, most: usize) -> usize {
        usize::try_from(part(self.bytes, most as u64)).unwrap_or(most)
    }
}

fn seconds(amount: u64, limit: u64) -> f64 {
    // A day is as good as for ever, and a sum of times must not overflow.
    if limit == 0 { 0.0 } else { (amount as f64 / limit as f64).min(86_400.0) }
}

fn part(limit: u64, most: u64) -> u64 {
    if limit == 0 { most } else { limit.div_ceil(CHUNKS_A_SECOND).clamp(1, most.max(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tighter_limit_counts_and_nothing_is_saved_up() {
        let mut pace = Pace::new(1_000, 100_000);
        let now = pace.free_at + Duration::from_secs(60);
        assert_eq!(pace.wait(now), Duration::ZERO);
        assert_eq!((pace.rows(10_000), pace.bytes(16 << 20)), (100, 10_000));
        pace.read(100, 10_000, now);
        assert_eq!(pace.wait(now), Duration::from_millis(100));
        pace.read(100, 50_000, now);
        assert_eq!(pace.wait(now), Duration::from_millis(600));
    }

    #[test]
    fn without_limits_nothing_waits() {
        let mut pace = Pace::new(0, 0);
        let now = pace.free_at;
        pace.read(1 << 40, 1 << 50, now);
        assert_eq!((pace.wait(now), pace.rows(7), pace.bytes(9)), (Duration::ZERO, 7, 9));
    }
}
