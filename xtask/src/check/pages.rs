//! Error codes and their pages held against each other, and the list of pages that the binary carries.
//!
//! Invariants: each code that the product can print has a page, and each page's code can be printed; a page has the
//! parts of its form; the list is what [`write`] writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::places;

mod uses;

use uses::{Used, numbered};

/// Where the pages are.
const PAGES: &str = "docs/errors";
/// The page of all contract rules, a section each.
const RULES: &str = "contract-rules.md";
/// The list of pages in the binary, and the way from it to the pages.
const LIST: &str = "connector/cli/src/commands/explain_pages.rs";
const FROM_LIST: &str = "../../../../docs/errors";
/// Lines after which a page is no page any more: it is read in a terminal, beside the error.
const MOST_LINES: usize = 24;

/// Fails with everything that is wrong.
pub(super) fn check() -> Result<()> {
    let root = places::workspace();
    let pages = pages(&root)?;
    let rules = fs::read_to_string(root.join(PAGES).join(RULES)).with_context(|| format!("reading {PAGES}/{RULES}"))?;
    let used = Used::of(&root, LIST)?;
    let mut wrong = Vec::new();
    for (code, text) in &pages {
        wrong.extend(page_form(code, text).into_iter().map(|what| format!("{PAGES}/{code}.md: {what}")));
    }
    wrong.extend(rules_form(&rules).into_iter().map(|what| format!("{PAGES}/{RULES}: {what}")));
    let with_page: BTreeSet<&str> = pages.keys().map(String::as_str).collect();
    let with_section: BTreeSet<&str> = sections(&rules).map(|(rule, _)| rule).collect();
    for (name, text) in
        pages.iter().map(|(code, text)| (format!("{code}.md"), text)).chain([(RULES.to_owned(), &rules)])
    {
        let errors = numbered(text, "MOOR-", 4).filter(|code| !with_page.contains(code));
        let rules = numbered(text, "MC", 3).filter(|rule| !with_section.contains(rule));
        wrong.extend(errors.chain(rules).map(|code| format!("{PAGES}/{name}: names {code}, which has no page")));
    }
    compare(&used.errors, &with_page, "has no page: write docs/errors/CODE.md like the others", &mut wrong);
    compare(&used.rules, &with_section, "has no section in docs/errors/contract-rules.md", &mut wrong);
    if fs::read_to_string(root.join(LIST)).ok().as_deref() != Some(list(&pages).as_str()) {
        wrong.push(format!("{LIST}: stale, write it anew with `cargo xtask generate`"));
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

/// Writes the list of pages.
pub(super) fn write() -> Result<()> {
    let root = places::workspace();
    fs::write(root.join(LIST), list(&pages(&root)?)).with_context(|| format!("writing {LIST}"))
}

/// The pages by code.
fn pages(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(root.join(PAGES)).with_context(|| format!("reading {PAGES}"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(code) = name.strip_suffix(".md").filter(|_| name != RULES) {
            pages.insert(code.to_owned(), fs::read_to_string(&path).with_context(|| format!("reading {name}"))?);
        }
    }
    Ok(pages)
}

/// The text of the list.
fn list(pages: &BTreeMap<String, String>) -> String {
    let mut text =
        "//! The pages of `docs/errors/`, sorted by code. Written by `cargo xtask generate`, not by hand.\n\n\
                    /// Code and text of each page.\npub(super) const PAGES: &[(&str, &str)] = &[\n"
            .to_owned();
    for code in pages.keys() {
        text.push_str(&format!("    (\"{code}\", include_str!(\"{FROM_LIST}/{code}.md\")),\n"));
    }
    text.push_str("];\n\n/// The page of all contract rules, a section each.\n");
    text.push_str(&format!("pub(super) const RULES: &str = include_str!(\"{FROM_LIST}/{RULES}\");\n"));
    text
}

/// What is wrong with a page: title, a paragraph, `Cause`, and `Fix` as a list.
fn page_form(code: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let title = text.lines().next().and_then(|first| first.strip_prefix(&format!("# {code}: ")));
    if title.is_none_or(|title| title.trim().is_empty() || title.ends_with('.')) {
        wrong.push(format!("opens with `# {code}: ` and a title without full stop"));
    }
    let mut parts = text.split("\n## ");
    let is_bare = |body: &str| body.lines().skip(1).all(|line| line.trim().is_empty());
    if parts.next().is_none_or(is_bare) {
        wrong.push("no paragraph under the title: what it means, and what Moorline does then".to_owned());
    }
    let parts: Vec<&str> = parts.collect();
    let names: Vec<&str> = parts.iter().filter_map(|part| part.lines().next()).collect();
    if names != ["Cause", "Fix"] {
        wrong.push(format!("has the parts {names:?}, not `## Cause` and `## Fix`"));
    }
    wrong.extend(parts.iter().filter(|part| is_bare(part)).map(|part| format!("nothing under `## {}`", part.trim())));
    let fix = parts.last().copied().unwrap_or_default().lines().skip(1).filter(|line| !line.trim().is_empty());
    if fix.into_iter().any(|line| !line.starts_with("- ")) {
        wrong.push("`Fix` is a list: each line a step that begins with `- `".to_owned());
    }
    if text.lines().count() > MOST_LINES {
        wrong.push(format!("over {MOST_LINES} lines"));
    }
    wrong
}

/// What is wrong with the page of rules: sections in order, each with a paragraph, `- Cause: ` and `- Fix: `.
fn rules_form(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut before = "";
    for (rule, section) in sections(text) {
        if rule <= before {
            wrong.push(format!("{rule} stands after {before}"));
        }
        before = rule;
        let mut body = section.lines().skip(1).filter(|line| !line.is_empty());
        let meaning = body.next().is_some_and(|line| !line.starts_with("- "));
        let has = |start: &str| section.lines().any(|line| line.starts_with(start));
        let titled = section.lines().next().is_some_and(|first| first.len() > rule.len() + 2);
        if !titled || !meaning || !has("- Cause: ") || !has("- Fix: ") {
            wrong.push(format!("{rule} lacks a part: `## {rule}: name`, a paragraph, `- Cause: `, `- Fix: `"));
        }
    }
    wrong
}

/// The sections of the page of rules, without the `## ` before them.
fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n## ").skip(1).map(|section| (section.split([':', '\n']).next().unwrap_or_default(), section))
}

fn compare(used: &BTreeMap<String, String>, described: &BTreeSet<&str>, lacks: &str, wrong: &mut Vec<String>) {
    for (code, place) in used {
        if !described.contains(code.as_str()) {
            wrong.push(format!("{place}: {code} {lacks}"));
        }
    }
    for code in described.iter().filter(|code| !used.contains_key(**code)) {
        wrong.push(format!("{PAGES}: {code} is described, and nothing in the product gives it"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# MOOR-2003: Gone\n\nIt is gone.\n\n## Cause\n\nTime.\n\n## Fix\n\n- Wait.\n- Ask.\n";

    #[test]
    fn a_page_has_its_parts() {
        assert_eq!(page_form("MOOR-2003", PAGE), Vec::<String>::new());
        for (part, instead) in [
            ("MOOR-2003: Gone", "MOOR-2004: Gone"),
            ("Gone\n", "\n"),
            ("It is gone.", ""),
            ("Time.", ""),
            ("## Cause", "## Why"),
            ("- Wait.\n- Ask.\n", ""),
            ("- Wait.", "Wait."),
        ] {
            assert!(!page_form("MOOR-2003", &PAGE.replace(part, instead)).is_empty(), "{part:?} as {instead:?}");
        }
    }

    #[test]
    fn a_rule_has_its_parts() {
        let text = "# Contract rules\n\n## MC104: a\n\nTwo.\n\n- Cause: b.\n- Fix: c.\n\n## MC602: d\n\nE.\n\n- Cause: f.\n- Fix: g.\n";
        assert_eq!(rules_form(text), Vec::<String>::new());
        assert_eq!(sections(text).map(|(rule, _)| rule).collect::<Vec<_>>(), ["MC104", "MC602"]);
        for (part, instead) in [("E.\n", "\n"), ("- Fix: g.", ""), (": d", ""), ("MC602", "MC101")] {
            assert_eq!(rules_form(&text.replace(part, instead)).len(), 1, "{part:?} as {instead:?}");
        }
    }
}
