//! The server as it describes itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::{RawDocumentBuf, doc};
use mongodb::options::SelectionCriteria;
use moorline_pipeline::error::Result;

use super::{ask, ask_softly, texts};
use crate::client::{CommandError, Connection};
use crate::collections::number;
use crate::error::Call;

/// What a server says of itself.
#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    /// Its version.
    pub version: String,
    /// The feature compatibility version, where it may be read.
    pub compatibility: Option<String>,
    /// The name of its set; `None` on a standalone server and on `mongos`.
    pub set: Option<String>,
    /// Whether it would be of a set that nobody has initiated.
    pub uninitiated: bool,
    /// Whether `mongos` answers.
    pub sharded: bool,
    /// Members that hold data, as the answering one lists them.
    pub members: Vec<String>,
    /// How far back snapshot reads reach; `None` where it may not be read.
    pub history_window: Option<Duration>,
    /// Whether the cluster's id may be read, by which another cluster is told apart.
    pub has_history_id: bool,
    /// The read preference of the connection string, by its mode; `None` for the primary.
    pub preference: Option<String>,
    /// Milliseconds since 1970 on this machine before it was asked, on the server, and on this machine afterwards.
    pub clock_ms: [i64; 3],
}

pub(super) async fn server(connection: &Connection) -> Result<ServerFacts> {
    let before = now_ms();
    let hello = ask(connection, &doc! { "hello": 1_i32 }).await.map_err(|e| connection.failure(&e, Call::Other))?;
    let after = now_ms();
    let build = ask_softly(connection, &doc! { "buildInfo": 1_i32 }).await?.unwrap_or_default();
    let sharded = hello.get_str("msg").is_ok_and(|message| message == "isdbgrid");
    let parameters = doc! {
        "getParameter": 1_i32, "featureCompatibilityVersion": 1_i32, "minSnapshotHistoryWindowInSeconds": 1_i32,
    };
    let parameters = ask_softly(connection, &parameters).await?;
    let compatibility = parameters.as_ref().and_then(|p| p.get_document("featureCompatibilityVersion").ok());
    let window = parameters.as_ref().and_then(|p| p.get("minSnapshotHistoryWindowInSeconds"));
    let set = hello.get_str("setName").ok().map(str::to_owned);
    let has_history_id = match (&set, sharded) {
        (Some(_), _) => ask_softly(connection, &doc! { "replSetGetConfig": 1_i32 }).await?.is_some(),
        // The id of a sharded cluster stands in `config`, which every reader of it may see.
        (None, sharded) => sharded,
    };
    let mut members = texts(&hello, "hosts");
    members.extend(texts(&hello, "passives"));
    Ok(ServerFacts {
        version: build.get_str("version").unwrap_or_default().to_owned(),
        compatibility: compatibility.and_then(|c| c.get_str("version").ok()).map(str::to_owned),
        set,
        uninitiated: hello.get_bool("isreplicaset").unwrap_or(false),
        sharded,
        members,
        history_window: window.map(|seconds| Duration::from_secs(number(seconds))),
        has_history_id,
        preference: preference_name(connection),
        clock_ms: [before, hello.get_datetime("localTime").map_or(before, |time| time.timestamp_millis()), after],
    })
}

/// A ping to a member that fits the read preference.
pub(super) async fn preference(connection: &Connection, limit: Duration) -> Result<()> {
    let Some(criteria) = connection.preference() else { return Ok(()) };
    let (client, number) = connection.client();
    let ping = async move {
        let command = RawDocumentBuf::try_from(&doc! { "ping": 1_i32 })?;
        client.database("admin").run_raw_command(command).selection_criteria(criteria).await
    };
    let answered = connection.detached(number, limit, ping).await;
    answered.map(drop).map_err(|e: CommandError| connection.failure(&e, Call::Other))
}

fn preference_name(connection: &Connection) -> Option<String> {
    match connection.preference()? {
        SelectionCriteria::ReadPreference(mongodb::options::ReadPreference::Primary) => None,
        SelectionCriteria::ReadPreference(preference) => {
            // The driver writes it with its options: the mode is the word before them.
            let text = format!("{preference:?}");
            text.split([' ', '{', '(']).next().map(|mode| {
                let mut letters = mode.chars();
                letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default() + letters.as_str()
            })
        }
        _ => None,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
