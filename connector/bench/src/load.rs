//! Generated documents into a collection, by raw inserts over several connections.
//!
//! Invariants: the collection is dropped first; what is reported as loaded was counted by the server; afterwards all of
//! it is on disk, so that no checkpoint of the load disturbs what is measured next.

use std::ops::Range;

use anyhow::{Result, ensure};
use bson::raw::{RawArrayBuf, cstr};
use bson::{RawDocumentBuf, doc, rawdoc};
use clap::Args;
use mongodb::Client;
use tokio::task::JoinSet;

use crate::documents::order;
use crate::figures::Figures;
use crate::places;
use crate::processes::{Meter, Own};

/// Documents of one insert: about 3 MB.
const BATCH: u64 = 5_000;

/// Flags of `load`.
#[derive(Args)]
pub(crate) struct Load {
    #[arg(long, default_value = "bench.orders")]
    collection: String,
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    #[arg(long, default_value_t = 3)]
    connections: u64,
    /// Have the server keep post-images.
    #[arg(long)]
    post_images: bool,
}

impl Load {
    pub(crate) async fn run(self) -> Result<Figures> {
        let client = places::mongo().await?;
        let (database, collection) = split(&self.collection)?;
        client.database(&database).collection::<RawDocumentBuf>(&collection).drop().await?;
        let mut create = doc! { "create": &collection };
        if self.post_images {
            create.insert("changeStreamPreAndPostImages", doc! { "enabled": true });
        }
        client.database(&database).run_command(create).await?;
        let meter = Meter::start(Own::Itself)?;
        let mut writers = JoinSet::new();
        let share = self.documents.div_ceil(self.connections.max(1));
        for first in (0..self.documents).step_by(share.max(1) as usize) {
            let range = first..(first + share).min(self.documents);
            writers.spawn(write(client.clone(), database.clone(), collection.clone(), range));
        }
        let mut bytes = 0;
        while let Some(written) = writers.join_next().await {
            bytes += written??;
        }
        let mut figures = meter.stop("load", self.documents)?;
        figures.bytes = Some(bytes);
        client.database("admin").run_command(doc! { "fsync": 1 }).await?;
        let loaded = client.database(&database).collection::<RawDocumentBuf>(&collection);
        let counted = loaded.count_documents(doc! {}).await?;
        ensure!(counted == self.documents, "{counted} documents are there, not {}", self.documents);
        Ok(figures)
    }
}

/// Database and collection of a full name.
pub(crate) fn split(namespace: &str) -> Result<(String, String)> {
    let parts = namespace.split_once('.');
    ensure!(parts.is_some(), "`{namespace}` is not DATABASE.COLLECTION");
    Ok(parts.map(|(database, collection)| (database.to_owned(), collection.to_owned())).unwrap_or_default())
}

async fn write(client: Client, database: String, collection: String, numbers: Range<u64>) -> Result<u64> {
    let mut bytes = 0;
    for first in numbers.clone().step_by(BATCH as usize) {
        let mut documents = RawArrayBuf::new();
        for n in first..(first + BATCH).min(numbers.end) {
            let document = order(n, 0);
            bytes += document.as_bytes().len() as u64;
            documents.push(document);
        }
        let mut command = rawdoc! { "insert": collection.as_str(), "ordered": false };
        command.append(cstr!("documents"), documents);
        accepted(&client.database(&database).run_raw_command(command).await?)?;
    }
    Ok(bytes)
}

/// Fails where a write command had errors.
pub(crate) fn accepted(reply: &bson::Document) -> Result<()> {
    ensure!(!reply.contains_key("writeErrors"), "the server refused writes: {}", reply.get_array("writeErrors")?[0]);
    Ok(())
}
