//! The bare change stream: raw replies of the stream of a collection (or of a whole database) from a cluster time on, counted and dropped.
//!
//! Invariant: no stage but `$changeStream` itself and no look-up: it is the most that one cursor gives.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bson::raw::cstr;
use bson::{RawBson, Timestamp, rawdoc};
use clap::Args;
use futures_util::StreamExt;

use crate::figures::Figures;
use crate::load::split;
use crate::places;
use crate::processes::{Meter, Own};

const LIMIT: Duration = Duration::from_secs(60);

/// Flags of `stream`.
#[derive(Args)]
pub(crate) struct Stream {
    /// One collection, or `DATABASE.*`.
    #[arg(long, default_value = "bench.changes")]
    collection: String,
    /// Events that must come.
    #[arg(long, default_value_t = 300_000)]
    events: u64,
    /// What the measurement is called.
    #[arg(long, default_value = "stream")]
    label: String,
    /// With the server's post-images.
    #[arg(long)]
    post_images: bool,
    /// The cluster time before them: seconds.
    #[arg(long)]
    time: u32,
    /// The cluster time before them: place within the second.
    #[arg(long)]
    increment: u32,
}

impl Stream {
    pub(crate) async fn run(self) -> Result<Figures> {
        let client = places::mongo().await?;
        let (database, collection) = split(&self.collection)?;
        let database = client.database(&database);
        database.run_command(bson::doc! { "ping": 1 }).await?;
        let meter = Meter::start(Own::Itself)?;
        let from = Timestamp { time: self.time, increment: self.increment + 1 };
        let mut options = rawdoc! { "startAtOperationTime": from };
        if self.post_images {
            options.append(cstr!("fullDocument"), "whenAvailable");
        }
        let target = if collection == "*" { RawBson::Int32(1) } else { RawBson::String(collection) };
        let command = rawdoc! {
            "aggregate": target,
            "pipeline": [{ "$changeStream": options }],
            "cursor": { "batchSize": 0_i32 },
        };
        let open = database.run_raw_cursor_command(command).batch_size(8192);
        let mut cursor = open.max_time(Duration::from_millis(500)).batch().await?;
        let (mut events, mut bytes) = (0, 0);
        while events < self.events {
            let reply = tokio::time::timeout(LIMIT, cursor.next()).await.context("no event for a minute")?;
            let reply = reply.context("the stream has ended")??;
            bytes += reply.as_raw_document().as_bytes().len() as u64;
            events += reply.doc_slices()?.into_iter().count() as u64;
        }
        let mut figures = meter.stop(&self.label, events)?;
        ensure!(events == self.events, "{events} events came, not {}", self.events);
        figures.bytes = Some(bytes);
        Ok(figures)
    }
}
