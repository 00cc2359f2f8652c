//! `anchors show`: one whole cut, merged over its lanes.

mod human;
mod machine;

use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::cuts::{self, Cut};
use moorline_pipeline::anchor::{Anchor, CollectionCut};
use moorline_pipeline::certificate::{Certificates, Standing};
use moorline_pipeline::error::{Failure, Result};
use moorline_sink_kafka::TopicReader;

use super::fetch::{self, Read, Topics};
use super::replayable::{self, Replayable};
use super::{Answer, ShowArgs, recount, words};

/// A cut with everything that is known of it.
struct View<'a> {
    read: &'a Read,
    cut: Cut<'a>,
    merged: Vec<Anchor>,
    topics: Topics,
    replayable: Replayable,
    certificates: &'a Certificates,
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
    reader: &TopicReader,
    read: &Read,
    certificates: &crate::certificates::Read,
    json: bool,
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
    fetch::topics(reader, merged.iter().flat_map(|a| &a.collections), &mut topics)?;
    let replayable = replayable::of_cut(&cut, &merged, &topics);
    let view = View { read, cut, merged, topics, replayable, certificates: &certificates.certificates };
    let mut answer = Answer::default();
    let mut checked = None;
    if args.check {
        let (looked_at, findings) = recount::run(reader, read, &view.merged, &view.topics)?;
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
    answer.notes.extend(warnings(reader, &view)?);
    Ok(answer)
}

/// What will end the replayability of this cut.
fn warnings(reader: &TopicReader, view: &View<'_>) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    if view.replayable != Replayable::Yes {
        return Ok(notes);
    }
    for c in view.collections() {
        let Some(facts) = replayable::facts(&view.topics, &c.topic) else { continue };
        if let Some(retention) = facts.retention_ms
            && let Some(oldest) = fetch::oldest(reader, c)?
        {
            notes.push(format!(
                "warning  {} has retention.ms={retention}: this anchor stops being replayable about {}   MOOR-6004",
                c.topic,
                words::milliseconds(oldest.saturating_add(retention)),
            ));
        } else if let Some(bytes) = facts.retention_bytes {
            notes.push(format!(
                "warning  {} has retention.bytes={bytes}: this anchor stops being replayable once a partition is larger   MOOR-6004",
                c.topic
            ));
        }
    }
    Ok(notes)
}
