//! The decisions of a lane, one file a phase. Each takes facts and returns what to do; the runtime's actor does it.
//!
//! ```text
//! replies -> frontier -> cut -> images -> (encode) -> commit
//!               ^                 chunks ----^
//!               +-- gate at X: snapshot
//! ```
//!
//! * [`frontier`]: which events have been delivered up to which time. * [`cut`]: where a batch ends, which ticks it closes.
//! * [`images`]: which record of a key carries which image. * [`snapshot`]: ranges, chunks, progress.
//! * [`layout`]: which lane has which collections. * [`intake`]: what of a collection is in its topic already.

pub mod cut;
pub mod frontier;
pub mod images;
pub mod intake;
pub mod layout;
pub mod snapshot;

#[cfg(test)]
pub(crate) mod testing;
