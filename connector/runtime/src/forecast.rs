//! How long a snapshot will take, held against how long the source keeps its log: a snapshot that outlives the oplog
//! is the commonest way to lose data.

use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::forecast;
use moorline_pipeline::sink::{Registry, Sink};
use moorline_pipeline::source::{CollectionInfo, Source};
use tracing::{info, warn};

use crate::settings::OplogGuard;
use crate::shared::Shared;

/// Warns, or refuses, where the forecast is longer than half of what the log holds.
pub(crate) async fn check<S: Source, K: Sink, R: Registry>(
    shared: &Shared<S, K, R>,
    to_read: &[CollectionInfo],
    lane: u32,
) -> Result<()> {
    if to_read.is_empty() {
        return Ok(());
    }
    let documents: u64 = to_read.iter().map(|c| c.documents).sum();
    let bytes: u64 = to_read.iter().map(|c| c.bytes).sum();
    let seconds = forecast::snapshot_seconds(documents, bytes);
    let Some(log) = shared.source.log_window().await? else {
        warn!(lane, "the oplog may not be read: no forecast of the snapshot against it");
        return Ok(());
    };
    let window = forecast::window_seconds(&log);
    info!(
        lane,
        collections = to_read.len(),
        documents,
        bytes,
        forecast_s = seconds,
        oplog_s = window,
        "snapshot forecast"
    );
    if forecast::fits(seconds, window) {
        return Ok(());
    }
    let problem = Problem::new(
        "MOOR-2010",
        format!("the snapshot may take {seconds} s, and the oplog holds {window} s"),
        format!("lane {lane}, {} collections, {documents} documents, {} MiB", to_read.len(), bytes >> 20),
        "if the log rolls over before the snapshot is done, changes are lost",
        "enlarge the oplog (replSetResizeOplog), snapshot fewer collections at a time,\nor snapshot.oplog.guard=warn to go on",
    );
    match shared.settings.snapshot.oplog_guard {
        OplogGuard::Refuse => Err(Failure::halt(problem)),
        OplogGuard::Warn => {
            warn!(lane, code = problem.code, "{}: {}", problem.what, problem.why);
            Ok(())
        }
    }
}
