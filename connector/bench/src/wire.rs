//! Bytes on the wire, as the servers count or hold them.
//!
//! Invariants: what the source has sent is its own count, of all connections, so nothing else may talk to it meanwhile;
//! what the broker was sent is what its log holds, since a log keeps batches as they were sent, compressed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bson::{Bson, doc};

use crate::places;

/// Bytes that the source has sent since its start.
pub(crate) async fn sent_by_the_source() -> Result<i64> {
    let command = doc! { "serverStatus": 1, "metrics": 0, "wiredTiger": 0, "locks": 0 };
    let status = places::mongo().await?.database("admin").run_command(command).await?;
    let network = status.get_document("network")?;
    match network.get("physicalBytesOut").or_else(|| network.get("bytesOut")) {
        Some(Bson::Int64(bytes)) => Ok(*bytes),
        Some(Bson::Int32(bytes)) => Ok(i64::from(*bytes)),
        other => anyhow::bail!("the server counts no bytes: {other:?}"),
    }
}

/// Bytes of the segments of all data topics under a prefix.
pub(crate) fn held_by_the_broker(prefix: &str) -> Result<u64> {
    let logs = format!("{}/log", places::variable("KAFKA_DATA")?);
    let mut bytes = 0;
    for partition in fs::read_dir(&logs).with_context(|| format!("reading {logs}"))? {
        let partition = partition?;
        let name = partition.file_name().to_string_lossy().into_owned();
        let data = name.strip_prefix(prefix).is_some_and(|rest| rest.matches('.').count() >= 2);
        if data {
            bytes += segments(&partition.path())?;
        }
    }
    Ok(bytes)
}

fn segments(partition: &Path) -> Result<u64> {
    let mut bytes = 0;
    for file in fs::read_dir(partition)? {
        let file = file?;
        if file.path().extension().is_some_and(|extension| extension == "log") {
            bytes += file.metadata()?.len();
        }
    }
    Ok(bytes)
}
