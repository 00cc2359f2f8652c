//! A steady writer: so many writes a second, each at its own time, journaled, and how long each took.
//!
//! Invariants: a write that is late is sent at once and its time still counts from when it was due, so that a server that
//! stalls is not written to less; a document is written to once, so that a record is known by its key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bson::{oid::ObjectId, rawdoc};
use mongodb::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::documents::{id, order};
use crate::load::accepted;

/// Writes that may be under way at once.
const WRITERS: usize = 48;

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By turns an insert of a new document and an update of a loaded one.
    Mixed,
    /// Updates of loaded documents.
    Updates,
}

/// A writer.
pub(crate) struct Steady {
    pub(crate) client: Client,
    pub(crate) database: String,
    pub(crate) collection: String,
    pub(crate) kind: Kind,
    /// Writes a second.
    pub(crate) rate: u64,
    /// Documents that were loaded.
    pub(crate) loaded: u64,
    /// The number of the first write, so that several runs write to different documents.
    pub(crate) first: u64,
}

/// One write.
#[derive(Clone, Copy)]
pub(crate) struct Write {
    pub(crate) id: ObjectId,
    pub(crate) due: Instant,
    pub(crate) answered: Instant,
}

impl Steady {
    /// Writes until `stop`, or as many as are asked for.
    pub(crate) async fn run(self, most: u64, stop: CancellationToken) -> Result<Vec<Write>> {
        let (steady, next, began) = (Arc::new(self), Arc::new(AtomicU64::new(0)), Instant::now());
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let (steady, next, stop) = (Arc::clone(&steady), Arc::clone(&next), stop.clone());
            writers.spawn(async move {
                let mut writes = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= most || stop.is_cancelled() {
                        return anyhow::Ok(writes);
                    }
                    let due = began + Duration::from_secs_f64(number as f64 / steady.rate as f64);
                    tokio::time::sleep_until(due.into()).await;
                    let id = steady.write(steady.first + number).await?;
                    writes.push(Write { id, due, answered: Instant::now() });
                }
            });
        }
        let mut all = Vec::new();
        while let Some(writes) = writers.join_next().await {
            all.extend(writes??);
        }
        Ok(all)
    }

    async fn write(&self, number: u64) -> Result<ObjectId> {
        let insert = self.kind == Kind::Mixed && number.is_multiple_of(2);
        let document = if insert { self.loaded + number } else { number % self.loaded };
        let concern = rawdoc! { "w": "majority", "j": true };
        let command = if insert {
            rawdoc! { "insert": self.collection.as_str(), "documents": [order(document, 0)], "writeConcern": concern }
        } else {
            let change = rawdoc! { "$set": { "status": "changed" }, "$inc": { "quantity": 1_i32, "revision": 1_i64 } };
            rawdoc! {
                "update": self.collection.as_str(),
                "updates": [{ "q": { "_id": id(document) }, "u": change }],
                "writeConcern": concern,
            }
        };
        let reply = self.client.database(&self.database).run_raw_command(command).await?;
        accepted(&reply)?;
        ensure!(reply.get_i32("n")? == 1, "a write took no effect");
        Ok(id(document))
    }
}

/// Milliseconds at these parts of a thousand, of any order.
pub(crate) fn quantiles<const N: usize>(mut values: Vec<Duration>, parts: [usize; N]) -> [f64; N] {
    values.sort_unstable();
    parts.map(|part| {
        let place = (values.len() * part / 1000).min(values.len().saturating_sub(1));
        values.get(place).map_or(f64::NAN, |value| value.as_secs_f64() * 1000.0)
    })
}

/// The mean in milliseconds.
pub(crate) fn mean(values: &[Duration]) -> f64 {
    values.iter().sum::<Duration>().as_secs_f64() * 1000.0 / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_there() {
        let values: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(quantiles(values.clone(), [500, 990]), [101.0, 199.0]);
        assert_eq!(mean(&values), 100.5);
    }
}
