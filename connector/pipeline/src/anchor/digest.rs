//! `sum256-sha256-v1`: an additive digest over records, so that their order and their grouping do not matter.
//!
//! Invariant: the digest of two disjoint sets of records is the sum of theirs, modulo 2^256. That is what lets a
//! batch, a lane and a reader of the topic each add up what they see, and come to the same number.

use sha2::{Digest as _, Sha256};

/// The algorithm's name, as it stands in anchors.
pub const ALGORITHM: &str = "sum256-sha256-v1";

/// Length that stands for a null value.
const NULL_VALUE: u32 = u32::MAX;

/// A sum modulo 2^256 of SHA-256 hashes, each read as a big-endian number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest {
    /// Least significant first.
    limbs: [u64; 4],
}

impl Digest {
    /// Of its 32 bytes, most significant first.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks_exact(8)) {
            *limb = u64::from_be_bytes(chunk.try_into().expect("chunks of eight"));
        }
        Self { limbs }
    }

    /// Its 32 bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (limb, chunk) in self.limbs.iter().zip(bytes.rchunks_exact_mut(8)) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    /// Adds another set of records.
    pub fn add(&mut self, other: &Self) {
        let mut carry = false;
        for (limb, add) in self.limbs.iter_mut().zip(other.limbs) {
            let (sum, over) = limb.overflowing_add(add);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || again;
        }
    }

    /// Adds one record: SHA-256 of the key's length, the key, the value's length (`0xFFFFFFFF` for null), the value.
    /// Lengths are 32 bits, big-endian.
    pub fn add_record(&mut self, key: &[u8], value: Option<&[u8]>) {
        let mut hash = Sha256::new();
        hash.update((key.len() as u32).to_be_bytes());
        hash.update(key);
        match value {
            Some(value) => {
                hash.update((value.len() as u32).to_be_bytes());
                hash.update(value);
            }
            None => hash.update(NULL_VALUE.to_be_bytes()),
        }
        self.add(&Self::from_bytes(&hash.finalize().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_grouping_do_not_matter() {
        let records: [(&[u8], Option<&[u8]>); 4] =
            [(b"a", Some(b"1")), (b"a", None), (b"b", Some(b"")), (b"a", Some(b"1"))];
        let mut forward = Digest::default();
        let mut left = Digest::default();
        let mut right = Digest::default();
        for (at, (key, value)) in records.iter().enumerate() {
            forward.add_record(key, *value);
            if at % 2 == 0 { &mut left } else { &mut right }.add_record(key, *value);
        }
        right.add(&left);
        assert_eq!(forward, right);
        assert_eq!(Digest::from_bytes(&forward.to_bytes()), forward);
    }

    #[test]
    fn a_null_value_an_empty_one_and_a_shifted_key_differ() {
        let of = |key: &[u8], value: Option<&[u8]>| {
            let mut digest = Digest::default();
            digest.add_record(key, value);
            digest
        };
        assert_ne!(of(b"a", None), of(b"a", Some(b"")));
        assert_ne!(of(b"ab", Some(b"c")), of(b"a", Some(b"bc")));
    }

    #[test]
    fn the_sum_wraps() {
        let mut all = Digest::from_bytes(&[0xFF; 32]);
        let mut one = [0; 32];
        one[31] = 1;
        all.add(&Digest::from_bytes(&one));
        assert_eq!(all, Digest::default());
        let mut carried = Digest::from_bytes(&{
            let mut bytes = [0; 32];
            bytes[24..].fill(0xFF);
            bytes
        });
        carried.add(&Digest::from_bytes(&one));
        assert_eq!(carried.to_bytes()[23], 1);
    }
}
