//! `explain`: an error's or a rule's page, or the list of all.
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
  moorline explain MC602
  moorline explain                         all of them, one a line")]
pub(crate) struct Explain {
    /// An error's code (MOOR-2003, or 2003) or a contract rule (MC602); without it all are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Prints the page, or the list.
pub(crate) fn run(args: &Explain, global: &Global) -> Result<Exit, Failed> {
    let Some(code) = &args.code else {
        messages::data(&list(global.output))?;
        return Ok(Exit::Done);
    };
    let Some(page) = explain::page(code) else { return Err(unknown(code).into()) };
    let text = match global.output {
        Form::Table => format!("{}\n", page.trim_end()),
        Form::Json => format!("{:#}\n", json!({"version": 1, "code": code, "page": page})),
    };
    messages::data(&text)?;
    Ok(Exit::Done)
}

fn list(form: Form) -> String {
    let all = explain::all().map(|(code, text)| (code, explain::title(text)));
    match form {
        Form::Table => all.map(|(code, title)| format!("{code:<9}  {title}\n")).collect(),
        Form::Json => {
            let codes: Vec<_> = all.map(|(code, title)| json!({"code": code, "title": title})).collect();
            format!("{:#}\n", json!({"version": 1, "codes": codes}))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_one_a_line() {
        let text = list(Form::Table);
        assert_eq!(text.lines().count(), explain::all().count());
        assert!(text.starts_with("MOOR-1001  ") && text.contains("\nMC602      "));
    }
}
