//! What there is to capture: collections with their UUIDs and rough sizes.
//!
//! Invariants: which names a selection matches is decided by the server with the very condition that filters streams,
//! so that the two never differ. Views, time series and system collections are left out, or refused where named.

use std::collections::HashSet;

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures_util::{StreamExt, TryStreamExt, stream};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::{Namespace, Uuid};
use moorline_pipeline::source::{CollectionInfo, Selection};

use crate::client::{CommandError, Connection};
use crate::error::{self, Call};
use crate::selection::{self, INTERNAL, Pattern};

/// Collections whose sizes are asked for at the same time.
const AT_ONCE: usize = 8;
/// Names that are matched by one command.
const NAMES_AT_ONCE: usize = 10_000;

/// All collections that a selection matches, sorted by name.
pub(crate) async fn all(connection: &Connection, selection: &Selection) -> Result<Vec<CollectionInfo>> {
    let fail = |e: CommandError| connection.failure(&e, Call::Other);
    let databases = match selection::databases(selection) {
        Some(names) => names,
        None => databases(connection).await.map_err(fail)?,
    };
    let named = selection::patterns(&selection.include, selection.literal);
    let mut kept = Vec::new();
    for database in databases {
        let mut listed = list(connection, &database, doc! {}).await.map_err(fail)?;
        for pattern in &named {
            if let Pattern::Literal(of, coll) = pattern
                && *of == database
            {
                refuse(of, coll, &listed)?;
            }
        }
        listed.retain(|entry| entry.kind == "collection" && !is_internal(&database, entry.namespace.coll()));
        for entries in listed.chunks(NAMES_AT_ONCE) {
            kept.append(&mut matching(connection, selection, &database, entries).await.map_err(fail)?);
        }
    }
    let mut infos: Vec<CollectionInfo> =
        stream::iter(kept).map(|entry| with_sizes(connection, entry)).buffer_unordered(AT_ONCE).try_collect().await?;
    infos.sort_unstable_by(|a, b| a.namespace.cmp(&b.namespace));
    Ok(infos)
}

/// One collection.
pub(crate) async fn one(connection: &Connection, namespace: &Namespace) -> Result<Option<CollectionInfo>> {
    let listed = list(connection, namespace.db(), doc! { "name": namespace.coll() }).await;
    let listed = listed.map_err(|e| connection.failure(&e, Call::Other))?;
    refuse(namespace.db(), namespace.coll(), &listed)?;
    match listed.into_iter().next() {
        Some(entry) => with_sizes(connection, entry).await.map(Some),
        None => Ok(None),
    }
}

/// UUID of the collection that has this name now, and whether it is capped.
pub(crate) async fn standing(connection: &Connection, namespace: &Namespace) -> Result<Option<(Uuid, bool)>> {
    let listed = list(connection, namespace.db(), doc! { "name": namespace.coll() }).await;
    let listed = listed.map_err(|e| connection.failure(&e, Call::Other))?;
    Ok(listed.first().and_then(|entry| Some((entry.uuid?, entry.capped))))
}

/// All that stands in the databases that a selection speaks of, each with whether it is captured. Nothing is refused.
pub(crate) async fn listing(
    connection: &Connection,
    selection: &Selection,
) -> Result<Vec<(Entry, bool)>, CommandError> {
    let databases = match selection::databases(selection) {
        Some(names) => names,
        None => databases(connection).await?,
    };
    let mut all = Vec::new();
    for database in databases {
        for entries in list(connection, &database, doc! {}).await?.chunks(NAMES_AT_ONCE) {
            let capturable =
                |entry: &&Entry| entry.kind == "collection" && !is_internal(&database, entry.namespace.coll());
            let candidates: Vec<Entry> = entries.iter().filter(capturable).cloned().collect();
            let taken = matching(connection, selection, &database, &candidates).await?;
            let taken: HashSet<Namespace> = taken.into_iter().map(|entry| entry.namespace).collect();
            all.extend(entries.iter().map(|entry| (entry.clone(), taken.contains(&entry.namespace))));
        }
    }
    Ok(all)
}

/// A line of `listCollections`.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) namespace: Namespace,
    pub(crate) kind: String,
    uuid: Option<Uuid>,
    pub(crate) images: bool,
    pub(crate) capped: bool,
}

async fn list(connection: &Connection, database: &str, filter: Document) -> Result<Vec<Entry>, CommandError> {
    let command = doc! { "listCollections": 1_i32, "filter": filter, "cursor": {} };
    let documents = read(connection, database, &command).await?;
    let entries = documents.iter().filter_map(|d| {
        let name = d.get_str("name").ok()?;
        let options = d.get_document("options").ok();
        let images = options.and_then(|o| o.get_document("changeStreamPreAndPostImages").ok());
        let uuid = d.get_document("info").ok().and_then(|info| info.get("uuid"));
        Some(Entry {
            namespace: Namespace::new(database, name),
            kind: d.get_str("type").unwrap_or("collection").to_owned(),
            uuid: match uuid {
                Some(Bson::Binary(b)) => b.bytes.as_slice().try_into().ok(),
                _ => None,
            },
            images: images.is_some_and(|i| i.get_bool("enabled").unwrap_or(false)),
            capped: options.is_some_and(|o| o.get_bool("capped").unwrap_or(false)),
        })
    });
    Ok(entries.collect())
}

async fn databases(connection: &Connection) -> Result<Vec<String>, CommandError> {
    let command = to_raw(&doc! { "listDatabases": 1_i32, "nameOnly": true })?;
    let reply = connection.command("admin", command).await?;
    let list = reply.get_array("databases").cloned().unwrap_or_default();
    let names = list.iter().filter_map(|d| d.as_document()?.get_str("name").ok());
    Ok(names.filter(|name| !INTERNAL.contains(name)).map(str::to_owned).collect())
}

/// Those entries that the server finds in the selection. Asked in their own database, where the user may read.
async fn matching(
    connection: &Connection,
    selection: &Selection,
    database: &str,
    entries: &[Entry],
) -> Result<Vec<Entry>, CommandError> {
    if selection.include.is_empty() && selection.exclude.is_empty() {
        return Ok(entries.to_vec());
    }
    let names = entries.iter().enumerate().map(|(place, entry)| {
        let ns = doc! { "db": entry.namespace.db(), "coll": entry.namespace.coll() };
        Bson::from(doc! { "place": place as i64, "ns": { "$literal": ns } })
    });
    let pipeline = [
        doc! { "$documents": names.collect::<Vec<_>>() },
        doc! { "$match": selection::captured("ns", selection) },
        doc! { "$project": { "place": 1_i32 } },
    ];
    let command = doc! { "aggregate": 1_i32, "pipeline": pipeline.to_vec(), "cursor": {} };
    let documents = read(connection, database, &command).await?;
    let places = documents.iter().filter_map(|d| d.get("place"));
    Ok(places.filter_map(|place| entries.get(number(place) as usize).cloned()).collect())
}

async fn with_sizes(connection: &Connection, entry: Entry) -> Result<CollectionInfo> {
    let missing = || error::malformed(&connection.place, "a collection without UUID");
    let (documents, bytes) = sizes(connection, &entry.namespace).await;
    Ok(CollectionInfo {
        namespace: entry.namespace,
        uuid: entry.uuid.ok_or_else(missing)?,
        documents,
        bytes,
        images: entry.images,
        capped: entry.capped,
    })
}

/// Documents and their bytes by metadata. Sizes are estimates, and a user may lack the right to them: then they are 0.
pub(crate) async fn sizes(connection: &Connection, namespace: &Namespace) -> (u64, u64) {
    let stats = doc! {
        "aggregate": namespace.coll(),
        "pipeline": [{ "$collStats": { "storageStats": {} } }],
        "cursor": {},
    };
    // A cluster has one line a shard.
    let shards = read(connection, namespace.db(), &stats).await.unwrap_or_default();
    let sum = |name: &str| -> u64 {
        let stats = shards.iter().filter_map(|d| d.get_document("storageStats").ok());
        stats.filter_map(|s| s.get(name)).map(number).sum()
    };
    (sum("count"), sum("size"))
}

fn refuse(database: &str, coll: &str, listed: &[Entry]) -> Result<()> {
    let name = format!("{database}.{coll}");
    if is_internal(database, coll) {
        return Err(error::not_capturable(&name, "system collection"));
    }
    let found = listed.iter().find(|entry| entry.namespace.as_str() == name);
    match found.map(|entry| entry.kind.as_str()) {
        Some("view") => Err(error::not_capturable(&name, "view")),
        Some("timeseries") => Err(error::not_capturable(&name, "time series")),
        _ => Ok(()),
    }
}

pub(crate) fn is_internal(database: &str, coll: &str) -> bool {
    INTERNAL.contains(&database) || coll.starts_with("system.")
}

pub(crate) async fn read(
    connection: &Connection,
    database: &str,
    command: &Document,
) -> Result<Vec<Document>, CommandError> {
    let limit = connection.command_timeout;
    let replies = connection.replies(database, to_raw(command)?, None, limit, |_| false).await?;
    let documents = replies.iter().flat_map(|reply| reply.documents().flatten().collect::<Vec<_>>());
    Ok(documents.filter_map(|bytes| to_document(&bytes)).collect())
}

fn to_raw(command: &Document) -> Result<RawDocumentBuf, CommandError> {
    RawDocumentBuf::try_from(command).map_err(|e| CommandError::Driver(e.into()))
}

/// A document of a reply as a tree, for small ones.
pub(crate) fn to_document(bytes: &[u8]) -> Option<Document> {
    Document::from_reader(bytes).ok()
}

/// Any number of a reply as an unsigned one.
pub(crate) fn number(value: &Bson) -> u64 {
    match value {
        Bson::Int32(n) => u64::try_from(*n).unwrap_or(0),
        Bson::Int64(n) => u64::try_from(*n).unwrap_or(0),
        Bson::Double(x) => *x as u64,
        _ => 0,
    }
}
