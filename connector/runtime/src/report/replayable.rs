//! What of the anchors can still be replayed, as the log starts and the settings of their topics say.
//!
//! Invariant: it was so when it was looked at, which is seldom; retention may have taken more since.

use std::collections::BTreeMap;

use moorline_pipeline::model::ClusterTime;

/// What can be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayable {
    /// Whole cuts of which every collection can be.
    pub cuts: u64,
    /// By collection; at most [`super::COLLECTIONS_MAX`] of them.
    pub collections: BTreeMap<String, Reachable>,
}

/// What of a collection can be replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reachable {
    /// The oldest cut that can be; `None` where none can.
    pub oldest: Option<ClusterTime>,
    /// When retention begins to take records of its newest export, ms since 1970; `None` where no time limits it.
    pub until_ms: Option<i64>,
}
