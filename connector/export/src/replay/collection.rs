//! One collection, from its records to its files.
//!
//! ```text
//! records ──> counted, digested ──> fold by key ──> rows ──> files
//!                                        └─ with folders ──> sorted by folder ──┘
//! ```
//!
//! Invariants: records are counted and digested before any file has its name; what was found stands in the manifest.

use std::path::Path;
use std::thread;

use moorline_pipeline::error::{Failure, Problem, Result};

use super::output::{Form, Output};
use super::partition::Partitions;
use super::publisher::Publisher;
use super::recount::Recount;
use super::spread::{Spread, unpacked};
use super::table::{Record, Table, Texts};
use super::{OFTEN, Plan, Progress, Records, Schemas, faults, name_of};
use crate::destination::Destination;
use crate::fold::Fold;
use crate::manifest::{self, Collection, Mode};
use crate::schema::Schema;
use crate::select::Source;
use crate::state;

/// What a collection's rows are made by; `None` where nothing was ever written: there is no schema yet, and no row.
pub(super) type Prepared = Option<(Table, Partitions)>;

/// Compiles what makes rows, and refuses what can't.
pub(super) fn prepare(plan: &Plan<'_>, schemas: &Schemas) -> Result<Prepared, Problem> {
    if schemas.values.is_empty() {
        return Ok(None);
    }
    let texts =
        Texts { reader: schemas.reader.as_deref(), columns: plan.columns, ..schemas.texts(plan.metadata_prefix) };
    let table = Table::new(plan.mode, &texts)?;
    let partitions = Partitions::new(plan.partition_by, table.schema())?;
    Ok(Some((table, partitions)))
}

/// Rows on their way to files.
struct Rows<'a, 'scope> {
    mode: Mode,
    table: &'a Table,
    /// Where what is written is a state, as it is.
    state: Option<state::Rows>,
    of: Found,
    output: Output<'a, 'scope>,
}

/// What was found of a collection's records.
#[derive(Default)]
struct Found {
    rows: u64,
    deletes: u64,
    records_digest: Option<String>,
    state_digest: Option<String>,
}

impl Rows<'_, '_> {
    fn write(&mut self, folder: &str, record: &Record<'_>) -> Result<(), Problem> {
        let Some(row) = self.table.row(record)? else { return Ok(()) };
        self.of.rows += 1;
        self.of.deletes += u64::from(row.deleted && self.mode == Mode::Difference);
        if let Some(state) = &mut self.state {
            state.add(&row.datum);
        }
        self.output.write(folder, record.key, &row.datum)
    }
}

/// Records as they come out of the fold, or straight from a log: to files, or sorted by folder first.
struct Sorting<'a> {
    table: &'a Table,
    partitions: &'a Partitions,
    spread: Option<Spread>,
    folder: String,
}

impl<'a> Sorting<'a> {
    fn new(plan: &Plan<'_>, table: &'a Table, partitions: &'a Partitions, budget: usize, work_dir: &Path) -> Self {
        let spread = (!plan.partition_by.is_empty()).then(|| Spread::new(plan.mode, budget, work_dir));
        Self { table, partitions, spread, folder: String::new() }
    }

    fn take(&mut self, record: &Record<'_>, rows: &mut Rows<'_, '_>) -> Result<(), Problem> {
        let Some(spread) = &mut self.spread else { return rows.write("", record) };
        let Some(row) = self.table.row(record)? else { return Ok(()) };
        self.folder.clear();
        self.partitions.path(&row.datum, &mut self.folder)?;
        spread.add(&self.folder, record)
    }

    /// Writes what was sorted, and gives the bytes that were sorted on disk.
    fn finish(self, rows: &mut Rows<'_, '_>, written: &mut dyn FnMut(u64)) -> Result<u64, Problem> {
        let Some(spread) = self.spread else { return Ok(0) };
        let mut sorted = spread.finish()?;
        while let Some(last) = sorted.pull()? {
            let (folder, record) = unpacked(&last).expect("what is sorted by folder was packed so");
            rows.write(folder, &record)?;
            written(rows.of.rows);
        }
        Ok(sorted.spilled())
    }
}

/// Replays a collection; gives also how many bytes were sorted on disk.
pub(super) fn replay(
    plan: &Plan<'_>,
    source: &Source,
    prepared: &Prepared,
    destination: &dyn Destination,
    records: &dyn Records,
    observe: &mut dyn FnMut(&Progress<'_>),
) -> Result<(Collection, u64)> {
    let Some((table, partitions)) = prepared else {
        return Ok((facts(plan, source, None, &Found::default(), Vec::new()), 0));
    };
    let (files, found, spilled) = thread::scope(|scope| {
        let publisher = Publisher::start(scope, destination);
        write(plan, source, table, partitions, destination, publisher, records, observe)
    })?;
    Ok((facts(plan, source, Some(table.schema()), &found, files), spilled))
}

/// Writes the files of a collection.
#[expect(clippy::too_many_arguments, reason = "they are what its caller was given, and a thread")]
fn write(
    plan: &Plan<'_>,
    source: &Source,
    table: &Table,
    partitions: &Partitions,
    destination: &dyn Destination,
    publisher: Publisher<'_>,
    records: &dyn Records,
    observe: &mut dyn FnMut(&Progress<'_>),
) -> Result<(Vec<manifest::File>, Found, u64)> {
    let namespace = source.cut.namespace.as_str();
    let metadata = [
        ("moorline.anchor".to_owned(), plan.selection.at.anchors.join(",")),
        ("moorline.cut".to_owned(), plan.selection.at.time.clone()),
        ("moorline.namespace".to_owned(), namespace.to_owned()),
    ];
    let form = Form {
        format: plan.format,
        schema: table.schema(),
        metadata: metadata.to_vec(),
        folder: name_of(namespace),
        file_bytes: plan.file_bytes,
        // A log is written while it is read, and counted only then.
        held_back: plan.mode == Mode::Log,
    };
    let is_state = plan.mode == Mode::State && plan.columns.is_empty();
    let mut rows = Rows {
        mode: plan.mode,
        table,
        state: is_state.then(|| state::Rows::new(table.schema(), plan.metadata_prefix)),
        of: Found::default(),
        output: Output::new(destination.staging(), publisher, form),
    };
    let work_dir = plan.work_dir.clone().unwrap_or_else(|| destination.staging());
    // What is folded and what is sorted by folder are in memory together.
    let budget = if plan.partition_by.is_empty() { plan.memory_bytes } else { plan.memory_bytes / 2 };
    let mut fold = Fold::new(budget, &work_dir);
    let mut sorting = Sorting::new(plan, table, partitions, budget, &work_dir);
    let mut recount = Recount::default();
    let (total, mut done) = (source.records() as u64, 0u64);
    for ranges in source.portions(plan.mode) {
        records.read(&source.cut.topic, ranges, &mut |record| {
            recount.add(record.partition, record.key, record.value);
            done += 1;
            if done.is_multiple_of(OFTEN) {
                observe(&Progress { namespace, step: "reading", done, of: total });
            }
            match plan.mode {
                Mode::Log => sorting.take(record, &mut rows),
                _ => fold.add(record.partition, record.offset, record.key, record.value),
            }
        })?;
    }
    recount.check(source).map_err(Failure::halt)?;
    faults::pass("records.read");
    rows.of.records_digest = Some(recount.digest().to_hex());
    let mut written = |rows: u64| {
        if rows.is_multiple_of(OFTEN) {
            observe(&Progress { namespace, step: "writing", done: rows, of: total });
        }
    };
    let rest = || -> Result<(Vec<manifest::File>, Found, u64), Problem> {
        let mut sorted = fold.finish()?;
        while let Some(last) = sorted.pull()? {
            sorting.take(&Record::from(&last), &mut rows)?;
            written(rows.of.rows);
        }
        let spilled = sorted.spilled();
        drop(sorted);
        let spilled = spilled + sorting.finish(&mut rows, &mut written)?;
        rows.of.state_digest = rows.state.map(|state| state.digest().to_hex());
        Ok((rows.output.finish()?, rows.of, spilled))
    };
    rest().map_err(Failure::halt)
}

fn facts(
    plan: &Plan<'_>,
    source: &Source,
    schema: Option<&Schema>,
    of: &Found,
    files: Vec<manifest::File>,
) -> Collection {
    let cut = &source.cut;
    Collection {
        namespace: cut.namespace.clone(),
        epoch: cut.epoch.clone(),
        export: cut.export.clone(),
        exact: cut.exact,
        complete: cut.export_complete,
        scope: cut.scope.clone(),
        topic: cut.topic.clone(),
        topic_id: cut.topic_id.clone(),
        key_schema_id: cut.key_schema_id,
        value_schema_ids: cut.value_schema_ids.clone(),
        schema_digests: cut.schema_digests.clone(),
        schema: schema.map_or(serde_json::Value::Null, |schema| schema.json().clone()),
        metadata_prefix: plan.metadata_prefix.to_owned(),
        counts: cut.records,
        records: source.records(),
        records_digest: of.records_digest.clone(),
        partitions: source.ranges.clone(),
        rows: of.rows,
        deletes: of.deletes,
        state_digest: of.state_digest.clone(),
        files,
    }
}
