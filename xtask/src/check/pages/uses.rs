//! Which error codes and rules the product's code can give.
//!
//! Invariant: only code counts as a use: not comments, not tests, not the list of pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Codes and rules in the product's code, each with one place.
#[derive(Default)]
pub(super) struct Used {
    pub(super) errors: BTreeMap<String, String>,
    pub(super) rules: BTreeMap<String, String>,
}

impl Used {
    /// Of all code under `connector`, but for the file `list`, which names every page.
    pub(super) fn of(root: &Path, list: &str) -> Result<Self> {
        let mut files = Vec::new();
        walk(&root.join("connector"), &mut files)?;
        let mut texts = BTreeMap::new();
        for file in files {
            let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            texts.insert(file, text);
        }
        let of_tests: BTreeSet<PathBuf> = texts.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
        let mut used = Self::default();
        for (file, text) in &texts {
            let is_test = file.ancestors().any(|above| of_tests.contains(&above.with_extension("rs")));
            let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
            if !is_test && name != list {
                used.take(&name, text);
            }
        }
        Ok(used)
    }

    fn take(&mut self, name: &str, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start();
            // Tests stand last in a file.
            if line == "#[cfg(test)]" && text.lines().nth(index + 1).is_some_and(|next| next.trim_end().ends_with('{'))
            {
                return;
            }
            if line.starts_with("//") {
                continue;
            }
            let place = || format!("{name}:{}", index + 1);
            for code in numbered(line, "MOOR-", 4) {
                self.errors.entry(code.to_owned()).or_insert_with(place);
            }
            for rule in numbered(line, "\"MC", 3) {
                self.rules.entry(rule[1..].to_owned()).or_insert_with(place);
            }
        }
    }
}

/// Everything in the text that is a word and so many digits.
pub(super) fn numbered<'a>(text: &'a str, word: &'a str, digits: usize) -> impl Iterator<Item = &'a str> {
    text.match_indices(word).filter_map(move |(start, _)| {
        let end = start + word.len() + digits;
        let found = text.get(start..end)?;
        let whole = found[word.len()..].bytes().all(|byte| byte.is_ascii_digit());
        (whole && !text[end..].starts_with(|next: char| next.is_ascii_digit())).then_some(found)
    })
}

/// Files of modules that a file has for tests only (`#[cfg(test)] mod x;`), as `x.rs` whether they are files or folders.
fn test_modules(file: &Path, text: &str) -> Vec<PathBuf> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let folder = file.parent().unwrap_or(file);
    let is_root = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| file.ends_with(name));
    let inner = if is_root { folder.to_owned() } else { file.with_extension("") };
    let mut found = Vec::new();
    for (index, _) in lines.iter().enumerate().filter(|(_, line)| **line == "#[cfg(test)]") {
        let path = lines.get(index + 1).and_then(|next| next.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
        let named = lines.iter().skip(index + 1).take(2).find_map(|next| next.strip_suffix(';')?.split("mod ").nth(1));
        match (path, named) {
            (Some(path), _) => found.push(folder.join(path)),
            (None, Some(name)) => found.push(inner.join(name).with_extension("rs")),
            (None, None) => {}
        }
    }
    found
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && !["tests", "benches", "target"].iter().any(|skipped| name == *skipped) {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_no_use() {
        let mut used = Used::default();
        let text = "// MOOR-0001\nf(\"MOOR-0002\");\nformat!(\"x   MOOR-0003\")\nif rule == \"MC402\" {}\n/// `\"MC403\"`\n\
                    let secret = \"MC4025\";\n#[cfg(test)]\nmod tests {\n    f(\"MOOR-0004\");\n}\n";
        used.take("a.rs", text);
        assert_eq!(used.errors.keys().collect::<Vec<_>>(), ["MOOR-0002", "MOOR-0003"]);
        assert_eq!(used.errors["MOOR-0002"], "a.rs:2");
        assert_eq!(used.rules.keys().collect::<Vec<_>>(), ["MC402"]);
    }

    #[test]
    fn modules_for_tests_are_found() {
        let text =
            "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(test)]\n#[path = \"c_tests.rs\"]\nmod c;\n#[cfg(test)]\nmod d {\n}\n";
        let found = |file: &str| test_modules(Path::new(file), text);
        assert_eq!(found("x/mod.rs"), [Path::new("x/b.rs"), Path::new("x/c_tests.rs")]);
        assert_eq!(found("x/y.rs"), [Path::new("x/y/b.rs"), Path::new("x/c_tests.rs")]);
    }
}
