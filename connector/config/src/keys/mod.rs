//! Every key that is known, by group, in the order of the documentation.
//!
//! Invariant: a key that `spec/config.md` names has a row here, so that it is acted on, answered with "not yet",
//! accepted with a warning or refused, and never "unknown".

mod anchors;
mod capture;
mod contracts;
mod control;
mod errors;
mod framework;
mod later;
mod records;
mod registry;
mod snapshot;
mod source;
mod topics;
mod types;
mod worker;

use crate::definition::Definition;

/// A group of keys with its heading.
pub(crate) type Group = (&'static str, &'static [Definition]);

/// All groups.
pub(crate) const GROUPS: &[Group] = &[
    ("Connector", worker::CONNECTOR),
    ("Kafka", worker::KAFKA),
    ("MongoDB", source::KEYS),
    ("What is captured", capture::KEYS),
    ("Snapshot", snapshot::KEYS),
    ("Topics", topics::KEYS),
    ("Records", records::KEYS),
    ("Types", types::KEYS),
    ("Schema registry", registry::KEYS),
    ("Contracts", contracts::KEYS),
    ("Anchors", anchors::KEYS),
    ("Errors and limits", errors::KEYS),
    ("Metrics and health", control::LISTENERS),
    ("Signals and notifications", control::SIGNALS),
    ("Further signals, metrics and limits", later::KEYS),
    ("Worker and REST", later::WORKER),
    ("Kafka Connect's framework", framework::KEYS),
];

/// All definitions.
pub(crate) fn all() -> impl Iterator<Item = &'static Definition> {
    GROUPS.iter().flat_map(|(_, keys)| keys.iter())
}

/// The definition of a key: by its name or an alias, else the one whose open part has the longest names around it.
pub(crate) fn find(key: &str) -> Option<&'static Definition> {
    let closed = all().find(|definition| definition.open().is_none() && definition.names(key));
    let length = |definition: &&Definition| definition.open().map_or(0, |(before, after)| before.len() + after.len());
    closed
        .or_else(|| all().filter(|definition| definition.open().is_some() && definition.names(key)).max_by_key(length))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::choice::Choice;
    use crate::definition::{Answer, Default, Kind, State, Word};
    use crate::value::{Complaint, parse};
    use crate::{
        AnchorDigest, AuthenticationMechanism, CaptureMode, CompressionType, ContractMode, DeleteHandling, Drift,
        ErrorsTolerance, FullUpdateType, MatchMode, OplogGuard, OutputFormat, OversizeHandling, SnapshotMode, Unknown,
    };

    #[test]
    fn a_name_has_one_definition() {
        let mut seen = BTreeSet::new();
        for definition in all() {
            for name in [definition.key].iter().chain(definition.aliases) {
                assert!(seen.insert(*name), "{name} is there twice");
            }
        }
    }

    #[test]
    fn defaults_are_values_of_their_keys() {
        for definition in all() {
            if let Default::Value(text) | Default::Required(text) = definition.default {
                assert!(parse(definition, text).is_ok(), "{}={text}", definition.key);
            }
            if let State::Fixed(values) = definition.state {
                assert!(matches!(definition.kind, Kind::Choice(_)) || !values.is_empty(), "{}", definition.key);
            }
            if let Kind::Choice(words) = definition.kind {
                assert!(words.iter().any(|word| matches!(word.answer, Answer::Taken)), "{}", definition.key);
            }
        }
    }

    fn taken<C: Choice>(words: &[Word]) -> bool {
        let of_table = words.iter().filter(|word| matches!(word.answer, Answer::Taken)).map(|word| word.name);
        of_table.eq(C::VALUES.iter().map(|(name, _)| *name))
    }

    #[test]
    fn the_words_of_a_choice_are_those_of_its_type() {
        let words = |key: &str| match find(key).map(|definition| definition.kind) {
            Some(Kind::Choice(words)) => words,
            other => panic!("{key}: {other:?}"),
        };
        assert!(taken::<CompressionType>(words("kafka.compression.type")));
        assert!(taken::<AuthenticationMechanism>(words("mongodb.authentication.mechanism")));
        assert!(taken::<MatchMode>(words("filters.match.mode")));
        assert!(taken::<FullUpdateType>(words("capture.mode.full.update.type")));
        assert!(taken::<CaptureMode>(words("capture.mode")));
        assert!(taken::<OutputFormat>(words("output.format")));
        assert!(taken::<DeleteHandling>(words("delete.tombstone.handling.mode")));
        assert!(taken::<SnapshotMode>(words("snapshot.mode")));
        assert!(taken::<OplogGuard>(words("snapshot.oplog.guard")));
        assert!(taken::<OversizeHandling>(words("record.oversize.handling")));
        assert!(taken::<ContractMode>(words("contract.mode")));
        assert!(taken::<Drift>(words("contract.on.drift")));
        assert!(taken::<Unknown>(words("contract.unknown")));
        assert!(taken::<ErrorsTolerance>(words("errors.tolerance")));
        assert!(taken::<AnchorDigest>(words("anchor.digest")));
    }

    #[test]
    fn the_longest_name_counts() {
        assert_eq!(find("topic.creation.default.partitions").unwrap().key, "topic.creation.default.partitions");
        assert_eq!(find("topic.creation.default.retention.ms").unwrap().key, "topic.creation.default.<topic config>");
        assert_eq!(find("topic.creation.big.partitions").unwrap().key, "topic.creation.<group>.partitions");
        assert_eq!(find("contract.shop.orders.on.drift").unwrap().key, "contract.<db>.<coll>.on.drift");
        assert_eq!(find("contract.on.drift").unwrap().key, "contract.on.drift");
        assert!(find("kafka.").is_none());
        let mode = find("output.format").unwrap();
        assert!(matches!(parse(mode, "mongo-kafka"), Err(Complaint::NotYet(..))));
    }
}
