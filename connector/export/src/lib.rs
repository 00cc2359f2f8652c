//! Exports at an anchor: topics folded to a state, written to files, and proven.
//!
//! What is read comes through traits, so that nothing here knows Kafka or MongoDB. Nothing is shared with the path that
//! writes topics but types: what checks must not repeat the mistakes of what it checks.

pub mod canonical;
pub mod datum;
pub mod decode;
pub mod destination;
pub mod digest;
pub mod encode;
pub mod fold;
pub mod format;
pub mod journal;
pub mod manifest;
pub mod replay;
pub mod schema;
pub mod select;
pub mod state;
mod sum;
pub mod verify;
