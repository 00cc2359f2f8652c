//! A cluster time that only rises, which any thread may read.
//!
//! Invariant: unknown is not a time: until something was said there is no value.

use std::sync::atomic::{AtomicU64, Ordering};

use moorline_pipeline::model::ClusterTime;

/// A clock; 0 stands for unknown, which no event has as its time.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// Rises to a time; an earlier one changes nothing.
    pub fn rise(&self, time: ClusterTime) {
        self.0.fetch_max(time.as_u64(), Ordering::Relaxed);
    }
    /// The time, once there is one.
    pub fn get(&self) -> Option<ClusterTime> {
        let held = self.0.load(Ordering::Relaxed);
        (held != 0).then(|| ClusterTime::from_u64(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_falls() {
        let clock = Clock::default();
        assert_eq!(clock.get(), None);
        clock.rise(ClusterTime::new(7, 3));
        clock.rise(ClusterTime::new(6, 9));
        assert_eq!(clock.get(), Some(ClusterTime::new(7, 3)));
    }
}
