//! What a measurement gives.
//!
//! Invariant: `cargo xtask bench` reads these names; a rate is `documents` over `seconds`, computed there.

use serde::Serialize;

/// CPU seconds during a measurement.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cpu {
    /// Of what is measured: the connector, or the bare reader or producer.
    pub(crate) own: f64,
    pub(crate) mongod: f64,
    pub(crate) broker: f64,
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) measurement: String,
    /// Documents, records or events.
    pub(crate) documents: u64,
    /// What the rate is of.
    pub(crate) seconds: f64,
    /// From the start of the process to its end, where that is something else.
    pub(crate) whole_seconds: Option<f64>,
    /// Bytes that were moved, where they were counted.
    pub(crate) bytes: Option<u64>,
    pub(crate) cpu: Cpu,
    pub(crate) peak_rss_bytes: u64,
    /// Parts of `seconds` by name, where they were taken.
    pub(crate) parts: serde_json::Map<String, serde_json::Value>,
}
