//! What a source must be able to do. A second source (not MongoDB) implements this and nothing behind it changes.
//!
//! Contract of every call: it has a time limit of its own, it may be cancelled by dropping the future without harming
//! the source's state, and its failure says what happens next. Documents are raw BSON.

use std::future::Future;
use std::time::Duration;

use bson::RawDocumentBuf;
use bytes::Bytes;

use crate::error::Result;
use crate::model::{ClusterTime, Id, Namespace, Token, Uuid};

/// Who the source is and what it can do, read once at the start of a lane and on each reconnect.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The cluster id (`replicaSetId`, 24 hex digits), or `weak:<set name>` where it may not be read.
    pub history: String,
    /// Set name and hosts, no credentials.
    pub source: String,
    /// The server's version.
    pub version: String,
    /// The newest cluster time known.
    pub now: ClusterTime,
    /// Whether `mongos` answers.
    pub sharded: bool,
    /// How far back snapshot reads can go, 300 s unless the server says otherwise.
    pub history_window: Duration,
}

/// What is known of a collection.
#[derive(Clone, Debug)]
pub struct CollectionInfo {
    /// `db.coll`.
    pub namespace: Namespace,
    /// Its epoch.
    pub uuid: Uuid,
    /// Documents, by metadata; an estimate.
    pub documents: u64,
    /// Bytes of all documents uncompressed; an estimate.
    pub bytes: u64,
    /// Whether change stream pre- and post-images are on.
    pub images: bool,
    /// Whether it is capped (snapshot reads are refused).
    pub capped: bool,
}

/// Which collections: anchored regular expressions (or literals, escaped) over `db.coll`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Full names that are in; empty means all but `admin`, `local`, `config` and `system.*`.
    pub include: Vec<String>,
    /// Full names that are out, also where `include` matches.
    pub exclude: Vec<String>,
    /// True where the patterns are literal names, not regular expressions.
    pub literal: bool,
}

/// How updated documents come with their events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// No image from the stream: the boundary lookup gives it.
    Boundary,
    /// The server's post-images.
    Post,
    /// The server's `updateLookup`: some later state.
    Lookup,
    /// None at all: what goes out is the delta.
    None,
}

/// A change stream to be opened.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// What is captured.
    pub selection: Selection,
    /// How updates come.
    pub images: Images,
    /// Whether documents before a change come with it, where the collection keeps them.
    pub pre_images: bool,
    /// Whether deltas come with updates.
    pub deltas: bool,
    /// Most events in a reply.
    pub batch_size: u32,
    /// How long the server may wait for an event.
    pub max_await: Duration,
}

/// Where a stream begins.
#[derive(Clone, Debug)]
pub enum StartFrom {
    /// At the server's present.
    Now,
    /// After a token.
    Token(Token),
    /// At a cluster time, inclusive.
    Time(ClusterTime),
}

/// A raw reply of the stream; see [`crate::model::Reply::parse`].
#[derive(Clone, Debug)]
pub struct RawReply {
    /// The whole reply.
    pub raw: Bytes,
    /// True for the reply to the opening command.
    pub opening: bool,
}

/// An open change stream. Dropping it closes the cursor on the server in the background.
pub trait ChangeStream: Send + 'static {
    /// The next reply, empty ones included, in order. Cancel-safe: a reply is either returned or stays queued.
    /// Read-ahead is bounded by bytes. Past the source's own limit without any reply: `Reconnect`.
    fn next(&mut self) -> impl Future<Output = Result<RawReply>> + Send;
    /// The pipeline as canonical Extended JSON text, as stored with the position and used to probe.
    fn pipeline(&self) -> &str;
}

/// The answer to a probe at a stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The token stands in this history.
    Known,
    /// The server does not know it: lost or another history; its own words.
    Lost(String),
}

/// A read of documents by `_id` at one time.
#[derive(Clone, Debug)]
pub struct LookUp {
    /// The documents found, in no order.
    pub documents: Vec<Bytes>,
    /// The cluster time at which all of them were read.
    pub at: ClusterTime,
    /// False where the collection's UUID before or after the read is not the epoch's: the result proves nothing.
    pub same_epoch: bool,
    /// See [`Chunk::unsettled_until`]; a document that is missing proves nothing then.
    pub unsettled_until: Option<ClusterTime>,
    /// False where reading ended at the limit of bytes: a document that is missing proves nothing then either.
    pub whole: bool,
}

/// A chunk to be read: `[lo, hi)` of `_id` in index order, at most `limit` rows, at `at`.
#[derive(Clone, Debug)]
pub struct ChunkRequest {
    /// The collection.
    pub namespace: Namespace,
    /// Its epoch.
    pub uuid: Uuid,
    /// Inclusive lower bound; `None` for the smallest.
    pub lo: Option<Id>,
    /// Exclusive upper bound; `None` for past the largest (then a document with `_id: MaxKey` is read too).
    pub hi: Option<Id>,
    /// Most rows.
    pub limit: u32,
    /// Stop once this many bytes were read; always at least one row of progress.
    pub max_bytes: usize,
    /// The cluster time.
    pub at: ClusterTime,
    /// The server's time limit.
    pub max_time: Duration,
}

/// A chunk that was read.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Its rows in index order: raw documents, slices of the replies.
    pub rows: Vec<Bytes>,
    /// Where the next chunk of the range begins; `None` when the range is done.
    pub next: Option<Id>,
    /// Bytes of the rows.
    pub bytes: usize,
    /// False where the collection's UUID after the read is not the epoch's: the rows prove nothing and are discarded.
    pub same_epoch: bool,
    /// Where the server refuses snapshot reads (capped collections): each document is as it was at some time from the
    /// one asked for up to this one, so that nothing is exact until the stream has passed it.
    pub unsettled_until: Option<ClusterTime>,
}

/// The oldest and newest entries of the source's log.
#[derive(Clone, Copy, Debug)]
pub struct LogWindow {
    /// Oldest entry still kept.
    pub first: ClusterTime,
    /// Newest entry.
    pub last: ClusterTime,
    /// Most bytes that the log may hold, 0 where unknown.
    pub max_bytes: u64,
    /// Bytes that it holds.
    pub bytes: u64,
}

/// A source.
pub trait Source: Send + Sync + 'static {
    /// Its change streams.
    type Stream: ChangeStream;

    /// Who it is, now. Fails with `MOOR-2009` on a server that is no replica set.
    fn identity(&self) -> impl Future<Output = Result<Identity>> + Send;
    /// All collections that a selection matches now, sorted by name; views and time series are left out, or an error
    /// (`MOOR-2013`) where they are named literally.
    fn collections(&self, selection: &Selection) -> impl Future<Output = Result<Vec<CollectionInfo>>> + Send;
    /// One collection; `None` if there is none.
    fn collection(&self, namespace: &Namespace) -> impl Future<Output = Result<Option<CollectionInfo>>> + Send;
    /// Opens a change stream.
    fn open(&self, spec: &StreamSpec, from: &StartFrom) -> impl Future<Output = Result<Self::Stream>> + Send;
    /// Whether a stored token, with the pipeline it was made with, still stands in this history.
    fn probe(&self, pipeline: &str, witness: &Token) -> impl Future<Output = Result<Probe>> + Send;
    /// The log's window; `None` where it may not be read.
    fn log_window(&self) -> impl Future<Output = Result<Option<LogWindow>>> + Send;
    /// Documents by `_id` at a cluster time, or (`at: None`) at the newest time the server chooses and names. Ends after
    /// the reply with which `max_bytes` are passed, and says so. Outside the history window: `NewTime`.
    fn look_up(
        &self,
        namespace: &Namespace,
        uuid: &Uuid,
        ids: &[Id],
        at: Option<ClusterTime>,
        max_bytes: usize,
    ) -> impl Future<Output = Result<LookUp>> + Send;
    /// Up to `ranges - 1` sampled `_id`s, sorted and distinct by the server: bounds that cut the id space.
    fn split(&self, namespace: &Namespace, ranges: u32) -> impl Future<Output = Result<Vec<Id>>> + Send;
    /// Reads a chunk. Errors 239, 246, StaleChunkHistory, MigrationConflict and expired time are `NewTime`.
    fn read_chunk(&self, request: &ChunkRequest) -> impl Future<Output = Result<Chunk>> + Send;
    /// A bounded, spread sample: half newest by `_id`, half `$sample`, up to `size` documents, `bytes` and `limit`.
    fn sample(
        &self,
        namespace: &Namespace,
        size: u32,
        bytes: u64,
        limit: Duration,
    ) -> impl Future<Output = Result<Vec<RawDocumentBuf>>> + Send;
}
