//! Control: what a running connector tells and is asked from outside the process.
//!
//! In reading order: [`names`] (the table of metrics), [`exposition`] (their values in OpenMetrics), [`process`] (this
//! process as the system sees it), [`clocks`] (the same for `top` and `status`, as JSON), [`health`] (who is ready),
//! [`routes`] (which path gives what), [`listener`] (connections and their limits), [`signals`] (what is asked).
//!
//! Invariants: nothing here stands in the way of a lane: counters are read without locks of the hot path, and a listener
//! that fails ends no run; every connection has time limits, and their number is bounded; no answer holds a secret.

pub mod clocks;
pub mod exposition;
pub mod health;
pub mod listener;
pub mod names;
mod process;
mod routes;
pub mod signals;

pub use health::{Health, Probe};
pub use listener::{Address, Listener, listen};

use std::sync::Arc;
use std::time::SystemTime;

use moorline_runtime::Report;

/// What is told of one connector.
pub struct Telemetry {
    /// Its name.
    pub connector: String,
    /// Moorline's version.
    pub version: String,
    /// Its counters.
    pub report: Arc<Report>,
    /// Who must be ready.
    pub health: Health,
    /// When this process began with it.
    pub started: SystemTime,
}
