//! Each package's licence can be met by the list in deny.toml, with or without cargo-deny at hand.
//!
//! Invariant: an expression is satisfied if the allowed licences alone make it true; `/` is an old way
//! to write OR; an unknown licence is a failure, never a guess.

use std::fs;

use anyhow::{Context, Result, bail};

use super::metadata;
use crate::places;

/// Fails with every package that may not be used.
pub(super) fn check() -> Result<()> {
    let path = places::workspace().join("deny.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let allowed = allowed(&text)?;
    let metadata = metadata::read()?;
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().context("packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        match package["license"].as_str() {
            None => wrong.push(format!("{name} names no licence")),
            Some(licence) if !satisfied(licence, &allowed)? => wrong.push(format!("{name}: {licence}")),
            Some(_) => {}
        }
    }
    if !wrong.is_empty() {
        bail!("not met by deny.toml:\n{}", wrong.join("\n"));
    }
    Ok(())
}

/// The strings of `allow = [ … ]` under `[licenses]`; all that is needed here of the file's language.
fn allowed(text: &str) -> Result<Vec<String>> {
    let (_, section) = text.split_once("\n[licenses]\n").context("deny.toml has no [licenses]")?;
    let (_, list) = section.split_once("\nallow = [").context("[licenses] has no allow list")?;
    let (list, _) = list.split_once(']').context("the allow list has no end")?;
    let strings = list.lines().filter_map(|line| line.split('"').nth(1));
    Ok(strings.map(str::to_owned).collect())
}

fn satisfied(expression: &str, allowed: &[String]) -> Result<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let value = either(&mut rest, allowed)?;
    if !rest.is_empty() {
        bail!("`{expression}` is no licence expression");
    }
    Ok(value)
}

fn either(words: &mut &[&str], allowed: &[String]) -> Result<bool> {
    let mut value = both(words, allowed)?;
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        value |= both(words, allowed)?;
    }
    Ok(value)
}

fn both(words: &mut &[&str], allowed: &[String]) -> Result<bool> {
    let mut value = one(words, allowed)?;
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        value &= one(words, allowed)?;
    }
    Ok(value)
}

fn one(words: &mut &[&str], allowed: &[String]) -> Result<bool> {
    let (licence, rest) = match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let value = either(words, allowed)?;
            let [")", rest @ ..] = *words else { bail!("a licence expression lacks `)`") };
            *words = rest;
            return Ok(value);
        }
        [")" | "AND" | "OR" | "WITH", ..] => bail!("a licence is missing in an expression"),
        [licence, "WITH", exception, rest @ ..] => (format!("{licence} WITH {exception}"), rest),
        [licence, rest @ ..] => ((*licence).to_owned(), rest),
        [] => bail!("a licence expression ends too early"),
    };
    *words = rest;
    Ok(allowed.contains(&licence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_true_by_the_allowed_licences_alone() {
        let allowed = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT/GPL-2.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
            ("MIT WITH Some-exception", false),
        ] {
            assert_eq!(satisfied(expression, &allowed).expect("an expression"), expected, "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for expression in ["", "(MIT", "MIT OR", "MIT MIT", ")"] {
            assert!(satisfied(expression, &["MIT".to_owned()]).is_err(), "{expression}");
        }
    }

    #[test]
    fn the_list_is_read_as_it_is_written() {
        let text =
            "\n[licenses]\nconfidence-threshold = 0.9\nallow = [\n  \"MIT\", # why\n  \"ISC\",\n]\nx = [\"GPL\"]\n";
        assert_eq!(allowed(text).expect("a list"), ["MIT", "ISC"]);
    }
}
