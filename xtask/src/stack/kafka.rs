//! Apache Kafka: one node that is broker and controller at once.
//!
//! Invariant: it is ready when it answers a metadata request with itself among the brokers, which it
//! does only once it may hold partitions.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::ready::tail;
use super::up::Settings;
use crate::{child, places};

const LIMIT: Duration = Duration::from_secs(5);
/// A second of work, and a JVM's start on a busy machine.
const FORMAT_LIMIT: Duration = Duration::from_secs(90);
/// Metadata, in a version that old and new brokers know.
const METADATA: (i16, i16) = (3, 4);

/// Writes `server.properties`; a later line wins, so that a setting replaces ours.
pub(crate) fn configure(file: &Path, port: u16, controller: u16, data: &Path, settings: &Settings) -> Result<()> {
    let mut lines = vec![
        "process.roles=broker,controller".to_owned(),
        "node.id=1".to_owned(),
        format!("controller.quorum.voters=1@127.0.0.1:{controller}"),
        format!("listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
        format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}"),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!("log.dirs={}", data.display()),
        // As in production: topics are made by those who know their settings.
        "auto.create.topics.enable=false".to_owned(),
        "offsets.topic.replication.factor=1".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        "share.coordinator.state.topic.replication.factor=1".to_owned(),
        "share.coordinator.state.topic.min.isr=1".to_owned(),
        // Fifty of each by default: seconds of start and files for nothing.
        "offsets.topic.num.partitions=4".to_owned(),
        "transaction.state.log.num.partitions=4".to_owned(),
        "group.initial.rebalance.delay.ms=0".to_owned(),
    ];
    lines.extend(settings.of("kafka").map(|(name, value)| format!("{name}={value}")));
    fs::write(file, lines.join("\n") + "\n").with_context(|| format!("writing {}", file.display()))
}

/// The command line of the broker.
pub(crate) fn command(jars: &Path, properties: &Path, heap: &str) -> Vec<String> {
    vec![
        "java".into(),
        format!("-Xmx{heap}"),
        "-XX:+UseG1GC".into(),
        "-XX:-UsePerfData".into(),
        format!("-Dlog4j2.configurationFile={}", places::recipes().join("log4j2.properties").display()),
        "-cp".into(),
        class_path(jars),
        "kafka.Kafka".into(),
        properties.display().to_string(),
    ]
}

/// Gives the data folder its cluster id; data that has one keeps it.
pub(crate) fn format(jars: &Path, properties: &Path, log: &Path) -> Result<()> {
    let output = fs::File::create(log).with_context(|| format!("opening {}", log.display()))?;
    let mut command = Command::new("java");
    command
        .args([
            "-Xmx128m",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-cp",
            &class_path(jars),
            "kafka.tools.StorageTool",
            "format",
        ])
        .args(["--ignore-formatted", "-t", &cluster_id()?, "-c"])
        .arg(properties)
        .stdout(output.try_clone()?)
        .stderr(output);
    let status = child::status(&mut command, FORMAT_LIMIT)?;
    if !status.success() {
        bail!("formatting the broker's data failed:\n{}", tail(log, 30));
    }
    Ok(())
}

/// Asks for the brokers; an answer without one is an error.
pub(crate) fn answers(port: u16) -> Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let client = b"xtask";
    let mut request = Vec::new();
    request.extend(METADATA.0.to_be_bytes());
    request.extend(METADATA.1.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    request.extend(i16::try_from(client.len())?.to_be_bytes());
    request.extend(client);
    // No topics, and none to be created.
    request.extend(0_i32.to_be_bytes());
    request.push(0);
    stream.write_all(&i32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;
    // Length, correlation id, throttle time, then the number of brokers.
    let mut reply = [0; 16];
    stream.read_exact(&mut reply)?;
    let brokers = i32::from_be_bytes(reply[12..16].try_into()?);
    if brokers < 1 {
        bail!("the broker knows no broker yet");
    }
    Ok(())
}

fn class_path(jars: &Path) -> String {
    jars.join("*").display().to_string()
}

/// Sixteen bytes as Kafka writes them: 22 letters of URL-safe base64. Hex digits are such letters, and
/// the last one may only carry two bits.
fn cluster_id() -> Result<String> {
    let random = fs::read_to_string("/proc/sys/kernel/random/uuid").context("reading random bytes")?;
    let digits: String = random.chars().filter(char::is_ascii_hexdigit).take(21).collect();
    Ok(digits + "A")
}
