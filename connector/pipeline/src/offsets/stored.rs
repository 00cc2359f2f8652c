//! All that is stored about a lane, as read at its start.
//!
//! Invariant: what can't be read is an error with a code, never taken for "nothing stored".

use std::collections::BTreeMap;

use crate::error::Problem;

use super::{Owner, Position, Progress, Scope};

/// The records of one scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// Where the stream stands.
    pub position: Option<Position>,
    /// Who has the lane.
    pub owner: Option<Owner>,
    /// Progress by collection, in the order of their names.
    pub progress: Vec<Progress>,
}

impl Stored {
    /// Takes apart what [`crate::sink::LaneSink::read_offsets`] has read; records of other scopes are passed over.
    pub fn parse(
        scope: &Scope,
        connector: &str,
        prefix: &str,
        read: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<Self, Problem> {
        let mut stored = Self::default();
        let (position, owner) = (scope.position_key(connector, prefix), scope.owner_key(connector, prefix));
        for (key, value) in read {
            if *key == position {
                stored.position = Some(Position::from_value(value)?);
            } else if *key == owner {
                stored.owner = Some(Owner::from_value(value)?);
            } else if scope.namespace_of(connector, prefix, key).is_some() {
                stored.progress.push(Progress::from_value(value)?);
            }
        }
        stored.progress.sort_by(|a, b| a.namespace.cmp(&b.namespace));
        Ok(stored)
    }
}
