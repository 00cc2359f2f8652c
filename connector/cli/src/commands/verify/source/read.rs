//! The source's side: ranges of a collection, side by side, all at the last moment before the cut.
//!
//! Invariants: every chunk is read at that one time, of the epoch, inside the window; a chunk that is not ends the
//! reading, and nothing is proven. No more is held than a chunk for each range.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::RawDocument;
use futures_util::future::try_join_all;
use moorline_export::verify::Comparison;
use moorline_pipeline::contract::plan::Scratch;
use moorline_pipeline::error::{Next, Problem, Result};
use moorline_pipeline::model::{Id, Namespace, Uuid};
use moorline_pipeline::source::{ChunkRequest, Source as _};

use super::plans::Plans;
use super::{Bench, blocking, standing};

/// Rows of a chunk.
const CHUNK_ROWS: u32 = 2000;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = 8 << 20;
/// How long the server may take over a chunk.
const CHUNK_TIME: Duration = Duration::from_secs(30);

/// The comparison, and the `_id`s of suspect keys that the source has.
pub(super) struct Taken {
    pub(super) comparison: Comparison,
    pub(super) ids: BTreeMap<Vec<u8>, Id>,
}

/// Reads the whole collection; gives why it can't be read at the cut, where that is so.
pub(super) async fn all(
    bench: &Bench,
    namespace: &Namespace,
    uuid: &Uuid,
    plans: &Plans,
    taken: &Arc<Mutex<Taken>>,
) -> Result<Option<Problem>> {
    let bounds = bench.source.split(namespace, bench.args.threads).await?;
    let mut edges: Vec<Option<Id>> = vec![None];
    edges.extend(bounds.into_iter().map(Some));
    edges.push(None);
    let pace = Pace { rate: bench.args.rate, began: Instant::now(), read: AtomicU64::new(0) };
    let ranges = edges.windows(2).map(|pair| {
        let request = ChunkRequest {
            namespace: namespace.clone(),
            uuid: *uuid,
            lo: pair[0].clone(),
            hi: pair[1].clone(),
            limit: CHUNK_ROWS,
            max_bytes: CHUNK_BYTES,
            at: bench.cut.pred(),
            max_time: CHUNK_TIME,
        };
        range(bench, request, plans, taken, &pace)
    });
    Ok(try_join_all(ranges).await?.into_iter().flatten().next())
}

async fn range(
    bench: &Bench,
    mut request: ChunkRequest,
    plans: &Plans,
    taken: &Mutex<Taken>,
    pace: &Pace,
) -> Result<Option<Problem>> {
    loop {
        if let Some(why) = bench.outside() {
            return Ok(Some(why));
        }
        let chunk = match bench.source.read_chunk(&request).await {
            Ok(chunk) => chunk,
            Err(failure) if failure.next == Next::NewTime => {
                return Ok(Some(not_at_one_time(&request, &failure.problem.why)));
            }
            Err(failure) => return Err(failure),
        };
        if !chunk.same_epoch || chunk.unsettled_until.is_some() {
            return Ok(Some(not_at_one_time(
                &request,
                "the collection was dropped, renamed or changed under the reading",
            )));
        }
        blocking(|| take(&chunk.rows, plans, taken));
        pace.after(chunk.rows.len() as u64).await;
        match chunk.next {
            Some(next) => request.lo = Some(next),
            None => return Ok(None),
        }
    }
}

/// Rows of a chunk are made without the lock, and compared under it at one go.
fn take(rows: &[bytes::Bytes], plans: &Plans, taken: &Mutex<Taken>) {
    let (mut scratch, mut out, mut key) = (Scratch::default(), Vec::new(), Vec::new());
    let mut made = Vec::with_capacity(rows.len());
    for bytes in rows {
        // The chunk was read by its `_id`s, so there is one.
        let Ok(document) = RawDocument::from_bytes(bytes) else { continue };
        let Ok(Some(id)) = document.get("_id") else { continue };
        plans.current().key(id, &mut key);
        let row = plans.current().hash(document, &mut scratch, &mut out).ok();
        made.push((key.clone(), row, id));
    }
    let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
    for (key, row, id) in made {
        if taken.comparison.source_row(&key, row) {
            taken.ids.insert(key, Id::new(id));
        }
    }
}

/// `--rate-limit`, over all ranges.
struct Pace {
    rate: u64,
    began: Instant,
    read: AtomicU64,
}

impl Pace {
    async fn after(&self, documents: u64) {
        let read = self.read.fetch_add(documents, Ordering::Relaxed) + documents;
        if self.rate > 0 {
            let due = Duration::from_secs_f64((read as f64 / self.rate as f64).min(86_400.0));
            tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
        }
    }
}

fn not_at_one_time(request: &ChunkRequest, why: &str) -> Problem {
    standing::uncomparable(
        &format!("{} at {}", request.namespace, request.at),
        why,
        "verify a newer cut: --at latest while the connector runs",
    )
}
