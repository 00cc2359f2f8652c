//! What a person or a log collector is told on stderr, and data on stdout.
//!
//! Invariants: with `--log-format json` each line on stderr is one object; nothing is written through a progress bar;
//! a stderr that is closed harms nobody; data is written as it is, and a failure to write it is given back.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use clap::ColorChoice;
use indicatif::ProgressBar;
use moorline_pipeline::error::Problem;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Global, LogFormat};

/// How messages look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// One object a line.
    pub(crate) json: bool,
    /// Colours.
    pub(crate) color: bool,
    /// Colours in data.
    data_color: bool,
    /// Errors only.
    pub(crate) quiet: bool,
}

static MANNER: OnceLock<Manner> = OnceLock::new();
/// The bar on the last line, around which messages are written.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Takes the flags in; before that messages are plain.
pub(crate) fn init(global: &Global) {
    let json = global.log_format == LogFormat::Json;
    let wanted = |is_terminal: bool| match global.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    };
    let color = wanted(io::stderr().is_terminal()) && !json;
    let data_color = wanted(io::stdout().is_terminal());
    let _ = MANNER.set(Manner { json, color, data_color, quiet: global.quiet });
}

/// Whether data for people has colours.
pub(crate) fn data_color() -> bool {
    manner().data_color
}

/// How messages look.
pub(crate) fn manner() -> Manner {
    MANNER.get().copied().unwrap_or_default()
}

/// Sets the bar that messages are written around; `None` once it is gone.
pub(crate) fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Writes to stderr, around the bar.
pub(crate) fn write(bytes: &[u8]) {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // Where stderr is gone there is nobody to tell.
    let write = || drop(io::stderr().lock().write_all(bytes));
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// An error.
pub(crate) fn problem(problem: &Problem) {
    tell(problem, "error", "ERROR", "31");
}

/// What will go on, but should be looked at.
pub(crate) fn warning(problem: &Problem) {
    if !manner().quiet {
        tell(problem, "warning", "WARN", "33");
    }
}

fn tell(problem: &Problem, word: &str, level: &str, color: &str) {
    if manner().json {
        let mut line = object(problem);
        line["timestamp"] = now().into();
        line["level"] = level.into();
        return write(format!("{line}\n").as_bytes());
    }
    let text = problem.to_string();
    let text = text.strip_prefix("error").unwrap_or(&text);
    let word = if manner().color { format!("\x1b[1;{color}m{word}\x1b[0m") } else { word.to_owned() };
    write(format!("{word}{text}\n").as_bytes());
}

/// A problem as machines get it.
pub(crate) fn object(problem: &Problem) -> Value {
    json!({
        "code": problem.code,
        "what": problem.what,
        "where": problem.place,
        "why": problem.why,
        "fix": problem.fix,
        "help": format!("moorline explain {}", problem.code),
    })
}

/// A line that is no data and no error.
pub(crate) fn note(text: &str) {
    let manner = manner();
    if manner.json {
        let line = json!({"timestamp": now(), "level": "INFO", "fields": {"message": text}, "target": "moorline"});
        write(format!("{line}\n").as_bytes());
    } else if !manner.quiet {
        write(format!("{text}\n").as_bytes());
    }
}

/// Data on stdout.
pub(crate) fn data(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn now() -> String {
    OffsetDateTime::from(SystemTime::now()).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_for_machines_has_all_its_parts() {
        let problem = Problem::new("MOOR-1001", "what", "where", "why", "one\ntwo");
        let object = object(&problem);
        assert_eq!(object["fix"], json!(["one", "two"]));
        assert_eq!(object["help"], "moorline explain MOOR-1001");
    }
}
