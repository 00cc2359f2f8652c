//! The keys that are handed on to librdkafka, passwords among them.
//!
//! Invariant: `Debug` shows names only, since any value may have come from a placeholder.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

/// librdkafka's keys with their values; reads as a map.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientKeys(BTreeMap<String, String>);

impl ClientKeys {
    /// The map itself, for the client.
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }
}

impl From<BTreeMap<String, String>> for ClientKeys {
    fn from(keys: BTreeMap<String, String>) -> Self {
        Self(keys)
    }
}

impl Deref for ClientKeys {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|key| (key, "***"))).finish()
    }
}
