//! What the source says of itself while the lanes run: its head, and the oldest change that it still keeps.
//!
//! Invariant: a help for those who look, and no more: a source that does not answer here harms nothing.

use std::sync::Arc;
use std::time::Duration;

use moorline_pipeline::source::Source;
use tracing::debug;

use crate::report::Report;

/// Time between two questions.
const EVERY: Duration = Duration::from_secs(5);
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks until it is dropped.
pub(crate) async fn source<S: Source>(source: Arc<S>, report: Arc<Report>) {
    loop {
        match tokio::time::timeout(LIMIT, source.log_window()).await {
            Ok(Ok(Some(window))) => {
                report.head.rise(window.last);
                report.oldest.rise(window.first);
            }
            Ok(Ok(None)) => {}
            Ok(Err(failure)) => debug!("the source's log can't be asked: {}", failure.problem.what),
            Err(_) => debug!("the source's log was asked, and no answer came in time"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
