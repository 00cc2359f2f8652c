//! Points at which a test lets the process die: `MOORLINE_REPLAY_FAULT=POINT@N` ends it at the N-th passing of a point.
//!
//! Invariant: only builds with debug assertions have any of this; in a release a point is an empty function.

/// Passes a point.
#[cfg(debug_assertions)]
pub fn pass(point: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    // Asked for once: points are passed for each record.
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let Some(wanted) = WANTED.get_or_init(|| std::env::var("MOORLINE_REPLAY_FAULT").ok()) else { return };
    let (name, number) = wanted.split_once('@').unwrap_or((wanted, "1"));
    if name == point && (PASSED.fetch_add(1, Ordering::Relaxed) + 1).to_string() == number {
        eprintln!("fault at {point}");
        // Nothing is tidied up, as with SIGKILL.
        std::process::abort();
    }
}

/// Does nothing: a release has no faults of its own.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass(_point: &str) {}
