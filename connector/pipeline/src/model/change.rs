//! One event of a change stream: the raw BSON as it came, and where its parts stand in it.
//!
//! Invariant: parsing copies nothing of the document; a `Change` keeps the reply's buffer alive by a reference count.

use bson::RawDocument;
use bson::raw::RawBsonRef;
use bytes::Bytes;

use super::{ClusterTime, Id, Namespace, Token, TokenError, Uuid};
use crate::contract::plan::walk::{Elements, Malformed, Value, tag};

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
    fn of(name: &[u8]) -> Self {
        match name {
            b"insert" => Self::Insert,
            b"update" => Self::Update,
            b"replace" => Self::Replace,
            b"delete" => Self::Delete,
            b"drop" => Self::Drop,
            b"rename" => Self::Rename,
            b"dropDatabase" => Self::DropDatabase,
            b"invalidate" => Self::Invalidate,
            b"create" => Self::Create,
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
    token: Place,
    key: Option<Place>,
    id: Option<Place>,
    full: Option<Place>,
    before: Option<Place>,
    delta: Option<Place>,
    session: Option<Place>,
    txn_number: Option<i64>,
}

/// Where a value stands in its event.
#[derive(Clone, Copy, Debug)]
struct Place {
    tag: u8,
    start: u32,
    len: u32,
}

impl Change {
    /// Takes an event apart. `event` is one raw document. `last` is the namespace of the event before, reused when equal.
    pub fn parse(event: Bytes, last: Option<&Namespace>) -> Result<Self, ChangeError> {
        let base = event.as_ptr() as usize;
        let place = |value: Value<'_>| {
            let start = value.bytes.as_ptr() as usize - base;
            Place { tag: value.tag, start: start as u32, len: value.bytes.len() as u32 }
        };
        let (mut op, mut op_name, mut time, mut wall, mut ns, mut to, mut uuid) =
            (None, None, None, None, None, None, None);
        let (mut token, mut key, mut id, mut full) = (None, None, None, None);
        let (mut before, mut delta, mut session, mut txn_number) = (None, None, None, None);
        let mut elements = Elements::of(&event).map_err(malformed)?;
        while let Some((name, value)) = elements.next().map_err(malformed)? {
            match (name, value.tag) {
                (b"_id", tag::DOCUMENT) => token = Some(place(value)),
                (b"operationType", tag::STRING) => {
                    op = Some(Op::of(value.text()));
                    op_name = Some(value.text());
                }
                (b"clusterTime", tag::TIMESTAMP) => time = Some(ClusterTime::from_u64(value.eight() as u64)),
                (b"wallTime", tag::DATE) => wall = Some(value.eight()),
                (b"ns", tag::DOCUMENT) => ns = Some(namespace(value, last)?),
                (b"to", tag::DOCUMENT) => to = Some(namespace(value, None)?),
                (b"collectionUUID", tag::BINARY) => uuid = value.binary().map_err(malformed)?.1.try_into().ok(),
                (b"documentKey", tag::DOCUMENT) => {
                    key = Some(place(value));
                    id = find(value.bytes, b"_id")?.map(place);
                }
                (b"fullDocument", tag::DOCUMENT) => full = Some(place(value)),
                (b"fullDocumentBeforeChange", tag::DOCUMENT) => before = Some(place(value)),
                (b"updateDescription", tag::DOCUMENT) => delta = Some(place(value)),
                (b"lsid", tag::DOCUMENT) => session = Some(place(value)),
                (b"txnNumber", tag::INT64) => txn_number = Some(value.eight()),
                _ => {}
            }
        }
        let missing = |name: &str| ChangeError(format!("no {name}"));
        let op: Op = op.ok_or_else(|| missing("operationType"))?;
        let time = time.ok_or_else(|| missing("clusterTime"))?;
        if op.is_document() && (key.is_none() || ns.is_none()) {
            return Err(missing("documentKey or ns"));
        }
        let op_name = op_name.filter(|_| op == Op::Other).map(|name| String::from_utf8_lossy(name).into());
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
            id,
            full,
            before,
            delta,
            session,
            txn_number,
            event,
        })
    }

    /// The event's resume token.
    pub fn token(&self) -> Token {
        Token::new(self.part(self.token))
    }
    /// The cluster time at its head.
    pub fn token_time(&self) -> Result<ClusterTime, TokenError> {
        super::token::time_of(self.part(self.token))
    }
    /// `documentKey`, for events of documents.
    pub fn document_key(&self) -> Option<&RawDocument> {
        self.key.map(|place| self.part(place))
    }
    /// `documentKey._id`, for events of documents.
    pub fn id(&self) -> Option<RawBsonRef<'_>> {
        self.document_key()?.get("_id").ok()?
    }
    /// `documentKey._id` on its own.
    pub fn owned_id(&self) -> Option<Id> {
        self.id.map(|place| Id::of_bytes(place.tag, self.bytes(place)))
    }
    /// Appends the canonical bytes of `documentKey._id` (see [`super::canonical`]); false where there is none.
    pub fn canonical_id(&self, out: &mut Vec<u8>) -> bool {
        self.document_key().is_some_and(|key| super::canonical_id(key, out))
    }
    /// `fullDocument`, where the event has one.
    pub fn full_document(&self) -> Option<&RawDocument> {
        self.full.map(|place| self.part(place))
    }
    /// `fullDocumentBeforeChange`: the pre-image, where it was asked for and the collection keeps it.
    pub fn before(&self) -> Option<&RawDocument> {
        self.before.map(|place| self.part(place))
    }
    /// `updateDescription`, where it was asked for.
    pub fn delta(&self) -> Option<&RawDocument> {
        self.delta.map(|place| self.part(place))
    }
    /// `lsid` and `txnNumber` of a change that was made in a transaction.
    pub fn session(&self) -> Option<(&RawDocument, i64)> {
        self.session.map(|place| self.part(place)).zip(self.txn_number)
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

    fn bytes(&self, place: Place) -> &[u8] {
        &self.event[place.start as usize..(place.start + place.len) as usize]
    }

    fn part(&self, place: Place) -> &RawDocument {
        RawDocument::from_bytes(self.bytes(place)).expect("a part of a document that was checked")
    }
}

/// The value of a name in a document.
fn find<'a>(document: &'a [u8], wanted: &[u8]) -> Result<Option<Value<'a>>, ChangeError> {
    let mut elements = Elements::of(document).map_err(malformed)?;
    while let Some((name, value)) = elements.next().map_err(malformed)? {
        if name == wanted {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn namespace(value: Value<'_>, last: Option<&Namespace>) -> Result<Namespace, ChangeError> {
    let text = |name: &[u8]| match find(value.bytes, name)? {
        Some(value) if value.tag == tag::STRING => {
            std::str::from_utf8(value.text()).map(Some).map_err(|e| ChangeError(format!("ns: {e}")))
        }
        _ => Ok(None),
    };
    let db = text(b"db")?.ok_or_else(|| ChangeError("ns: no db".to_owned()))?;
    let coll = text(b"coll")?.unwrap_or("*");
    Ok(match last {
        Some(last) if last.is(db, coll) => last.clone(),
        _ => Namespace::new(db, coll),
    })
}

fn malformed(_: Malformed) -> ChangeError {
    ChangeError("bytes that are not BSON".to_owned())
}
