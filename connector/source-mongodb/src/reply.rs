//! A cursor's reply as one shared buffer, and its documents as slices of it.
//!
//! Invariant: a reply's bytes are those that the driver read; neither the reply nor a document in it is copied.

use bson::RawDocument;
use bytes::Bytes;
use mongodb::raw_batch_cursor::RawBatch;
use moorline_pipeline::model::{ClusterTime, Token};

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

    /// The token up to which a change stream's reply has told everything; of its last reply that of the `invalidate`.
    pub(crate) fn token(&self) -> Option<Token> {
        self.cursor()?.get_document("postBatchResumeToken").ok().map(Token::new)
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
        let base = self.0.as_ptr() as usize;
        let batch = self.batch();
        let missing = batch.is_none().then_some(Err("no batch"));
        let documents = batch.into_iter().flatten().map(move |document| {
            let start = document?.as_ptr() as usize - base;
            Ok(self.0.slice(start..start + document?.len()))
        });
        missing.into_iter().chain(documents)
    }

    /// How many documents.
    pub(crate) fn count(&self) -> usize {
        self.batch().map_or(0, |batch| batch.filter(Result::is_ok).count())
    }

    fn batch(&self) -> Option<Documents<'_>> {
        let cursor = self.cursor()?;
        let batch = cursor.get_array("firstBatch").or_else(|_| cursor.get_array("nextBatch")).ok()?;
        let bytes = batch.as_bytes();
        bytes.get(4..bytes.len() - 1).map(Documents)
    }

    fn cursor(&self) -> Option<&RawDocument> {
        RawDocument::from_bytes(&self.0).ok()?.get_document("cursor").ok()
    }
}

/// The documents of a batch, told apart by their lengths alone: what is in them is looked at by whoever encodes them.
struct Documents<'a>(&'a [u8]);

impl<'a> Iterator for Documents<'a> {
    type Item = Result<&'a [u8], &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        const DOCUMENT: u8 = 3;
        let (tag, rest) = std::mem::take(&mut self.0).split_first()?;
        let document = rest.iter().position(|byte| *byte == 0).and_then(|end| {
            let rest = &rest[end + 1..];
            let len = usize::try_from(i32::from_le_bytes(*rest.first_chunk()?)).ok()?;
            (*tag == DOCUMENT && len >= 5).then(|| rest.split_at_checked(len)).flatten()
        });
        let Some((document, rest)) = document else {
            return Some(Err("a batch holds something that is not a document"));
        };
        self.0 = rest;
        Some(Ok(document))
    }
}

#[cfg(test)]
mod tests {
    use bson::{RawArrayBuf, rawdoc};

    use super::*;

    #[test]
    fn documents_are_told_apart_until_something_else_comes() {
        let mut items: RawArrayBuf = (0..12).map(|n| rawdoc! { "_id": n }).collect();
        let of = |items: &RawArrayBuf| {
            let bytes = items.as_bytes();
            Documents(&bytes[4..bytes.len() - 1]).map(|d| d.map(<[u8]>::to_vec)).collect::<Vec<_>>()
        };
        let expected: Vec<_> = (0..12).map(|n| Ok(rawdoc! { "_id": n }.into_bytes())).collect();
        assert_eq!(of(&items), expected);
        items.push(5);
        assert_eq!((of(&items).len(), of(&items).pop().unwrap().is_err()), (13, true));
        assert!(Documents(&[3, b'0', 0, 200, 0, 0, 0, 1]).next().unwrap().is_err());
    }
}
