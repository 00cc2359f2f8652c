//! `state-sum256-sha256-v1`: a digest of a state that depends on its rows alone, not on their order.
//!
//! Invariants: the digest is the sum modulo 2^256 of SHA-256 of each row's canonical form, so that parts add up to the
//! whole, and a row that is taken away is as if it had never been there; nothing is shared with the digest of records
//! that the writer makes.

use sha2::{Digest as _, Sha256};

use crate::canonical::Canonical;
use crate::datum::Datum;
use crate::schema::Schema;
use crate::sum::Sum256;

/// The algorithm's name, as it stands in manifests and certificates.
pub const ALGORITHM: &str = "state-sum256-sha256-v1";

/// The sum over the rows of a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateDigest(Sum256);

impl StateDigest {
    /// Adds a row by its canonical form.
    pub fn add(&mut self, form: &[u8]) {
        self.add_hash(&Sha256::digest(form).into());
    }

    /// Adds a row by the SHA-256 of its canonical form.
    pub fn add_hash(&mut self, hash: &[u8; 32]) {
        self.0 = self.0.plus(Sum256::of(hash));
    }

    /// Takes a row away again.
    pub fn remove(&mut self, form: &[u8]) {
        self.0 = self.0.minus(Sum256::of(&Sha256::digest(form).into()));
    }

    /// Adds the rows of another part.
    pub fn merge(&mut self, other: &Self) {
        self.0 = self.0.plus(other.0);
    }

    /// 64 digits, most significant first.
    pub fn to_hex(&self) -> String {
        self.0.to_hex()
    }

    /// Of its 64 digits; `None` where they are none.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
        Some(Self(Sum256::of(&bytes)))
    }
}

/// The digest of a state, made of its rows as they come.
pub struct Rows {
    canonical: Canonical,
    form: Vec<u8>,
    digest: StateDigest,
}

impl Rows {
    /// Of rows of a schema; fields whose name begins with the prefix are no part of the state.
    pub fn new(schema: &Schema, metadata_prefix: &str) -> Self {
        Self { canonical: Canonical::new(schema, metadata_prefix), form: Vec::new(), digest: StateDigest::default() }
    }

    /// Adds a row.
    pub fn add(&mut self, row: &Datum<'_>) {
        self.form.clear();
        self.canonical.write(row, &mut self.form);
        self.digest.add(&self.form);
    }

    /// Of all rows that were added.
    pub fn digest(&self) -> StateDigest {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_what_is_taken_away_was_never_there() {
        let rows: Vec<[u8; 4]> = (0u32..300).map(u32::to_be_bytes).collect();
        let of = |rows: &[[u8; 4]]| {
            let mut digest = StateDigest::default();
            rows.iter().for_each(|row| digest.add(row));
            digest
        };
        let whole = of(&rows);
        let mut parts = of(&rows[200..]);
        parts.merge(&of(&rows[..200]));
        assert_eq!(parts, whole);
        let mut less = whole;
        rows[7..].iter().rev().for_each(|row| less.remove(row));
        assert_eq!(less, of(&rows[..7]));
        rows[..7].iter().for_each(|row| less.remove(row));
        assert_eq!(less, StateDigest::default());
        assert_eq!(StateDigest::from_hex(&whole.to_hex()), Some(whole));
        assert_eq!(StateDigest::from_hex("00"), None);
    }
}
