//! The records of the certificates topic, field by field as in `schemas/certificate.avsc`, in its order.
//!
//! Invariants: what is written can be read back without loss; an unknown `format` is refused, never guessed at.

use std::sync::LazyLock;

use apache_avro::Schema;
use serde::{Deserialize, Serialize};

use crate::anchor::WireError;
use crate::anchor::wire::{framed, unframed, unframed_of};
use crate::model::ClusterTime;

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: i32 = 1;
/// The verdict that both sides agree.
pub const ACCEPT: &str = "ACCEPT";
/// The verdict that they do not.
pub const REJECT: &str = "REJECT";
/// The verdict that it cannot be proven.
pub const UNSUPPORTED: &str = "UNSUPPORTED";

/// The method of a replay, which holds records against the anchor and nothing against the source.
pub const REPLAY: &str = "replay";

static VALUE: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse_str(super::SCHEMA).expect("the schema of certificates parses"));
static KEY: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse_str(super::KEY_SCHEMA).expect("the schema of their keys parses"));

/// Key of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct CertificateKey {
    pub connector: String,
    pub anchor: String,
    pub collection: String,
    pub range_from: Option<String>,
    pub range_to: Option<String>,
    pub method: String,
    pub verdict: String,
}

/// What one reading found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the schema says what each field means")]
pub struct Certificate {
    pub format: i32,
    pub connector: String,
    pub anchor: String,
    pub cut: ClusterTime,
    pub collection: String,
    pub epoch: String,
    pub export: String,
    pub range_from: Option<String>,
    pub range_to: Option<String>,
    pub method: String,
    pub verdict: String,
    pub documents: Option<i64>,
    pub differing: Option<i64>,
    pub records_digest: Option<String>,
    pub state_digest: Option<String>,
    pub state_algorithm: Option<String>,
    pub read_ms: i64,
    pub tool: String,
    pub reason: Option<String>,
}

impl Certificate {
    /// The key of this record.
    pub fn key(&self) -> CertificateKey {
        CertificateKey {
            connector: self.connector.clone(),
            anchor: self.anchor.clone(),
            collection: self.collection.clone(),
            range_from: self.range_from.clone(),
            range_to: self.range_to.clone(),
            method: self.method.clone(),
            verdict: self.verdict.clone(),
        }
    }
    /// Whether it stands for the whole collection.
    pub fn is_whole(&self) -> bool {
        self.range_from.is_none() && self.range_to.is_none()
    }
}

/// A certificate's value as it stands in the topic.
pub fn encode(certificate: &Certificate, schema_id: u32) -> Vec<u8> {
    framed(&VALUE, certificate, schema_id)
}

/// A key as it stands in the topic.
pub fn encode_key(key: &CertificateKey, schema_id: u32) -> Vec<u8> {
    framed(&KEY, key, schema_id)
}

/// The certificate of a value.
pub fn decode(bytes: &[u8]) -> Result<Certificate, WireError> {
    unframed_of(&VALUE, bytes, FORMAT)
}

/// The key of a record.
pub fn decode_key(bytes: &[u8]) -> Result<CertificateKey, WireError> {
    unframed(&KEY, bytes)
}
