//! Documents to infer from: a bounded sample, or all of a collection.
//!
//! Invariants: reading all is a snapshot read, so it shows each document once, and has a bound in bytes that is told
//! when it is reached; the source is never written to.

use std::time::Duration;

use bson::{RawDocument, RawDocumentBuf};
use bytes::Bytes;
use moorline_config::Config;
use moorline_pipeline::error::{Next, Result};
use moorline_pipeline::source::{ChunkRequest, CollectionInfo, Source};

/// The most bytes of documents that are held at once.
const MOST_BYTES: usize = 1 << 30;
/// Rows and bytes of a read.
const CHUNK_ROWS: u32 = 10_000;
const CHUNK_BYTES: usize = 16 << 20;
/// How long one read may take.
const CHUNK_LIMIT: Duration = Duration::from_secs(60);
/// How often a new cluster time is taken where the old one can't be read any more.
const TRIES: u32 = 3;

/// Documents of a collection.
pub(super) struct Sample {
    sampled: Vec<RawDocumentBuf>,
    read: Vec<Bytes>,
    /// Whether it ended at the bound in bytes.
    pub(super) cut_off: bool,
}

impl Sample {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sampled.len() + self.read.len()
    }

    /// The documents.
    pub(super) fn documents(&self) -> impl Iterator<Item = &RawDocument> {
        let read = self.read.iter().filter_map(|bytes| RawDocument::from_bytes(bytes).ok());
        self.sampled.iter().map(|document| &**document).chain(read)
    }
}

/// A sample within the limits of the configuration.
pub(super) async fn some<S: Source>(source: &S, config: &Config, collection: &CollectionInfo) -> Result<Sample> {
    let (size, bytes) = (config.contract_infer_sample_size, config.contract_infer_sample_bytes);
    let sampled = source.sample(&collection.namespace, size, bytes, config.contract_infer_timeout_ms).await?;
    Ok(Sample { sampled, read: Vec::new(), cut_off: false })
}

/// All documents.
pub(super) async fn all<S: Source>(source: &S, collection: &CollectionInfo) -> Result<Sample> {
    let mut tries = 0;
    loop {
        match read(source, collection).await {
            // The history window is short: a large collection may outlive it, and is then read anew.
            Err(failure) if failure.next == Next::NewTime && tries < TRIES => tries += 1,
            answered => return answered,
        }
    }
}

async fn read<S: Source>(source: &S, collection: &CollectionInfo) -> Result<Sample> {
    let at = source.identity().await?.now;
    let mut sample = Sample { sampled: Vec::new(), read: Vec::new(), cut_off: false };
    let (mut lo, mut bytes) = (None, 0);
    loop {
        let chunk = source
            .read_chunk(&ChunkRequest {
                namespace: collection.namespace.clone(),
                uuid: collection.uuid,
                lo,
                hi: None,
                limit: CHUNK_ROWS,
                max_bytes: CHUNK_BYTES,
                at,
                max_time: CHUNK_LIMIT,
            })
            .await?;
        bytes += chunk.bytes;
        sample.read.extend(chunk.rows);
        sample.cut_off = bytes >= MOST_BYTES && chunk.next.is_some();
        lo = chunk.next;
        if lo.is_none() || sample.cut_off {
            return Ok(sample);
        }
    }
}
