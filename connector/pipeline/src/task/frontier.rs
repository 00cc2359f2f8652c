//! The frontier X: every event before X has been delivered. Holds the events that were read ahead.
//!
//! Invariants: X is the time of a reply's post-batch token once that reply's events are queued, never `operationTime`
//! and never `$clusterTime` (I-FRONT-3). X never falls (I-TOKEN-2). Events at or after X wait (I-FRONT-1). Only on a
//! replica set, and only after an empty reply of a cursor that has moved past its opening token, X is one past the
//! token's time: a lone write is not held back. So it is after an `invalidate`, which is never handed on. The opening token is never taken as delivered (I-FRONT-2).

use std::collections::VecDeque;

use crate::model::{Change, ClusterTime, Op, Reply, Token};

/// An event with its place within its cluster time.
#[derive(Clone, Debug)]
pub struct Sequenced {
    /// The event.
    pub change: Change,
    /// Place among the lane's events of that cluster time, from 0.
    pub seq: i32,
}

/// The reply broke an invariant; its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source broke {0}")]
pub struct Broken(pub &'static str);

/// Read-ahead and frontier of one stream.
#[derive(Debug)]
pub struct Frontier {
    pending: VecDeque<Sequenced>,
    pending_bytes: usize,
    x: ClusterTime,
    token: Option<(Token, ClusterTime)>,
    opening: Option<ClusterTime>,
    replica_set: bool,
    last_time: ClusterTime,
    next_seq: i32,
}

impl Frontier {
    /// At the start of a cursor. `x` is the frontier of the stored position, or zero. `replica_set` is false behind `mongos`.
    pub fn new(x: ClusterTime, replica_set: bool) -> Self {
        Self {
            pending: VecDeque::new(),
            pending_bytes: 0,
            x,
            token: None,
            opening: None,
            replica_set,
            last_time: ClusterTime::default(),
            next_seq: 0,
        }
    }

    /// Takes a reply: queues its events, then moves X.
    pub fn accept(&mut self, reply: Reply) -> Result<(), Broken> {
        reply.check().map_err(Broken)?;
        let empty = reply.changes.is_empty();
        // The stream of one collection ends with its drop or rename: nothing of it is left at that time.
        let ended = reply.changes.last().is_some_and(|change| change.op == Op::Invalidate);
        for change in reply.changes {
            // Of one way to ask only: a position must not name it, and asking after its drop brings it again.
            if change.op == Op::Invalidate {
                continue;
            }
            if change.time < self.x || change.time < self.last_time {
                return Err(Broken("I-FRONT-1"));
            }
            if change.time != self.last_time {
                self.last_time = change.time;
                self.next_seq = 0;
            }
            self.pending_bytes += change.len();
            self.pending.push_back(Sequenced { change, seq: self.next_seq });
            self.next_seq += 1;
        }
        if reply.opening {
            self.opening = Some(reply.frontier);
        }
        let moved = !reply.opening && self.opening.is_none_or(|opening| reply.frontier > opening);
        let proven = if self.replica_set && (ended || empty && moved) { reply.frontier.succ() } else { reply.frontier };
        // The token of a reply may repeat the time that an empty reply has proven: X stays.
        self.x = self.x.max(proven);
        self.token = Some((reply.token, reply.frontier));
        Ok(())
    }

    /// X.
    pub fn x(&self) -> ClusterTime {
        self.x
    }
    /// Bytes of the events that were read ahead.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }
    /// Events that were read ahead.
    pub fn pending(&self) -> &VecDeque<Sequenced> {
        &self.pending
    }
    /// Time of the first event that waits.
    pub fn first(&self) -> Option<ClusterTime> {
        self.pending.front().map(|s| s.change.time)
    }
    /// Takes the first `count` events.
    pub fn take(&mut self, count: usize) -> Vec<Sequenced> {
        let taken: Vec<_> = self.pending.drain(..count).collect();
        self.pending_bytes -= taken.iter().map(|s| s.change.len()).sum::<usize>();
        taken
    }
    /// Takes back what was taken last: the batch is cut anew, shorter.
    pub fn give_back(&mut self, taken: Vec<Sequenced>) {
        self.pending_bytes += taken.iter().map(|s| s.change.len()).sum::<usize>();
        for event in taken.into_iter().rev() {
            self.pending.push_front(event);
        }
    }
    /// The token to resume with once everything taken so far is committed: the last reply's where nothing waits and it
    /// stands after the last event taken (`last`), else that event's own; `None` keeps the one stored before.
    pub fn resume(&self, last: Option<&(Token, ClusterTime)>) -> Option<Token> {
        match (&self.token, last) {
            (Some((token, time)), last) if self.pending.is_empty() && last.is_none_or(|(_, l)| time > l) => {
                Some(token.clone())
            }
            (_, Some((token, _))) => Some(token.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::testing::{reply, reply_of};

    #[test]
    fn x_is_the_tokens_time_and_events_at_x_wait() {
        let mut frontier = Frontier::new(ClusterTime::default(), true);
        frontier.accept(reply(true, &[], (10, 1))).unwrap();
        frontier.accept(reply(false, &[(10, 1), (11, 1), (11, 1)], (11, 1))).unwrap();
        assert_eq!(frontier.x(), ClusterTime::new(11, 1));
        assert_eq!(frontier.pending().iter().map(|s| s.seq).collect::<Vec<_>>(), [0, 0, 1]);
    }

    #[test]
    fn an_empty_reply_proves_at_or_before_only_past_the_opening_token() {
        let mut frontier = Frontier::new(ClusterTime::default(), true);
        frontier.accept(reply(true, &[], (10, 1))).unwrap();
        frontier.accept(reply(false, &[], (10, 1))).unwrap();
        assert_eq!(frontier.x(), ClusterTime::new(10, 1), "the opening token proves nothing");
        frontier.accept(reply(false, &[(12, 1)], (12, 1))).unwrap();
        frontier.accept(reply(false, &[], (12, 1))).unwrap();
        assert_eq!(frontier.x(), ClusterTime::new(12, 2));
        let mut routed = Frontier::new(ClusterTime::default(), false);
        routed.accept(reply(true, &[], (10, 1))).unwrap();
        routed.accept(reply(false, &[], (12, 1))).unwrap();
        assert_eq!(routed.x(), ClusterTime::new(12, 1), "never through mongos");
    }

    #[test]
    fn an_invalidate_ends_its_time_and_is_never_handed_on() {
        let mut frontier = Frontier::new(ClusterTime::default(), true);
        frontier.accept(reply(true, &[], (10, 1))).unwrap();
        frontier.accept(reply_of(false, &[((12, 1), "drop", 0), ((12, 1), "invalidate", 0)], (12, 1))).unwrap();
        assert_eq!((frontier.x(), frontier.pending().len()), (ClusterTime::new(12, 2), 1));
        let again = reply_of(false, &[((12, 1), "invalidate", 0)], (12, 1));
        frontier.accept(reply(true, &[], (12, 1))).unwrap();
        frontier.accept(again).unwrap();
        assert_eq!(frontier.pending().len(), 1, "asked after the drop it comes again, before X");
    }

    #[test]
    fn an_event_before_x_is_a_broken_promise() {
        let mut frontier = Frontier::new(ClusterTime::default(), true);
        frontier.accept(reply(true, &[], (10, 1))).unwrap();
        frontier.accept(reply(false, &[], (20, 1))).unwrap();
        assert_eq!(frontier.accept(reply(false, &[(15, 1)], (21, 1))), Err(Broken("I-FRONT-1")));
    }

    #[test]
    fn the_last_replys_token_is_kept_only_where_nothing_waits_at_or_before_it() {
        let mut frontier = Frontier::new(ClusterTime::default(), true);
        frontier.accept(reply(true, &[], (10, 1))).unwrap();
        frontier.accept(reply(false, &[(11, 1), (12, 1)], (12, 1))).unwrap();
        let bytes = frontier.pending_bytes();
        let both = frontier.take(2);
        frontier.give_back(both);
        assert_eq!((frontier.pending().len(), frontier.pending_bytes()), (2, bytes));
        let taken = frontier.take(1);
        let last = (taken[0].change.token(), taken[0].change.time);
        assert_eq!(taken[0].change.time, ClusterTime::new(11, 1));
        assert_eq!(frontier.resume(Some(&last)), Some(last.0.clone()), "one event waits at the token");
        let taken = frontier.take(1);
        let last = (taken[0].change.token(), taken[0].change.time);
        assert_eq!(frontier.resume(Some(&last)), Some(last.0.clone()), "the token is no later than the event");
        frontier.accept(reply(false, &[], (13, 1))).unwrap();
        assert_eq!(frontier.resume(Some(&last)).unwrap().time(), Ok(ClusterTime::new(13, 1)));
    }
}
