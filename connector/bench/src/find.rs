//! The bare reader: a whole collection by `find`, in raw replies of the server's largest size, counted and dropped.
//!
//! Invariant: nothing is decoded beyond what counting needs: it is the most that any snapshot could read on one cursor.

use anyhow::{Result, ensure};
use bson::rawdoc;
use clap::Args;
use futures_util::StreamExt;

use crate::figures::Figures;
use crate::load::split;
use crate::places;
use crate::processes::{Meter, Own};

/// Flags of `find`.
#[derive(Args)]
pub(crate) struct Find {
    #[arg(long, default_value = "bench.orders")]
    collection: String,
    /// How many there must be.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
}

impl Find {
    pub(crate) async fn run(self) -> Result<Figures> {
        let client = places::mongo().await?;
        let (database, collection) = split(&self.collection)?;
        // A connection, before the clock runs.
        client.database(&database).run_command(bson::doc! { "ping": 1 }).await?;
        let meter = Meter::start(Own::Itself)?;
        let command = rawdoc! { "find": collection };
        let mut cursor = client.database(&database).run_raw_cursor_command(command).batch().await?;
        let (mut documents, mut bytes) = (0, 0);
        while let Some(reply) = cursor.next().await {
            let reply = reply?;
            bytes += reply.as_raw_document().as_bytes().len() as u64;
            documents += reply.doc_slices()?.into_iter().count() as u64;
        }
        let mut figures = meter.stop("find", documents)?;
        ensure!(documents == self.documents, "{documents} documents came, not {}", self.documents);
        figures.bytes = Some(bytes);
        Ok(figures)
    }
}
