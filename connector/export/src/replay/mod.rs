//! An export, from the records of a selection to the last file.
//!
//! ```text
//! records ──> counted, digested ──> fold ──> rows in the order of key bytes ──> files ──> journal
//!                                                 all collections: _manifest.json, _run.json, _SUCCESS
//! ```
//!
//! Invariants: rows stand in the order of their key bytes, those of a log in that of partition and offset, and within
//! each folder of `--partition-by` so; the same
//! anchor under the same flags gives the same bytes, whatever the budget of memory and however often it was killed;
//! `_SUCCESS` comes after everything else is on disk.

mod collection;
pub mod faults;
mod output;
mod partition;
mod publisher;
pub(crate) mod recount;
mod shape;
mod spread;
mod table;
pub mod transfer;

use std::collections::BTreeMap;
use std::path::PathBuf;

use moorline_pipeline::error::{Failure, Problem, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::destination::{self, Destination, occupied};
use crate::format::FileFormat;
use crate::journal::Journal;
use crate::manifest::{self, Collection, Manifest, Mode, Range};
use crate::select::{Selection, Source};
use crate::state;

use collection::Prepared;
pub use partition::PartitionBy;
pub(crate) use table::unframed;
pub use table::{Record, Row, Table, Texts};

/// Gives the committed records of ranges, each partition in its order.
pub trait Records {
    /// Reads all of them, or fails.
    fn read(
        &self,
        topic: &str,
        ranges: &[Range],
        visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Problem>,
    ) -> Result<()>;
}

/// The schemas of a collection, checked against the anchor.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// The key's.
    pub key: String,
    /// Values' by id.
    pub values: BTreeMap<i32, String>,
    /// Id of the newest one at the cut; without it the highest counts.
    pub newest: Option<i32>,
    /// The one that is asked for.
    pub reader: Option<String>,
}

impl Schemas {
    /// What makes rows of all fields, along the newest schema.
    pub fn texts<'a>(&'a self, metadata_prefix: &'a str) -> Texts<'a> {
        let Self { key, values, newest, .. } = self;
        Texts { key, values, newest: *newest, reader: None, columns: &[], metadata_prefix }
    }
}

/// What is to be done.
pub struct Plan<'a> {
    /// Connector name.
    pub connector: &'a str,
    /// What is read.
    pub selection: &'a Selection,
    /// By the selection's sources.
    pub schemas: &'a [Schemas],
    /// What becomes of it.
    pub mode: Mode,
    /// Form of the files.
    pub format: FileFormat,
    /// Fields; empty for all.
    pub columns: &'a [String],
    /// Fields that rows are parted into folders by.
    pub partition_by: &'a [PartitionBy],
    /// `field.metadata.prefix`.
    pub metadata_prefix: &'a str,
    /// Bytes that records may take in memory while they are folded.
    pub memory_bytes: usize,
    /// Bytes after which a new file is begun.
    pub file_bytes: u64,
    /// Folder of sorted runs; the export's own where there is none.
    pub work_dir: Option<PathBuf>,
    /// Whether what was begun is gone on with.
    pub resume: bool,
    /// Whether an export that is there is removed.
    pub overwrite: bool,
}

/// Records and rows between two words about progress.
const OFTEN: u64 = 1024;

/// What is told while it runs.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// The collection.
    pub namespace: &'a str,
    /// `reading` or `writing`.
    pub step: &'static str,
    /// Records read, or rows written.
    pub done: u64,
    /// Records to be read; for rows what was read, of which there are fewer.
    pub of: u64,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Rows.
    pub rows: u64,
    /// Records that they were made of.
    pub records: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Files.
    pub files: usize,
    /// Bytes that were sorted on disk.
    pub spilled: u64,
    /// As in the manifest.
    pub collections: Vec<Collection>,
}

/// Whether all rows can be made as they are asked for; nothing is read or written.
pub fn check(plan: &Plan<'_>) -> Result<(), Problem> {
    prepare(plan).map(drop)
}

fn prepare(plan: &Plan<'_>) -> Result<Vec<Prepared>, Problem> {
    plan.schemas.iter().map(|schemas| collection::prepare(plan, schemas)).collect()
}

/// Replays. Blocks.
pub fn run(
    plan: &Plan<'_>,
    destination: &dyn Destination,
    records: &dyn Records,
    observe: &mut dyn FnMut(&Progress<'_>),
) -> Result<Summary> {
    let prepared = prepare(plan).map_err(Failure::halt)?;
    let binding = binding(plan);
    let mut journal = begin(plan, destination, &binding).map_err(Failure::halt)?;
    faults::pass("journal.begun");
    let mut spilled = 0;
    let mut collections = Vec::new();
    for (source, prepared) in plan.selection.sources.iter().zip(&prepared) {
        if let Some(done) = journal.done(&source.cut.namespace) {
            collections.push(done.clone());
            continue;
        }
        let (collection, bytes) = collection::replay(plan, source, prepared, destination, records, observe)?;
        faults::pass("collection.written");
        journal.finished(&collection).map_err(Failure::halt)?;
        faults::pass("collection.noted");
        spilled += bytes;
        collections.push(collection);
    }
    let selection = plan.selection;
    let manifest = Manifest {
        format: manifest::FORMAT,
        connector: plan.connector.to_owned(),
        mode: plan.mode,
        file_format: plan.format.name().to_owned(),
        partition_by: plan.partition_by.iter().map(ToString::to_string).collect(),
        at: selection.at.clone(),
        from: selection.from.clone(),
        history: selection.history.clone(),
        exact: selection.exact,
        complete: selection.complete,
        inexact: selection.inexact.clone(),
        state_digest_algorithm: collections
            .iter()
            .any(|c| c.state_digest.is_some())
            .then(|| state::ALGORITHM.to_owned()),
        collections,
    };
    destination.put(manifest::NAME, &manifest.to_bytes()).map_err(Failure::halt)?;
    faults::pass("manifest.written");
    Ok(summary(&manifest, spilled))
}

/// Ends an export: what differs from run to run, then `_SUCCESS`.
pub fn finish(destination: &dyn Destination, run: &serde_json::Value) -> Result<(), Problem> {
    let mut text = serde_json::to_vec_pretty(run).unwrap_or_default();
    text.push(b'\n');
    destination.put(manifest::RUN_NAME, &text)?;
    faults::pass("run.written");
    destination.put(manifest::SUCCESS_NAME, b"")?;
    faults::pass("success.written");
    destination.tidy()
}

fn summary(manifest: &Manifest, spilled: u64) -> Summary {
    let files = || manifest.collections.iter().flat_map(|collection| &collection.files);
    Summary {
        rows: manifest.collections.iter().map(|collection| collection.rows).sum(),
        records: manifest.collections.iter().map(|collection| collection.records as u64).sum(),
        bytes: files().map(|file| file.bytes).sum(),
        files: files().count(),
        spilled,
        collections: manifest.collections.clone(),
    }
}

/// A hash over everything that decides what is written.
fn binding(plan: &Plan<'_>) -> String {
    let selection = plan.selection;
    let of = |source: &Source| json!([source.cut.namespace, source.cut.export, source.ranges]);
    let readers: Vec<_> = plan.schemas.iter().map(|schemas| (schemas.newest, &schemas.reader)).collect();
    let all = json!([
        plan.connector,
        selection.at,
        selection.from,
        selection.sources.iter().map(of).collect::<Vec<_>>(),
        plan.mode,
        plan.format.name(),
        plan.columns,
        plan.partition_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
        plan.metadata_prefix,
        plan.file_bytes,
        readers,
        env!("CARGO_PKG_VERSION"),
    ]);
    hex::encode(Sha256::digest(all.to_string().as_bytes()))
}

fn begin<'a>(plan: &Plan<'_>, destination: &'a dyn Destination, binding: &str) -> Result<Journal<'a>, Problem> {
    let folders: Vec<String> = plan.selection.sources.iter().map(|source| name_of(&source.cut.namespace)).collect();
    let place = destination.place();
    if plan.resume {
        if let Some(journal) = Journal::resume(destination, binding)? {
            destination.prepare()?;
            return Ok(journal);
        }
        if !destination.is_empty()? {
            let finished = destination.read(manifest::SUCCESS_NAME)?.is_some();
            let why = if finished { "the export in it is finished" } else { "there is no journal to go on by" };
            return Err(occupied(&place, why));
        }
    } else if !destination.is_empty()? {
        if !plan.overwrite {
            return Err(occupied(&place, "what is there is not written over"));
        }
        let mut all = Journal::folders(destination)?;
        all.extend(folders.iter().cloned());
        destination::clear(destination, &all)?;
        if !destination.is_empty()? {
            return Err(occupied(&place, "beside the export that was removed it holds files of somebody else"));
        }
    }
    destination.prepare()?;
    Journal::begin(destination, binding, folders)
}

/// A collection's folder: its name, with what a path gives another meaning written as in URLs.
pub fn name_of(namespace: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || byte >= 0x80;
    let mut name = Vec::with_capacity(namespace.len());
    for (place, byte) in namespace.bytes().enumerate() {
        if plain(byte) && (place > 0 || byte.is_ascii_alphanumeric()) {
            name.push(byte);
        } else {
            name.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    String::from_utf8_lossy(&name).into_owned()
}
