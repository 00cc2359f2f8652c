//! MongoDB: one to seven `mongod` as the replica set rs0.
//!
//! Invariant: the set is ready when a node that was asked says that it is the writable primary, and
//! every other that it is a secondary.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::up::Settings;
use super::wire;

/// An answer to a command of ours is a matter of milliseconds; an election is waited for outside.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// The command line of one node.
pub(crate) fn command(mongod: &Path, port: u16, data: &Path, settings: &Settings) -> Vec<String> {
    let mut flags = vec![
        ("replSet", "rs0".to_owned()),
        ("port", port.to_string()),
        ("dbpath", data.display().to_string()),
        ("bind_ip", "127.0.0.1".to_owned()),
        ("wiredTigerCacheSizeGB", "0.5".to_owned()),
        // Megabytes: an hour of demo writes, without taking the disk.
        ("oplogSize", "1024".to_owned()),
    ];
    let mut parameters = vec![
        // Fail points, prepared transactions and a short history window are for tests only.
        ("enableTestCommands", "1"),
        // The noop that moves a quiet stream on; ten seconds by default, and a test would wait for it.
        ("periodicNoopIntervalSecs", "1"),
        ("diagnosticDataCollectionEnabled", "false"),
        // A primary that is stopped would look for a successor for 15 s, though all are stopped.
        ("shutdownTimeoutMillisForSignaledShutdown", "100"),
    ];
    for (name, value) in settings.of("mongod") {
        flags.retain(|(flag, _)| *flag != name);
        flags.push((name, value.to_owned()));
    }
    for (name, value) in settings.of("mongo") {
        parameters.retain(|(parameter, _)| *parameter != name);
        parameters.push((name, value));
    }
    let mut command = vec![mongod.display().to_string(), "--nounixsocket".into()];
    command.extend(flags.into_iter().flat_map(|(flag, value)| [format!("--{flag}"), value]));
    for (name, value) in parameters {
        command.extend(["--setParameter".into(), format!("{name}={value}")]);
    }
    command
}

/// Makes the nodes one set. Asked again (kept data, a repeated try) it is no error.
pub(crate) fn initiate(ports: &[u16]) -> Result<()> {
    let members: Vec<Value> = ports
        .iter()
        .enumerate()
        .map(|(index, port)| json!({"_id": index, "host": format!("127.0.0.1:{port}")}))
        .collect();
    // Ten seconds by default, which a fault test would wait for at each election.
    let configuration = json!({"_id": "rs0", "members": members, "settings": {"electionTimeoutMillis": 2000}});
    for port in ports {
        hello(*port)?;
    }
    match wire::command(ports[0], &json!({"replSetInitiate": configuration, "$db": "admin"}), COMMAND_LIMIT) {
        Err(error) if !error.to_string().starts_with("AlreadyInitialized") => Err(error),
        _ => Ok(()),
    }
}

/// Whether the set has a primary that takes writes, and secondaries besides.
pub(crate) fn settled(ports: &[u16]) -> Result<()> {
    let mut primaries = 0;
    for port in ports {
        let reply = hello(*port)?;
        let primary = reply["isWritablePrimary"] == Value::Bool(true);
        if !primary && reply["secondary"] != Value::Bool(true) {
            bail!("the node at port {port} is neither primary nor secondary yet");
        }
        primaries += usize::from(primary);
    }
    if primaries != 1 {
        bail!("{primaries} primaries");
    }
    Ok(())
}

/// Whether one node belongs to the set again, after a restart.
pub(crate) fn joined(port: u16) -> Result<()> {
    let reply = hello(port)?;
    if reply["isWritablePrimary"] == Value::Bool(true) || reply["secondary"] == Value::Bool(true) {
        return Ok(());
    }
    bail!("the node at port {port} is neither primary nor secondary yet")
}

/// The address that drivers take.
pub(crate) fn uri(ports: &[u16]) -> String {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("mongodb://{}/?replicaSet=rs0", hosts.join(","))
}

fn hello(port: u16) -> Result<Value> {
    wire::command(port, &json!({"hello": 1, "$db": "admin"}), COMMAND_LIMIT)
}
