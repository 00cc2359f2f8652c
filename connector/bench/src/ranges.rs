//! The bare reader of ranges: what a snapshot asks of the source, chunk by chunk along the `_id` index at one cluster
//! time, in raw replies that are counted and dropped.
//!
//! Invariant: the commands are those of the product's chunks, two at a time; only what comes after the reply is missing.

use anyhow::{Result, ensure};
use bson::raw::cstr;
use bson::{RawBson, Timestamp, rawdoc};
use clap::Args;
use futures_util::StreamExt;
use mongodb::Client;
use tokio::task::JoinSet;

use crate::documents::id;
use crate::figures::Figures;
use crate::load::split;
use crate::places;
use crate::processes::{Meter, Own};

/// As the product cuts a collection: four ranges a thread, two threads.
const RANGES: u64 = 8;
const THREADS: usize = 2;
const CHUNK: i64 = 10_000;

/// Flags of `ranges`.
#[derive(Args)]
pub(crate) struct Ranges {
    #[arg(long, default_value = "bench.orders")]
    collection: String,
    /// How many there must be.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
}

impl Ranges {
    pub(crate) async fn run(self) -> Result<Figures> {
        let client = places::mongo().await?;
        let (database, collection) = split(&self.collection)?;
        let ping = client.database(&database).run_command(bson::doc! { "ping": 1 }).await?;
        let at = ping.get_timestamp("operationTime")?;
        let meter = Meter::start(Own::Itself)?;
        let mut waiting = (0..RANGES).map(|n| {
            let bound = |n: u64| (n > 0 && n < RANGES).then(|| RawBson::ObjectId(id(self.documents * n / RANGES)));
            read(client.clone(), database.clone(), collection.clone(), at, bound(n), bound(n + 1))
        });
        let mut reads = JoinSet::new();
        waiting.by_ref().take(THREADS).for_each(|read| drop(reads.spawn(read)));
        let (mut documents, mut bytes) = (0, 0);
        while let Some(read) = reads.join_next().await {
            let (count, size) = read??;
            documents += count;
            bytes += size;
            waiting.by_ref().take(1).for_each(|read| drop(reads.spawn(read)));
        }
        let mut figures = meter.stop("ranges", documents)?;
        ensure!(documents == self.documents, "{documents} documents came, not {}", self.documents);
        figures.bytes = Some(bytes);
        Ok(figures)
    }
}

/// Reads a range; its documents and bytes.
async fn read(
    client: Client,
    database: String,
    collection: String,
    at: Timestamp,
    mut lo: Option<RawBson>,
    hi: Option<RawBson>,
) -> Result<(u64, u64)> {
    let (mut documents, mut bytes) = (0, 0);
    loop {
        let mut command = rawdoc! { "find": collection.as_str(), "hint": { "_id": 1_i32 } };
        if let Some(lo) = &lo {
            command.append(cstr!("min"), rawdoc! { "_id": lo.clone() });
        }
        if let Some(hi) = &hi {
            command.append(cstr!("max"), rawdoc! { "_id": hi.clone() });
        }
        command.append(cstr!("limit"), CHUNK + 1);
        command.append(cstr!("batchSize"), CHUNK + 1);
        command.append(cstr!("readConcern"), rawdoc! { "level": "snapshot", "atClusterTime": at });
        let mut cursor = client.database(&database).run_raw_cursor_command(command).batch().await?;
        let (mut count, mut last) = (0_u64, None);
        while let Some(reply) = cursor.next().await {
            let reply = reply?;
            bytes += reply.as_raw_document().as_bytes().len() as u64;
            let mut row = None;
            for document in reply.doc_slices()?.into_iter() {
                count += 1;
                row = Some(document?);
            }
            last = row.map(RawBson::from).or(last);
        }
        if count <= CHUNK as u64 {
            return Ok((documents + count, bytes));
        }
        documents += CHUNK as u64;
        lo = match last {
            Some(RawBson::Document(document)) => document.get("_id")?.map(RawBson::from),
            _ => None,
        };
        ensure!(lo.is_some(), "a row without _id");
    }
}
