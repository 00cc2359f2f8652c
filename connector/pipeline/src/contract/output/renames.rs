//! Other names of topics than `<prefix>.<db>.<coll>`: of single collections by name, of many by a regular expression.
//!
//! Invariants: the name of a collection's topic depends on the configuration and on the collection alone, so that a
//! restart finds the same; a collection's own name counts before the expression. That two collections get one name is
//! not seen here: whoever opens topics refuses it.

use std::collections::BTreeMap;

use regex::Regex;

use crate::model::Namespace;

/// `topic.rename.*`.
#[derive(Clone, Debug, Default)]
pub struct Renames {
    /// Whole names by `db.coll`.
    pub by_collection: BTreeMap<String, String>,
    /// What matches whole names, and what they become; `${1}` is a group.
    pub by_pattern: Option<(Regex, String)>,
}

impl Renames {
    /// The name of a collection's topic, which without renames would be `usual`.
    pub fn of(&self, namespace: &Namespace, usual: String) -> String {
        if let Some(name) = self.by_collection.get(namespace.as_str()) {
            return name.clone();
        }
        match &self.by_pattern {
            Some((regex, replacement)) if regex.is_match(&usual) => {
                regex.replace(&usual, replacement.as_str()).into_owned()
            }
            _ => usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collections_own_name_counts_first() {
        let renames = Renames {
            by_collection: [("shop.orders".to_owned(), "sales".to_owned())].into(),
            by_pattern: Some((Regex::new("^(?:eu\\.(.*)\\.(.*))$").unwrap(), "lake.${2}_${1}".to_owned())),
        };
        let name = |db, coll| {
            let namespace = Namespace::new(db, coll);
            renames.of(&namespace, format!("eu.{namespace}"))
        };
        assert_eq!(name("shop", "orders"), "sales");
        assert_eq!(name("shop", "items"), "lake.items_shop");
        // Greedy, as there: the last dot parts the groups.
        assert_eq!(name("fs", "a.b"), "lake.b_fs.a");
        assert_eq!(renames.of(&Namespace::new("shop", "x"), "us.shop.x".to_owned()), "us.shop.x");
        assert_eq!(Renames::default().of(&Namespace::new("shop", "orders"), "u".to_owned()), "u");
    }
}
