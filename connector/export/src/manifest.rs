//! `_manifest.json`: what an export holds, so that a reader needs nothing else to trust it or to refuse it.
//!
//! Invariants: the same anchor replayed twice gives the same bytes, so times, hosts and paths stand in `_run.json`; the
//! form has a number, a schema (`schemas/replay-manifest.schema.json`) and golden files that are read back; names of
//! files are relative to the manifest and stay below it.

use moorline_pipeline::anchor::{Counts, Inexact};
use moorline_pipeline::error::Problem;
use moorline_pipeline::model::ClusterTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The manifest's name in an export.
pub const NAME: &str = "_manifest.json";
/// What stands beside it and differs from run to run: times, host, rates.
pub const RUN_NAME: &str = "_run.json";
/// The empty file that is written last.
pub const SUCCESS_NAME: &str = "_SUCCESS";
/// Version of the form.
pub const FORMAT: u32 = 1;

/// What of a cut was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A row a key: the state at the cut.
    State,
    /// A row a key that changed between two cuts, with `__op` `u` or `d`.
    Difference,
    /// A row a record, unfolded.
    Log,
}

impl Mode {
    /// As it stands in manifests and markers.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Difference => "difference",
            Self::Log => "log",
        }
    }
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Connector name.
    pub connector: String,
    /// What was written.
    pub mode: Mode,
    /// `parquet`, `avro`, `jsonl`, `jsonl.zst` or `jsonl.gz`.
    pub file_format: String,
    /// Fields, or parts of them, that name the folders of files: `status`, `placed_at:day`. Keys ascend within a folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<String>,
    /// The cut that was replayed.
    pub at: Cut,
    /// The cut that a difference, or a part of a log, begins at.
    pub from: Option<Cut>,
    /// Identity of the source's history.
    pub history: String,
    /// Whether every collection of this export is exact.
    pub exact: bool,
    /// Whether the snapshot of every collection of this export is in.
    pub complete: bool,
    /// Why it is not exact, as the anchors say.
    pub inexact: Vec<Inexact>,
    /// Name of the algorithm of each `state_digest`.
    pub state_digest_algorithm: Option<String>,
    /// By namespace.
    pub collections: Vec<Collection>,
}

/// A cut and the anchors that make it, one a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The tick: changes before it are in, none at or after it.
    pub cut: ClusterTime,
    /// The tick's second as RFC 3339.
    pub time: String,
    /// Layout of collections on lanes.
    pub layout: String,
    /// Ids of the anchors, by lane.
    pub anchors: Vec<String>,
    /// The label, where it has one.
    pub label: Option<String>,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// `db.coll` at the source.
    pub namespace: String,
    /// Identity of this life of the collection.
    pub epoch: String,
    /// Id of the export.
    pub export: String,
    /// Whether the collection is exact at the cut.
    pub exact: bool,
    /// Whether its snapshot is in.
    pub complete: bool,
    /// Filter of the snapshot as canonical JSON; null for the whole collection.
    pub scope: Option<String>,
    /// Topic of the data.
    pub topic: String,
    /// Kafka's id of it.
    pub topic_id: Option<String>,
    /// Registry id in the key bytes.
    pub key_schema_id: i32,
    /// Registry ids in the values, ascending.
    pub value_schema_ids: Vec<i32>,
    /// Hex SHA-256 over canonical JSON of the schemas, the key's first.
    pub schema_digests: Vec<String>,
    /// Avro schema of the rows, as written to the files.
    pub schema: Value,
    /// Fields that begin so tell of the change and are no part of the state.
    pub metadata_prefix: String,
    /// The anchor's counts from the export's begin to the cut.
    pub counts: Counts,
    /// Records that were read: those of the ranges below.
    pub records: i64,
    /// Digest over these records, hex; null where anchors have none.
    pub records_digest: Option<String>,
    /// Offsets that were read.
    pub partitions: Vec<Range>,
    /// Rows over all files.
    pub rows: u64,
    /// Rows with `__op` `d`, in a difference.
    pub deletes: u64,
    /// Digest of the state, hex, over rows as `docs` of the digest say; null for a difference, a log and chosen columns.
    pub state_digest: Option<String>,
    /// Files in the order of their rows.
    pub files: Vec<File>,
}

/// Offsets of a partition that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Kafka partition.
    pub partition: i32,
    /// First offset.
    pub first: i64,
    /// Offset after the last one.
    pub end: i64,
    /// Committed records in between.
    pub records: i64,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Name, relative to the manifest, with `/` between folders.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Hex SHA-256 of the bytes.
    pub sha256: String,
    /// Key bytes of the first row, hex.
    pub first_key: String,
    /// Key bytes of the last row, hex.
    pub last_key: String,
}

impl Manifest {
    /// The bytes of `_manifest.json`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has text keys only");
        bytes.push(b'\n');
        bytes
    }

    /// Of the bytes of a file; `place` names it in what goes wrong.
    pub fn read(bytes: &[u8], place: &str) -> Result<Self, Problem> {
        let unreadable = |why: String| {
            Problem::new(
                "MOOR-6128",
                "the manifest of an export can't be read",
                place,
                why,
                "replay the anchor again into another folder; a manifest is never edited by hand",
            )
        };
        let value: Value = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        match value["format"].as_u64() {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => return Err(unreadable(format!("it is of format {format}, this version reads {FORMAT}"))),
            None => return Err(unreadable("it has no `format`".to_owned())),
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        let names = manifest.collections.iter().flat_map(|c| &c.files).map(|file| file.name.as_str());
        match names.into_iter().find(|name| !is_below(name)) {
            Some(name) => Err(unreadable(format!("the file name `{name}` leads out of the export"))),
            None => Ok(manifest),
        }
    }
}

/// A cluster time's second as RFC 3339, in UTC.
pub fn time(time: ClusterTime) -> String {
    let (days, second) = (i64::from(time.t / 86_400), time.t % 86_400);
    // Years begin in March here, so that the leap day is the last one of an era of 400 years.
    let of_era = days + 719_468;
    let (era, day) = (of_era / 146_097, of_era % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let (month, of_month) = (if march < 10 { march + 3 } else { march - 9 }, of_year - (153 * march + 2) / 5 + 1);
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Whether a name stays below its folder.
pub(crate) fn is_below(name: &str) -> bool {
    !name.is_empty()
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains('\\'))
}

#[cfg(test)]
mod tests {
    use moorline_pipeline::anchor::at;

    use super::*;

    #[test]
    fn a_time_reads_back_as_itself() {
        assert_eq!(time(ClusterTime::new(1_795_435_200, 7)), "2026-11-23T12:00:00Z");
        for t in (0..u32::MAX).step_by(7_919_777).chain([951_782_400, 951_868_799, 4_107_542_400, u32::MAX]) {
            let text = time(ClusterTime::new(t, 0));
            assert_eq!(at::instant(&text), Some(ClusterTime::new(t, 0)), "{text}");
        }
    }
}
