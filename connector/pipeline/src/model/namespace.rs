//! `db.coll`, cheap to clone.

use std::fmt;
use std::sync::Arc;

/// A collection's full name. The database is all before the first dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// Of a database and a collection.
    pub fn new(db: &str, coll: &str) -> Self {
        Self(format!("{db}.{coll}").into())
    }
    /// Of a full name; `None` without a dot, or with nothing on one side of it.
    pub fn parse(full: &str) -> Option<Self> {
        let (db, coll) = full.split_once('.')?;
        (!db.is_empty() && !coll.is_empty()).then(|| Self(full.into()))
    }
    /// The database.
    pub fn db(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(db, _)| db)
    }
    /// The collection, without the database.
    pub fn coll(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, coll)| coll)
    }
    /// `db.coll`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
