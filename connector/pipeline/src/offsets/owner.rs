//! Which run has a lane: a record that each start writes, with a number one above the last.
//!
//! Invariants (I-KAFKA-3): a coordinator's time-out, which looks like a take-over, does not stop the rightful owner; a
//! real take-over does; of two runs of one name one stays, and they never fence each other for ever.

use serde::{Deserialize, Serialize};

use crate::error::Problem;

/// The format that is written and read.
pub const FORMAT: u32 = 1;

/// The owner record of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Id of the run that wrote it.
    pub run_id: String,
    /// Start number: one more than what that run had read.
    pub start: u64,
    /// The group's generation, under group placement.
    pub generation: Option<i64>,
    /// When it was written, ms since 1970 by the writer's clock.
    pub since_ms: i64,
}

/// Whose the lane is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ours: initialise the producer again and go on.
    Ours,
    /// Another run's: leave without writing anything.
    TakenOver {
        /// That run.
        run_id: String,
        /// Its start number.
        start: u64,
    },
}

/// What a fencing means. `ours` is the start number that we have written, `None` before we have.
///
/// | we wrote | stands there | verdict |
/// | --- | --- | --- |
/// | nothing | anything | ours: whoever was there before is fenced by us |
/// | a number | nothing | ours: the record was reset, and nobody else has written |
/// | a number | our run | ours: the coordinator timed our transaction out |
/// | a number | another run | taken over, whatever its number: it stands after ours |
pub fn decide(own_run: &str, ours: Option<u64>, found: Option<&Owner>) -> Verdict {
    match (ours, found) {
        (Some(_), Some(found)) if found.run_id != own_run => {
            Verdict::TakenOver { run_id: found.run_id.clone(), start: found.start }
        }
        _ => Verdict::Ours,
    }
}

/// What being fenced before our own record stood means: `seen` is the start number that we had read, 0 for none. Try
/// again, unless another run's number of at least `seen + 1` stands there: then that run is the newer one.
pub fn decide_at_start(own_run: &str, seen: u64, found: Option<&Owner>) -> Verdict {
    match found {
        Some(found) if found.run_id != own_run && found.start > seen => {
            Verdict::TakenOver { run_id: found.run_id.clone(), start: found.start }
        }
        _ => Verdict::Ours,
    }
}

#[derive(Serialize, Deserialize)]
struct Form {
    format: u32,
    run_id: String,
    start: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    since_ms: i64,
}

impl Owner {
    /// The record's value.
    pub fn to_value(&self) -> Vec<u8> {
        let Self { run_id, start, generation, since_ms } = self.clone();
        serde_json::to_vec(&Form { format: FORMAT, run_id, start, generation, since_ms }).expect("text keys only")
    }
    /// The record of a value.
    pub fn from_value(value: &[u8]) -> Result<Self, Problem> {
        let Form { run_id, start, generation, since_ms, .. } = super::read("owner", FORMAT, value)?;
        Ok(Self { run_id, start, generation, since_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(run_id: &str, start: u64) -> Owner {
        Owner { run_id: run_id.into(), start, generation: None, since_ms: 0 }
    }

    #[test]
    fn i_kafka_3_as_a_table() {
        let over = |run_id: &str, start| Verdict::TakenOver { run_id: run_id.into(), start };
        for (ours, found, verdict) in [
            (None, None, Verdict::Ours),
            (None, Some(owner("b", 7)), Verdict::Ours),
            (Some(3), None, Verdict::Ours),
            (Some(3), Some(owner("a", 3)), Verdict::Ours),
            (Some(3), Some(owner("b", 4)), over("b", 4)),
            (Some(3), Some(owner("b", 3)), over("b", 3)),
            (Some(3), Some(owner("b", 2)), over("b", 2)),
        ] {
            assert_eq!(decide("a", ours, found.as_ref()), verdict, "{ours:?} {found:?}");
        }
        for (seen, found, verdict) in [
            (0, None, Verdict::Ours),
            (2, Some(owner("b", 2)), Verdict::Ours),
            (2, Some(owner("b", 3)), over("b", 3)),
            (2, Some(owner("b", 9)), over("b", 9)),
            (2, Some(owner("a", 3)), Verdict::Ours),
        ] {
            assert_eq!(decide_at_start("a", seen, found.as_ref()), verdict, "{seen} {found:?}");
        }
    }
}
