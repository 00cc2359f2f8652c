//! `anchors show`: one whole cut, merged over its lanes.

mod human;
mod machine;

use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::cuts::{self, Cut};
use moorline_pipeline::anchor::{Anchor, CollectionCut};
use moorline_pipeline::certificate::{Certificates, Standing};
use moorline_pipeline::error::{Failure, Result};
use moorline_sink_kafka::TopicReader;

use super::archived::{self, Proof};
use super::fetch::{self, Read, Topics};
use super::replayable::{self, Replayable};
use super::{Answer, ShowArgs, Shown, recount, words};

/// A cut with everything that is known of it.
struct View<'a> {
    read: &'a Read,
    cut: Cut<'a>,
    merged: Vec<Anchor>,
    topics: Topics,
    replayable: Replayable,
    /// When retention begins to take records, by topic: what limits it and, where a time does, ms since 1970.
    ends: Vec<End>,
    certificates: &'a Certificates,
    proof: Option<Proof>,
}

impl<'a> View<'a> {
    /// What the certificates of a collection at this cut come to.
    fn standing(&self, collection: &str) -> Standing<'a> {
        let ids: Vec<&str> = self.cut.anchors.iter().map(|a| a.id.as_str()).collect();
        self.certificates.standing(&ids, collection)
    }
    fn collections(&self) -> impl Iterator<Item = &CollectionCut> {
        self.merged.iter().flat_map(|anchor| &anchor.collections)
    }
}

pub(super) fn run(
    args: &ShowArgs,
    place: &Shown<'_>,
    read: &Read,
    certificates: &crate::certificates::Read,
    json: bool,
    now_ms: i64,
) -> Result<Answer> {
    let at: At = args.at.parse().map_err(Failure::halt)?;
    let cut = cuts::find(&read.log, &at).map_err(Failure::halt)?;
    if args.raw {
        let lines = cut.anchors.iter().map(|a| serde_json::to_string(a).expect("text keys only") + "\n");
        return Ok(Answer { data: lines.collect(), ..Answer::default() });
    }
    let merged = cut.anchors.iter().map(|anchor| read.log.merged(anchor).map_err(Failure::halt));
    let merged: Vec<Anchor> = merged.collect::<Result<_>>()?;
    let mut topics = Topics::new();
    if let Shown::Topic(reader) = place {
        fetch::topics(reader, merged.iter().flat_map(|a| &a.collections), &mut topics)?;
    }
    let replayable = if read.archived { Replayable::archived() } else { replayable::of_cut(&cut, &merged, &topics) };
    let proof = match place {
        Shown::Archive(archive) => Some(archived::prove(archive, &read.log, &cut, &merged)),
        Shown::Topic(_) => None,
    };
    let ends = match place {
        Shown::Topic(reader) if replayable == Replayable::Yes => ends(reader, &merged, &topics)?,
        _ => Vec::new(),
    };
    let view = View { read, cut, merged, topics, replayable, ends, certificates: &certificates.certificates, proof };
    let mut answer = Answer::default();
    let mut checked = None;
    if let (true, Shown::Topic(reader)) = (args.check, place) {
        let (looked_at, findings) = recount::run(reader, read, &view.merged, &view.topics, now_ms)?;
        answer.findings.extend(findings);
        answer.findings.extend(read.strange());
        checked = Some(looked_at);
    } else {
        answer.notes.extend(read.warnings());
    }
    answer.notes.extend(certificates.warnings());
    let (checked, found) = (checked.as_ref(), answer.findings.len());
    answer.data =
        if json { machine::of(&view, checked, &answer.findings) } else { human::of(&view, args.all, checked, found) };
    answer.notes.extend(view.ends.iter().map(End::warning));
    answer.findings.extend(view.proof.into_iter().flat_map(|proof| proof.findings));
    Ok(answer)
}

/// What will end the replayability of a cut.
struct End {
    topic: String,
    /// `retention.ms` or `retention.bytes`, and what it is.
    limit: (&'static str, i64),
    /// When it begins to take records; `None` where no time can be told.
    at_ms: Option<i64>,
}

impl End {
    fn warning(&self) -> String {
        let (key, limit) = self.limit;
        let when = self
            .at_ms
            .map_or("once a partition is larger".to_owned(), |at_ms| format!("about {}", words::milliseconds(at_ms)));
        format!("warning  {} has {key}={limit}: this anchor stops being replayable {when}   MOOR-6004", self.topic)
    }
}

fn ends(reader: &TopicReader, merged: &[Anchor], topics: &Topics) -> Result<Vec<End>> {
    let mut ends = Vec::new();
    for c in merged.iter().flat_map(|anchor| &anchor.collections) {
        let Some(facts) = replayable::facts(topics, &c.topic) else { continue };
        let firsts = c.partitions.iter().map(|p| (p.partition, p.first));
        if let Some(retention) = facts.retention_ms
            && let Some(oldest) = fetch::oldest(reader, &c.topic, firsts)?
        {
            let at_ms = Some(oldest.saturating_add(retention));
            ends.push(End { topic: c.topic.clone(), limit: ("retention.ms", retention), at_ms });
        } else if let Some(bytes) = facts.retention_bytes {
            ends.push(End { topic: c.topic.clone(), limit: ("retention.bytes", bytes), at_ms: None });
        }
    }
    Ok(ends)
}
