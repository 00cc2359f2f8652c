//! What is persisted in the offsets topic beside the data, in Kafka Connect's own key and value format.
//!
//! * [`key`]: whose record it is. * [`position`]: where the stream stands. * [`owner`]: which run has the lane.
//! * [`progress`]: a collection's running totals and snapshot. * [`stored`]: all of it, read at start.
//!
//! Invariants: a value is one flat JSON object of strings, numbers and booleans, since Connect's tools take nothing
//! else: tokens are base64, maps and lists JSON text. Each kind has a format number; an unknown one is refused
//! (`MOOR-3013`), an unknown field is not. Records are promises: what a release has written, every later one reads.

pub mod key;
pub mod owner;
pub mod position;
pub mod progress;
mod progress_form;
pub mod snapshot;
pub mod stored;

pub use key::Scope;
pub use owner::Owner;
pub use position::Position;
pub use progress::{PartitionProgress, Progress};
pub use snapshot::{RangeProgress, SnapshotProgress};
pub use stored::Stored;

use crate::error::Problem;

/// A stored record that this version can't read.
fn unreadable(kind: &str, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-3013",
        format!("the stored {kind} can't be read"),
        format!("offsets topic, record `{kind}`"),
        why,
        "run the version that wrote it, or a newer one\nif it is not wanted any more: another name and topic.prefix, and with them a new snapshot",
    )
}

/// Reads a stored object after its format number, so that an unknown format is told as such.
fn read<T: serde::de::DeserializeOwned>(kind: &str, known: u32, bytes: &[u8]) -> Result<T, Problem> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: Option<u32>,
    }
    let head: Format = serde_json::from_slice(bytes).map_err(|error| unreadable(kind, error.to_string()))?;
    match head.format {
        Some(format) if format == known => {}
        Some(format) => {
            return Err(unreadable(kind, format!("it has format {format}, and this version reads format {known}")));
        }
        None => return Err(unreadable(kind, "it has no format number: another connector wrote it")),
    }
    serde_json::from_slice(bytes).map_err(|error| unreadable(kind, error.to_string()))
}
