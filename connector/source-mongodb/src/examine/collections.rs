//! What stands in the databases that a selection speaks of: collections and what only looks like one.

use std::collections::BTreeMap;

use bson::{Document, doc};
use futures_util::{StreamExt, stream};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::Namespace;
use moorline_pipeline::source::Selection;

use crate::client::Connection;
use crate::collections::{self as listing, Entry};
use crate::error::Call;

/// Collections whose sizes are asked for at the same time.
const AT_ONCE: usize = 8;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A collection.
    Collection,
    /// A view.
    View,
    /// A time series.
    TimeSeries,
    /// A collection of the server itself.
    System,
}

/// What is known of a name.
#[derive(Clone, Debug)]
pub struct CollectionFacts {
    /// `db.coll`.
    pub namespace: Namespace,
    /// What it is.
    pub kind: Kind,
    /// Whether the selection takes it, by the server's word.
    pub captured: bool,
    /// Whether change stream pre- and post-images are on.
    pub images: bool,
    /// Whether it is capped.
    pub capped: bool,
    /// Documents and their bytes, estimated by metadata; 0 where nothing is known or asked.
    pub documents: u64,
    /// See `documents`.
    pub bytes: u64,
    /// The fields by which it is sharded; empty where it is not.
    pub shard_key: Vec<String>,
}

pub(super) async fn collections(connection: &Connection, selection: &Selection) -> Result<Vec<CollectionFacts>> {
    let listed = listing::listing(connection, selection).await;
    let listed = listed.map_err(|e| connection.failure(&e, Call::Other))?;
    let keys = shard_keys(connection).await;
    let facts =
        stream::iter(listed).map(|(entry, captured)| one(connection, entry, captured)).buffer_unordered(AT_ONCE);
    let mut facts: Vec<CollectionFacts> = facts.collect().await;
    for fact in &mut facts {
        if let Some(key) = keys.get(fact.namespace.as_str()) {
            fact.shard_key.clone_from(key);
        }
    }
    facts.sort_unstable_by(|a, b| a.namespace.cmp(&b.namespace));
    Ok(facts)
}

async fn one(connection: &Connection, entry: Entry, captured: bool) -> CollectionFacts {
    let kind = match entry.kind.as_str() {
        "view" => Kind::View,
        "timeseries" => Kind::TimeSeries,
        _ if listing::is_internal(entry.namespace.db(), entry.namespace.coll()) => Kind::System,
        _ => Kind::Collection,
    };
    let (documents, bytes) =
        if captured { listing::sizes(connection, &entry.namespace).await } else { Default::default() };
    CollectionFacts {
        namespace: entry.namespace,
        kind,
        captured,
        images: entry.images,
        capped: entry.capped,
        documents,
        bytes,
        shard_key: Vec::new(),
    }
}

/// The shard key of each sharded collection; nothing on a replica set, and where `config` may not be read.
async fn shard_keys(connection: &Connection) -> BTreeMap<String, Vec<String>> {
    let command = doc! { "find": "collections", "projection": { "key": 1_i32 } };
    let read = listing::read(connection, "config", &command).await.unwrap_or_default();
    let key =
        |d: &Document| Some((d.get_str("_id").ok()?.to_owned(), d.get_document("key").ok()?.keys().cloned().collect()));
    read.iter().filter_map(key).collect()
}
