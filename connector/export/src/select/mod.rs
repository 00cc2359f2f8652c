//! Which records an export consists of: the cut that is meant, merged over its lanes, and what of it is asked for.
//!
//! Everything here is checked before the first byte is read or written. [`topics`] holds the rest: whether the topics
//! and the registry still are what the anchors name.
//!
//! Invariants: an anchor whose id is not the hash of its content is never used; a collection stands once in a cut; what
//! is not exact, or not whole yet, is taken only where that is asked for, and then the manifest says so; the two ends of
//! a difference lie in one history, and in one export of each collection.

pub mod newest;
mod pair;
pub mod topics;

use std::collections::BTreeSet;

use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::cuts::{self, Cut};
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::anchor::{Anchor, CollectionCut, Inexact, id};
use moorline_pipeline::error::Problem;

use crate::digest::{self, RecordsDigest};
use crate::manifest::{self, Mode, Range};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The cut.
    pub at: At,
    /// Where a difference begins.
    pub from: Option<At>,
    /// Namespaces; all of the cut where there are none.
    pub collections: Vec<String>,
    /// Whether a cut may be taken that says of itself that it is not exact, or not whole yet.
    pub allow_inexact: bool,
}

/// What is read.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The cut.
    pub at: manifest::Cut,
    /// Where a difference begins.
    pub from: Option<manifest::Cut>,
    /// Identity of the source's history.
    pub history: String,
    /// Whether all of it is exact.
    pub exact: bool,
    /// Whether all of it is complete.
    pub complete: bool,
    /// Why not.
    pub inexact: Vec<Inexact>,
    /// By namespace.
    pub sources: Vec<Source>,
}

/// The records of a collection.
#[derive(Clone, Debug)]
pub struct Source {
    /// The collection at the cut.
    pub cut: CollectionCut,
    /// Offsets to be read, with the records that must be found there.
    pub ranges: Vec<Range>,
    /// Digest that they must have; `None` where anchors have none.
    pub digest: Option<RecordsDigest>,
}

impl Source {
    /// Records over all ranges.
    pub fn records(&self) -> i64 {
        self.ranges.iter().map(|range| range.records).sum()
    }

    /// Ranges that are read at a time. A log stands in the order of its partitions, so they are read one after the other.
    pub fn portions(&self, mode: Mode) -> impl Iterator<Item = &[Range]> {
        self.ranges.chunks(if mode == Mode::Log { 1 } else { self.ranges.len().max(1) })
    }
}

impl Selection {
    /// Records over all collections.
    pub fn records(&self) -> i64 {
        self.sources.iter().map(Source::records).sum()
    }
}

/// A cut with its anchors merged.
pub(crate) struct Merged {
    pub(crate) facts: manifest::Cut,
    pub(crate) history: String,
    pub(crate) inexact: Vec<Inexact>,
    pub(crate) collections: Vec<CollectionCut>,
}

/// Finds what is asked for.
pub fn find(log: &Log, request: &Request) -> Result<Selection, Problem> {
    let at = merged(log, &cuts::find(log, &request.at)?)?;
    let from = request.from.as_ref().map(|from| merged(log, &cuts::find(log, from)?)).transpose()?;
    let sources = match &from {
        Some(from) => pair::between(from, &at, &request.collections)?,
        None => chosen(&at, &request.collections)?.into_iter().map(whole).collect(),
    };
    let is_in =
        |name: &Option<String>| name.as_ref().is_none_or(|name| sources.iter().any(|s| &s.cut.namespace == name));
    let of_both = at.inexact.iter().chain(from.iter().flat_map(|from| &from.inexact));
    let mut inexact: Vec<Inexact> = Vec::new();
    for reason in of_both.filter(|reason| is_in(&reason.namespace)) {
        if !inexact.contains(reason) {
            inexact.push(reason.clone());
        }
    }
    let exact = inexact.is_empty() && sources.iter().all(|source| source.cut.exact);
    let complete = sources.iter().all(|source| source.cut.export_complete);
    if !(request.allow_inexact || exact && complete) {
        return Err(not_whole(&at, &inexact, &sources, complete));
    }
    Ok(Selection {
        at: at.facts,
        from: from.map(|from| from.facts),
        history: at.history,
        exact,
        complete,
        inexact,
        sources,
    })
}

/// Merges the anchors of a cut, each of which must be what its id says.
pub(crate) fn merged(log: &Log, cut: &Cut<'_>) -> Result<Merged, Problem> {
    let mut collections: Vec<CollectionCut> = Vec::new();
    for anchor in &cut.anchors {
        let base = anchor.base.as_deref().and_then(|base| log.get(base));
        for one in [Some(*anchor), base].into_iter().flatten() {
            if id::id(one) != one.id {
                return Err(altered(one));
            }
        }
        collections.extend(log.merged(anchor)?.collections);
    }
    collections.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    let twice = collections.windows(2).find(|two| two[0].namespace == two[1].namespace);
    if let Some(two) = twice {
        return Err(contradicts(cut, &format!("two lanes hold {}", two[0].namespace)));
    }
    let histories: BTreeSet<&str> = cut.anchors.iter().map(|anchor| anchor.history.as_str()).collect();
    let history = match histories.len() {
        1 => cut.anchors[0].history.clone(),
        _ => return Err(contradicts(cut, "its lanes are of different histories")),
    };
    let inexact = cut.anchors.iter().flat_map(|anchor| anchor.inexact.iter().cloned()).collect();
    let facts = manifest::Cut {
        cut: cut.time,
        time: manifest::time(cut.time),
        layout: cut.layout.to_owned(),
        anchors: cut.anchors.iter().map(|anchor| anchor.id.clone()).collect(),
        label: cut.label().map(str::to_owned),
    };
    Ok(Merged { facts, history, inexact, collections })
}

/// The collections that are asked for.
fn chosen<'a>(cut: &'a Merged, names: &[String]) -> Result<Vec<&'a CollectionCut>, Problem> {
    if let Some(unknown) = names.iter().find(|name| cut.collections.iter().all(|c| &c.namespace != *name)) {
        let known: Vec<&str> = cut.collections.iter().map(|c| c.namespace.as_str()).collect();
        return Err(Problem::new(
            "MOOR-6129",
            format!("the cut holds no `{unknown}`"),
            format!("cut {}", cut.facts.time),
            format!("it holds {}", if known.is_empty() { "nothing yet".to_owned() } else { known.join(", ") }),
            "name a collection that it holds: moorline anchors show",
        ));
    }
    let is_in = |c: &&CollectionCut| names.is_empty() || names.contains(&c.namespace);
    Ok(cut.collections.iter().filter(is_in).collect())
}

fn whole(cut: &CollectionCut) -> Source {
    let range = |p: &moorline_pipeline::anchor::PartitionCut| Range {
        partition: p.partition,
        first: p.first,
        end: p.end,
        records: p.records,
    };
    Source { ranges: cut.partitions.iter().map(range).collect(), digest: stored(cut), cut: cut.clone() }
}

/// The digest that an anchor names, if it is one that is known here.
fn stored(cut: &CollectionCut) -> Option<RecordsDigest> {
    let known = cut.digest_algorithm.as_deref() == Some(digest::ALGORITHM);
    cut.records_digest.as_deref().filter(|_| known).and_then(RecordsDigest::from_slice)
}

fn altered(anchor: &Anchor) -> Problem {
    Problem::new(
        "MOOR-6011",
        "the anchor was altered: its id is not the hash of its content",
        format!("lane {}, anchor {}, cut {}", anchor.lane, anchor.id, anchor.cut),
        format!("the content's id is {}", id::id(anchor)),
        "do not trust this cut: take another one, and find out who wrote to the anchors topic",
    )
}

fn contradicts(cut: &Cut<'_>, why: &str) -> Problem {
    Problem::new(
        "MOOR-6015",
        "the anchor contradicts itself or its parent",
        format!("cut {}, layout {}", cut.time, cut.layout),
        why,
        "report this with both anchors: moorline anchors show --raw",
    )
}

fn not_whole(at: &Merged, inexact: &[Inexact], sources: &[Source], complete: bool) -> Problem {
    let reading = sources.iter().filter(|source| !source.cut.export_complete).map(|s| s.cut.namespace.as_str());
    let mut why: Vec<String> = Vec::new();
    if !complete {
        why.push(format!("the snapshot of {} is not in yet", reading.collect::<Vec<_>>().join(", ")));
    }
    for reason in inexact {
        why.push(format!("{} ({})", reason.reason, reason.namespace.as_deref().unwrap_or("all collections")));
    }
    if why.is_empty() {
        let names = sources.iter().filter(|source| !source.cut.exact).map(|source| source.cut.namespace.as_str());
        why.push(format!("{} is not exact", names.collect::<Vec<_>>().join(", ")));
    }
    Problem::new(
        "MOOR-6120",
        "the cut is not exact, or not whole yet",
        format!("cut {}, anchor {}", at.facts.time, at.facts.anchors.first().map_or("", String::as_str)),
        why.join("; "),
        "take a cut that is exact: moorline anchors list shows which\n\
         or say that this is known: --allow-inexact, and the manifest repeats it",
    )
}
