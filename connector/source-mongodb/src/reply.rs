//! A cursor's reply as one shared buffer, and its documents as slices of it.
//!
//! Invariant: a reply's bytes are those that the driver read; neither the reply nor a document in it is copied.

use bson::RawDocument;
use bson::raw::RawBsonRef;
use bytes::Bytes;
use mongodb::raw_batch_cursor::RawBatch;
use moorline_pipeline::model::ClusterTime;

/// Lets `Bytes` own a driver's reply.
struct Owner(RawBatch);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_raw_document().as_bytes()
    }
}

/// A whole reply.
#[derive(Clone, Debug)]
pub(crate) struct ReplyBuffer(Bytes);

impl ReplyBuffer {
    pub(crate) fn new(batch: RawBatch) -> Self {
        Self(Bytes::from_owner(Owner(batch)))
    }

    /// The whole reply.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the server has closed the cursor with it.
    pub(crate) fn is_last(&self) -> bool {
        self.cursor().and_then(|cursor| cursor.get_i64("id").ok()) == Some(0)
    }

    /// The time at which the server read, where it says so.
    pub(crate) fn at_cluster_time(&self) -> Option<ClusterTime> {
        self.cursor()?.get_timestamp("atClusterTime").ok().map(ClusterTime::from)
    }

    /// The newest cluster time that the server knew when it answered: no read that it answers is of a later one.
    pub(crate) fn cluster_time(&self) -> Option<ClusterTime> {
        let reply = RawDocument::from_bytes(&self.0).ok()?;
        reply.get_document("$clusterTime").ok()?.get_timestamp("clusterTime").ok().map(ClusterTime::from)
    }

    /// The documents, as slices of the reply. Those that are malformed end the list with an error.
    pub(crate) fn documents(&self) -> impl Iterator<Item = Result<Bytes, &'static str>> + '_ {
        let cursor = self.cursor();
        let batch = cursor.and_then(|c| c.get_array("firstBatch").or_else(|_| c.get_array("nextBatch")).ok());
        let base = self.0.as_ptr() as usize;
        let missing = batch.is_none().then_some(Err("no batch"));
        let documents = batch.into_iter().flatten().map(move |element| match element {
            Ok(RawBsonRef::Document(document)) => {
                let start = document.as_bytes().as_ptr() as usize - base;
                Ok(self.0.slice(start..start + document.as_bytes().len()))
            }
            _ => Err("a batch holds something that is not a document"),
        });
        missing.into_iter().chain(documents)
    }

    /// How many documents.
    pub(crate) fn count(&self) -> usize {
        let batch = self.cursor().and_then(|c| c.get_array("firstBatch").or_else(|_| c.get_array("nextBatch")).ok());
        batch.map_or(0, |batch| batch.into_iter().count())
    }

    fn cursor(&self) -> Option<&RawDocument> {
        RawDocument::from_bytes(&self.0).ok()?.get_document("cursor").ok()
    }
}
