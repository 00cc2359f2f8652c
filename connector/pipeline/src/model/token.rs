//! Resume tokens: opaque documents of the server, but for the cluster time at their head.
//!
//! Invariant I-TOKEN-1: an event's token decodes to its `clusterTime`. A token is stored whole: those of events may
//! carry `_typeBits` beside `_data`, and resuming without them fails like lost history.

use bson::RawDocument;

use super::ClusterTime;
use crate::contract::plan::walk::{Elements, tag};

/// A resume token: the raw BSON document, as the server gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(Box<[u8]>);

/// Why a token's time could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not a BSON document with a string `_data`.
    #[error("the token is not a document with a string _data")]
    Shape,
    /// `_data` does not begin with a timestamp.
    #[error("the token's _data does not begin with a timestamp")]
    Head,
}

impl Token {
    /// Of a raw document.
    pub fn new(document: &RawDocument) -> Self {
        Self(document.as_bytes().into())
    }
    /// Of stored bytes; `None` if they are not a BSON document.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        RawDocument::from_bytes(bytes).ok()?;
        Some(Self(bytes.into()))
    }
    /// The BSON bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    /// The document.
    pub fn as_raw(&self) -> &RawDocument {
        RawDocument::from_bytes(&self.0).expect("a token is made of a document only")
    }
    /// The cluster time at the token's head: byte `0x82`, seconds, increment, big-endian, in hex.
    pub fn time(&self) -> Result<ClusterTime, TokenError> {
        time_of(self.as_raw())
    }
}

/// The same of a token that stands in a reply.
pub(super) fn time_of(token: &RawDocument) -> Result<ClusterTime, TokenError> {
    let mut elements = Elements::of(token.as_bytes()).map_err(|_| TokenError::Shape)?;
    let data = loop {
        match elements.next() {
            Ok(Some((b"_data", value))) if value.tag == tag::STRING => break value.text(),
            Ok(Some((b"_data", _)) | None) | Err(_) => return Err(TokenError::Shape),
            Ok(Some(_)) => {}
        }
    };
    let mut bytes = [0_u8; 9];
    hex::decode_to_slice(data.get(..18).ok_or(TokenError::Head)?, &mut bytes).map_err(|_| TokenError::Head)?;
    if bytes[0] != 0x82 {
        return Err(TokenError::Head);
    }
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok(ClusterTime::new(word(1), word(5)))
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    #[test]
    fn the_time_stands_at_the_head() {
        let token = Token::new(&rawdoc! {"_data": "8265A0B1C2000000052B0229296E04"});
        assert_eq!(token.time(), Ok(ClusterTime::new(0x65A0_B1C2, 5)));
        assert_eq!(Token::new(&rawdoc! {"_data": "65"}).time(), Err(TokenError::Head));
        assert_eq!(Token::new(&rawdoc! {"_data": 5}).time(), Err(TokenError::Shape));
    }
}
