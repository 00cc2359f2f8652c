//! Topics that can't be had together: two collections on one, one on a topic of the connector's own, and names that
//! brokers take for the same.
//!
//! Invariant: what is told here is what a run would stop at, as far as the names are known.

use std::collections::BTreeMap;

use moorline_config::Config;
use moorline_pipeline::contract::names;
use moorline_pipeline::error::Problem;
use moorline_pipeline::model::Namespace;

use crate::own_topics;

/// Everything that is wrong with the topics of these collections.
pub(super) fn of(config: &Config, topics: &[(&Namespace, &str)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, (String, &str)> = BTreeMap::new();
    for own in own_topics::all(config) {
        seen.insert(own.name.replace('.', "_"), (format!("`{}`", own.key), own.name));
    }
    for &(namespace, topic) in topics {
        if !names::is_topic(topic) {
            problems.push(Problem::new(
                "MOOR-3004",
                format!("`{topic}` cannot be a topic's name"),
                format!("collection {namespace}"),
                names::TOPIC_RULE,
                format!("topic.rename.{namespace}=NAME"),
            ));
            continue;
        }
        let collection = format!("collection {namespace}");
        let Some((other, taken)) = seen.insert(topic.replace('.', "_"), (collection.clone(), topic)) else { continue };
        let (what, why) = if taken == topic {
            (
                format!("topic `{topic}` cannot be had twice"),
                "each topic holds records of one collection, or of the connector's own",
            )
        } else {
            (
                format!("topic `{topic}` cannot be created beside `{taken}`"),
                "brokers take `.` and `_` for the same in topic names",
            )
        };
        problems.push(Problem::new(
            "MOOR-3004",
            what,
            format!("{other}, and {collection}"),
            why,
            format!("topic.rename.{namespace}=NAME, with a name of its own\nor exclude one of the collections"),
        ));
    }
    problems
}
