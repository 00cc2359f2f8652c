//! A running connector, asked over HTTP.
//!
//! Invariants: an answer has a time limit and a bound in bytes; one that is no answer of ours is refused, not guessed at;
//! a redirect is not followed.

use std::path::PathBuf;
use std::time::Duration;

use moorline_control::clocks::VERSION;
use moorline_pipeline::error::Problem;
use serde_json::Value;

use crate::arguments::Global;
use crate::configuration;
use crate::failure::Failed;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const BYTES_MAX: usize = 16 << 20;
/// The path that is asked.
const PATH: &str = "/moorline/v1/clocks";

/// A running connector.
pub(super) struct Live {
    client: reqwest::Client,
    /// Scheme, host and port.
    pub(super) url: String,
}

impl Live {
    /// At this address, else where the configuration listens.
    pub(super) fn find(url: Option<&str>, global: &Global) -> Result<Self, Failed> {
        let url = match url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => of_configuration(global)?,
        };
        let client = reqwest::Client::builder().timeout(LIMIT).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| silent(&url, &chain(&error)))?;
        Ok(Self { client, url })
    }

    /// What it tells.
    pub(super) async fn ask(&self) -> Result<Value, Problem> {
        let failed = |error: reqwest::Error| silent(&self.url, &chain(&error));
        let mut response = self.client.get(format!("{}{PATH}", self.url)).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(silent(&self.url, &format!("it answers {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > BYTES_MAX {
                return Err(silent(&self.url, "its answer is too long to be one of ours"));
            }
            body.extend_from_slice(&part);
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match answer["version"].as_u64() {
            Some(version) if version == u64::from(VERSION) && answer["lanes"].is_array() => Ok(answer),
            Some(version) => Err(silent(&self.url, &format!("it speaks version {version}, and this is {VERSION}"))),
            None => Err(silent(&self.url, "what answers is no Moorline")),
        }
    }
}

fn of_configuration(global: &Global) -> Result<String, Failed> {
    if global.config.is_none() {
        return Err(nowhere("neither --url nor -c is given", global).into());
    }
    let config = configuration::read(global)?.config;
    let Some(first) = config.listeners.first() else {
        return Err(nowhere("the configuration has no `listeners`", global).into());
    };
    if first.port == 0 {
        return Err(nowhere("`listeners` has port 0: each start has another port", global).into());
    }
    let host = match first.host.as_str() {
        "" | "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Ok(format!("http://{host}:{}", first.port))
}

fn nowhere(why: &str, global: &Global) -> Problem {
    Problem::new(
        "MOOR-7037",
        "it is not known where the running connector listens",
        global.config.clone().unwrap_or_else(|| PathBuf::from("command line")).display().to_string(),
        why,
        "--url http://HOST:PORT, as the log of the run names it after `listening`\nor listeners=http://127.0.0.1:8083 and a new start",
    )
}

fn silent(url: &str, why: &str) -> Problem {
    Problem::new(
        "MOOR-7032",
        "no running connector answers there",
        url,
        why,
        "look for `listening` in the log of the run: it names the address\nwhat stands in the topics needs no running connector: moorline status -c FILE",
    )
}

/// An error with what is behind it, without the URL that stands beside.
fn chain(error: &reqwest::Error) -> String {
    let mut text = "it can't be asked".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    if error.is_timeout() { format!("no answer within {} s", LIMIT.as_secs()) } else { text }
}
