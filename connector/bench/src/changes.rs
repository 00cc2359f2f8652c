//! Mixed changes to a loaded collection: 45 inserts, 45 updates, 5 replaces and 5 deletes of each hundred.
//!
//! Invariants: each write changes something, so that it gives exactly one event; writers share no document, so that what
//! the collection is afterwards depends on the flags alone.

use anyhow::{Result, ensure};
use bson::raw::{RawArrayBuf, cstr};
use bson::{RawDocumentBuf, doc, rawdoc};
use clap::Args;
use mongodb::Client;
use serde_json::json;
use tokio::task::JoinSet;

use crate::documents::{id, order, scatter};
use crate::load::{accepted, split};
use crate::places;

/// Changes of one turn of a writer.
const TURN: u64 = 2_000;
const WRITERS: u64 = 3;

/// Flags of `change`.
#[derive(Args)]
pub(crate) struct Change {
    #[arg(long, default_value = "bench.changes")]
    collection: String,
    /// Documents that were loaded.
    #[arg(long)]
    loaded: u64,
    /// How many changes.
    #[arg(long, default_value_t = 300_000)]
    changes: u64,
}

impl Change {
    /// Writes, and gives the cluster time just before, for whoever reads from there.
    pub(crate) async fn run(self) -> Result<serde_json::Value> {
        let client = places::mongo().await?;
        let (database, collection) = split(&self.collection)?;
        ensure!(self.changes.is_multiple_of(WRITERS * TURN), "changes come in turns of {}", WRITERS * TURN);
        ensure!(self.loaded >= WRITERS, "there are too few documents to change");
        let before = client.database("admin").run_command(doc! { "ping": 1 }).await?.get_timestamp("operationTime")?;
        let turns = self.changes / WRITERS / TURN;
        let mut writers = JoinSet::new();
        for number in 0..WRITERS {
            let writer = Writer {
                client: client.clone(),
                database: database.clone(),
                collection: collection.clone(),
                number,
                loaded: self.loaded,
                inserted: self.loaded + number * turns * TURN,
            };
            writers.spawn(writer.write(turns));
        }
        while let Some(written) = writers.join_next().await {
            written??;
        }
        Ok(
            json!({ "measurement": "change", "documents": self.changes, "time": before.time, "increment": before.increment }),
        )
    }
}

struct Writer {
    client: Client,
    database: String,
    collection: String,
    number: u64,
    loaded: u64,
    /// The number of the next document that it inserts.
    inserted: u64,
}

impl Writer {
    async fn write(mut self, turns: u64) -> Result<()> {
        for turn in 0..turns {
            let (inserts, updates, replaces, deletes) =
                (TURN * 45 / 100, TURN * 45 / 100, TURN * 5 / 100, TURN * 5 / 100);
            let first = self.inserted;
            let mut documents = RawArrayBuf::new();
            (first..first + inserts).for_each(|n| documents.push(order(n, 0)));
            self.inserted += inserts;
            self.send("insert", "documents", documents).await?;

            let mut statements = RawArrayBuf::new();
            for place in 0..updates + replaces {
                let n = self.own(turn * TURN + place);
                let revision = (turn * TURN + place + 1) as i64;
                let change = match place < updates {
                    true => {
                        rawdoc! { "$set": { "status": "changed", "revision": revision }, "$inc": { "quantity": 1_i32 } }
                    }
                    false => order(n, revision),
                };
                statements.push(rawdoc! { "q": { "_id": id(n) }, "u": change });
            }
            self.send("update", "updates", statements).await?;

            // Of its own inserts, which nothing else touches.
            let mut statements = RawArrayBuf::new();
            for n in first..first + deletes {
                statements.push(rawdoc! { "q": { "_id": id(n) }, "limit": 1_i32 });
            }
            self.send("delete", "deletes", statements).await?;
        }
        Ok(())
    }

    /// A loaded document that only this writer changes.
    fn own(&self, n: u64) -> u64 {
        let share = self.loaded / WRITERS;
        (scatter(n ^ (self.number << 40)) % share) * WRITERS + self.number
    }

    async fn send(&self, verb: &str, list: &str, statements: RawArrayBuf) -> Result<()> {
        let count = statements.into_iter().count() as i32;
        let mut command = RawDocumentBuf::new();
        command.append(bson::raw::CString::try_from(verb)?, self.collection.as_str());
        command.append(cstr!("ordered"), true);
        command.append(bson::raw::CString::try_from(list)?, statements);
        let reply = self.client.database(&self.database).run_raw_command(command).await?;
        accepted(&reply)?;
        ensure!(reply.get_i32("n")? == count, "of {count} {list} {} took effect", reply.get_i32("n")?);
        Ok(())
    }
}
