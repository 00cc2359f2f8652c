//! `moorline replay`: an export at an anchor, from its topics to files, without touching the source.
//!
//! * [`certified`]: the certificate that is left. * [`gather`]: anchors, topics and registry, checked before the first byte. * [`records`]: topics as the export reads
//!   them. * [`to_topic`]: into another topic. * [`forecast`]: `--dry-run`. * [`progress`]: what is seen while it runs.
//!
//! Invariants: nothing is written before everything was checked; what is there already is written over only where that
//! was asked for twice; the source is not spoken to.

mod certified;
mod forecast;
pub(super) mod gather;
mod progress;
pub(super) mod records;
mod to_topic;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::builder::ArgPredicate;
use clap::{Args, ValueEnum};
use moorline_export::destination::{Destination, Folder, occupied};
use moorline_export::format::FileFormat;
use moorline_export::manifest::Mode;
use moorline_export::replay::{self, PartitionBy, Plan};
use moorline_pipeline::error::Problem;
use moorline_sink_kafka::TopicReader;
use serde_json::json;
use tokio::runtime::Runtime;

use super::words;
use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::store::Store;
use crate::{configuration, messages, wiring};

/// Flags of `replay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline replay -c moorline.properties --at latest --format parquet --out ./export
  moorline replay -c moorline.properties --at label:month-end --collection shop.orders --format jsonl --out ./orders
  moorline replay -c moorline.properties --from k3v9q2 --at latest --format avro --out ./changed
  moorline replay -c moorline.properties --at latest --format parquet --out s3://lake/shop/2026-11-25
  moorline replay -c moorline.properties --at latest --format parquet --out ./export --dry-run
  moorline replay -c moorline.properties --at latest --collection shop.orders --to-topic orders-today

Rows stand in the order of their key bytes. The same anchor under the same flags gives the same bytes; _manifest.json
says what they hold, and _SUCCESS is written last. A run that was stopped goes on with --resume.")]
pub(crate) struct Replay {
    /// Which cut: a time, `latest`, `label:NAME`, or the beginning of an anchor's id
    #[arg(long, default_value = "latest", value_name = "CUT")]
    at: String,
    /// Only what changed since this cut: a row a changed key, with `__op` `u` or `d`
    #[arg(long, value_name = "CUT")]
    from: Option<String>,
    /// Every record as it stands in the topic, with its partition, offset and time
    #[arg(long)]
    log: bool,
    /// Only this collection (db.coll); may be given more than once
    #[arg(long, value_name = "DB.COLL")]
    collection: Vec<String>,
    /// Form of the files
    #[arg(long, value_name = "FORMAT", required = false, required_unless_present = "to_topic")]
    #[arg(default_value_if("to_topic", ArgPredicate::IsPresent, "jsonl"))]
    format: Format,
    /// Where the export goes: a folder, or s3://BUCKET/PREFIX, gs://…, az://… with keys from the environment
    #[arg(long, value_name = "DIR|URL", required = false, required_unless_present = "to_topic")]
    #[arg(default_value_if("to_topic", ArgPredicate::IsPresent, "."))]
    out: String,
    /// Topic that one collection's records are copied into, in place of files; the last record is a marker
    #[arg(long, value_name = "TOPIC", conflicts_with_all = ["out", "format", "columns", "partition_by", "reader_schema", "schema_version"])]
    to_topic: Option<String>,
    /// Make that topic with cleanup.policy=compact, where it is missing; else it keeps everything
    #[arg(long, requires = "to_topic", conflicts_with = "log")]
    compact: bool,
    /// Bytes of a transaction into that topic
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    transaction_bytes: u64,
    /// Only these fields, with commas between them
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    columns: Vec<String>,
    /// Avro schema that rows are brought to, in place of the newest at the cut; needs one --collection
    #[arg(long, value_name = "FILE", conflicts_with = "schema_version")]
    reader_schema: Option<PathBuf>,
    /// Version of the topic's value schema that rows are brought to, in place of the newest at the cut
    #[arg(long, value_name = "N")]
    schema_version: Option<u32>,
    /// Parts rows into folders by a field, or by the `:year`, `:month`, `:day` or `:hour` of one; commas between them
    #[arg(long, value_name = "FIELD[:PART]", value_delimiter = ',')]
    partition_by: Vec<PartitionBy>,
    /// Bytes after which a new file is begun
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    file_bytes: u64,
    /// Bytes that records may take in memory; more are sorted on disk
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    memory_bytes: usize,
    /// Folder for what is sorted on disk, and for files on their way to an object store
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// Also a cut that says of itself that it is not exact, or not whole yet; the manifest repeats it
    #[arg(long)]
    allow_inexact: bool,
    /// Write no certificates to the topic `certificate.topic.name`
    #[arg(long)]
    no_certificate: bool,
    /// Check everything, and say what would be read and written
    #[arg(long)]
    dry_run: bool,
    /// Go on with a run that was stopped
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace the export that is there; needs --yes
    #[arg(long)]
    overwrite: bool,
    /// Yes, remove what is replaced
    #[arg(long)]
    yes: bool,
}

/// Forms of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Apache Parquet, zstd, nested types
    Parquet,
    /// Avro object container files
    Avro,
    /// A JSON object a line
    Jsonl,
    /// The same, compressed
    #[value(name = "jsonl.zst")]
    JsonlZstd,
    /// The same, compressed for readers that know gzip only
    #[value(name = "jsonl.gz")]
    JsonlGzip,
}

/// Replays.
pub(crate) fn run(args: &Replay, global: &Global) -> Result<Exit, Failed> {
    let began = Instant::now();
    let config = configuration::read(global)?.config;
    if config.key_converter.is_json() || config.value_converter.is_json() {
        return Err(json_text().into());
    }
    if let Some(topic) = &args.to_topic {
        return to_topic::run(args, topic, global, &config);
    }
    let runtime = super::runtime()?;
    let destination = destination(args, &runtime)?;
    let destination = destination.as_ref();
    // An object store is asked before anything is read: whether it can be reached is known then.
    let empty = destination.is_empty()?;
    if args.overwrite && !args.yes && !args.dry_run && !empty {
        let why = "--overwrite removes the export that is there, and that needs --yes";
        return Err(occupied(&destination.place(), why).into());
    }
    let reader = TopicReader::open(&wiring::kafka(&config)?)?;
    let (selection, schemas) = gather::all(args, &config, &reader, &runtime)?;
    let records = records::Topics { reader: &reader };
    let plan = Plan {
        connector: &config.name,
        selection: &selection,
        schemas: &schemas,
        mode: args.mode(),
        format: args.format.of(),
        columns: &args.columns,
        partition_by: &args.partition_by,
        metadata_prefix: &config.field_metadata_prefix,
        memory_bytes: args.memory_bytes,
        file_bytes: args.file_bytes,
        work_dir: args.work_dir.clone(),
        resume: args.resume,
        overwrite: args.overwrite,
    };
    replay::check(&plan)?;
    if args.dry_run {
        let forecast = forecast::of(&selection, &reader, args.memory_bytes as u64)?;
        messages::data(&if global.output == Form::Json { forecast.machine() } else { forecast.human() })?;
        return Ok(Exit::Done);
    }
    let mut progress = progress::Progress::begin(global.no_progress);
    let summary = replay::run(&plan, destination, &records, &mut |now| progress.show(now))?;
    drop(progress);
    let seconds = began.elapsed().as_secs_f64();
    replay::finish(
        destination,
        &json!({
            "version": wiring::VERSION,
            "host": host(),
            "ended_ms": super::now_ms(),
            "seconds": seconds,
            "memory_bytes": args.memory_bytes,
            "sorted_on_disk_bytes": summary.spilled,
        }),
    )?;
    let of_sources = summary.collections.iter().zip(&selection.sources);
    let found: Vec<certified::Found<'_>> = of_sources
        .map(|(found, source)| certified::Found {
            cut: &source.cut,
            documents: found.rows,
            records_digest: found.records_digest.clone(),
            state_digest: found.state_digest.clone(),
        })
        .collect();
    certified::write(args, &runtime, &config, &selection.at, &found);
    let anchor = selection.at.anchors.first().map_or("", String::as_str);
    let (documents, of) = (words::count(summary.rows as i64), words::count(summary.records as i64));
    let (bytes, files) = (words::bytes(summary.bytes), words::plural(summary.files, "file"));
    messages::data(&if global.output == Form::Json {
        let out = destination.place();
        format!(
            "{}\n",
            json!({"version": 1, "anchor": anchor, "documents": summary.rows, "records": summary.records,
                "bytes": summary.bytes, "files": summary.files, "seconds": seconds, "out": out})
        )
    } else {
        format!(
            "{documents} documents of {of} records, {bytes} in {files}, {seconds:.1} s: {}\n\
             verify   moorline verify --against source --at {anchor}\n",
            destination.place()
        )
    })?;
    Ok(Exit::Done)
}

impl Replay {
    fn mode(&self) -> Mode {
        match (self.log, &self.from) {
            (true, _) => Mode::Log,
            (false, Some(_)) => Mode::Difference,
            (false, None) => Mode::State,
        }
    }
}

impl Format {
    fn of(self) -> FileFormat {
        match self {
            Self::Parquet => FileFormat::Parquet,
            Self::Avro => FileFormat::Avro,
            Self::Jsonl => FileFormat::JsonLines,
            Self::JsonlZstd => FileFormat::JsonLinesZstd,
            Self::JsonlGzip => FileFormat::JsonLinesGzip,
        }
    }
}

/// Where the export goes. One to an object store takes its files in the making with it when it is interrupted.
#[expect(clippy::disallowed_methods, reason = "the export runs on the main thread, which waits for servers and disks")]
fn destination(args: &Replay, runtime: &Runtime) -> Result<Box<dyn Destination>, Failed> {
    let Some(store) = Store::open(&args.out, args.work_dir.as_deref(), runtime.handle())? else {
        return Ok(Box::new(Folder::new(Path::new(&args.out))));
    };
    let staging = store.staging();
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            // What is left lies in a folder for such things.
            let _ = std::fs::remove_dir_all(staging);
            messages::note("stopped; go on by the same command with --resume");
            std::process::exit(i32::from(Exit::Interrupted.number()));
        }
    });
    Ok(Box::new(store))
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

fn json_text() -> Problem {
    Problem::new(
        "MOOR-6124",
        "the records are no Avro, and only Avro can be replayed",
        "key.converter, value.converter",
        "the topics are written as JSON text, which carries no schema's id",
        "write topics with Avro converters, by a connector of its own, and replay those",
    )
}
