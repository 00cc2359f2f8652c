//! `--profile`: sizes, `_id`s, write rates, hot keys and what a snapshot will take, from facts and a look at the stream.
//!
//! Invariants: what is gathered of the stream is bounded: past [`MOST_KEYS`] no further key is counted, and that is said;
//! a tally is a function of the changes that it was given.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use moorline_config::Checked;
use moorline_pipeline::contract::key;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::forecast;
use moorline_pipeline::model::{Change, Id, Namespace, Op, Reply};
use moorline_pipeline::source::{ChangeStream as _, Source as _, StartFrom, StreamSpec};
use serde_json::{Value, json};

use super::facts::SourceFacts;
use crate::commands::{table, words};
use crate::wiring;

/// Keys that are counted, of all collections together, and bytes of a key that is.
const MOST_KEYS: usize = 100_000;
const KEY_BYTES: usize = 256;
/// Keys that are shown of a collection, and letters of each.
const SHOWN_KEYS: usize = 3;
const KEY_LETTERS: usize = 40;

/// Writes to one collection.
#[derive(Debug, Default)]
struct Writes {
    inserts: u64,
    updates: u64,
    deletes: u64,
    keys: HashMap<Id, u64>,
}

/// What was seen of the stream.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How long it was looked at.
    seconds: u64,
    collections: BTreeMap<Namespace, Writes>,
    keys: usize,
    cut_off: bool,
}

impl Tally {
    fn add(&mut self, change: &Change) {
        let Some(namespace) = change.namespace.clone().filter(|_| change.op.is_document()) else { return };
        let writes = self.collections.entry(namespace).or_default();
        match change.op {
            Op::Insert => writes.inserts += 1,
            Op::Delete => writes.deletes += 1,
            _ => writes.updates += 1,
        }
        let Some(id) = change.id().map(Id::new).filter(|id| id.as_bytes().len() <= KEY_BYTES) else { return };
        if let Some(count) = writes.keys.get_mut(&id) {
            *count += 1;
        } else if self.keys < MOST_KEYS {
            self.keys += 1;
            writes.keys.insert(id, 1);
        } else {
            self.cut_off = true;
        }
    }
}

impl Writes {
    fn all(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// The keys with the most writes, those with one left out.
    fn hot(&self) -> Vec<(String, u64)> {
        let mut keys: Vec<(&Id, u64)> = self.keys.iter().filter(|(_, n)| **n > 1).map(|(id, n)| (id, *n)).collect();
        keys.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.as_bytes().cmp(b.0.as_bytes())));
        keys.truncate(SHOWN_KEYS);
        keys.into_iter().map(|(id, n)| (shown(id), n)).collect()
    }
}

fn shown(id: &Id) -> String {
    let mut text = Vec::new();
    if key::text(id.value(), &mut text).is_err() {
        return "?".to_owned();
    }
    String::from_utf8_lossy(&text).chars().take(KEY_LETTERS).collect()
}

/// Looks at the stream for so long.
pub(super) async fn look(checked: &Checked, seconds: u64) -> Result<Tally> {
    let settings = wiring::settings(checked);
    let spec = StreamSpec {
        selection: settings.selection.clone(),
        images: settings.images,
        pre_images: false,
        deltas: false,
        batch_size: 10_000,
        max_await: Duration::from_millis(200),
    };
    let source = wiring::source(&checked.config).await?;
    let mut stream = source.open(&spec, &StartFrom::Now).await?;
    let (mut tally, until) = (Tally { seconds, ..Tally::default() }, Instant::now() + Duration::from_secs(seconds));
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(reply) = tokio::time::timeout(left, stream.next()).await else { return Ok(tally) };
        let reply = reply?;
        let opening = reply.opening;
        let reply = Reply::parse(reply.raw, opening).map_err(|error| not_understood(&error.to_string()))?;
        reply.changes.iter().for_each(|change| tally.add(change));
    }
}

fn not_understood(why: &str) -> Failure {
    let fix = "report this with the server's version";
    Failure::new(Next::Halt, Problem::new("MOOR-2016", "the stream is not understood", "change stream", why, fix))
}

/// For people: a line a collection, the largest first.
pub(super) fn human(facts: &SourceFacts, tally: &Tally) -> String {
    let header = ["COLLECTION", "DOCUMENTS", "BYTES", "P50", "P99", "MAX", "_ID", "WRITES/S", "HOT KEYS", "SNAPSHOT"];
    let mut table = table::plain(&header, &[1, 2, 3, 4, 5, 7, 9]);
    let none = Writes::default();
    for collection in largest(facts) {
        let shapes = facts.shapes.get(&collection.namespace).and_then(|shapes| shapes.as_ref().ok());
        let size = |percent| shapes.and_then(|s| s.percentile(percent)).map_or_else(|| "-".to_owned(), words::bytes);
        let kinds = shapes.map_or_else(String::new, |s| s.id_types.keys().cloned().collect::<Vec<_>>().join(","));
        let writes = tally.collections.get(&collection.namespace).unwrap_or(&none);
        let hot = writes.hot().into_iter().map(|(key, n)| format!("{key} x{n}")).collect::<Vec<_>>().join(", ");
        table.add_row([
            collection.namespace.to_string(),
            words::rounded(collection.documents),
            words::bytes(collection.bytes),
            size(50),
            size(99),
            size(100),
            kinds,
            format!("{:.1}", writes.all() as f64 / tally.seconds.max(1) as f64),
            if hot.is_empty() { "-".to_owned() } else { hot },
            words::seconds(forecast::snapshot_seconds(collection.documents, collection.bytes)),
        ]);
    }
    let cut_off = if tally.cut_off { "; there were more keys than are counted" } else { "" };
    format!("\n{}\nthe stream was looked at for {} s{cut_off}\n", table.trim_fmt(), tally.seconds)
}

/// For machines.
pub(super) fn machine(facts: &SourceFacts, tally: &Tally) -> Value {
    let none = Writes::default();
    let collections = largest(facts).into_iter().map(|collection| {
        let shapes = facts.shapes.get(&collection.namespace).and_then(|shapes| shapes.as_ref().ok());
        let size = |percent| shapes.and_then(|s| s.percentile(percent));
        let writes = tally.collections.get(&collection.namespace).unwrap_or(&none);
        json!({
            "collection": collection.namespace.as_str(),
            "documents": collection.documents,
            "bytes": collection.bytes,
            "size_p50": size(50), "size_p99": size(99), "size_max": size(100),
            "id_types": shapes.map(|s| s.id_types.clone()).unwrap_or_default(),
            "inserts": writes.inserts, "updates": writes.updates, "deletes": writes.deletes,
            "hot_keys": writes.hot().into_iter().map(|(id, n)| json!({"id": id, "writes": n})).collect::<Vec<_>>(),
            "snapshot_seconds": forecast::snapshot_seconds(collection.documents, collection.bytes),
        })
    });
    json!({"seconds": tally.seconds, "cut_off": tally.cut_off, "collections": collections.collect::<Vec<_>>()})
}

fn largest(facts: &SourceFacts) -> Vec<&moorline_source_mongodb::CollectionFacts> {
    let mut captured: Vec<_> = facts.captured().collect();
    captured.sort_by_key(|collection| std::cmp::Reverse(collection.bytes));
    captured
}
