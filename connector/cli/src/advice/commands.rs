//! Commands in a text: what stands behind `moorline `, held against clap's own tree.
//!
//! Invariant: verbs and flags are looked up; values, and the prose behind a whole command, are not.

use std::sync::LazyLock;

use clap::Command;
use regex::Regex;

/// Told to the server as comments of commands.
const COMMENTS: [&str; 2] = ["moorline probe", "moorline {:016x}"];
/// A command up to where it can't go on.
static COMMAND: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?:^|[^\w./-])(moorline [^\n;,)|"`]*)"#).expect("the pattern is sound"));

/// What is wrong with the commands in a text.
pub(super) fn wrong(text: &str, root: &Command) -> Vec<String> {
    let found = COMMAND.captures_iter(text).map(|found| found.get(1).unwrap().as_str());
    found.filter(|typed| !COMMENTS.contains(typed)).filter_map(|typed| unknown(typed, root)).collect()
}

fn unknown(typed: &str, root: &Command) -> Option<String> {
    let mut verb = root;
    for word in typed.split_whitespace().skip(1) {
        let flag = word.split(['=', ':']).next().unwrap_or_default();
        let known = if let Some(long) = flag.strip_prefix("--") {
            verb.get_arguments().any(|argument| argument.get_long() == Some(long))
        } else if let Some(short) = flag.strip_prefix('-').and_then(|short| short.chars().next()) {
            verb.get_arguments().any(|argument| argument.get_short() == Some(short))
        } else if verb.has_subcommands() {
            let next = verb.find_subcommand(word);
            verb = next.unwrap_or(verb);
            next.is_some()
        } else {
            true
        };
        if !known {
            return Some(format!("`{typed}`: there is no {word}"));
        }
    }
    verb.has_subcommands().then(|| format!("`{typed}` is no whole command"))
}
