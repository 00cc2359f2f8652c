//! A number below 2^256: sums of SHA-256 hashes, as both digests of an export are.
//!
//! Invariant: parts add up to the whole in any order, and what is taken away is as if it had never been there.

/// The number, as two halves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum256 {
    high: u128,
    low: u128,
}

impl Sum256 {
    /// Of 32 bytes, most significant first.
    pub(crate) fn of(bytes: &[u8; 32]) -> Self {
        let half = |at: usize| bytes[at..at + 16].iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        Self { high: half(0), low: half(16) }
    }

    /// Its 64 digits, most significant first.
    pub(crate) fn to_hex(self) -> String {
        format!("{:032x}{:032x}", self.high, self.low)
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Self { high: self.high.wrapping_add(other.high).wrapping_add(u128::from(carry)), low }
    }

    /// What must be added to `other` to come to this one.
    pub(crate) fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self { high: self.high.wrapping_sub(other.high).wrapping_sub(u128::from(borrow)), low }
    }
}
