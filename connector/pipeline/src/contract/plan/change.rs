//! One change as values tell it: documents before and after, its delta, its place, its transaction.

use bson::RawDocument;
use bson::raw::RawBsonRef;

use super::Meta;
use crate::contract::model::Misfit;

/// A change. What is absent is null in the value.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The document's `_id`.
    pub id: RawBsonRef<'a>,
    /// What happened, when, and where it stands.
    pub meta: &'a Meta,
    /// The document before the change: the server's pre-image.
    pub before: Option<&'a RawDocument>,
    /// The document after it.
    pub after: Option<&'a RawDocument>,
    /// The server's `updateDescription`.
    pub delta: Option<&'a RawDocument>,
    /// The transaction that the change was made in, as the source names it.
    pub session: Option<Session<'a>>,
    /// The change's place in that transaction.
    pub transaction: Option<Place>,
    /// Updates that this record stands for beside its own.
    pub coalesced: i32,
    /// The writer's clock, milliseconds since 1970.
    pub processed_ms: i64,
}

/// A transaction of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session<'a> {
    /// `lsid` as Debezium writes it: Extended JSON of the old kind.
    pub lsid: &'a str,
    /// `txnNumber`.
    pub txn_number: i64,
    /// `<lsid>:<txnNumber>`.
    pub id: &'a str,
}

/// A place in a transaction, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Among all of its records.
    pub total_order: i64,
    /// Among those of the same collection.
    pub data_collection_order: i64,
}

/// What there is to say about a record that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Whether the document has entries in `__spill`.
    pub spilled: bool,
    /// Why there is no document before the change although the source gave one: it does not fit the contract.
    pub before: Option<Misfit>,
}

impl<'a> Change<'a> {
    /// A change of which only its document is known: a row, or what is asked of a plan alone.
    pub fn of(id: RawBsonRef<'a>, meta: &'a Meta, after: Option<&'a RawDocument>) -> Self {
        Self {
            id,
            meta,
            after,
            before: None,
            delta: None,
            session: None,
            transaction: None,
            coalesced: 0,
            processed_ms: 0,
        }
    }
}
