//! What the lanes of a connector share: made once at its start, and only read while they run.
//!
//! It has a file of its own so that start and forecast need not know the life of a lane.
//!
//! Invariant: the one thing that changes here is which lanes have begun their snapshots.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moorline_pipeline::anchor::Lineage;

use crate::actor::Goal;
use crate::contracts::Contracts;
use crate::counted::Counted;
use crate::handle::Handle;
use crate::report::Report;
use crate::settings::Settings;
use crate::transactions::SchemaIds;

/// What the lanes of a connector share.
pub(crate) struct Shared<S, K, R> {
    pub(crate) source: Arc<S>,
    pub(crate) sink: Arc<K>,
    pub(crate) contracts: Arc<Contracts<Counted<R>>>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) report: Arc<Report>,
    pub(crate) handle: Arc<Handle>,
    pub(crate) goal: Goal,
    pub(crate) run_id: String,
    pub(crate) lineage: Lineage,
    pub(crate) layout: String,
    pub(crate) lanes: u32,
    pub(crate) anchor_key_schema_id: u32,
    pub(crate) anchor_schema_id: u32,
    /// Schemas of the transaction topic, where it is written.
    pub(crate) transaction_topic: Option<SchemaIds>,
    /// Schemas of the heartbeat topic and the time between its records, where they are written.
    pub(crate) heartbeats: Option<(SchemaIds, Duration)>,
    /// Lanes whose snapshots of this run have begun: `snapshot.mode=always` means once a start, not once a rebuild.
    pub(crate) snapshotted: Mutex<HashSet<u32>>,
}
