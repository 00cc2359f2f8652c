//! Logs: what modules tell through `tracing`, librdkafka's own lines among it.
//!
//! Invariants: logs go to stderr only; `MOORLINE_LOG` counts over `-v` and `-q`; a line is written whole, around the
//! progress bar.

use std::io;

use moorline_pipeline::error::Problem;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::arguments::{Global, LogFormat};
use crate::failure::Failed;
use crate::messages;

/// The environment variable, in the form of `RUST_LOG`.
const VARIABLE: &str = "MOORLINE_LOG";

/// Starts logging.
pub(crate) fn init(global: &Global, default_level: &str) -> Result<(), Failed> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => EnvFilter::try_new(&text).map_err(|error| unreadable(&text, &error))?,
        _ => EnvFilter::new(directives(global, default_level)),
    };
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Lines);
    match global.log_format {
        LogFormat::Json => base.json().init(),
        LogFormat::Text => {
            base.with_ansi(messages::manner().color).with_target(global.verbose > 0).compact().init();
        }
    }
    Ok(())
}

/// Ours at the level that is asked for; of libraries only what is wrong, unless everything is wanted.
fn directives(global: &Global, default_level: &str) -> String {
    match (global.quiet, global.verbose) {
        (true, _) => "error".to_owned(),
        (_, 0) => format!("warn,moorline={default_level}"),
        (_, 1) => "info,moorline=debug".to_owned(),
        _ => "debug,moorline=trace".to_owned(),
    }
}

fn unreadable(text: &str, error: &tracing_subscriber::filter::ParseError) -> Problem {
    Problem::new(
        moorline_config::codes::BAD_VALUE,
        format!("`{text}` does not say what is logged"),
        format!("environment variable {VARIABLE}"),
        error.to_string(),
        format!("{VARIABLE}=debug, or {VARIABLE}=warn,moorline_runtime=debug"),
    )
}

/// Gives each event a writer of its own, so that a line is written at once.
struct Lines;

struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        messages::write(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn flags_give_levels() {
        let level = |flags: &[&str]| {
            let typed = ["moorline", "validate"].iter().chain(flags).copied();
            directives(&Arguments::try_parse_from(typed).unwrap().global, "info")
        };
        assert_eq!(level(&[]), "warn,moorline=info");
        assert_eq!(level(&["-q"]), "error");
        assert_eq!(level(&["-v"]), "info,moorline=debug");
        assert_eq!(level(&["-vv"]), "debug,moorline=trace");
    }
}
