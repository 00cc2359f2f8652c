//! Rows of files and rows of the topic, paired as they come.
//!
//! Both sides come in about the same order, so that few rows wait for the other side's. Invariants: what waits is
//! bounded in bytes; where that is not enough, nothing is said of single rows, and the sums over all rows still tell
//! whether both sides are the same.

use std::collections::HashMap;

use super::RowHash;
use super::reading::Seen;
use crate::state::StateDigest;

/// Bytes of an entry beside its identity and its row.
const ENTRY: usize = 160;

/// A row that waits.
struct Waiting {
    hash: RowHash,
    row: Box<[u8]>,
}

/// A row on which both sides do not agree, by the bytes that each has.
pub(super) struct Unequal {
    pub(super) topic: Option<Box<[u8]>>,
    pub(super) file: Option<Box<[u8]>>,
}

/// The two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Files,
    Topic,
}

/// Pairs rows.
pub(super) struct Pairing {
    waiting: [HashMap<Box<[u8]>, Waiting>; 2],
    bytes: usize,
    most_bytes: usize,
    most_unequal: usize,
    sums: [StateDigest; 2],
    unequal: Vec<Unequal>,
    /// Rows of the same identity that differ, also those that are not kept.
    differing: u64,
    pub(super) equal: u64,
    pub(super) rows: [u64; 2],
    overflown: bool,
}

impl Pairing {
    pub(super) fn new(most_bytes: usize, most_unequal: usize) -> Self {
        Self {
            waiting: [HashMap::new(), HashMap::new()],
            bytes: 0,
            most_bytes,
            most_unequal,
            sums: Default::default(),
            unequal: Vec::new(),
            differing: 0,
            equal: 0,
            rows: [0; 2],
            overflown: false,
        }
    }

    /// Takes a row of one side; `row` are its bytes.
    pub(super) fn take(&mut self, side: Side, seen: &Seen, row: &[u8]) {
        let (own, other, identity) = (side as usize, 1 - side as usize, seen.identity());
        self.rows[own] += 1;
        self.sums[own].add_hash(&seen.hash);
        if self.overflown {
            return;
        }
        if let Some(found) = self.waiting[other].remove(identity) {
            self.bytes -= ENTRY + identity.len() + found.row.len();
            if found.hash == seen.hash {
                self.equal += 1;
                return;
            }
            self.differing += 1;
            if self.unequal.len() < self.most_unequal {
                let (mine, theirs) = (Some(row.into()), Some(found.row));
                let (topic, file) = if side == Side::Topic { (mine, theirs) } else { (theirs, mine) };
                self.unequal.push(Unequal { topic, file });
            }
            return;
        }
        self.bytes += ENTRY + identity.len() + row.len();
        if self.bytes > self.most_bytes {
            self.waiting = Default::default();
            self.overflown = true;
            return;
        }
        let waiting = Waiting { hash: seen.hash, row: row.into() };
        if let Some(before) = self.waiting[own].insert(identity.into(), waiting) {
            // Two rows of one identity on one side: the earlier one has no partner any more.
            self.bytes -= ENTRY + identity.len() + before.row.len();
            self.differing += 1;
            self.keep(side, before.row);
        }
    }

    fn keep(&mut self, side: Side, row: Box<[u8]>) {
        if self.unequal.len() < self.most_unequal {
            let (topic, file) = if side == Side::Topic { (Some(row), None) } else { (None, Some(row)) };
            self.unequal.push(Unequal { topic, file });
        }
    }

    /// Both sides have ended: how many rows do not agree, and some of them; `None` where that can't be told.
    pub(super) fn end(mut self) -> Ended {
        let is_same = self.sums[0] == self.sums[1] && self.rows[0] == self.rows[1];
        let mut count = self.differing;
        for (side, waiting) in [Side::Files, Side::Topic].into_iter().zip(std::mem::take(&mut self.waiting)) {
            count += waiting.len() as u64;
            let mut left: Vec<_> = waiting.into_iter().collect();
            left.sort_by(|a, b| a.0.cmp(&b.0));
            for (_, one) in left {
                self.keep(side, one.row);
            }
        }
        Ended {
            is_same,
            count: (!self.overflown).then_some(count),
            unequal: self.unequal,
            equal: self.equal,
            rows: self.rows,
        }
    }
}

/// What pairing found.
pub(super) struct Ended {
    /// Whether both sides have the same rows.
    pub(super) is_same: bool,
    /// Rows that do not agree; `None` where too many waited to tell.
    pub(super) count: Option<u64>,
    pub(super) unequal: Vec<Unequal>,
    pub(super) equal: u64,
    /// Of the files, of the topic.
    pub(super) rows: [u64; 2],
}
