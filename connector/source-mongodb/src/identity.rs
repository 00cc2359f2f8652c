//! Who the source is: the set, its id, its version, its time.
//!
//! Invariant: whatever may not be read has a fallback that says so (`weak:` before the history, 300 s as the window);
//! only a server that is no replica set is an error, since nothing works there.

use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf, doc};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::Identity;

use crate::client::{CommandError, Connection};
use crate::collections::{number, to_document};
use crate::error::{self, Call};

/// What the server keeps of the past unless it says otherwise.
const HISTORY_WINDOW: Duration = Duration::from_secs(300);

/// Asks the server who it is.
pub(crate) async fn identity(connection: &Connection) -> Result<Identity> {
    let ask = async |command: Document| -> Result<Document, CommandError> {
        let command = RawDocumentBuf::try_from(&command).map_err(|e| CommandError::Driver(e.into()))?;
        connection.command("admin", command).await
    };
    let fail = |e: CommandError| connection.failure(&e, Call::Other);
    let hello = ask(doc! { "hello": 1_i32 }).await.map_err(fail)?;
    let sharded = hello.get_str("msg").is_ok_and(|message| message == "isdbgrid");
    let set = match hello.get_str("setName") {
        Ok(name) => name.to_owned(),
        Err(_) if sharded => "sharded".to_owned(),
        Err(_) if hello.get_bool("isreplicaset").unwrap_or(false) => {
            return Err(error::not_initiated(&connection.place));
        }
        Err(_) => return Err(error::standalone(&connection.place)),
    };
    let build = ask(doc! { "buildInfo": 1_i32 }).await.map_err(fail)?;
    let window = ask(doc! { "getParameter": 1_i32, "minSnapshotHistoryWindowInSeconds": 1_i32 }).await;
    let window = window.ok().and_then(|d| d.get("minSnapshotHistoryWindowInSeconds").map(number));
    let id = if sharded { cluster_id(connection).await } else { set_id(ask(doc! { "replSetGetConfig": 1_i32 }).await) };
    let id = match id {
        Ok(id) => id,
        Err(CommandError::Driver(e)) if error::code(&e) == 13 => None,
        Err(e) => return Err(fail(e)),
    };
    Ok(Identity {
        history: id.unwrap_or_else(|| format!("weak:{set}")),
        source: source(&hello, &set, connection),
        version: build.get_str("version").unwrap_or_default().to_owned(),
        now: now(&hello).ok_or_else(|| error::standalone(&connection.place))?,
        sharded,
        history_window: window.map_or(HISTORY_WINDOW, Duration::from_secs),
    })
}

fn set_id(config: Result<Document, CommandError>) -> Result<Option<String>, CommandError> {
    let config = config?;
    let settings = config.get_document("config").and_then(|c| c.get_document("settings")).ok();
    Ok(settings.and_then(|s| s.get_object_id("replicaSetId").ok()).map(|id| id.to_hex()))
}

/// A sharded cluster has an id of its own.
async fn cluster_id(connection: &Connection) -> Result<Option<String>, CommandError> {
    let command = doc! { "find": "version", "limit": 1_i64 };
    let command = RawDocumentBuf::try_from(&command).map_err(|e| CommandError::Driver(e.into()))?;
    let replies = connection.replies("config", command, None, connection.command_timeout, |_| true).await?;
    let document = replies.first().and_then(|r| r.documents().next()?.ok()).and_then(|d| to_document(&d));
    Ok(document.and_then(|d| d.get_object_id("clusterId").ok()).map(|id| id.to_hex()))
}

/// The newest cluster time that the server knows.
fn now(hello: &Document) -> Option<ClusterTime> {
    let gossip = hello.get_document("$clusterTime").and_then(|d| d.get_timestamp("clusterTime"));
    let own = hello.get_timestamp("operationTime");
    gossip.ok().into_iter().chain(own.ok()).map(ClusterTime::from).max()
}

fn source(hello: &Document, set: &str, connection: &Connection) -> String {
    let hosts = hello.get_array("hosts").map(|hosts| hosts.iter().filter_map(Bson::as_str).collect::<Vec<_>>());
    match hosts {
        Ok(hosts) if !hosts.is_empty() => format!("{set}/{}", hosts.join(",")),
        _ => format!("{set}/{}", connection.hosts()),
    }
}
