//! What goes from the actor to the encoder, and from there to the committer.
//!
//! Invariants: parts go out in the order in which they were handed on; what stands between two [`Close`]s is one Kafka
//! transaction; a [`Close`] carries the position that becomes durable with it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use moorline_pipeline::anchor::{CollectionDelta, Inexact};
use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::model::{ClusterTime, Namespace, Token, Uuid};
use moorline_pipeline::offsets::SnapshotProgress;
use moorline_pipeline::sink::{ControlRecord, Encoded, TopicIndex};
use moorline_pipeline::task::cut::Ticks;
use moorline_pipeline::task::frontier::Sequenced;
use moorline_pipeline::task::images::Treatment;

use crate::budget::Held;
use crate::contracts::Bound;
use crate::handle::Asked;

/// The image of an updated document.
#[derive(Debug)]
pub(crate) struct Image {
    /// The document; `None` where a late look-up found it deleted.
    pub(crate) document: Option<Bytes>,
    /// The time at which it looked like this.
    pub(crate) at: ClusterTime,
}

/// Events of a batch with their images.
#[derive(Debug)]
pub(crate) struct EventBatch {
    pub(crate) events: Vec<Sequenced>,
    pub(crate) treatments: Vec<Treatment>,
    /// By the numbers of [`Treatment::Image`]; `None` where a drop hides it.
    pub(crate) images: Vec<Option<Image>>,
    /// Whether each update goes out with its delta, also where it has no image.
    pub(crate) deltas: bool,
    /// Collections whose first snapshot is still under way: an export that begins with an event is not complete there.
    pub(crate) snapshotting: Arc<HashSet<Namespace>>,
    /// What makes a collection inexact from this batch on.
    pub(crate) inexact: BTreeMap<Namespace, Vec<Inexact>>,
    /// Their part of the lane's budget, and that of what is made of them.
    pub(crate) held: Held,
}

/// Rows of a chunk.
#[derive(Debug)]
pub(crate) struct RowBatch {
    pub(crate) namespace: Namespace,
    pub(crate) uuid: Uuid,
    pub(crate) rows: Vec<Bytes>,
    /// The time at which they were read: pred(X).
    pub(crate) at: ClusterTime,
    /// Wall time of the read, ms.
    pub(crate) read_ms: i64,
    pub(crate) progress: SnapshotProgress,
    pub(crate) complete: bool,
    /// Where the rows were not read at one time.
    pub(crate) inexact: Option<Inexact>,
    /// Their part of the lane's budget, and that of what is made of them.
    pub(crate) held: Held,
}

/// The end of a transaction: what becomes durable with it.
#[derive(Debug)]
pub(crate) struct Close {
    pub(crate) ticks: Option<Ticks>,
    pub(crate) frontier: ClusterTime,
    pub(crate) resume: Option<Token>,
    pub(crate) witness: Option<Token>,
    pub(crate) inexact_until: Option<ClusterTime>,
    /// Kind that the next tick's anchor owes.
    pub(crate) owe: Option<&'static str>,
    pub(crate) snapshot_done: bool,
    /// What is asked of the anchor of these ticks.
    pub(crate) asked: Option<Asked>,
}

/// From the actor to the encoder.
#[derive(Debug)]
pub(crate) enum Job {
    /// Makes these topics where they are missing, before their collections are opened.
    Topics(Vec<String>),
    /// Opens a collection before its first record.
    Open(Box<OpenJob>),
    /// Events.
    Events(EventBatch),
    /// Rows.
    Rows(RowBatch),
    /// Ends the transaction.
    Close(Close),
}

/// A collection to be opened at the start of a lane.
#[derive(Debug)]
pub(crate) struct OpenJob {
    pub(crate) namespace: Namespace,
    pub(crate) uuid: Uuid,
    pub(crate) bound: Bound,
    pub(crate) complete: bool,
    /// A new export even where one of this epoch is stored.
    pub(crate) fresh: bool,
}

/// What the committer answers to the opening of a collection.
pub(crate) struct Opened {
    pub(crate) topic: TopicIndex,
    pub(crate) partition_count: i32,
    /// Versions that evolution has added on a day, as stored.
    pub(crate) versions: Option<(String, u32)>,
}

/// From the encoder to the committer.
pub(crate) enum Order {
    /// Makes topics.
    Topics(Vec<String>),
    /// Opens a collection: topic, partition count, export.
    Open {
        namespace: Namespace,
        uuid: Uuid,
        topic: String,
        bound: Box<Bound>,
        complete: bool,
        fresh: bool,
        answer: std::sync::mpsc::SyncSender<Result<Opened>>,
    },
    /// One transaction.
    Commit(Box<Transaction>),
}

/// One Kafka transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) data: Vec<Arc<Encoded>>,
    /// Records of quarantine and transactions.
    pub(crate) control: Vec<ControlRecord>,
    pub(crate) deltas: BTreeMap<Namespace, CollectionDelta>,
    pub(crate) close: Close,
    /// What its parts hold of the lane's budget; given back when it is durable or given up.
    pub(crate) held: Vec<Held>,
}

/// From encoder and committer back to the actor.
#[derive(Debug)]
pub(crate) enum Event {
    /// A transaction is durable up to this frontier.
    Committed {
        frontier: ClusterTime,
        /// A cut and whether it is exact, where one was closed.
        anchor: Option<(ClusterTime, bool)>,
        snapshot_done: bool,
    },
    /// A stage has failed; nothing more comes of it.
    Failed(Failure),
}
