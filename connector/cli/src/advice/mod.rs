//! What errors and their pages advise, held against what this version has: verbs, flags, keys and values of keys.
//!
//! Tests only. In reading order: [`literals`] (the texts in quotes), [`commands`] (what stands behind `moorline `),
//! [`keys`] (names with dots).
//!
//! Invariant: nobody is sent to a command that does not exist, or told to write a key or value that is refused.

mod commands;
mod keys;
mod literals;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};

use crate::arguments::Arguments;
use keys::Keys;

/// Pages that speak of keys and values that can't be had.
const OF_REFUSED: [&str; 4] = ["MOOR-1004.md", "MOOR-1006.md", "MOOR-1010.md", "MOOR-3003.md"];

/// A text, and where it stands.
struct Text {
    place: String,
    text: String,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "benches", "bench", "examples", "target", "advice"].contains(&name.as_str()) {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            found.push(path);
        }
    }
}

/// All literals of the product, and all lines of the pages.
fn texts() -> Vec<Text> {
    let mut files = Vec::new();
    walk(&workspace().join("connector"), &mut files);
    walk(&workspace().join("docs/errors"), &mut files);
    let mut texts = Vec::new();
    for file in files {
        let name = file.strip_prefix(workspace()).unwrap().display().to_string();
        let content = fs::read_to_string(&file).unwrap();
        let found: Vec<(usize, String)> = if name.ends_with(".rs") {
            literals::of(&content)
        } else {
            content.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned())).collect()
        };
        texts.extend(found.into_iter().map(|(line, text)| Text { place: format!("{name}:{line}"), text }));
    }
    texts
}

fn root() -> Command {
    let mut root = Arguments::command();
    root.build();
    root
}

#[test]
fn commands_that_are_advised_exist() {
    let root = root();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for Text { place, text } in texts() {
        seen += usize::from(text.contains("moorline validate"));
        wrong.extend(commands::wrong(&text, &root).into_iter().map(|what| format!("{place}: {what}")));
    }
    assert!(seen > 10, "only {seen} texts name `moorline validate`: they are not found any more");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn keys_that_are_advised_exist() {
    let keys = Keys::new();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for Text { place, text } in texts() {
        // The configuration's own texts speak of what others call their keys; a literal of one word is no advice.
        let exempt = place.starts_with("connector/config/") || OF_REFUSED.iter().any(|page| place.contains(page));
        if !exempt && text.trim().contains(' ') {
            seen += usize::from(text.contains("topic.prefix"));
            wrong.extend(keys.wrong(&text).into_iter().map(|what| format!("{place}: {what}")));
        }
    }
    assert!(seen > 10, "only {seen} texts name `topic.prefix`: they are not found any more");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_does_not_exist_is_found() {
    let root = root();
    for text in [
        "then moorline snapshot start for it",
        "`moorline anchors prune --at T`",
        "moorline anchors show --raws",
        "moorline anchors",
    ] {
        assert_eq!(commands::wrong(text, &root).len(), 1, "{text}");
    }
    for text in [
        "moorline anchors list shows it",
        "`moorline run` uses -x",
        "a=$(moorline run --until anchor) -x",
        "moorline.on.drift",
    ] {
        assert_eq!(commands::wrong(text, &root), Vec::<String>::new(), "{text}");
    }
    let keys = Keys::new();
    for text in [
        "or topic.naming.<db>.<coll> = x",
        "`capture.images`",
        "gap.policy=accept  goes on",
        "no.such=1",
        "raise transaction.timeout.ms",
    ] {
        assert_eq!(keys.wrong(text).len(), 1, "{text}");
    }
    for text in [
        "gap.policy=stop ends",
        "kafka.sasl.password",
        "`topic.creation.*`",
        "topic.creation.{}.x",
        "rs.initiate()",
        "shop.orders",
    ] {
        assert_eq!(keys.wrong(text), Vec::<String>::new(), "{text}");
    }
}
