//! Certificates: what a reading found of an export at an anchor, beside the anchor and never in it.
//!
//! * [`record`]: the record of the certificates topic, its key and their wire form. * [`log`]: the topic as read.
//!
//! Invariants: the newest certificate counts of each anchor, collection, range, method and verdict; a REJECT is never
//! erased by later agreement, since the verdict is part of the key.

pub mod log;
pub mod record;

pub use log::{Certificates, Standing};
pub use record::{
    ACCEPT, Certificate, CertificateKey, REJECT, REPLAY, UNSUPPORTED, decode, decode_key, encode, encode_key,
};

/// The Avro schema of the certificates topic's values.
pub const SCHEMA: &str = include_str!("../../../../schemas/certificate.avsc");
/// The Avro schema of its keys.
pub const KEY_SCHEMA: &str = include_str!("../../../../schemas/certificate-key.avsc");
