//! One event of a change stream: the raw BSON as it came, and where its parts stand in it.
//!
//! Invariant: parsing copies nothing of the document; a `Change` keeps the reply's buffer alive by a reference count.

use std::ops::Range;

use bson::RawDocument;
use bson::raw::RawBsonRef;
use bytes::Bytes;

use super::{ClusterTime, Namespace, Token, Uuid};

/// What an event says. Names are the server's `operationType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A new document.
    Insert,
    /// A delta.
    Update,
    /// A whole new content.
    Replace,
    /// A document is gone.
    Delete,
    /// The collection was dropped.
    Drop,
    /// The collection was renamed; `to` names the new one.
    Rename,
    /// The database was dropped.
    DropDatabase,
    /// The cursor ends here.
    Invalidate,
    /// A collection came to be.
    Create,
    /// `createIndexes`, `dropIndexes`, `modify`, sharding: nothing in the data changes.
    Other,
}

impl Op {
    fn of(name: &str) -> Self {
        match name {
            "insert" => Self::Insert,
            "update" => Self::Update,
            "replace" => Self::Replace,
            "delete" => Self::Delete,
            "drop" => Self::Drop,
            "rename" => Self::Rename,
            "dropDatabase" => Self::DropDatabase,
            "invalidate" => Self::Invalidate,
            "create" => Self::Create,
            _ => Self::Other,
        }
    }
    /// Whether the event changes one document.
    pub fn is_document(self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Replace | Self::Delete)
    }
}

/// Why an event could not be taken apart. Always definite: the server's word is not understood.
#[derive(Debug, thiserror::Error)]
#[error("change event: {0}")]
pub struct ChangeError(pub String);

/// One event.
#[derive(Clone, Debug)]
pub struct Change {
    event: Bytes,
    /// What it says.
    pub op: Op,
    /// The server's `operationType`, for the log, where `op` is [`Op::Other`].
    pub op_name: Option<Box<str>>,
    /// `clusterTime`.
    pub time: ClusterTime,
    /// `wallTime` in milliseconds, or the cluster time's seconds where the server sends none.
    pub wall_ms: i64,
    /// `ns`; for `dropDatabase` the collection is `*`; for `invalidate` there is none.
    pub namespace: Option<Namespace>,
    /// `to` of a rename.
    pub to: Option<Namespace>,
    /// `collectionUUID`.
    pub uuid: Option<Uuid>,
    token: Range<usize>,
    key: Option<Range<usize>>,
    full: Option<Range<usize>>,
}

impl Change {
    /// Takes an event apart. `event` is one raw document. `last` is the namespace of the event before, reused when equal.
    pub fn parse(event: Bytes, last: Option<&Namespace>) -> Result<Self, ChangeError> {
        let doc = RawDocument::from_bytes(&event).map_err(|e| ChangeError(e.to_string()))?;
        let base = event.as_ptr() as usize;
        let range = |inner: &RawDocument| {
            let start = inner.as_bytes().as_ptr() as usize - base;
            start..start + inner.as_bytes().len()
        };
        let (mut op, mut op_name, mut time, mut wall, mut ns, mut to, mut uuid) =
            (None, None, None, None, None, None, None);
        let (mut token, mut key, mut full) = (None, None, None);
        for element in doc.iter_elements() {
            let element = element.map_err(|e| ChangeError(e.to_string()))?;
            let name = element.key().as_str();
            let wanted = matches!(
                name,
                "_id"
                    | "operationType"
                    | "clusterTime"
                    | "wallTime"
                    | "ns"
                    | "to"
                    | "collectionUUID"
                    | "documentKey"
                    | "fullDocument"
            );
            if !wanted {
                continue;
            }
            let value = element.value().map_err(|e| ChangeError(format!("{name}: {e}")))?;
            match (name, value) {
                ("_id", RawBsonRef::Document(d)) => token = Some(range(d)),
                ("operationType", RawBsonRef::String(s)) => {
                    op = Some(Op::of(s));
                    op_name = Some(s);
                }
                ("clusterTime", RawBsonRef::Timestamp(t)) => time = Some(ClusterTime::from(t)),
                ("wallTime", RawBsonRef::DateTime(d)) => wall = Some(d.timestamp_millis()),
                ("ns", RawBsonRef::Document(d)) => ns = namespace(d, last)?,
                ("to", RawBsonRef::Document(d)) => to = namespace(d, None)?,
                ("collectionUUID", RawBsonRef::Binary(b)) => uuid = b.bytes.try_into().ok(),
                ("documentKey", RawBsonRef::Document(d)) => key = Some(range(d)),
                ("fullDocument", RawBsonRef::Document(d)) => full = Some(range(d)),
                _ => {}
            }
        }
        let missing = |name: &str| ChangeError(format!("no {name}"));
        let op: Op = op.ok_or_else(|| missing("operationType"))?;
        let time = time.ok_or_else(|| missing("clusterTime"))?;
        if op.is_document() && (key.is_none() || ns.is_none()) {
            return Err(missing("documentKey or ns"));
        }
        let op_name = if op == Op::Other { op_name.map(Into::into) } else { None };
        let token = token.ok_or_else(|| missing("_id"))?;
        Ok(Self {
            op,
            op_name,
            time,
            wall_ms: wall.unwrap_or(time.wall_ms()),
            namespace: ns,
            to,
            uuid,
            token,
            key,
            full,
            event,
        })
    }

    /// The event's resume token.
    pub fn token(&self) -> Token {
        Token::new(self.part(&self.token))
    }
    /// `documentKey`, for events of documents.
    pub fn document_key(&self) -> Option<&RawDocument> {
        self.key.as_ref().map(|r| self.part(r))
    }
    /// `documentKey._id`, for events of documents.
    pub fn id(&self) -> Option<RawBsonRef<'_>> {
        self.document_key()?.get("_id").ok()?
    }
    /// `fullDocument`, where the event has one.
    pub fn full_document(&self) -> Option<&RawDocument> {
        self.full.as_ref().map(|r| self.part(r))
    }
    /// `fullDocument` as a slice of the reply.
    pub fn full_bytes(&self) -> Option<Bytes> {
        self.full.as_ref().map(|r| self.event.slice(r.clone()))
    }
    /// `documentKey` as a slice of the reply.
    pub fn key_bytes(&self) -> Option<Bytes> {
        self.key.as_ref().map(|r| self.event.slice(r.clone()))
    }
    /// The whole event.
    pub fn raw(&self) -> &RawDocument {
        RawDocument::from_bytes(&self.event).expect("checked when parsed")
    }
    /// Size of the event in bytes.
    pub fn len(&self) -> usize {
        self.event.len()
    }
    /// Never true: an event has at least its time.
    pub fn is_empty(&self) -> bool {
        self.event.is_empty()
    }

    fn part(&self, range: &Range<usize>) -> &RawDocument {
        RawDocument::from_bytes(&self.event[range.clone()]).expect("a range of a document that was checked")
    }
}

fn namespace(doc: &RawDocument, last: Option<&Namespace>) -> Result<Option<Namespace>, ChangeError> {
    let db = doc.get_str("db").map_err(|e| ChangeError(format!("ns: {e}")))?;
    let coll = doc.get_str("coll").unwrap_or("*");
    Ok(Some(match last {
        Some(last) if last.db() == db && last.coll() == coll => last.clone(),
        _ => Namespace::new(db, coll),
    }))
}
