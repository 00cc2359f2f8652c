//! A selection as a server-side filter: the `$match` that streams and listings share, and the stream's level.
//!
//! Invariants: a pattern is anchored on both sides; a literal name is compared for equality, never as a pattern; an
//! event passes when `ns` *or* `to` is captured, since a rename into a captured name gives no event under `ns` alone;
//! `dropDatabase` and `invalidate` pass, since they end what is captured.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use moorline_pipeline::source::Selection;

/// Databases that are never captured.
pub(crate) const INTERNAL: [&str; 3] = ["admin", "local", "config"];

/// Where a stream is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// One collection: what the server does least for. It ends with each drop and rename, and is opened anew.
    Collection(String, String),
    /// All collections of one database.
    Database(String),
    /// All databases.
    Cluster,
}

/// One pattern, as precise as it can be told without changing its meaning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Exactly this collection.
    Literal(String, String),
    /// This database, and a regular expression over the collection.
    Within(String, String),
    /// A regular expression over `db.coll`.
    Whole(String),
}

impl Pattern {
    /// Of a pattern as configured.
    pub(crate) fn of(text: &str, literal: bool) -> Self {
        let whole = || Self::Whole(text.to_owned());
        if literal {
            return text.split_once('.').map_or_else(whole, |(d, c)| Self::Literal(d.to_owned(), c.to_owned()));
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let end = text.find(|c| !word(c)).unwrap_or(text.len());
        let (database, rest) = text.split_at(end);
        if database.is_empty() {
            return whole();
        }
        // A single unescaped dot is the name's own dot: a full name has one, and nothing else here can match it.
        if let Some(collection) = rest.strip_prefix('.').filter(|c| !c.is_empty() && c.chars().all(word)) {
            return Self::Literal(database.to_owned(), collection.to_owned());
        }
        match rest.strip_prefix("\\.") {
            Some(c) if !c.is_empty() && c.replace("\\.", "").chars().all(word) => {
                Self::Literal(database.to_owned(), c.replace("\\.", "."))
            }
            // An alternative outside of brackets would reach over the database's name.
            Some(c) if !c.is_empty() && !has_open_alternative(c) => Self::Within(database.to_owned(), c.to_owned()),
            _ => whole(),
        }
    }

    /// The database, where the pattern is bound to one.
    pub(crate) fn database(&self) -> Option<&str> {
        match self {
            Self::Literal(database, _) | Self::Within(database, _) => Some(database),
            Self::Whole(_) => None,
        }
    }
}

fn has_open_alternative(pattern: &str) -> bool {
    let (mut depth, mut escaped) = (0_u32, false);
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // Sets may hold brackets that don't nest: leave such patterns whole.
            '[' => return true,
            '|' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// The patterns of a list.
pub(crate) fn patterns(list: &[String], literal: bool) -> Vec<Pattern> {
    list.iter().map(|text| Pattern::of(text, literal)).collect()
}

/// The databases that the included patterns are bound to; none where one of them isn't bound, or nothing is included.
pub(crate) fn databases(selection: &Selection) -> Option<Vec<String>> {
    let include = patterns(&selection.include, selection.literal);
    let mut names = include.iter().map(|p| p.database().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then_some(names)
}

/// The narrowest level that sees all that is included.
pub(crate) fn level(selection: &Selection) -> Level {
    if let [Pattern::Literal(database, collection)] = patterns(&selection.include, selection.literal).as_slice()
        && selection.exclude.is_empty()
    {
        return Level::Collection(database.clone(), collection.clone());
    }
    above_collections(selection)
}

/// The narrowest level that is no single collection.
pub(crate) fn above_collections(selection: &Selection) -> Level {
    match databases(selection).as_deref() {
        Some([one]) => Level::Database(one.clone()),
        _ => Level::Cluster,
    }
}

/// The condition that `ns` or `to` names a captured collection.
pub(crate) fn captured(field: &str, selection: &Selection) -> Document {
    let coll = format!("{field}.coll");
    let mut condition = if selection.include.is_empty() {
        doc! { coll: { "$type": "string" } }
    } else {
        any(one_of(field, &patterns(&selection.include, selection.literal)))
    };
    if !selection.exclude.is_empty() {
        condition.insert("$nor", one_of(field, &patterns(&selection.exclude, selection.literal)));
    }
    condition
}

/// The condition on events of a stream at a level; none where everything passes: a filter costs the server an eighth of
/// what the whole stream does.
pub(crate) fn events(selection: &Selection, level: &Level) -> Option<Document> {
    let everything = |pattern: &Pattern| matches!(pattern, Pattern::Within(_, all) if all == ".*");
    let all = match level {
        Level::Collection(..) => true,
        Level::Database(_) => {
            selection.exclude.is_empty() && patterns(&selection.include, selection.literal).iter().any(everything)
        }
        Level::Cluster => selection.include.is_empty() && selection.exclude.is_empty(),
    };
    if all {
        return None;
    }
    let dropped = match databases(selection) {
        Some(names) => doc! { "operationType": "dropDatabase", "ns.db": { "$in": names } },
        None => doc! { "operationType": "dropDatabase" },
    };
    let invalidated = doc! { "operationType": "invalidate" };
    Some(any(vec![captured("ns", selection), captured("to", selection), dropped, invalidated]))
}

fn any(mut conditions: Vec<Document>) -> Document {
    if conditions.len() == 1 {
        conditions.remove(0)
    } else {
        doc! { "$or": conditions }
    }
}

fn one_of(field: &str, patterns: &[Pattern]) -> Vec<Document> {
    let (db, coll) = (format!("{field}.db"), format!("{field}.coll"));
    let mut literals: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let (mut within, mut whole) = (Vec::new(), Vec::new());
    for pattern in patterns {
        match pattern {
            Pattern::Literal(database, name) => literals.entry(database).or_default().push(name),
            Pattern::Within(database, regex) => {
                within.push(doc! { &db: database, &coll: { "$regex": anchored(regex) } });
            }
            Pattern::Whole(regex) => whole.push(format!("(?:{regex})")),
        }
    }
    let mut conditions: Vec<Document> = literals
        .into_iter()
        .map(|(database, names)| {
            let names: Bson = match names.as_slice() {
                [one] => (*one).into(),
                _ => doc! { "$in": names }.into(),
            };
            doc! { &db: database, &coll: names }
        })
        .collect();
    conditions.append(&mut within);
    if !whole.is_empty() {
        // A missing part makes the whole name null, and null matches nothing.
        let name = doc! { "$concat": [format!("${db}"), ".", format!("${coll}")] };
        let regex = anchored(&whole.join("|"));
        conditions.push(doc! { "$expr": { "$regexMatch": { "input": name, "regex": regex } } });
    }
    conditions
}

fn anchored(regex: &str) -> String {
    format!("^(?:{regex})$")
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
