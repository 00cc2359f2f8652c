//! How a collection that exists at a lane's start stands to what is stored: what of it the topic has already.
//!
//! Invariants: only a stream that captured a collection without a break speaks for it, so what was not captured at the
//! stored position is snapshotted, unless it was created later, under the patterns that are in force. A position says
//! under which layout, that is, with which patterns, it was written. An export is of one topic: under another name of
//! the topic a new one begins.

use crate::model::{Namespace, Uuid};
use crate::offsets::{Progress, Stored};

/// What a lane knows of a collection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Intake<'a> {
    /// Never captured: its documents are in no topic, and no stream has them all.
    New,
    /// Created after the stored position: the stream has it from its first document on.
    InStream,
    /// Captured without a break since its export began.
    GoesOn(&'a Progress),
    /// Captured once and left out since, by other patterns: changes are missing, so a new export has to begin.
    Again,
    /// Written to a topic of another name than it has now: a new export has to begin there.
    Moved(&'a Progress),
}

impl<'a> Intake<'a> {
    /// Of a collection that is there now, under the layout that is in force now, and with the topic that it has now.
    pub fn of(stored: &'a Stored, layout: &str, namespace: &Namespace, epoch: Uuid, topic: &str) -> Self {
        let progress = stored.progress.iter().find(|p| p.namespace == *namespace && p.epoch == epoch);
        if let Some(progress) = progress.filter(|progress| progress.topic != topic) {
            return Self::Moved(progress);
        }
        let Some(position) = &stored.position else { return progress.map_or(Self::New, Self::GoesOn) };
        let was_there = position.source_uuids.contains_key(namespace);
        match progress {
            Some(progress) if was_there || position.layout == layout => Self::GoesOn(progress),
            Some(_) => Self::Again,
            None if was_there || position.layout != layout => Self::New,
            None => Self::InStream,
        }
    }

    /// Progress that still holds.
    pub fn progress(self) -> Option<&'a Progress> {
        if let Self::GoesOn(progress) = self { Some(progress) } else { None }
    }
}

/// Collections that were written before, are not captured at this start and whose end the stream has yet to tell:
/// their exports have to be open for that. `there` says which of them exist on the server, with their epochs: what
/// exists and is not captured was left out by other patterns.
pub fn ended<'a>(
    stored: &'a Stored,
    captured: impl Fn(&Namespace) -> bool + 'a,
    there: &'a [(Namespace, Uuid)],
) -> impl Iterator<Item = &'a Progress> {
    stored
        .progress
        .iter()
        .filter(move |p| !captured(&p.namespace) && !there.iter().any(|(n, e)| (n, e) == (&p.namespace, &p.epoch)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offsets::Position;

    fn ns(name: &str) -> Namespace {
        Namespace::new("s", name)
    }

    fn progress(name: &str) -> Progress {
        let golden = include_bytes!("../../tests/golden/offsets/progress-1.json");
        Progress { namespace: ns(name), epoch: [1; 16], inexact: vec![], ..Progress::from_value(golden).unwrap() }
    }

    fn stored(layout: &str, there: &[&str], written: &[&str]) -> Stored {
        let golden = include_bytes!("../../tests/golden/offsets/position-1.json");
        let mut position = Position { layout: layout.into(), ..Position::from_value(golden).unwrap() };
        position.source_uuids = there.iter().map(|name| (ns(name), [1; 16])).collect();
        Stored { position: Some(position), owner: None, progress: written.iter().map(|name| progress(name)).collect() }
    }

    #[test]
    fn a_collection_is_as_the_patterns_have_captured_it() {
        let stored = stored("one", &["a", "b"], &["a", "c"]);
        let topic = &stored.progress[0].topic;
        let at = |layout: &str, name: &str| match Intake::of(&stored, layout, &ns(name), [1; 16], topic) {
            Intake::New => "new",
            Intake::Moved(_) => "moved",
            Intake::InStream => "in stream",
            Intake::GoesOn(_) => "goes on",
            Intake::Again => "again",
        };
        // `a` and `b` were there at the last start, `c` came later, `d` is unknown; `a` and `c` have been written.
        assert_eq!(["a", "b", "c", "d"].map(|name| at("one", name)), ["goes on", "new", "goes on", "in stream"]);
        assert_eq!(["a", "b", "c", "d"].map(|name| at("two", name)), ["goes on", "new", "again", "new"]);
        // Another epoch of the same name has no progress.
        assert_eq!(Intake::of(&stored, "one", &ns("c"), [2; 16], topic), Intake::InStream);
        assert_eq!(Intake::of(&Stored::default(), "one", &ns("a"), [1; 16], topic), Intake::New);
        // Under another name of its topic nothing that was written counts, whatever else holds.
        for layout in ["one", "two"] {
            assert!(matches!(Intake::of(&stored, layout, &ns("a"), [1; 16], "other"), Intake::Moved(_)), "{layout}");
            assert_eq!(Intake::of(&stored, layout, &ns("a"), [1; 16], "other").progress(), None);
        }
    }

    #[test]
    fn what_is_left_out_has_no_end_to_be_told() {
        let stored = stored("one", &[], &["captured", "dropped", "left-out"]);
        let there = [(ns("left-out"), [1; 16])];
        let ended: Vec<_> = ended(&stored, |n| *n == ns("captured"), &there).map(|p| p.namespace.coll()).collect();
        assert_eq!(ended, ["dropped"]);
    }
}
