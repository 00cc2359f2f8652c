//! How long a snapshot will take, and how long the source's log holds: a snapshot that outlives the log is the
//! commonest way to lose data.
//!
//! Invariant: the forecast is cautious: a machine that is faster than it says is no reason to warn less.

use crate::source::LogWindow;

/// Cautious rates of a snapshot: documents and bytes a second.
const DOCUMENTS_A_SECOND: u64 = 50_000;
const BYTES_A_SECOND: u64 = 32 << 20;

/// Seconds that a snapshot of so many documents and bytes may take.
pub fn snapshot_seconds(documents: u64, bytes: u64) -> u64 {
    (documents / DOCUMENTS_A_SECOND).max(bytes / BYTES_A_SECOND) + 1
}

/// Seconds that the log holds now.
pub fn held_seconds(log: &LogWindow) -> u64 {
    u64::from(log.last.t.saturating_sub(log.first.t))
}

/// Seconds that the log will hold once it is full: one that is not full yet holds longer than it does now.
pub fn window_seconds(log: &LogWindow) -> u64 {
    let held = held_seconds(log);
    let room = log.max_bytes.saturating_sub(log.bytes);
    let grows = log.bytes.checked_div(held.max(1)).unwrap_or(0).max(1);
    held + room / grows
}

/// Whether the log holds long enough: twice the time of the snapshot.
pub fn fits(snapshot_seconds: u64, window_seconds: u64) -> bool {
    snapshot_seconds.saturating_mul(2) < window_seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClusterTime;

    #[test]
    fn a_log_that_is_not_full_yet_holds_longer() {
        let log = |bytes| LogWindow {
            first: ClusterTime::new(1_000, 0),
            last: ClusterTime::new(1_100, 0),
            max_bytes: 1_000,
            bytes,
        };
        assert_eq!(window_seconds(&log(1_000)), 100);
        // Ten bytes in hundred seconds count as one a second.
        assert_eq!(window_seconds(&log(10)), 100 + 990);
        assert_eq!(window_seconds(&log(500)), 200);
        assert_eq!(snapshot_seconds(100_000, 0), 3);
        assert_eq!(snapshot_seconds(1, 320 << 20), 11);
        assert!(fits(49, 100) && !fits(50, 100));
    }
}
