//! What is captured: the four lists of the configuration as one selection, and which names it takes.
//!
//! Invariant: the server decides what is captured; what is matched here is for showing names, offline, and a pattern
//! that only the server can read matches nothing here.

use moorline_config::{Config, MatchMode};
use moorline_pipeline::model::Namespace;
use moorline_pipeline::source::Selection;
use regex::Regex;

/// What is captured, as one list of full names.
pub(crate) fn selection(config: &Config) -> Selection {
    let literal = config.filters_match_mode == MatchMode::Literal;
    let databases =
        |list: &[String]| -> Vec<String> { list.iter().map(|name| whole_database(name, literal)).collect() };
    let mut include = config.collection_include_list.clone();
    let mut exclude = config.collection_exclude_list.clone();
    if config.database_include_list.is_empty() && config.database_exclude_list.is_empty() {
        return Selection { include, exclude, literal };
    }
    // A database is a pattern over its collections, so names beside it become patterns too.
    if literal {
        include = include.iter().map(|name| escaped(name)).collect();
        exclude = exclude.iter().map(|name| escaped(name)).collect();
    }
    if !config.database_include_list.is_empty() {
        let patterns = databases(&config.database_include_list);
        if include.is_empty() {
            include = patterns;
        } else {
            // Both must let a collection pass: whatever is not of these databases is out.
            exclude.push(format!("(?!{}$).*", patterns.join("$|")));
        }
    }
    exclude.extend(databases(&config.database_exclude_list));
    Selection { include, exclude, literal: false }
}

fn whole_database(name: &str, literal: bool) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (literal, plain) {
        (true, _) => format!("{}\\..*", escaped(name)),
        (false, true) => format!("{name}\\..*"),
        (false, false) => format!("(?:{name})\\..*"),
    }
}

fn escaped(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if !(letter.is_alphanumeric() || letter == '_' || letter == '-') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// The names that the configuration itself tells: include patterns that can be only one collection.
pub(crate) fn named(config: &Config) -> Vec<Namespace> {
    let selection = selection(config);
    let names = selection.include.iter().filter_map(|pattern| literal_name(pattern, selection.literal));
    let mut names: Vec<Namespace> = names.filter_map(|name| Namespace::parse(&name)).collect();
    names.retain(|name| !matches(&selection.exclude, selection.literal, name));
    names.sort();
    names.dedup();
    names
}

/// Whether a collection is captured, as far as that can be told here.
pub(crate) fn takes(config: &Config, namespace: &Namespace) -> bool {
    let Selection { include, exclude, literal } = selection(config);
    let internal = ["admin", "local", "config"].contains(&namespace.db()) || namespace.coll().starts_with("system.");
    let included = if include.is_empty() { !internal } else { matches(&include, literal, namespace) };
    included && !matches(&exclude, literal, namespace)
}

fn matches(patterns: &[String], literal: bool, namespace: &Namespace) -> bool {
    patterns.iter().any(|pattern| {
        if literal || literal_name(pattern, false).is_some() {
            return literal_name(pattern, literal).as_deref() == Some(namespace.as_str());
        }
        Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(namespace.as_str()))
    })
}

/// The one name that a pattern can be. A single dot that is not escaped is the name's own dot, since every full name
/// has one; with several, each may be any character.
fn literal_name(pattern: &str, literal: bool) -> Option<String> {
    if literal {
        return Some(pattern.to_owned());
    }
    let plain = pattern.replace("\\.", "");
    let word = plain.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let dots = plain.matches('.').count();
    let own = dots == 0 || (dots == 1 && !pattern.contains("\\."));
    (word && own).then(|| pattern.replace("\\.", "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_patterns_where_databases_do() {
        assert_eq!(escaped("fs.files"), "fs\\.files");
        assert_eq!(whole_database("shop", false), "shop\\..*");
        assert_eq!(whole_database("a|b", false), "(?:a|b)\\..*");
        assert_eq!(whole_database("a|b", true), "a\\|b\\..*");
    }

    #[test]
    fn a_pattern_that_can_be_one_name_only_is_that_name() {
        let name = |pattern| literal_name(pattern, false);
        assert_eq!(name("shop.orders").as_deref(), Some("shop.orders"));
        assert_eq!(name("shop\\.fs\\.files").as_deref(), Some("shop.fs.files"));
        assert_eq!(name("shop\\.a.b"), None);
        assert_eq!(name("shop\\..*"), None);
        assert!(matches(&["shop\\..*".to_owned()], false, &Namespace::new("shop", "x")));
        assert!(!matches(&["shop.orders".to_owned()], false, &Namespace::new("shopx", "orders")));
        assert!(!matches(&["(?!shop$).*".to_owned()], false, &Namespace::new("shop", "x")));
    }
}
