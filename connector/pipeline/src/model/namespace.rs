//! `db.coll`, cheap to clone.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A collection's full name. The database is all before the first dot.
#[derive(Clone, Eq, PartialOrd, Ord)]
pub struct Namespace(Arc<str>);

impl PartialEq for Namespace {
    /// Names are shared from event to event, so that most comparisons end at the pointer.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Hash for Namespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

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
    /// Whether it is the name of this collection.
    pub fn is(&self, db: &str, coll: &str) -> bool {
        let full = self.0.as_bytes();
        full.len() == db.len() + 1 + coll.len()
            && full.starts_with(db.as_bytes())
            && full[db.len()] == b'.'
            && full.ends_with(coll.as_bytes())
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
