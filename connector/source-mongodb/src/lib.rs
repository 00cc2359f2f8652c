//! `Source` for MongoDB: raw change streams, snapshot chunks and look-ups, over the official driver.
//!
//! Invariants: nothing is ever written to the source. No driver future is dropped half-way: each runs in a task of its
//! own and is awaited with a limit ([`client`]). No text that leaves this crate holds a password. A server's error
//! becomes a [`moorline_pipeline::error::Next`] in one table ([`error`]) and nowhere else.

mod change_stream;
mod chunk;
mod client;
mod collections;
mod error;
mod examine;
mod identity;
mod log_window;
mod look_up;
mod plan;
mod probe;
mod reply;
mod sample;
mod selection;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use bson::RawDocumentBuf;
use moorline_pipeline::error::Result;
use moorline_pipeline::model::{ClusterTime, Id, Namespace, Token, Uuid};
use moorline_pipeline::source::{
    Chunk, ChunkRequest, CollectionInfo, Identity, LogWindow, LookUp, Probe, Selection, Source, StartFrom, StreamSpec,
};

pub use change_stream::MongoStream;
pub use examine::{
    CollectionFacts, Kind, Privilege, Resource, ServerFacts, Shapes, UserFacts, databases, stream_database,
};
pub use settings::{Settings, Tls, redacted};

use client::Connection;

/// A MongoDB replica set or sharded cluster.
#[derive(Clone)]
pub struct MongoSource {
    connection: Arc<Connection>,
}

impl MongoSource {
    /// Checks the settings, resolves `mongodb+srv` names, and starts to watch the servers. Nothing is asked of them yet.
    pub async fn connect(settings: Settings) -> Result<Self> {
        Ok(Self { connection: Arc::new(Connection::new(settings).await?) })
    }

    /// Ends cursors, sessions and connections, before the runtime ends: a client that is only dropped does that in a task
    /// of its own, which panics where its pool is gone first. Waits no longer than `limit`.
    pub async fn close(&self, limit: Duration) {
        let (client, _) = self.connection.client();
        // A driver's future is never dropped halfway.
        let closing = tokio::spawn(async move { client.shutdown().await });
        if tokio::time::timeout(limit, closing).await.is_err() {
            tracing::debug!("the connections to the source did not end in time");
        }
    }
}

impl Source for MongoSource {
    type Stream = MongoStream;

    async fn identity(&self) -> Result<Identity> {
        identity::identity(&self.connection).await
    }
    async fn collections(&self, selection: &Selection) -> Result<Vec<CollectionInfo>> {
        collections::all(&self.connection, selection).await
    }
    async fn collection(&self, namespace: &Namespace) -> Result<Option<CollectionInfo>> {
        collections::one(&self.connection, namespace).await
    }
    async fn open(&self, spec: &StreamSpec, from: &StartFrom) -> Result<Self::Stream> {
        change_stream::open(&self.connection, spec, from).await
    }
    async fn probe(&self, pipeline: &str, witness: &Token) -> Result<Probe> {
        probe::probe(&self.connection, pipeline, witness).await
    }
    async fn log_window(&self) -> Result<Option<LogWindow>> {
        log_window::log_window(&self.connection).await
    }
    async fn look_up(
        &self,
        namespace: &Namespace,
        uuid: &Uuid,
        ids: &[Id],
        at: Option<ClusterTime>,
        max_bytes: usize,
    ) -> Result<LookUp> {
        look_up::look_up(&self.connection, namespace, uuid, ids, at, max_bytes).await
    }
    async fn split(&self, namespace: &Namespace, ranges: u32) -> Result<Vec<Id>> {
        sample::split(&self.connection, namespace, ranges).await
    }
    async fn read_chunk(&self, request: &ChunkRequest) -> Result<Chunk> {
        chunk::read_chunk(&self.connection, request).await
    }
    async fn sample(
        &self,
        namespace: &Namespace,
        size: u32,
        bytes: u64,
        limit: Duration,
    ) -> Result<Vec<RawDocumentBuf>> {
        sample::sample(&self.connection, namespace, size, bytes, limit).await
    }
}
