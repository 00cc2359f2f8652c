//! Whether an export is what the source holds at the cut, or a plain word that this can't be proven.
//!
//! [`compare`] holds the rows of an export against those of the source, by the hash of their
//! [canonical form](crate::canonical); [`row`] says where two of them differ, [`verdict`] what follows.
//!
//! Invariants: memory is bounded by the caller's budget, and what does not fit is unproven; what can't be proven is
//! never [`Verdict::Accept`]; a difference that was seen at the cut's own time is never taken back.

pub mod compare;
pub mod row;
pub mod verdict;

pub use compare::{Comparison, RowHash, Suspect, SuspectKind};
pub use verdict::{Verdict, overall};
