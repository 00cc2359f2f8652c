//! How far back the source's log reaches.
//!
//! Invariant: a user who may not read `local`, or a `mongos`, which has no log, is no error: the window is unknown.

use bson::{Document, RawDocumentBuf, doc};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::LogWindow;

use crate::client::{CommandError, Connection};
use crate::collections::{number, to_document};
use crate::error::{self, Call};

/// The window, where it may be read.
pub(crate) async fn log_window(connection: &Connection) -> Result<Option<LogWindow>> {
    let end = |direction: i32| {
        doc! {
            "find": "oplog.rs",
            "sort": { "$natural": direction },
            "projection": { "ts": 1_i32 },
            "limit": 1_i64,
        }
    };
    let size = doc! { "aggregate": "oplog.rs", "pipeline": [{ "$collStats": { "storageStats": {} } }], "cursor": {} };
    let mut read = Vec::new();
    for command in [end(1), end(-1), size] {
        match first(connection, &command).await {
            Ok(document) => read.push(document),
            Err(CommandError::Driver(e)) if is_refusal(&e) => return Ok(None),
            Err(e) => return Err(connection.failure(&e, Call::Other)),
        }
    }
    let time = |at: usize| read[at].as_ref().and_then(|d| d.get_timestamp("ts").ok()).map(ClusterTime::from);
    let (Some(first), Some(last)) = (time(0), time(1)) else { return Ok(None) };
    let stats = read[2].as_ref().and_then(|d| d.get_document("storageStats").ok());
    let stat = |name| stats.and_then(|s| s.get(name)).map_or(0, number);
    Ok(Some(LogWindow { first, last, max_bytes: stat("maxSize"), bytes: stat("size") }))
}

/// Unauthorized, and what `mongos` says of `local`.
fn is_refusal(e: &mongodb::error::Error) -> bool {
    matches!(error::code(e), 13 | 20 | 26 | 73 | 115 | 166)
}

async fn first(connection: &Connection, command: &Document) -> Result<Option<Document>, CommandError> {
    let command = RawDocumentBuf::try_from(command).map_err(|e| CommandError::Driver(e.into()))?;
    let replies = connection.replies("local", command, None, connection.command_timeout, |_| true).await?;
    let document = replies.first().and_then(|reply| reply.documents().next());
    Ok(document.and_then(std::result::Result::ok).and_then(|bytes| to_document(&bytes)))
}
