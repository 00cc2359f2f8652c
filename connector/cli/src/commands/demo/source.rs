//! The demo's own database: loaded, changed by a writer while runs go on, dropped at the end.
//!
//! This is the one place that writes to MongoDB, and only to the database that it has made.
//!
//! Invariant: the writer alone changes the documents, so that what it knows is what the database holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use moorline_pipeline::error::Problem;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::documents::Set;

/// Documents of an insert.
const BATCH: usize = 5_000;
/// Between two changes: 200 a second.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the database may take to be dropped.
const DROP_LIMIT: Duration = Duration::from_secs(10);

/// What a collection holds, by the writer's own knowledge: a document that was deleted is `None`.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) documents: Vec<Option<Document>>,
}

/// The database.
pub(super) struct Source<'a> {
    runtime: &'a Runtime,
    database: Database,
    uri: String,
}

impl<'a> Source<'a> {
    pub(super) fn open(runtime: &'a Runtime, uri: &str, name: &str) -> Result<Self, Problem> {
        let client = runtime.block_on(Client::with_uri_str(uri)).map_err(|error| failed(uri, &error))?;
        Ok(Self { runtime, database: client.database(name), uri: uri.to_owned() })
    }

    /// Loads a set; gives what is known of it.
    pub(super) fn load(&self, set: Set) -> Result<Known, Problem> {
        let collection = self.database.collection::<Document>(set.name);
        for batch in set.documents.chunks(BATCH) {
            let insert = collection.insert_many(batch).ordered(false);
            self.runtime.block_on(async { insert.await }).map_err(|error| failed(&self.uri, &error))?;
        }
        Ok(Known { name: set.name, documents: set.documents.into_iter().map(Some).collect() })
    }

    /// Starts a writer that changes one document after the other until it is stopped.
    pub(super) fn write(&self, known: Known) -> Writer {
        let (stop, changes) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
        let database = self.database.clone();
        let task = self.runtime.spawn(change(database, known, stop.clone(), Arc::clone(&changes)));
        Writer { stop, changes, task, uri: self.uri.clone() }
    }

    /// Ends a writer, and takes back what it knows.
    pub(super) fn end(&self, writer: Writer) -> Result<Known, Problem> {
        writer.stop.cancel();
        match self.runtime.block_on(writer.task) {
            Ok((known, None)) => Ok(known),
            Ok((_, Some(error))) => Err(failed(&writer.uri, &error)),
            Err(panic) => Err(failed(&writer.uri, &mongodb::error::Error::custom(panic.to_string()))),
        }
    }

    /// Drops the database.
    pub(super) fn drop_database(&self) {
        // Where the server is gone there is nothing to be dropped.
        let _ = self.runtime.block_on(async { tokio::time::timeout(DROP_LIMIT, self.database.drop()).await });
    }
}

/// A writer at work.
pub(super) struct Writer {
    stop: CancellationToken,
    changes: Arc<AtomicU64>,
    task: JoinHandle<(Known, Option<mongodb::error::Error>)>,
    uri: String,
}

impl Writer {
    /// Changes that the server has confirmed.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }
}

async fn change(
    database: Database,
    mut known: Known,
    stop: CancellationToken,
    changes: Arc<AtomicU64>,
) -> (Known, Option<mongodb::error::Error>) {
    let collection = database.collection::<Document>(known.name);
    let mut every = tokio::time::interval(PAUSE);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    while !stop.is_cancelled() {
        every.tick().await;
        let count = known.documents.len();
        let (place, other) = (dice.below(count), dice.below(count));
        let Some(other) = known.documents[other].clone() else { continue };
        let mine = known.documents[place].clone();
        let (next, answer) = match (mine, dice.below(10)) {
            // What was deleted comes back as another.
            (None, _) => continue,
            (Some(mine), 0) => {
                let id = mine.get("_id").cloned().unwrap_or(Bson::Null);
                (None, collection.delete_one(doc! {"_id": id}).await.map(drop))
            }
            (Some(mine), 1..3) => {
                let mut next = other;
                let id = mine.get("_id").cloned().unwrap_or(Bson::Null);
                next.insert("_id", id.clone());
                (Some(next.clone()), collection.replace_one(doc! {"_id": id}, next).await.map(drop))
            }
            (Some(mut mine), _) => {
                let id = mine.get("_id").cloned().unwrap_or(Bson::Null);
                let fields: Vec<&String> = other.keys().filter(|name| *name != "_id").collect();
                let Some(field) = fields.get(dice.below(fields.len().max(1))) else { continue };
                let value = other.get(*field).cloned().unwrap_or(Bson::Null);
                let update = doc! {"$set": {(*field).clone(): value.clone()}};
                mine.insert((*field).clone(), value);
                (Some(mine), collection.update_one(doc! {"_id": id}, update).await.map(drop))
            }
        };
        if let Err(error) = answer {
            return (known, Some(error));
        }
        known.documents[place] = next;
        changes.fetch_add(1, Ordering::Relaxed);
    }
    (known, None)
}

/// Xorshift: which document is next need not be hard to guess.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count.max(1) as u64) as usize
    }
}

fn failed(uri: &str, error: &mongodb::error::Error) -> Problem {
    Problem::new(
        "MOOR-7023",
        "the demo can't write its documents",
        moorline_source_mongodb::redacted(uri),
        error.to_string(),
        "give it a replica set that is up, and a user that may write to a database `demo...` and drop it",
    )
}
