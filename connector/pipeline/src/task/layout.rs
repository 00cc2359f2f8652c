//! Which lane has which collections: by the configuration alone, so that a restart finds the same lanes.
//!
//! Invariants: every name that the connector captures belongs to exactly one lane; the layout depends on nothing but
//! the patterns and `tasks.max`. A unit is one include pattern; units in order go round the lanes. A lane excludes the
//! patterns of the units before its own that lie in other lanes, so overlapping patterns do not double.

use sha2::{Digest as _, Sha256};

use crate::source::Selection;

/// One lane's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanePart {
    /// Number, from 0.
    pub lane: u32,
    /// What it captures.
    pub selection: Selection,
    /// Its own include patterns, sorted: what its scope is named by.
    pub patterns: Vec<String>,
}

/// All lanes of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The lanes.
    pub lanes: Vec<LanePart>,
    /// Hash of the assignment, 16 hex digits.
    pub id: String,
}

/// Splits a selection over at most `tasks_max` lanes.
pub fn split(selection: &Selection, tasks_max: u32) -> Layout {
    let mut units = selection.include.clone();
    units.sort();
    units.dedup();
    let count = (tasks_max as usize).clamp(1, units.len().max(1));
    let lanes: Vec<LanePart> = (0..count)
        .map(|lane| {
            let own = |at: usize| at % count == lane;
            let include: Vec<String> =
                units.iter().enumerate().filter(|(at, _)| own(*at)).map(|(_, u)| u.clone()).collect();
            let mut exclude = selection.exclude.clone();
            if !selection.literal && count > 1 {
                let last = units.iter().enumerate().rev().find(|(at, _)| own(*at)).map_or(0, |(at, _)| at);
                exclude
                    .extend(units.iter().enumerate().filter(|(at, _)| !own(*at) && *at < last).map(|(_, u)| u.clone()));
            }
            let patterns = include.clone();
            LanePart {
                lane: lane as u32,
                selection: Selection { include, exclude, literal: selection.literal },
                patterns,
            }
        })
        .collect();
    let mut hash = Sha256::new();
    for part in &lanes {
        hash.update(part.lane.to_be_bytes());
        for pattern in part.patterns.iter().chain(&part.selection.exclude) {
            hash.update((pattern.len() as u32).to_be_bytes());
            hash.update(pattern);
        }
    }
    if selection.literal {
        hash.update(b"literal");
    }
    let id = hex::encode(&hash.finalize()[..8]);
    Layout { lanes, id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_go_round_the_lanes() {
        let selection =
            Selection { include: ["s.c", "s.a", "s.b"].map(String::from).to_vec(), exclude: vec![], literal: true };
        let layout = split(&selection, 2);
        assert_eq!(layout.lanes[0].patterns, ["s.a", "s.c"]);
        assert_eq!(layout.lanes[1].patterns, ["s.b"]);
        assert_eq!(layout, split(&selection, 2));
        assert_eq!(split(&selection, 9).lanes.len(), 3);
        assert_eq!(split(&Selection::default(), 4).lanes.len(), 1);
    }
}
