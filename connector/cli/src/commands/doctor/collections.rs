//! Verdicts on what is captured: names, kinds, images, sizes, `_id`s.

use std::collections::{BTreeMap, BTreeSet};

use moorline_config::{CaptureMode, Config, FullUpdateType, OversizeHandling};
use moorline_pipeline::error::Problem;
use moorline_pipeline::model::Namespace;
use moorline_source_mongodb::{CollectionFacts, Kind, Shapes};

use super::facts::{Answer, SourceFacts};
use super::finding::{Area, Finding, Severity, some_of};
use crate::commands::words;
use crate::selection;

/// Differences in letters up to which another name is offered.
const ALIKE: usize = 2;

/// All verdicts on what is captured. `record_limit` is the most bytes of a record.
pub(super) fn verdicts(config: &Config, facts: &SourceFacts, record_limit: u64) -> Vec<Finding> {
    let listed = match &facts.collections {
        Ok(listed) => listed,
        Err(problem) => {
            let Problem { code, what, place, why, fix } = problem;
            let problem = Problem::new(code, what.clone(), place.clone(), why.clone(), fix.join("\n"));
            return vec![Finding::error(Area::Data, problem)];
        }
    };
    let captured: Vec<&CollectionFacts> = facts.captured().collect();
    let mut found = names(config, listed);
    found.extend(nothing(config, &captured));
    found.extend(images(config, &captured));
    found.extend(capped(&captured));
    found.extend(captured.iter().filter_map(|collection| sharded(collection)));
    for collection in &captured {
        let shapes = facts.shapes.get(&collection.namespace).and_then(|shapes| shapes.as_ref().ok());
        found.extend(large(config, collection, shapes, record_limit));
    }
    found.extend(mixed(&facts.shapes));
    found
}

/// Names that the include list spells out.
fn names(config: &Config, listed: &[CollectionFacts]) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in selection::named(config) {
        let there = listed.iter().find(|collection| collection.namespace == name);
        let kind = match there.map(|collection| collection.kind) {
            Some(Kind::Collection) => continue,
            Some(Kind::View) => "view",
            Some(Kind::TimeSeries) => "time series",
            Some(Kind::System) => "system collection",
            None => {
                found.push(absent(&name, listed));
                continue;
            }
        };
        found.push(Finding::error(
            Area::Data,
            Problem::new(
                "MOOR-2013",
                format!("{name} is a {kind} and can't be captured"),
                "collection.include.list",
                "it has no change stream of its own; a run does not start with it",
                "name the collection that it is made from, or take it out of collection.include.list",
            ),
        ));
    }
    found
}

fn absent(name: &Namespace, listed: &[CollectionFacts]) -> Finding {
    let near = listed.iter().filter(|collection| collection.kind == Kind::Collection);
    let near = near.map(|collection| (differences(collection.namespace.as_str(), name.as_str()), collection));
    let near = near.filter(|(differences, _)| *differences <= ALIKE).min_by_key(|(differences, _)| *differences);
    let fix = match near {
        Some((_, other)) => format!("did you mean {}?\nor nothing, if it is to come", other.namespace),
        None => "nothing, if it is to come: it is captured from its first document on\n\
                 else correct collection.include.list; names are <db>.<coll> and case-sensitive"
            .to_owned(),
    };
    let problem = Problem::new(
        "MOOR-2034",
        format!("there is no collection {name}"),
        "collection.include.list",
        "a name that matches nothing is no error: nothing is captured, and nothing says so",
        fix,
    );
    Finding::warning(Area::Data, problem)
}

/// Letters that must change to make one name another.
fn differences(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) =
        (one.to_lowercase().chars().collect(), other.to_lowercase().chars().collect());
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, a) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, b) in other.iter().enumerate() {
            let change = last[column] + usize::from(a != b);
            next.push(change.min(last[column + 1] + 1).min(next[column] + 1));
        }
        last = next;
    }
    last[other.len()]
}

fn nothing(config: &Config, captured: &[&CollectionFacts]) -> Option<Finding> {
    if !captured.is_empty() || !selection::named(config).is_empty() {
        return None;
    }
    let lists = [&config.collection_include_list, &config.database_include_list];
    let patterns: Vec<&str> = lists.into_iter().flatten().map(String::as_str).collect();
    let patterns = if patterns.is_empty() { "every database".to_owned() } else { some_of(patterns) };
    let problem = Problem::new(
        "MOOR-2034",
        format!("no collection matches {patterns}"),
        "collection.include.list, database.include.list and what is excluded",
        "a run would wait for collections that match, and write nothing until one is made",
        "correct the patterns: they are matched against whole names <db>.<coll>, with `\\.` for the dot",
    );
    Some(Finding::warning(Area::Data, problem))
}

/// Why the configuration wants pre- and post-images, if it does.
pub(super) fn wants_images(config: &Config) -> Option<&'static str> {
    let post = config.capture_mode_full_update_type == FullUpdateType::PostImage;
    match config.capture_mode {
        mode @ (CaptureMode::DeltasWithPreImage | CaptureMode::UpdateFullWithPreImage) => Some(mode.name()),
        CaptureMode::UpdateFull if post => Some("capture.mode.full.update.type=post_image"),
        CaptureMode::UpdateFull | CaptureMode::Deltas => None,
    }
}

fn images(config: &Config, captured: &[&CollectionFacts]) -> Option<Finding> {
    let place = wants_images(config)?;
    let without: Vec<&CollectionFacts> = captured.iter().filter(|collection| !collection.images).copied().collect();
    let first = without.first()?;
    let what = match without.len() {
        1 => format!("{} has no pre- and post-images", first.namespace),
        _ => format!("{} have no pre- and post-images", some_of(without.iter().map(|c| c.namespace.as_str()))),
    };
    let problem = Problem::new(
        "MOOR-2006",
        what,
        place,
        "the server keeps images only where it is told to: each update would be looked up, and no document before a change told",
        "switch them on; they cost space in config.system.preimages until they expire",
    );
    let command = |collection: &&CollectionFacts| {
        format!(
            "db.getSiblingDB(\"{}\").runCommand({{collMod: \"{}\", changeStreamPreAndPostImages: {{enabled: true}}}})",
            collection.namespace.db(),
            collection.namespace.coll()
        )
    };
    let finding = Finding::warning(Area::Data, problem);
    Some(without.iter().map(command).fold(finding, Finding::mongosh))
}

fn capped(captured: &[&CollectionFacts]) -> Option<Finding> {
    let capped: Vec<&str> = captured.iter().filter(|c| c.capped).map(|c| c.namespace.as_str()).collect();
    if capped.is_empty() {
        return None;
    }
    let problem = Problem::new(
        "MOOR-2037",
        format!("{} capped", some_of(capped.iter().copied()) + if capped.len() == 1 { " is" } else { " are" }),
        "collection.include.list",
        "the server refuses snapshot reads of capped collections: anchors are not exact until the stream has passed the \
         read, and what falls out of a capped collection gives no event",
        "nothing, if that is understood; else exclude it (collection.exclude.list)",
    );
    Some(Finding::note(Area::Data, problem))
}

fn sharded(collection: &CollectionFacts) -> Option<Finding> {
    if collection.shard_key.is_empty() || collection.shard_key == ["_id"] {
        return None;
    }
    let problem = Problem::new(
        "MOOR-2036",
        format!("{} is sharded by {}", collection.namespace, collection.shard_key.join(", ")),
        "snapshots and look-ups go by _id",
        "each read by _id asks all shards, and two documents of different shards may have one _id: a key stands for both",
        "make _id unique over all shards (random or prefixed); else exclude the collection",
    );
    Some(Finding::warning(Area::Data, problem))
}

fn large(config: &Config, collection: &CollectionFacts, shapes: Option<&Shapes>, record_limit: u64) -> Option<Finding> {
    let average = collection.bytes.checked_div(collection.documents).unwrap_or(0);
    let largest = shapes.and_then(Shapes::largest).unwrap_or(0).max(average);
    if largest * 2 <= record_limit {
        return None;
    }
    let over = largest > record_limit;
    let handling = config.record_oversize_handling;
    let halts = matches!(handling, OversizeHandling::Halt | OversizeHandling::TruncateAny);
    let severity = if over && halts { Severity::Error } else { Severity::Warning };
    let reaches = if over { "is over" } else { "comes near" };
    let wanted = largest.saturating_mul(2).next_power_of_two();
    let topic = crate::wiring::output(config).topic(&collection.namespace);
    let problem = Problem::new(
        "MOOR-2035",
        format!(
            "a document of {} {reaches} the limit of a record, {}",
            words::bytes(largest),
            words::bytes(record_limit)
        ),
        format!("{}, the largest of a sample", collection.namespace),
        match handling {
            OversizeHandling::Halt => "the task stops at the first change whose record is too large",
            OversizeHandling::Quarantine => "changes whose record is too large go to quarantine",
            OversizeHandling::TruncateAny => {
                "the task stops at the first change whose record is too large, unless its fields of type `any` are enough to cut"
            }
            OversizeHandling::Skip => "records that are too large are left out, and anchors are inexact from then on",
        },
        format!(
            "kafka.message.max.bytes={wanted} and max.message.bytes of the topic, or exclude the collection,\n\
             or record.oversize.handling=quarantine"
        ),
    );
    Some(Finding::new(severity, Area::Data, problem).shell(format!(
        "kafka-configs --bootstrap-server {} --alter --topic {topic} --add-config max.message.bytes={wanted}",
        config.bootstrap_servers
    )))
}

fn mixed(shapes: &BTreeMap<Namespace, Answer<Shapes>>) -> Option<Finding> {
    let number = |name: &str| ["int", "long", "double", "decimal"].contains(&name);
    let mixed = shapes.iter().filter_map(|(name, shapes)| {
        let kinds: BTreeSet<&str> = shapes
            .as_ref()
            .ok()?
            .id_types
            .keys()
            .map(|kind| if number(kind) { "number" } else { kind.as_str() })
            .collect();
        (kinds.len() > 1).then(|| format!("{name} ({})", kinds.into_iter().collect::<Vec<_>>().join(", ")))
    });
    let mixed: Vec<String> = mixed.collect();
    if mixed.is_empty() {
        return None;
    }
    let problem = Problem::new(
        "MOOR-2043",
        format!("`_id`s of several types: {}", some_of(mixed.iter().map(String::as_str))),
        "a sample of each collection",
        "a key's kind is chosen once: it takes any _id, as text with its type",
        "nothing, if it is meant; where one type came in by mistake, mend it before the first run: keys never change",
    );
    Some(Finding::note(Area::Data, problem))
}

#[cfg(test)]
#[path = "collections_tests.rs"]
mod tests;
