//! What is said of a range in the end, and of all ranges together.
//!
//! Invariant: one range that is rejected rejects the whole, one that can't be proven leaves the whole unproven, and of
//! nothing nothing is proven.

use std::fmt;

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The export is the source's state at the cut.
    Accept,
    /// Neither can be shown.
    Unsupported,
    /// The export is not the source's state at the cut.
    Reject,
}

impl Verdict {
    /// The word that stands in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Unsupported => "UNSUPPORTED",
            Self::Reject => "REJECT",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The verdict of all ranges.
pub fn overall(ranges: impl IntoIterator<Item = Verdict>) -> Verdict {
    ranges.into_iter().max().unwrap_or(Verdict::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Accept, Reject, Unsupported};
    use super::*;

    #[test]
    fn what_is_not_proven_is_never_accepted() {
        assert_eq!(overall([]), Unsupported);
        assert_eq!(overall([Accept, Accept]), Accept);
        assert_eq!(overall([Accept, Unsupported]), Unsupported);
        assert_eq!(overall([Unsupported, Reject, Accept]), Reject);
    }
}
