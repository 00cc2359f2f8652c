//! The source against a real replica set, named by `MONGODB_URI`.
//!
//! Invariants: each test has a database of its own with a random name and drops it, passed or failed; a wait ends on an
//! event, with a limit; the ids of the invariants that a test holds stand in its doc comment.

mod bounds;
mod chunks;
mod describe;
mod faults;
mod filters;
mod frontier;
mod history;
mod look_ups;
mod support;
