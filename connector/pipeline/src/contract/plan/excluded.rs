//! The contract's excluded paths as a tree, so that a walk over a document knows at each name whether it is left out.
//!
//! Invariant: an excluded path is left out wherever it would come to light: as a field, as an unknown field in
//! `__spill`, inside the text of an `any`. An array adds no step to a path; a map's key is a step, `*` any key.

use std::collections::HashMap;

/// What lies below one step of a path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Excluded {
    leaf: bool,
    below: HashMap<Box<[u8]>, Excluded>,
}

impl Excluded {
    /// Of dotted paths. A field whose own name has dots is meant as well, at the top level.
    pub(crate) fn of(paths: &[String]) -> Self {
        let mut root = Self::default();
        for path in paths {
            let mut at = &mut root;
            for step in path.split('.') {
                at = at.below.entry(step.as_bytes().into()).or_default();
            }
            at.leaf = true;
            root.below.entry(path.as_bytes().into()).or_default().leaf = true;
        }
        root.spread();
        root
    }

    /// What `*` excludes is excluded under every name that has more of its own.
    fn spread(&mut self) {
        if let Some(any) = self.below.get(b"*".as_slice()).cloned() {
            self.below.values_mut().for_each(|named| named.add(&any));
        }
        self.below.values_mut().for_each(Self::spread);
    }

    fn add(&mut self, other: &Self) {
        self.leaf |= other.leaf;
        for (name, below) in &other.below {
            self.below.entry(name.clone()).or_default().add(below);
        }
    }

    /// Whether nothing is excluded from here on.
    pub(crate) fn is_empty(&self) -> bool {
        !self.leaf && self.below.is_empty()
    }

    /// Whether this very path is excluded.
    pub(crate) fn here(&self) -> bool {
        self.leaf
    }

    /// What is excluded below the name; `None` for nothing.
    pub(crate) fn below(&self, name: &[u8]) -> Option<&Self> {
        if self.below.is_empty() {
            return None;
        }
        self.below.get(name).or_else(|| self.below.get(b"*".as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_steps_and_whole_names() {
        let excluded =
            Excluded::of(&["__v".into(), "internal.audit".into(), "prices.*.cost".into(), "prices.EU.tax".into()]);
        let here = |steps: &[&str]| {
            steps.iter().try_fold(&excluded, |at, step| at.below(step.as_bytes())).is_some_and(Excluded::here)
        };
        assert!(here(&["__v"]) && here(&["internal", "audit"]) && here(&["internal.audit"]));
        assert!(here(&["prices", "EU", "cost"]) && here(&["prices", "EU", "tax"]) && !here(&["prices", "US", "tax"]));
        assert!(!here(&["internal"]) && !here(&["prices", "EU"]) && !here(&["other"]));
    }
}
