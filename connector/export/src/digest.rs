//! `sum256-sha256-v1` over records, computed here anew: what checks must not repeat the mistakes of what it checks.
//!
//! The rule is that of `records_digest` in `schemas/anchor.avsc`: the sum modulo 2^256 of SHA-256 over the key's length
//! (32 bits, big-endian), the key, the value's length (`0xFFFFFFFF` for null) and the value.

use sha2::{Digest as _, Sha256};

use crate::sum::Sum256;

/// The algorithm's name in anchors.
pub const ALGORITHM: &str = "sum256-sha256-v1";

/// The sum over records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordsDigest(Sum256);

impl RecordsDigest {
    /// Of 32 bytes, most significant first; `None` for another number of bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Sum256::of(bytes)))
    }

    /// Its 64 digits.
    pub fn to_hex(self) -> String {
        self.0.to_hex()
    }

    /// Adds a record.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut hash = Sha256::new();
        hash.update(length(key));
        hash.update(key);
        hash.update(value.map_or([0xff; 4], length));
        hash.update(value.unwrap_or_default());
        self.0 = self.0.plus(Sum256::of(&hash.finalize().into()));
    }

    /// What must have been added to `earlier` to come to this one.
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.minus(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_writers_number() {
        let mut ours = RecordsDigest::default();
        let mut theirs = moorline_pipeline::anchor::Digest::default();
        for n in 0..300u32 {
            let key = n.to_be_bytes();
            let value = vec![n as u8; n as usize % 7];
            let value = (n % 5 != 0).then_some(value.as_slice());
            ours.add(&key, value);
            theirs.add_record(&key, value);
            assert_eq!(ours.to_hex(), hex::encode(theirs.to_bytes()));
        }
        let mut half = RecordsDigest::default();
        half.add(b"k", Some(b"v"));
        let before = ours;
        ours.add(b"k", Some(b"v"));
        assert_eq!(ours.since(before), half);
        assert_eq!(RecordsDigest::from_slice(&hex::decode(ours.to_hex()).unwrap()), Some(ours));
    }
}
