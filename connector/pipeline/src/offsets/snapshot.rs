//! Progress of a collection's snapshot, as it is stored: ranges with where each goes on.
//!
//! Invariant: ids are kept as the BSON that the server sent; they are never ordered here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::model::{ClusterTime, Id};

/// How far a snapshot is.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotProgress {
    /// The frontier at which the last rows were read.
    pub x: ClusterTime,
    /// Rows read so far.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The ranges, in the order of their bounds.
    pub ranges: Vec<RangeProgress>,
}

/// One range `[lo, hi)`.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeProgress {
    /// Inclusive; `None` for the smallest.
    pub lo: Option<Id>,
    /// Exclusive; `None` for past the largest.
    pub hi: Option<Id>,
    /// Where the next chunk begins; `None` for the smallest, and where the range is done.
    pub next: Option<Id>,
    /// Whether the range is in.
    pub done: bool,
}

#[derive(Serialize, Deserialize)]
struct Form {
    x: ClusterTime,
    rows: u64,
    bytes: u64,
    ranges: Vec<RangeForm>,
}

/// `lo`, `hi`, `next` in base64 or null, `done`.
type RangeForm = (Option<String>, Option<String>, Option<String>, bool);

impl SnapshotProgress {
    /// As JSON text.
    pub(super) fn to_text(&self) -> String {
        let text = |id: &Option<Id>| id.as_ref().map(|id| STANDARD.encode(id.as_bytes()));
        let ranges = self.ranges.iter().map(|r| (text(&r.lo), text(&r.hi), text(&r.next), r.done)).collect();
        let form = Form { x: self.x, rows: self.rows, bytes: self.bytes, ranges };
        serde_json::to_string(&form).expect("text keys only")
    }
    /// Of JSON text.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        let form: Form = serde_json::from_str(text).map_err(|error| format!("snapshot: {error}"))?;
        let ranges = form
            .ranges
            .into_iter()
            .map(|(lo, hi, next, done)| Ok(RangeProgress { lo: id(lo)?, hi: id(hi)?, next: id(next)?, done }));
        let ranges = ranges.collect::<Result<_, String>>()?;
        Ok(Self { x: form.x, rows: form.rows, bytes: form.bytes, ranges })
    }
}

fn id(text: Option<String>) -> Result<Option<Id>, String> {
    let Some(text) = text else { return Ok(None) };
    let bytes = STANDARD.decode(text).map_err(|error| format!("snapshot: {error}"))?;
    Id::from_bytes(&bytes).map(Some).ok_or_else(|| "snapshot: a bound is no `_id`".to_owned())
}
