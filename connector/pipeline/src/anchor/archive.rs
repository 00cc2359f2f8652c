//! Anchors that were taken out of their topic, in a file: lines of JSON.
//!
//! ```text
//! {"moorline": "anchors-archive", "format": 1, "connector": ..., "topic": ..., "schemas": {"7": "..."}}
//! {"key": <base64>, "value": <base64>, "pruned": true}          a line a record, in the topic's order
//! {"end": true, "records": 12, "sha256": <of all bytes before this line>}
//! ```
//!
//! Invariants: keys and values are the topic's bytes; an archive can be read by itself: whatever a pruned anchor needs
//! (its base, the other lanes of its cut) is in it too, as `pruned: false` where it stayed in the topic; a file that was
//! cut off or altered is refused, never read in part.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::log::Log;
use super::{decode, decode_key};

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: i32 = 1;
const NAME: &str = "anchors-archive";

/// An archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// Connector name.
    pub connector: String,
    /// The topic that the records stood in.
    pub topic: String,
    /// Texts of the schemas behind the ids in records and anchors.
    pub schemas: BTreeMap<i32, String>,
    /// In the topic's order.
    pub records: Vec<Kept>,
}

/// A record of the anchors topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The key's bytes.
    pub key: Vec<u8>,
    /// The value's bytes.
    pub value: Vec<u8>,
    /// Whether it was taken out of the topic.
    pub pruned: bool,
}

/// Why bytes are no archive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The first line is not an archive's.
    #[error("not an archive of anchors: {0}")]
    Head(String),
    /// Written by another version.
    #[error("format {0} is not known to this version, which reads format {FORMAT}")]
    Format(i32),
    /// A line can't be read.
    #[error("line {0} is no record of an anchor: {1}")]
    Line(usize, String),
    /// The last line is missing, or does not fit what stands before it.
    #[error("the file was cut off or altered: {0}")]
    End(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Head {
    moorline: String,
    format: i32,
    connector: String,
    topic: String,
    schemas: BTreeMap<i32, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    value: String,
    pruned: bool,
}

#[derive(Serialize, Deserialize)]
struct End {
    end: bool,
    records: usize,
    sha256: String,
}

impl Archive {
    /// The file's bytes: the same for the same archive.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let line = |bytes: &mut Vec<u8>, json: serde_json::Result<Vec<u8>>| {
            bytes.extend(json.expect("text keys only"));
            bytes.push(b'\n');
        };
        let (connector, topic, schemas) = (self.connector.clone(), self.topic.clone(), self.schemas.clone());
        let head = Head { moorline: NAME.to_owned(), format: FORMAT, connector, topic, schemas };
        line(&mut bytes, serde_json::to_vec(&head));
        for Kept { key, value, pruned } in &self.records {
            let record = Line { key: STANDARD.encode(key), value: STANDARD.encode(value), pruned: *pruned };
            line(&mut bytes, serde_json::to_vec(&record));
        }
        let end = End { end: true, records: self.records.len(), sha256: hex::encode(Sha256::digest(&bytes)) };
        line(&mut bytes, serde_json::to_vec(&end));
        bytes
    }

    /// Reads a file's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let head = lines.first().ok_or_else(|| ArchiveError::Head("it is empty".to_owned()))?;
        let value: serde_json::Value =
            serde_json::from_slice(head).map_err(|error| ArchiveError::Head(error.to_string()))?;
        if value["moorline"] != NAME {
            return Err(ArchiveError::Head("its first line names something else".to_owned()));
        }
        let format = value["format"].as_i64().and_then(|format| i32::try_from(format).ok()).unwrap_or_default();
        if format != FORMAT {
            return Err(ArchiveError::Format(format));
        }
        let head: Head = serde_json::from_value(value).map_err(|error| ArchiveError::Head(error.to_string()))?;
        let last = lines
            .last()
            .filter(|last| lines.len() > 1 && last.ends_with(b"\n"))
            .ok_or(ArchiveError::End("its last line is missing"))?;
        let end: End = serde_json::from_slice(last).map_err(|_| ArchiveError::End("its last line is missing"))?;
        let body = &bytes[..bytes.len() - last.len()];
        if !end.end || hex::encode(Sha256::digest(body)) != end.sha256 {
            return Err(ArchiveError::End("its bytes do not have the sum that its last line names"));
        }
        if end.records != lines.len() - 2 {
            return Err(ArchiveError::End("its last line names another number of records"));
        }
        let mut records = Vec::with_capacity(end.records);
        for (number, line) in lines[1..lines.len() - 1].iter().enumerate() {
            let wrong = |why: String| ArchiveError::Line(number + 2, why);
            let line: Line = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
            let bytes = |text: &str| STANDARD.decode(text).map_err(|error| wrong(error.to_string()));
            records.push(Kept { key: bytes(&line.key)?, value: bytes(&line.value)?, pruned: line.pruned });
        }
        Ok(Self { connector: head.connector, topic: head.topic, schemas: head.schemas, records })
    }

    /// The anchors as a log, and how many records are none that this version can read.
    pub fn log(&self) -> (Log, usize) {
        let mut strange = 0;
        let mut records = Vec::with_capacity(self.records.len());
        for kept in &self.records {
            match (decode_key(&kept.key), decode(&kept.value)) {
                (Ok(key), Ok(anchor)) if anchor.key() == key => records.push((key, Some(anchor))),
                _ => strange += 1,
            }
        }
        (Log::read(&self.connector, records), strange)
    }

    /// Takes another archive of the same connector in: what stands in both stands once.
    pub fn join(&mut self, other: Self) {
        self.schemas.extend(other.schemas);
        let mut places: HashMap<Vec<u8>, usize> =
            self.records.iter().enumerate().map(|(place, held)| (held.key.clone(), place)).collect();
        for kept in other.records {
            match places.get(&kept.key) {
                Some(&place) => self.records[place].pruned |= kept.pruned,
                None => {
                    places.insert(kept.key.clone(), self.records.len());
                    self.records.push(kept);
                }
            }
        }
    }
}
