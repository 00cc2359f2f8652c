//! What the poll thread has learnt, for the thread that waits: deliveries, failures, trouble.
//!
//! Invariants: a record counts as delivered only with its offset; the first failure is kept; trouble is never forgotten
//! within a transaction.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moorline_pipeline::sink::Delivered;

use crate::ffi::{Event, NativeError, code};

/// A record that was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undelivered {
    pub(crate) slot: usize,
    pub(crate) partition: i32,
    pub(crate) bytes: usize,
    pub(crate) error: NativeError,
}

/// Deliveries by slot and partition.
pub(crate) type BySlot = BTreeMap<(usize, i32), Delivered>;

#[derive(Default)]
struct State {
    queued: u64,
    reported: u64,
    delivered: BySlot,
    failure: Option<Undelivered>,
    trouble: Option<NativeError>,
}

/// The account of one producer.
#[derive(Default)]
pub(crate) struct Account {
    state: Mutex<State>,
    changed: Condvar,
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new transaction; `false` if records of the last one are still out.
    pub(crate) fn begin(&self) -> bool {
        let mut state = self.lock();
        let idle = state.queued == state.reported;
        *state = State { queued: state.queued, reported: state.reported, ..State::default() };
        idle
    }

    /// Records about to be queued. Counted before, so that no report comes before its record.
    pub(crate) fn queue(&self, records: u64) {
        self.lock().queued += records;
    }

    /// Records that were counted but refused.
    pub(crate) fn refuse(&self, records: u64) {
        self.lock().queued -= records;
    }

    /// Records out.
    pub(crate) fn outstanding(&self) -> u64 {
        let state = self.lock();
        state.queued - state.reported
    }

    /// The first record that was not delivered.
    pub(crate) fn failure(&self) -> Option<Undelivered> {
        self.lock().failure.clone()
    }

    /// The first error of a connection since `begin`.
    pub(crate) fn trouble(&self) -> Option<NativeError> {
        self.lock().trouble.clone()
    }

    /// What was delivered since `begin`.
    pub(crate) fn delivered(&self) -> BySlot {
        self.lock().delivered.clone()
    }

    /// Waits until fewer than `records` are out, or one has failed, or the limit has passed.
    pub(crate) fn wait_below(&self, records: u64, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        while state.queued - state.reported >= records && state.failure.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.queued - state.reported < records
    }

    /// An error of a connection.
    pub(crate) fn trouble_with(&self, error: NativeError) {
        self.lock().trouble.get_or_insert(error);
    }
}

/// Takes the reports of a run, and gives them to the account at once: one lock a run, not one a record.
#[derive(Default)]
pub(crate) struct Run {
    reports: u64,
    delivered: BySlot,
    /// The key and figures of the last partition seen: reports come in runs of one.
    current: Option<((usize, i32), Delivered)>,
    failure: Option<Undelivered>,
}

impl Run {
    /// One event; others than reports are not looked at.
    pub(crate) fn take(&mut self, event: &Event, account: &Account) {
        match *event {
            Event::Report { slot, partition, offset, code: found, bytes } => {
                self.reports += 1;
                // Without an offset (an acknowledged duplicate) ranges would be wrong: that is a failure too.
                if found == 0 && offset >= 0 {
                    self.deliver((slot, partition), offset);
                } else if self.failure.is_none() {
                    let error = if found == 0 {
                        NativeError::with(code::STATE, "the broker acknowledged a record without its offset")
                    } else {
                        NativeError::of(found)
                    };
                    self.failure = Some(Undelivered { slot, partition, bytes, error });
                }
            }
            Event::EndOfReports => self.give(account),
            _ => {}
        }
    }

    fn deliver(&mut self, key: (usize, i32), offset: i64) {
        match &mut self.current {
            Some((current, figures)) if *current == key => add(figures, offset, offset, 1),
            _ => {
                self.fold();
                self.current = Some((key, Delivered { first: offset, last: offset, records: 1 }));
            }
        }
    }

    fn fold(&mut self) {
        if let Some((key, figures)) = self.current.take() {
            merge(&mut self.delivered, key, figures);
        }
    }

    fn give(&mut self, account: &Account) {
        self.fold();
        let mut state = account.lock();
        state.reported += std::mem::take(&mut self.reports);
        for (key, figures) in std::mem::take(&mut self.delivered) {
            merge(&mut state.delivered, key, figures);
        }
        if state.failure.is_none() {
            state.failure = self.failure.take();
        }
        self.failure = None;
        drop(state);
        account.changed.notify_all();
    }
}

fn merge(into: &mut BySlot, key: (usize, i32), figures: Delivered) {
    into.entry(key).and_modify(|known| add(known, figures.first, figures.last, figures.records)).or_insert(figures);
}

fn add(figures: &mut Delivered, first: i64, last: i64, records: i64) {
    figures.first = figures.first.min(first);
    figures.last = figures.last.max(last);
    figures.records += records;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(slot: usize, partition: i32, offset: i64, code: i32) -> Event {
        Event::Report { slot, partition, offset, code, bytes: 7 }
    }

    #[test]
    fn ranges_by_partition_and_the_first_failure() {
        let account = Account::default();
        assert!(account.begin());
        account.queue(5);
        let mut run = Run::default();
        for event in [report(0, 1, 10, 0), report(0, 1, 12, 0), report(2, 0, 3, 0), report(0, 1, 13, 0)] {
            run.take(&event, &account);
        }
        run.take(&Event::EndOfReports, &account);
        assert!(!account.wait_below(1, Duration::from_millis(1)));
        assert_eq!(account.delivered()[&(0, 1)], Delivered { first: 10, last: 13, records: 3 });
        assert_eq!(account.delivered()[&(2, 0)], Delivered { first: 3, last: 3, records: 1 });
        run.take(&report(2, 0, -1, 0), &account);
        run.take(&Event::EndOfReports, &account);
        assert!(account.wait_below(1, Duration::ZERO));
        assert_eq!(account.failure().unwrap().partition, 0);
        assert!(account.begin());
        assert!(account.failure().is_none() && account.delivered().is_empty());
    }
}
