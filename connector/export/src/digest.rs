//! `sum256-sha256-v1` over records, computed here anew: what checks must not repeat the mistakes of what it checks.
//!
//! The rule is that of `records_digest` in `schemas/anchor.avsc`: the sum modulo 2^256 of SHA-256 over the key's length
//! (32 bits, big-endian), the key, the value's length (`0xFFFFFFFF` for null) and the value.

use sha2::{Digest as _, Sha256};

/// The algorithm's name in anchors.
pub const ALGORITHM: &str = "sum256-sha256-v1";

/// A number below 2^256, as two halves: high, low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordsDigest {
    high: u128,
    low: u128,
}

impl RecordsDigest {
    /// Of 32 bytes, most significant first; `None` for another number of bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 32] = bytes.try_into().ok()?;
        let half = |at: usize| bytes[at..at + 16].iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        Some(Self { high: half(0), low: half(16) })
    }

    /// Its 64 digits.
    pub fn to_hex(self) -> String {
        format!("{:032x}{:032x}", self.high, self.low)
    }

    /// Adds a record.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut hash = Sha256::new();
        hash.update(length(key));
        hash.update(key);
        hash.update(value.map_or([0xff; 4], length));
        hash.update(value.unwrap_or_default());
        let one = Self::from_slice(&hash.finalize()).expect("SHA-256 has 32 bytes");
        let (low, carry) = self.low.overflowing_add(one.low);
        *self = Self { high: self.high.wrapping_add(one.high).wrapping_add(u128::from(carry)), low };
    }

    /// What must have been added to `earlier` to come to this one.
    pub fn since(self, earlier: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(earlier.low);
        Self { high: self.high.wrapping_sub(earlier.high).wrapping_sub(u128::from(borrow)), low }
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
