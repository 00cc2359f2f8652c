//! The one place where decisions of the pipeline meet IO: lanes, their actors and threads, and what happens on failure.
//!
//! ```text
//! stream ──> actor (one task a lane: the only loop that decides) ──> encoder (thread) ──> committer (thread)
//!   ^          │  look-ups, chunks: IO of the source                 contracts, registry      one transaction a batch
//!   └──────────┴──────────────── events: committed, failed <──────────────────────────────────────┘
//! ```
//!
//! Invariants: data flows one way; the two edges back are the position at start and the bounded queues. A batch carries
//! its own position. After any failure of encoder, committer or stream the lane is rebuilt from the offsets topic:
//! nothing in memory outlives a failure.

mod actor;
mod batching;
mod budget;
mod buffers;
mod clock;
mod collections;
mod committer;
pub mod connector;
pub mod contracts;
mod counted;
mod encoder;
mod faults;
mod forecast;
mod gate;
pub mod handle;
mod headers;
mod heartbeats;
mod items;
mod lane;
mod opening;
mod oversize;
mod pace;
mod quarantine;
mod reading;
mod records;
pub mod report;
mod seed;
pub mod settings;
mod shared;
mod start;
mod topics;
mod transactions;
mod watch;
mod work;

pub use collections::SAMPLED_AT_ONCE;
pub use connector::{Outcome, run};
pub use handle::Handle;
pub use report::Report;
pub use settings::{Settings, Until};
