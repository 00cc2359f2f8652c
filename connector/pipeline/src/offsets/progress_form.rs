//! The stored form of a collection's progress: one flat object.
//!
//! Invariant: what is written reads back the same, but for what a later version has added.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::progress::FORMAT;
use super::{PartitionProgress, Progress, SnapshotProgress, unreadable};
use crate::anchor::{Counts, Digest};
use crate::contract::output::Converter;
use crate::error::Problem;
use crate::model::{Namespace, uuid_from_text, uuid_text};

#[derive(Serialize, Deserialize)]
struct Form {
    format: u32,
    namespace: String,
    epoch: String,
    export: String,
    export_number: u32,
    export_complete: bool,
    topic: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic_id: Option<String>,
    partition_count: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract: Option<String>,
    key_schema_id: u32,
    key_schema_digest: String,
    /// Absent for Avro, which was the only one once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_converter: Option<Converter>,
    value_schemas: String,
    #[serde(flatten)]
    counts: CountsForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    partitions: String,
    inexact: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    versions_day: Option<String>,
    versions_count: u32,
}

#[derive(Serialize, Deserialize)]
struct CountsForm {
    rows: i64,
    creates: i64,
    updates: i64,
    deletes: i64,
    tombstones: i64,
    coalesced: i64,
    quarantined: i64,
    spilled: i64,
}

impl Progress {
    /// The record's value.
    pub fn to_value(&self) -> Vec<u8> {
        let counts = &self.counts;
        let partitions: Vec<_> =
            self.partitions.iter().map(|(partition, p)| (*partition, p.first, p.begin, p.end, p.records)).collect();
        let form = Form {
            format: FORMAT,
            namespace: self.namespace.to_string(),
            epoch: uuid_text(&self.epoch),
            export: self.export.clone(),
            export_number: self.export_number,
            export_complete: self.export_complete,
            topic: self.topic.clone(),
            topic_id: self.topic_id.clone(),
            partition_count: self.partition_count,
            contract: self.contract.clone(),
            key_schema_id: self.key_schema_id,
            key_schema_digest: self.key_schema_digest.clone(),
            key_converter: Some(self.key_converter).filter(|converter| *converter != Converter::Avro),
            value_schemas: text(&self.value_schemas),
            counts: CountsForm {
                rows: counts.r,
                creates: counts.c,
                updates: counts.u,
                deletes: counts.d,
                tombstones: counts.tombstones,
                coalesced: counts.coalesced,
                quarantined: counts.quarantined,
                spilled: counts.spilled,
            },
            digest: self.digest.map(|digest| STANDARD.encode(digest.to_bytes())),
            partitions: text(&partitions),
            inexact: text(&self.inexact),
            snapshot: self.snapshot.as_ref().map(SnapshotProgress::to_text),
            versions_day: self.versions_day.clone(),
            versions_count: self.versions_count,
        };
        serde_json::to_vec(&form).expect("text keys only")
    }

    /// The progress of a value.
    pub fn from_value(value: &[u8]) -> Result<Self, Problem> {
        let form: Form = super::read("progress", FORMAT, value)?;
        let place = form.namespace.clone();
        form.parse().map_err(|why| unreadable("progress", format!("{place}: {why}")))
    }
}

impl Form {
    fn parse(self) -> Result<Progress, String> {
        let partitions: Vec<(i32, i64, i64, i64, i64)> = of("partitions", &self.partitions)?;
        let value_schemas: BTreeMap<u32, String> = of("value_schemas", &self.value_schemas)?;
        let counts = self.counts;
        Ok(Progress {
            namespace: Namespace::parse(&self.namespace).ok_or("namespace: not db.coll")?,
            epoch: uuid_from_text(&self.epoch).ok_or("epoch: not a UUID")?,
            export: self.export,
            export_number: self.export_number,
            export_complete: self.export_complete,
            topic: self.topic,
            topic_id: self.topic_id,
            partition_count: self.partition_count,
            contract: self.contract,
            key_schema_id: self.key_schema_id,
            key_schema_digest: self.key_schema_digest,
            key_converter: self.key_converter.unwrap_or_default(),
            value_schemas,
            counts: Counts {
                r: counts.rows,
                c: counts.creates,
                u: counts.updates,
                d: counts.deletes,
                tombstones: counts.tombstones,
                coalesced: counts.coalesced,
                quarantined: counts.quarantined,
                spilled: counts.spilled,
            },
            digest: self.digest.as_deref().map(digest).transpose()?,
            partitions: partitions
                .into_iter()
                .map(|(partition, first, begin, end, records)| {
                    (partition, PartitionProgress { first, begin, end, records })
                })
                .collect(),
            inexact: of("inexact", &self.inexact)?,
            snapshot: self.snapshot.as_deref().map(SnapshotProgress::from_text).transpose()?,
            versions_day: self.versions_day,
            versions_count: self.versions_count,
        })
    }
}

fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("keys are text or numbers")
}

fn of<T: serde::de::DeserializeOwned>(field: &str, text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{field}: {error}"))
}

fn digest(text: &str) -> Result<Digest, String> {
    let bytes = STANDARD.decode(text).map_err(|error| format!("digest: {error}"))?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| "digest: not 32 bytes".to_owned())?;
    Ok(Digest::from_bytes(&bytes))
}
