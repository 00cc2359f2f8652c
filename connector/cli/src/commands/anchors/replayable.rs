//! Whether a cut can still be read from its topics: not in the record, since it changes after it was written.
//!
//! Invariant: "yes" means that no retention, compaction or new topic has touched the ranges as far as offsets and
//! settings can tell; `--check` reads them.

use moorline_pipeline::anchor::cuts::Cut;
use moorline_pipeline::anchor::{Anchor, CollectionCut};

use super::fetch::{TopicFacts, Topics};
use super::words;

/// The answer, with the reason in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Replayable {
    Yes,
    No(String),
    /// There is nothing whole to be replayed yet.
    NotYet,
}

impl Replayable {
    /// Of a cut that was read from an archive: nobody was asked about the topics.
    pub(super) fn archived() -> Self {
        Self::No("archived".to_owned())
    }
}

impl std::fmt::Display for Replayable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No(why) => write!(f, "no: {why}"),
            Self::NotYet => f.write_str("-"),
        }
    }
}

/// Of a cut, with its anchors merged.
pub(in crate::commands) fn of_cut(cut: &Cut<'_>, merged: &[Anchor], topics: &Topics) -> Replayable {
    if let Some(lane) = cut.missing().first() {
        return Replayable::No(format!("lane {lane} has none"));
    }
    if let Some(gap) = cut.anchors.iter().find_map(|anchor| anchor.gap.as_ref()) {
        return Replayable::No(format!("gap {} to {}", words::clock(gap.from), words::clock(gap.to)));
    }
    let gone = merged.iter().flat_map(|anchor| &anchor.collections).find_map(|c| lost(c, facts(topics, &c.topic)));
    match gone {
        Some(why) => Replayable::No(why),
        None if !cut.is_complete() => Replayable::NotYet,
        None => Replayable::Yes,
    }
}

/// Why a collection can't be read any more.
pub(in crate::commands) fn lost(collection: &CollectionCut, facts: Option<&TopicFacts>) -> Option<String> {
    let firsts = collection.partitions.iter().map(|p| (p.partition, p.first));
    export_lost(&collection.topic, collection.topic_id.as_ref(), firsts, facts)
}

/// Why an export can't be read any more that begins at these offsets, by partition.
pub(crate) fn export_lost(
    topic: &str,
    topic_id: Option<&String>,
    firsts: impl Iterator<Item = (i32, i64)>,
    facts: Option<&TopicFacts>,
) -> Option<String> {
    let mut firsts = firsts.peekable();
    firsts.peek()?;
    let Some(facts) = facts else { return Some(format!("{topic} is gone")) };
    if let (Some(then), Some(now)) = (topic_id, &facts.id)
        && then != now
    {
        return Some(format!("{topic} was made anew"));
    }
    let cut_off = firsts.any(|(partition, first)| facts.starts.get(&partition).is_none_or(|start| *start > first));
    if cut_off {
        return Some(format!("retention took records of {topic}"));
    }
    // Under compaction the counts and the digest no longer hold, though a fold may still give the same state.
    facts.cleanup.contains("compact").then(|| format!("{topic} is compacted"))
}

/// Facts of a topic, where it exists.
pub(in crate::commands) fn facts<'a>(topics: &'a Topics, topic: &str) -> Option<&'a TopicFacts> {
    topics.get(topic)?.as_ref()
}
