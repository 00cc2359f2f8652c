//! The bytes of an envelope, and of the facts that flat values carry: [`crate::contract::output`] has their schemas.
//!
//! Invariants: the order of everything is the schemas'; documents are walked as for flat values, straight from BSON; what
//! the contract excludes stands in no delta either.

use bson::raw::{RawArray, RawBsonRef};

use super::change::{Change, Place, Session};
use super::excluded::Excluded;
use super::misfit::Fault;
use super::walk::{Elements, Value, tag};
use super::wire;
use crate::contract::extjson::{self, Style};
use crate::contract::output::metadata::Fact;
use crate::model::{ClusterTime, Namespace};

/// What of an envelope is the same for all records of a collection.
#[derive(Debug)]
pub(super) struct Constants {
    version: Vec<u8>,
    name: Vec<u8>,
    db: Vec<u8>,
    collection: Vec<u8>,
}

/// What the connector calls itself, as Debezium's does.
const CONNECTOR: &[u8] = b"mongodb";

impl Constants {
    pub(super) fn new(namespace: &Namespace, version: &str, name: &str) -> Self {
        let string = |text: &str| {
            let mut out = Vec::with_capacity(text.len() + 2);
            wire::bytes(text.as_bytes(), &mut out);
            out
        };
        Self {
            version: string(version),
            name: string(name),
            db: string(namespace.db()),
            collection: string(namespace.coll()),
        }
    }

    /// The record `source`.
    pub(super) fn source(&self, change: &Change<'_>, out: &mut Vec<u8>) {
        let meta = change.meta;
        out.extend_from_slice(&self.version);
        wire::bytes(CONNECTOR, out);
        out.extend_from_slice(&self.name);
        wire::long(meta.ts_ms, out);
        wire::some(out);
        wire::bytes(snapshot(change), out);
        out.extend_from_slice(&self.db);
        wire::null(out);
        optional_long(meta.ts_ms.checked_mul(1_000), out);
        optional_long(meta.ts_ms.checked_mul(1_000_000), out);
        out.extend_from_slice(&self.collection);
        wire::long(ord(change).into(), out);
        optional_text(change.session.map(|session| session.lsid), out);
        optional_long(change.session.map(|session| session.txn_number), out);
        optional_long(wall_time(change), out);
        wire::some(out);
        out.extend_from_slice(&self.collection);
        for n in [meta.cluster_time, meta.seq.into(), meta.image_time, change.coalesced.into()] {
            optional_long(Some(n), out);
        }
    }

    /// What stands behind `source`.
    pub(super) fn tail(change: &Change<'_>, out: &mut Vec<u8>) {
        wire::some(out);
        wire::bytes(&[change.meta.op], out);
        optional_long(Some(change.processed_ms), out);
        match (change.session, change.transaction) {
            (Some(session), Some(place)) => {
                wire::some(out);
                wire::bytes(session.id.as_bytes(), out);
                wire::long(place.total_order, out);
                wire::long(place.data_collection_order, out);
            }
            _ => wire::null(out),
        }
    }

    /// One fact as a nullable field of a flat value.
    pub(super) fn fact(&self, fact: Fact, change: &Change<'_>, out: &mut Vec<u8>) {
        let meta = change.meta;
        let text = |bytes: &[u8], out: &mut Vec<u8>| {
            wire::some(out);
            wire::bytes(bytes, out);
        };
        let constant = |bytes: &[u8], out: &mut Vec<u8>| {
            wire::some(out);
            out.extend_from_slice(bytes);
        };
        let session = change.session;
        match fact {
            Fact::Op => text(&[meta.op], out),
            Fact::Deleted => out.extend_from_slice(&[2, u8::from(meta.deleted)]),
            Fact::Snapshot => out.extend_from_slice(&[2, u8::from(meta.snapshot)]),
            Fact::Version => constant(&self.version, out),
            Fact::Connector => text(CONNECTOR, out),
            Fact::Name => constant(&self.name, out),
            Fact::Db => constant(&self.db, out),
            Fact::Collection => constant(&self.collection, out),
            Fact::SnapshotWord => text(snapshot(change), out),
            Fact::Sequence => wire::null(out),
            Fact::Lsid => optional_text(session.map(|session| session.lsid), out),
            Fact::TransactionId => optional_text(transaction(change).map(|(session, _)| session.id), out),
            _ => optional_long(number(fact, change), out),
        }
    }
}

/// The transaction that is told of, where one is.
fn transaction<'a>(change: &Change<'a>) -> Option<(Session<'a>, Place)> {
    change.session.zip(change.transaction)
}

fn number(fact: Fact, change: &Change<'_>) -> Option<i64> {
    let meta = change.meta;
    match fact {
        Fact::TsMs => Some(meta.ts_ms),
        Fact::TsUs => meta.ts_ms.checked_mul(1_000),
        Fact::TsNs => meta.ts_ms.checked_mul(1_000_000),
        Fact::ClusterTime => Some(meta.cluster_time),
        Fact::Seq => Some(meta.seq.into()),
        Fact::ImageTime => Some(meta.image_time),
        Fact::Ord => Some(ord(change).into()),
        Fact::TxnNumber => change.session.map(|session| session.txn_number),
        Fact::WallTime => wall_time(change),
        Fact::Coalesced => Some(change.coalesced.into()),
        Fact::TotalOrder => transaction(change).map(|(_, place)| place.total_order),
        Fact::DataCollectionOrder => transaction(change).map(|(_, place)| place.data_collection_order),
        _ => None,
    }
}

/// A fact as the text of a header; `None` where it is null.
pub(super) fn header(
    fact: Fact,
    change: &Change<'_>,
    namespace: &Namespace,
    version: &str,
    name: &str,
) -> Option<Vec<u8>> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    match fact {
        Fact::Op => Some(vec![change.meta.op]),
        Fact::Deleted => text(if change.meta.deleted { "true" } else { "false" }),
        Fact::Snapshot => text(if change.meta.snapshot { "true" } else { "false" }),
        Fact::Version => text(version),
        Fact::Connector => Some(CONNECTOR.to_vec()),
        Fact::Name => text(name),
        Fact::Db => text(namespace.db()),
        Fact::Collection => text(namespace.coll()),
        Fact::SnapshotWord => Some(snapshot(change).to_vec()),
        Fact::Sequence => None,
        Fact::Lsid => change.session.and_then(|session| text(session.lsid)),
        Fact::TransactionId => transaction(change).and_then(|(session, _)| text(session.id)),
        _ => number(fact, change).map(|n| n.to_string().into_bytes()),
    }
}

fn snapshot(change: &Change<'_>) -> &'static [u8] {
    if change.meta.snapshot { b"incremental" } else { b"false" }
}

/// The place within the second. A row's may be past any: -1, as Debezium says where it has none.
fn ord(change: &Change<'_>) -> i32 {
    ClusterTime::from_u64(change.meta.cluster_time as u64).i as i32
}

/// A row was made at no time that the source could tell.
fn wall_time(change: &Change<'_>) -> Option<i64> {
    (!change.meta.snapshot).then_some(change.meta.ts_ms)
}

fn optional_long(n: Option<i64>, out: &mut Vec<u8>) {
    match n {
        Some(n) => {
            wire::some(out);
            wire::long(n, out);
        }
        None => wire::null(out),
    }
}

fn optional_text(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => {
            wire::some(out);
            wire::bytes(text.as_bytes(), out);
        }
        None => wire::null(out),
    }
}

/// The field `updateDescription`, as Debezium shapes it: empty lists are null, the updated fields one JSON text.
pub(super) fn delta(
    change: &Change<'_>,
    excluded: Option<&Excluded>,
    replaces: bool,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let Some(delta) = change.delta else {
        wire::null(out);
        return Ok(());
    };
    let array = |name: &str| delta.get_array(name).ok();
    wire::some(out);
    let removed = strings(array("removedFields")).filter(|name| shown(excluded, name).is_some());
    list(removed, |name, out| wire::bytes(name.as_bytes(), out), out);
    match delta.get_document("updatedFields") {
        Ok(updated) => {
            wire::some(out);
            wire::text(out, |out| updated_fields(updated.as_bytes(), excluded, replaces, out))?;
        }
        Err(_) => wire::null(out),
    }
    let truncated = documents(array("truncatedArrays")).filter_map(|entry| {
        let field = entry.get_str("field").ok().filter(|field| shown(excluded, field).is_some())?;
        Some((field, entry.get_i32("newSize").ok()?))
    });
    let write = |(field, size): (&str, i32), out: &mut Vec<u8>| {
        wire::bytes(field.as_bytes(), out);
        wire::long(size.into(), out);
    };
    list(truncated, write, out);
    Ok(())
}

/// A nullable array; an empty one is null.
fn list<T>(items: impl Iterator<Item = T>, write: impl Fn(T, &mut Vec<u8>), out: &mut Vec<u8>) {
    let at = out.len();
    let mut count = 0;
    for item in items {
        write(item, out);
        count += 1;
    }
    if count == 0 {
        wire::null(out);
        return;
    }
    wire::long(0, out);
    wire::insert_long(at, count, out);
    out.insert(at, 2);
}

fn strings(array: Option<&RawArray>) -> impl Iterator<Item = &str> {
    array.into_iter().flatten().filter_map(|item| match item {
        Ok(RawBsonRef::String(text)) => Some(text),
        _ => None,
    })
}

fn documents(array: Option<&RawArray>) -> impl Iterator<Item = &bson::RawDocument> {
    array.into_iter().flatten().filter_map(|item| match item {
        Ok(RawBsonRef::Document(document)) => Some(document),
        _ => None,
    })
}

/// Relaxed Extended JSON of the updated fields, without what is excluded.
fn updated_fields(
    document: &[u8],
    excluded: Option<&Excluded>,
    replaces: bool,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut elements = Elements::of(document)?;
    out.push(b'{');
    let mut first = true;
    while let Some((name, value)) = elements.next()? {
        let path = String::from_utf8_lossy(name);
        let Some(below) = shown(excluded, &path) else { continue };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        extjson::value(Style::Relaxed, text_of(&mut Vec::new(), name), None, replaces, out)?;
        out.push(b':');
        extjson::value(Style::Relaxed, value, below, replaces, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// A name as a string value.
fn text_of<'a>(holder: &'a mut Vec<u8>, name: &[u8]) -> Value<'a> {
    holder.extend_from_slice(&(name.len() as i32 + 1).to_le_bytes());
    holder.extend_from_slice(name);
    holder.push(0);
    Value { tag: tag::STRING, bytes: holder }
}

/// What is excluded below a dotted path; `None` where the path itself is. A number is an array's place, which is no step
/// of an excluded path, or a map's key, which is.
fn shown<'e>(excluded: Option<&'e Excluded>, path: &str) -> Option<Option<&'e Excluded>> {
    let Some(root) = excluded else { return Some(None) };
    if root.below(path.as_bytes()).is_some_and(Excluded::here) {
        return None;
    }
    let mut at = Some(root);
    for step in path.split('.') {
        let Some(here) = at else { return Some(None) };
        match here.below(step.as_bytes()) {
            Some(below) if below.here() => return None,
            Some(below) => at = Some(below),
            None if !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) => {}
            None => at = None,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excluded_path_is_hidden_in_a_delta_however_it_is_written() {
        let excluded = Excluded::of(&["a.secret".into(), "b".into(), "m.*.cost".into()]);
        let hidden = |path: &str| shown(Some(&excluded), path).is_none();
        for path in ["b", "b.c", "b.0", "a.secret", "a.0.secret", "a.12.secret.x", "m.7.cost", "m.eu.cost.x"] {
            assert!(hidden(path), "{path}");
        }
        for path in ["a", "a.0", "a.0.open", "m", "m.7", "m.7.price", "c.secret"] {
            assert!(!hidden(path), "{path}");
        }
        assert!(shown(Some(&excluded), "a.3").unwrap().unwrap().below(b"secret").is_some());
    }
}
