//! Where a batch ends, and which ticks it closes.
//!
//! Invariants: a batch ends between two cluster times, never within one (I-ORDER-2); it never spans a tick that has a
//! captured change on both sides; every tick is closed once, in order, and one anchor stands for several only if no
//! captured change lies between them (I-ANCHOR-3).

use super::frontier::Frontier;
use crate::model::ClusterTime;

/// The ticks that one anchor stands for: all multiples of the interval in `covers_from..=cut`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// The first.
    pub covers_from: ClusterTime,
    /// The last: the anchor's cut.
    pub cut: ClusterTime,
}

/// A batch to be made: the first `count` events that wait, ending before `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Events.
    pub count: usize,
    /// The batch's frontier: all events before it, none at or after it.
    pub at: ClusterTime,
    /// Ticks that its commit closes.
    pub ticks: Option<Ticks>,
}

/// Budgets of a batch. A group of one cluster time is never split, so one group may pass them.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Events.
    pub events: usize,
    /// Bytes of events.
    pub bytes: usize,
}

/// The clock of ticks: `(k * interval, 0)`.
#[derive(Clone, Copy, Debug)]
pub struct TickClock {
    interval: u32,
    last: ClusterTime,
    /// A tick that needs an anchor of its own.
    stop: Option<ClusterTime>,
}

impl TickClock {
    /// With the interval in seconds (at least 1), after the tick `last`, which is closed already; for a first start the
    /// last tick at or before the first frontier.
    pub fn new(interval: u32, last: Option<ClusterTime>, start: ClusterTime) -> Self {
        let floor = Self { interval, last: ClusterTime::default(), stop: None }.at_or_before(start);
        Self { interval, last: last.unwrap_or(floor), stop: None }
    }
    /// The last tick that was closed.
    pub fn last(&self) -> ClusterTime {
        self.last
    }
    /// The last tick at or before a time.
    fn at_or_before(&self, time: ClusterTime) -> ClusterTime {
        ClusterTime::new(time.t - time.t % self.interval, 0)
    }
    /// The first tick after a time. No event stands on a tick.
    fn after(&self, time: ClusterTime) -> ClusterTime {
        let floor = self.at_or_before(time);
        ClusterTime::new(floor.t.saturating_add(self.interval), 0)
    }
    /// The ticks not yet closed that lie at or before `time`.
    pub fn due(&self, time: ClusterTime) -> Option<Ticks> {
        let cut = self.stop.unwrap_or(ClusterTime::new(u32::MAX, 0)).min(self.at_or_before(time));
        (cut > self.last).then(|| Ticks { covers_from: self.after(self.last), cut })
    }
    /// Asks that no anchor covers this tick together with later ones; one that is closed already is not asked for.
    pub fn stop_at(&mut self, tick: ClusterTime) {
        self.stop = Some(tick).filter(|tick| *tick > self.last);
    }
    /// Takes note that a cut was handed on.
    pub fn close(&mut self, ticks: &Ticks) {
        self.last = ticks.cut;
        self.stop = self.stop.filter(|stop| *stop > self.last);
    }
}

/// The next batch, if there is anything to be committed; the caller takes `count` events and closes `ticks`.
pub fn next(frontier: &Frontier, clock: &TickClock, budget: Budget) -> Option<Cut> {
    let x = frontier.x();
    let Some(first) = frontier.first().filter(|&first| first < x) else {
        // Nothing waits before X: only ticks may be due, up to X.
        let ticks = clock.due(x)?;
        return Some(Cut { count: 0, at: ticks.cut, ticks: Some(ticks) });
    };
    if let Some(ticks) = clock.due(first) {
        return Some(Cut { count: 0, at: ticks.cut, ticks: Some(ticks) });
    }
    let end = clock.after(first).min(x);
    let (mut count, mut bytes) = (0, 0);
    let mut last = first;
    let mut next = None;
    for waiting in frontier.pending() {
        let time = waiting.change.time;
        let full = time != last && (count >= budget.events || bytes >= budget.bytes);
        if time >= end || full {
            next = Some(time);
            break;
        }
        count += 1;
        bytes += waiting.change.len();
        last = time;
    }
    // Everything before `at` is in: up to the next event that waits, or to X.
    let at = next.unwrap_or(x).min(x);
    match clock.due(at) {
        Some(ticks) => Some(Cut { count, at: ticks.cut, ticks: Some(ticks) }),
        None => Some(Cut { count, at, ticks: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::testing::{Dice, reply};

    /// Drives random histories through frontier and cuts, and holds every batch against the rules.
    #[test]
    fn i_order_2_and_i_anchor_3_over_random_histories() {
        for seed in 0..300 {
            let mut dice = Dice::new(seed);
            let interval = 1 + dice.below(4) as u32;
            let mut frontier = Frontier::new(ClusterTime::default(), true);
            frontier.accept(reply(true, &[], (100, 1))).unwrap();
            let mut clock = TickClock::new(interval, None, frontier.x());
            let mut expected_tick = clock.last().t + interval;
            let budget = Budget { events: 1 + dice.below(4), bytes: usize::MAX };
            let (mut t, mut i) = (100, 2);
            let mut handed = ClusterTime::default();
            for _ in 0..40 {
                let mut events = Vec::new();
                for _ in 0..dice.below(5) {
                    if dice.below(2) == 0 {
                        (t, i) = if dice.below(3) == 0 { (t + 1 + dice.below(6) as u32, 1) } else { (t, i + 1) };
                    }
                    let last = events.last().copied().unwrap_or((0, 0));
                    events.push((t, i).max(last));
                }
                let token = events.last().copied().unwrap_or((t, i));
                (t, i) = token;
                if events.is_empty() {
                    // An empty reply proves "at or before": the source sends nothing more at that time.
                    i += 1;
                }
                frontier.accept(reply(false, &events, token)).unwrap();
                if dice.below(4) == 0 {
                    let tick = ClusterTime::new(clock.last().t + interval * (1 + dice.below(4) as u32), 0);
                    clock.stop_at(tick);
                }
                while let Some(cut) = next(&frontier, &clock, budget) {
                    assert!(cut.at <= frontier.x() && cut.at >= handed);
                    handed = cut.at;
                    let batch = frontier.take(cut.count);
                    assert!(batch.iter().all(|s| s.change.time < cut.at));
                    assert!(frontier.first().is_none_or(|first| first >= cut.at), "a group was split");
                    let spans = batch
                        .first()
                        .zip(batch.last())
                        .map(|(f, l)| (f.change.time.t / interval, l.change.time.t / interval));
                    assert!(spans.is_none_or(|(f, l)| f == l), "a batch spans a tick");
                    if let Some(ticks) = cut.ticks {
                        assert_eq!(ticks.covers_from.t, expected_tick, "a tick was left out or closed twice");
                        assert_eq!((ticks.cut.t % interval, ticks.cut.i), (0, 0));
                        assert!(batch.last().is_none_or(|l| l.change.time < ticks.covers_from));
                        expected_tick = ticks.cut.t + interval;
                        let stop = clock.stop;
                        assert!(
                            stop.is_none_or(|stop| ticks.cut <= stop),
                            "a tick that needs its own anchor was passed"
                        );
                        clock.close(&ticks);
                    }
                    assert!(cut.count > 0 || cut.ticks.is_some(), "an empty batch");
                }
                assert!(frontier.first().is_none_or(|first| first >= frontier.x()), "something before X was left");
            }
        }
    }
}
