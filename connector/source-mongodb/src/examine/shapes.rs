//! Sizes and `_id` types of sampled documents, computed by the server.

use std::collections::BTreeMap;
use std::time::Duration;

use bson::{RawDocumentBuf, doc};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::Namespace;

use crate::client::{CommandError, Connection};
use crate::collections::{number, to_document};
use crate::error::Call;

/// What a sample shows.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    /// Bytes of each sampled document, ascending.
    pub sizes: Vec<u64>,
    /// How many `_id`s are of which BSON type, by the server's name for it.
    pub id_types: BTreeMap<String, u64>,
}

impl Shapes {
    /// The size that so many of hundred documents do not exceed; `None` of an empty sample.
    pub fn percentile(&self, percent: usize) -> Option<u64> {
        let last = self.sizes.len().checked_sub(1)?;
        self.sizes.get((self.sizes.len() * percent).div_ceil(100).saturating_sub(1).min(last)).copied()
    }
    /// The largest.
    pub fn largest(&self) -> Option<u64> {
        self.sizes.last().copied()
    }
}

pub(super) async fn shapes(
    connection: &Connection,
    namespace: &Namespace,
    size: u32,
    limit: Duration,
) -> Result<Shapes> {
    let command = doc! {
        "aggregate": namespace.coll(),
        "pipeline": [
            { "$sample": { "size": size.max(1) } },
            { "$project": { "_id": 0_i32, "s": { "$bsonSize": "$$ROOT" }, "t": { "$type": "$_id" } } },
        ],
        "cursor": { "batchSize": i32::try_from(size).unwrap_or(i32::MAX) },
        "maxTimeMS": i64::try_from(limit.as_millis()).unwrap_or(i64::MAX).max(1),
    };
    let command = RawDocumentBuf::try_from(&command).map_err(|e| CommandError::Driver(e.into()));
    let fail = |e: CommandError| connection.failure(&e, Call::Other);
    let replies = connection.replies(namespace.db(), command.map_err(fail)?, connection.preference(), limit, |_| false);
    let replies = replies.await.map_err(fail)?;
    let mut shapes = Shapes::default();
    for bytes in replies.iter().flat_map(|reply| reply.documents().flatten().collect::<Vec<_>>()) {
        let Some(row) = to_document(&bytes) else { continue };
        shapes.sizes.extend(row.get("s").map(number));
        if let Ok(name) = row.get_str("t") {
            *shapes.id_types.entry(name.to_owned()).or_default() += 1;
        }
    }
    shapes.sizes.sort_unstable();
    Ok(shapes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_small_samples() {
        let shapes = |sizes: &[u64]| Shapes { sizes: sizes.to_vec(), ..Shapes::default() };
        assert_eq!(shapes(&[]).percentile(50), None);
        assert_eq!([50, 99, 100].map(|p| shapes(&[7]).percentile(p)), [Some(7); 3]);
        let hundred = shapes(&(1..=100).collect::<Vec<_>>());
        assert_eq!([0, 50, 99, 100].map(|p| hundred.percentile(p)), [1, 50, 99, 100].map(Some));
        assert_eq!(hundred.largest(), Some(100));
    }
}
