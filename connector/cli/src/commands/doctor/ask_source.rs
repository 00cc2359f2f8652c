//! Reads the source: the server first, then everything else at once, then samples.
//!
//! Invariants: no document leaves the server; a standalone server is asked what it can answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use moorline_config::Checked;
use moorline_pipeline::error::{Problem, Result};
use moorline_pipeline::model::Namespace;
use moorline_pipeline::source::{ChangeStream as _, ChunkRequest, Selection, Source as _, StartFrom, StreamSpec};
use moorline_source_mongodb::{CollectionFacts, MongoSource, Shapes};
use tokio::task::JoinSet;

use super::facts::{Answer, SourceFacts};
use super::gather::within;
use super::source;
use crate::wiring;

/// Documents of a sample; only their sizes and the types of their `_id`s come over.
const SAMPLE: u32 = 500;
/// Samples taken at the same time, and collections that are sampled: the largest.
const AT_ONCE: usize = 4;
const SAMPLED: usize = 40;

/// Reads it.
pub(super) async fn facts(checked: &Checked, limit: Duration) -> Answer<SourceFacts> {
    let config = &checked.config;
    let late = || late(&wiring::source_place(config), limit);
    // The driver says why no server was found, a little before we stop waiting for it.
    let select = limit.mul_f64(0.8);
    let source = within(limit, late, wiring::examined_source(config, select)).await?;
    let server = within(limit, late, source.examine_server()).await?;
    let settings = wiring::settings(checked);
    let selection = &settings.selection;
    let spec = StreamSpec {
        selection: selection.clone(),
        images: settings.images,
        pre_images: settings.pre_images,
        deltas: settings.deltas(),
        batch_size: 1,
        max_await: Duration::from_millis(100),
    };
    let is_set = source::is_set(&server);
    let (user, log, collections, stream, preference) = tokio::join!(
        within(limit, late, source.examine_user()),
        within(limit, late, source.log_window()),
        within(limit, late, source.examine_collections(selection)),
        within(limit, late, async {
            if is_set {
                source.open(&spec, &StartFrom::Now).await?.next().await?;
            }
            Ok(())
        }),
        within(limit, late, source.examine_preference(limit)),
    );
    let captured: Vec<&CollectionFacts> = collections.iter().flatten().filter(|one| one.captured).collect();
    let (read, shapes) = tokio::join!(
        within(limit, late, async { if is_set { read(&source, &captured).await } else { Ok(()) } }),
        shapes(&source, &captured, limit),
    );
    Ok(SourceFacts { server, user, log, collections, shapes, stream, read, preference })
}

/// A source that takes too long.
fn late(place: &str, limit: Duration) -> Problem {
    Problem::new(
        "MOOR-2001",
        "the source did not answer",
        place,
        format!("no answer within {} s", limit.as_secs()),
        "check the hosts, the network, TLS and the name of the replica set\nor give it longer: --timeout",
    )
}

/// One row at one cluster time, as a snapshot reads it.
async fn read(source: &MongoSource, captured: &[&CollectionFacts]) -> Result<()> {
    let Some(first) = captured.iter().find(|collection| !collection.capped && collection.documents > 0) else {
        return Ok(());
    };
    let Some(info) = source.collection(&first.namespace).await? else { return Ok(()) };
    let at = source.identity().await?.now;
    let request = ChunkRequest {
        namespace: info.namespace,
        uuid: info.uuid,
        lo: None,
        hi: None,
        limit: 1,
        max_bytes: 1,
        at,
        max_time: Duration::from_secs(10),
    };
    source.read_chunk(&request).await.map(drop)
}

/// Samples of the largest collections, until the time is over.
async fn shapes(
    source: &MongoSource,
    captured: &[&CollectionFacts],
    limit: Duration,
) -> BTreeMap<Namespace, Answer<Shapes>> {
    let until = Instant::now() + limit;
    let mut largest: Vec<&CollectionFacts> = captured.to_vec();
    largest.sort_by_key(|collection| std::cmp::Reverse(collection.bytes));
    let mut found = BTreeMap::new();
    for some in largest.chunks(AT_ONCE).take(SAMPLED / AT_ONCE) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let mut samples = JoinSet::new();
        for collection in some {
            let (source, namespace) = (source.clone(), collection.namespace.clone());
            samples.spawn(async move {
                let shapes = source.examine_shapes(&namespace, SAMPLE, left).await;
                (namespace, shapes.map_err(|failure| *failure.problem))
            });
        }
        while let Some(sample) = samples.join_next().await {
            found.extend(sample.ok());
        }
    }
    found
}

/// The selection that a configuration makes.
pub(super) fn selection(checked: &Checked) -> Selection {
    wiring::settings(checked).selection
}
