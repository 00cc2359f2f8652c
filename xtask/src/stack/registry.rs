//! Apicurio Registry behind the API that Confluent's clients speak.
//!
//! Invariants: what it has answered is on disk, so that a kill loses nothing, as with the real ones; its global compatibility is set as asked; it has none by itself, Confluent's is BACKWARD.

use std::path::Path;

use anyhow::Result;

use super::http;
use super::up::Settings;

/// Where Confluent's API lies.
const API: &str = "/apis/ccompat/v7";

/// The command line of the registry.
pub(crate) fn command(jar: &Path, port: u16, home: &Path, settings: &Settings) -> Vec<String> {
    let mut command: Vec<String> = vec![
        "java".into(),
        "-Xmx400m".into(),
        // It serves a handful of requests: the quick compiler and collector start sooner.
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        // What it would leave in the machine's own folder for such things.
        "-XX:-UsePerfData".into(),
        format!("-Djava.io.tmpdir={}", home.display()),
        "-Dquarkus.http.host=127.0.0.1".into(),
        format!("-Dquarkus.http.port={port}"),
        format!("-DREGISTRY_DATASOURCE_URL=jdbc:h2:file:{};WRITE_DELAY=0", home.join("registry").display()),
    ];
    command.extend(settings.of("registry").map(|(name, value)| format!("-D{name}={value}")));
    command.extend(["-jar".into(), jar.display().to_string()]);
    command
}

/// Asks for the subjects.
pub(crate) fn answers(port: u16) -> Result<()> {
    http::request(port, "GET", &format!("{API}/subjects"), "").map(|_| ())
}

/// Sets the global compatibility.
pub(crate) fn set_compatibility(port: u16, level: &str) -> Result<()> {
    let body = serde_json::json!({ "compatibility": level }).to_string();
    http::request(port, "PUT", &format!("{API}/config"), &body).map(|_| ())
}

/// The address that clients take.
pub(crate) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}{API}")
}
