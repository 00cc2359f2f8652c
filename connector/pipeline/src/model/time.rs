//! Cluster time: the source's logical clock. Ordered as the pair `(t, i)`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A MongoDB timestamp: seconds since 1970 and an ordinal within the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterTime {
    /// Seconds since 1970.
    pub t: u32,
    /// Ordinal within the second; no event has 0.
    pub i: u32,
}

impl ClusterTime {
    /// The time `(t, i)`.
    pub const fn new(t: u32, i: u32) -> Self {
        Self { t, i }
    }
    /// `t * 2^32 + i`, as it stands in records.
    pub const fn as_u64(self) -> u64 {
        (self.t as u64) << 32 | self.i as u64
    }
    /// The time of [`ClusterTime::as_u64`].
    pub const fn from_u64(value: u64) -> Self {
        Self { t: (value >> 32) as u32, i: value as u32 }
    }
    /// The largest time below this one.
    pub const fn pred(self) -> Self {
        Self::from_u64(self.as_u64().saturating_sub(1))
    }
    /// The smallest time above this one.
    pub const fn succ(self) -> Self {
        Self::from_u64(self.as_u64().saturating_add(1))
    }
    /// Wall time in milliseconds since 1970.
    pub const fn wall_ms(self) -> i64 {
        self.t as i64 * 1000
    }
}

impl fmt::Display for ClusterTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.t, self.i)
    }
}

impl From<bson::Timestamp> for ClusterTime {
    fn from(ts: bson::Timestamp) -> Self {
        Self { t: ts.time, i: ts.increment }
    }
}

impl From<ClusterTime> for bson::Timestamp {
    fn from(time: ClusterTime) -> Self {
        Self { time: time.t, increment: time.i }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pred_and_succ_cross_seconds() {
        let tick = ClusterTime::new(20, 0);
        assert_eq!(tick.pred(), ClusterTime::new(19, u32::MAX));
        assert_eq!(tick.pred().succ(), tick);
        assert_eq!(ClusterTime::from_u64(ClusterTime::new(7, 9).as_u64()), ClusterTime::new(7, 9));
    }
}
