//! `explain`: an error's or a rule's page.
//!
//! Invariant: what is printed as help of an error (`moorline explain CODE`) works as it stands, without any file.

use clap::Args;
use moorline_pipeline::error::Problem;
use serde_json::json;

use super::explain;
use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::messages;

/// Flags of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline explain MOOR-2003
  moorline explain MC602")]
pub(crate) struct Explain {
    /// An error's code (MOOR-2003, or 2003) or a contract rule (MC602)
    #[arg(value_name = "CODE")]
    code: String,
}

/// Prints the page.
pub(crate) fn run(args: &Explain, global: &Global) -> Result<Exit, Failed> {
    let Some(page) = explain::page(&args.code) else { return Err(unknown(&args.code).into()) };
    let text = match global.output {
        Form::Table => format!("{}\n", page.trim_end()),
        Form::Json => format!("{:#}\n", json!({"version": 1, "code": args.code, "page": page})),
    };
    messages::data(&text)?;
    Ok(Exit::Done)
}

fn unknown(code: &str) -> Problem {
    let near: Vec<String> = explain::nearest(code).iter().map(|(code, title)| format!("{code}  {title}")).collect();
    let fix = if near.is_empty() {
        "give a code as an error shows it: MOOR-2003, MC602".to_owned()
    } else {
        format!("did you mean one of these?\n{}", near.join("\n"))
    };
    Problem::new(
        moorline_config::codes::BAD_VALUE,
        format!("there is no page for `{code}`"),
        "explain",
        "this version knows no such error and no such rule",
        fix,
    )
}
