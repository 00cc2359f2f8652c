//! Whose a topic is: of one collection, or of the connector itself.
//!
//! Invariants: two collections never write to one topic, nor does one to a topic of the connector's own, in any lane of
//! a run, nor to one that holds the records of another from an earlier run; whoever would be the second is refused
//! before its first record.

use std::collections::BTreeMap;
use std::sync::Mutex;

use moorline_pipeline::contract::names;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::Namespace;

/// The owners of topics; shared by the lanes.
#[derive(Debug)]
pub(crate) struct Owners(Mutex<BTreeMap<String, Option<Namespace>>>);

impl Owners {
    /// With the connector's own topics.
    pub(crate) fn new(own: &[String]) -> Self {
        Self(Mutex::new(own.iter().map(|topic| (topic.clone(), None)).collect()))
    }

    /// Takes a topic for a collection: `MOOR-3004` where it is another's, or can't be a topic at all.
    pub(crate) fn take(&self, topic: &str, namespace: &Namespace) -> Result<()> {
        if !names::is_topic(topic) {
            return Err(refused(topic, format!("collection {namespace}"), names::TOPIC_RULE));
        }
        let mut owners = self.0.lock().expect("no holder panics");
        match owners.get(topic) {
            None => drop(owners.insert(topic.to_owned(), Some(namespace.clone()))),
            Some(Some(owner)) if owner == namespace => {}
            Some(Some(owner)) => {
                return Err(refused(
                    topic,
                    format!("collections {owner} and {namespace}"),
                    "both would be written to one topic, or the one has been: their keys could not be told apart",
                ));
            }
            Some(None) => {
                return Err(refused(
                    topic,
                    format!("collection {namespace}"),
                    "the connector keeps that topic for records of its own",
                ));
            }
        }
        Ok(())
    }
}

fn refused(topic: &str, place: String, why: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-3004",
        format!("topic `{topic}` cannot be that of the collection"),
        place,
        why,
        "give the collection a topic of its own: topic.rename.<db>.<coll>=NAME, or another topic.rename.replacement\n\
         or leave it out (collection.exclude.list)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_one_owner() {
        let owners = Owners::new(&["shop.anchors".to_owned()]);
        let [a, b] = ["a", "b"].map(|name| Namespace::new("shop", name));
        let taken = |topic: &str, namespace| owners.take(topic, namespace).map_err(|failure| failure.problem.code);
        assert_eq!(taken("t", &a), Ok(()));
        assert_eq!(taken("t", &a), Ok(()));
        // It may have several, one after another: an earlier run had another name for it.
        assert_eq!(taken("u", &a), Ok(()));
        assert_eq!(taken("t", &b), Err("MOOR-3004"));
        assert_eq!(taken("shop.anchors", &b), Err("MOOR-3004"));
        for illegal in ["", ".", "..", "a b", &"x".repeat(250)] {
            assert_eq!(taken(illegal, &b), Err("MOOR-3004"), "{illegal}");
        }
    }
}
