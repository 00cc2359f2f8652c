//! A histogram with fixed bounds, filled by one thread and read by any.
//!
//! Invariant: a value is counted in the first bucket whose bound it does not pass; readers may see a value's bucket before
//! its sum, which a scrape can't tell from one a moment earlier.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bounds of durations, in seconds.
pub const SECONDS: [f64; 11] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0];
/// Bounds of records in a transaction.
pub const RECORDS: [f64; 11] = [0.0, 1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 25_000.0, 100_000.0];

/// The sum counts in millionths, so that it can be added to without a lock.
const MILLIONTHS: f64 = 1e6;

/// Values by bucket.
#[derive(Debug)]
pub struct Histogram {
    bounds: [f64; 11],
    buckets: [AtomicU64; 12],
    sum: AtomicU64,
}

impl Histogram {
    /// Nothing counted yet.
    pub fn new(bounds: [f64; 11]) -> Self {
        Self { bounds, buckets: Default::default(), sum: AtomicU64::new(0) }
    }
    /// Counts a value; negative ones and what is no number count as 0.
    pub fn observe(&self, value: f64) {
        let value = value.max(0.0);
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((value * MILLIONTHS).round() as u64, Ordering::Relaxed);
    }
    /// Bound and values at or below it but above the one before; the last bound is infinite.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(&self.buckets).map(|(bound, bucket)| (bound, bucket.load(Ordering::Relaxed))).collect()
    }
    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / MILLIONTHS
    }
    /// The bound below which a share of the values lies; `None` without any.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = self.count() as f64 * share;
        let mut seen = 0;
        self.buckets().into_iter().filter(|(_, count)| *count > 0).find_map(|(bound, count)| {
            seen += count;
            (seen as f64 >= wanted).then_some(bound)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_where_they_belong() {
        let histogram = Histogram::new(SECONDS);
        assert_eq!(histogram.quantile(0.5), None);
        for value in [0.005, 0.006, 0.3, 99.0, f64::NAN, -1.0] {
            histogram.observe(value);
        }
        let filled: Vec<_> = histogram.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.005, 3), (0.01, 1), (0.5, 1), (f64::INFINITY, 1)]);
        assert_eq!((histogram.count(), histogram.sum()), (6, 99.311));
        assert_eq!(histogram.quantile(0.5), Some(0.005));
    }
}
