//! The handle of a running connector: what is asked of it from outside becomes a command here.
//!
//! ```text
//! send ──> waiting ── all lanes have joined ──> placed at a tick ── each lane commits it ──> done
//! ```
//!
//! Invariants: a request is placed at a tick that no lane has handed on yet, so that all lanes cut at the same one; a
//! lane hands no tick on without asking ([`Handle::pass`]), and cuts at a placed one by itself, never together with
//! later ones; a lane that is rebuilt meets again what it had not committed. Lanes take the lock once a tick.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::task::cut::Ticks;

/// Requests that may be under way at once.
pub const REQUESTS_MAX: usize = 256;

/// What may be asked of a connector.
#[derive(Clone, Debug)]
pub enum Command {
    /// An anchor, at the next tick that all lanes can still give.
    Anchor(AnchorRequest),
}

/// An anchor on request.
#[derive(Clone, Debug, Default)]
pub struct AnchorRequest {
    /// Whoever asks knows it by this.
    pub id: String,
    /// The anchor's name.
    pub label: Option<String>,
    /// The cut lies after this time, ms since 1970: it holds what was written before the request.
    pub after_ms: i64,
    /// The cut, where an earlier run has begun to write it.
    pub at: Option<ClusterTime>,
}

/// A request that is committed in all lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// As it was asked.
    pub id: String,
    /// As it was asked.
    pub label: Option<String>,
    /// The cut.
    pub cut: ClusterTime,
}

/// What is owed to a tick by request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) label: Option<String>,
}

/// Whether ticks may be handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Nothing is asked of them.
    Free,
    /// Their cut is asked for.
    Asked(Asked),
    /// One before their cut is asked for: cut there first.
    Stop(ClusterTime),
}

#[derive(Debug)]
struct Placed {
    request: AnchorRequest,
    left: BTreeSet<u32>,
}

#[derive(Debug, Default)]
struct State {
    lanes: u32,
    interval: u32,
    /// The last tick that each lane has handed on.
    passed: BTreeMap<u32, ClusterTime>,
    waiting: Vec<AnchorRequest>,
    placed: BTreeMap<ClusterTime, Placed>,
    done: Vec<Done>,
}

/// A running connector's handle.
#[derive(Debug, Default)]
pub struct Handle {
    state: Mutex<State>,
    /// Anchors that may go, by the lane that takes them out, each as the keys of its records.
    retired: Mutex<BTreeMap<u32, Vec<Retired>>>,
}

/// An anchor that may go: the keys of its records, as bytes.
pub type Retired = Vec<Vec<u8>>;

impl Handle {
    /// Asks; `false` where too much is under way already.
    pub fn send(&self, command: Command) -> bool {
        let Command::Anchor(request) = command;
        let mut state = self.state();
        if state.waiting.len() + state.placed.len() >= REQUESTS_MAX {
            return false;
        }
        state.waiting.push(request);
        state.place();
        true
    }

    /// Requests that are not yet committed in all lanes.
    pub fn under_way(&self) -> Vec<AnchorRequest> {
        let state = self.state();
        state.waiting.iter().chain(state.placed.values().map(|placed| &placed.request)).cloned().collect()
    }

    /// What was committed in all lanes since this was last asked.
    pub fn take_done(&self) -> Vec<Done> {
        std::mem::take(&mut self.state().done)
    }

    /// Says which anchors may go, in the order in which they do, instead of those that were said before: what a lane has
    /// not taken out is decided anew each time.
    pub fn retire(&self, anchors: BTreeMap<u32, Vec<Retired>>) {
        *self.retired.lock().unwrap_or_else(PoisonError::into_inner) = anchors;
    }

    /// The next anchors that a lane takes out.
    pub(crate) fn take_retired(&self, lane: u32, most: usize) -> Vec<Retired> {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let of_lane = retired.entry(lane).or_default();
        of_lane.drain(..most.min(of_lane.len())).collect()
    }

    /// The connector starts.
    pub(crate) fn begin(&self, lanes: u32, interval: u32) {
        let mut state = self.state();
        (state.lanes, state.interval) = (lanes, interval.max(1));
    }

    /// A lane goes on after this tick, which it has committed, or begins there.
    pub(crate) fn join(&self, lane: u32, last: ClusterTime) {
        let mut state = self.state();
        state.passed.insert(lane, last);
        state.place();
    }

    /// Asks whether a lane may hand ticks on, and takes note that it does.
    pub(crate) fn pass(&self, lane: u32, ticks: &Ticks) -> Pass {
        let mut state = self.state();
        let range = ticks.covers_from..=ticks.cut;
        let mut of_lane = state.placed.range(range).filter(|(_, placed)| placed.left.contains(&lane));
        let answer = match of_lane.next() {
            None => Pass::Free,
            Some((at, placed)) if *at == ticks.cut => Pass::Asked(Asked { label: placed.request.label.clone() }),
            Some((at, _)) => return Pass::Stop(*at),
        };
        state.passed.insert(lane, ticks.cut);
        answer
    }

    /// A lane has committed an anchor.
    pub(crate) fn committed(&self, lane: u32, cut: ClusterTime) {
        let mut state = self.state();
        let Some(placed) = state.placed.get_mut(&cut) else { return };
        placed.left.remove(&lane);
        state.settle(cut);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Places what waits, once every lane has said where it stands.
    fn place(&mut self) {
        if self.lanes == 0 || self.passed.len() < self.lanes as usize {
            return;
        }
        for request in std::mem::take(&mut self.waiting) {
            let at = request.at.unwrap_or_else(|| self.free_tick(request.after_ms));
            // A lane past a cut that an earlier run began to write has it, by that run or within a wider anchor.
            let left = self.passed.iter().filter(|(_, passed)| **passed < at).map(|(lane, _)| *lane).collect();
            self.placed.insert(at, Placed { request, left });
            self.settle(at);
        }
    }

    /// The first tick that is in no lane's past, after a time, and asked for by nobody else.
    fn free_tick(&self, after_ms: i64) -> ClusterTime {
        let asked = u32::try_from(after_ms.div_euclid(1000)).unwrap_or_default();
        let passed = self.passed.values().map(|time| time.t).max().unwrap_or_default();
        let mut t = asked.max(passed);
        loop {
            t = (t - t % self.interval).saturating_add(self.interval);
            let at = ClusterTime::new(t, 0);
            if !self.placed.contains_key(&at) {
                return at;
            }
        }
    }

    fn settle(&mut self, at: ClusterTime) {
        if self.placed.get(&at).is_some_and(|placed| placed.left.is_empty())
            && let Some(Placed { request, .. }) = self.placed.remove(&at)
        {
            self.done.push(Done { id: request.id, label: request.label, cut: at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(label: &str, after_s: i64) -> Command {
        let label = Some(label.to_owned());
        Command::Anchor(AnchorRequest { id: "1".into(), label, after_ms: after_s * 1000, at: None })
    }
    fn tick(t: u32) -> ClusterTime {
        ClusterTime::new(t, 0)
    }
    fn ticks(from: u32, cut: u32) -> Ticks {
        Ticks { covers_from: tick(from), cut: tick(cut) }
    }
    fn asked(label: &str) -> Pass {
        Pass::Asked(Asked { label: Some(label.to_owned()) })
    }
    fn running() -> Handle {
        let handle = Handle::default();
        handle.begin(2, 10);
        handle.join(0, tick(100));
        handle.join(1, tick(100));
        handle
    }

    #[test]
    fn all_lanes_cut_at_a_tick_that_none_of_them_has_passed() {
        let handle = running();
        assert_eq!(handle.pass(0, &ticks(110, 120)), Pass::Free);
        assert!(handle.send(request("a", 95)));
        // Lane 1 has 110 and 120 before it; lane 0 has passed them.
        assert_eq!(handle.pass(1, &ticks(110, 150)), Pass::Stop(tick(130)));
        assert_eq!(handle.pass(1, &ticks(110, 130)), asked("a"));
        assert_eq!(handle.pass(0, &ticks(130, 130)), asked("a"));
        handle.committed(1, tick(130));
        assert_eq!(handle.take_done(), []);
        handle.committed(0, tick(130));
        let done = Done { id: "1".into(), label: Some("a".into()), cut: tick(130) };
        assert_eq!((handle.take_done(), handle.under_way().len()), (vec![done], 0));
    }

    #[test]
    fn a_cut_lies_after_its_request_and_two_requests_have_two_cuts() {
        let handle = running();
        assert!(handle.send(request("a", 120)) && handle.send(request("b", 120)));
        assert_eq!(handle.pass(0, &ticks(110, 120)), Pass::Free);
        assert_eq!(handle.pass(0, &ticks(130, 130)), asked("a"));
        assert_eq!(handle.pass(0, &ticks(140, 140)), asked("b"));
    }

    #[test]
    fn a_lane_that_is_rebuilt_meets_what_it_had_not_committed_again() {
        let handle = running();
        handle.send(request("a", 0));
        assert_eq!(handle.pass(0, &ticks(110, 110)), asked("a"));
        handle.join(0, tick(100));
        assert_eq!(handle.pass(0, &ticks(110, 110)), asked("a"));
        handle.committed(0, tick(110));
        handle.join(0, tick(110));
        assert_eq!(handle.pass(0, &ticks(120, 120)), Pass::Free);
    }

    #[test]
    fn nothing_is_placed_before_all_lanes_stand_somewhere() {
        let handle = Handle::default();
        handle.send(request("a", 0));
        handle.begin(2, 10);
        handle.join(0, tick(500));
        assert_eq!(handle.pass(0, &ticks(510, 510)), Pass::Free);
        handle.join(1, tick(100));
        assert_eq!(handle.pass(1, &ticks(110, 520)), asked("a"));
    }

    #[test]
    fn what_an_earlier_run_began_is_ended_where_it_stands() {
        let handle = Handle::default();
        handle.begin(2, 10);
        let at = Some(tick(200));
        let label = Some("a".to_owned());
        handle.send(Command::Anchor(AnchorRequest { id: "1".into(), label, after_ms: 0, at }));
        handle.join(0, tick(200));
        handle.join(1, tick(190));
        assert_eq!(handle.pass(0, &ticks(210, 210)), Pass::Free);
        assert_eq!(handle.pass(1, &ticks(200, 210)), Pass::Stop(tick(200)));
        assert_eq!(handle.pass(1, &ticks(200, 200)), asked("a"));
        handle.committed(1, tick(200));
        assert_eq!(handle.take_done().len(), 1);
    }

    #[test]
    fn requests_are_bounded() {
        let handle = running();
        assert!((0..REQUESTS_MAX).all(|_| handle.send(request("a", 0))));
        assert!(!handle.send(request("a", 0)));
    }
}
