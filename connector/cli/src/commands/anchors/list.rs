//! `anchors list`: one line a cut, newest first.

use std::fmt::Write as _;

use moorline_pipeline::anchor::Anchor;
use moorline_pipeline::anchor::cuts::{self, Cut};
use moorline_pipeline::anchor::record::TICK;
use moorline_pipeline::certificate::{ACCEPT, Certificates, REJECT, UNSUPPORTED};
use moorline_pipeline::error::Result;
use serde_json::json;

use super::super::table::plain;
use super::fetch::{self, Read, Topics};
use super::replayable::{self, Replayable};
use super::{Answer, ListArgs, Shown, words};

/// One line.
struct Row<'a> {
    cut: &'a Cut<'a>,
    collections: usize,
    certified: Certified,
    replayable: Replayable,
}

/// What certificates say of a cut.
#[derive(Debug, Default, PartialEq, Eq)]
struct Certified {
    /// Documents of all its collections, where each has been counted.
    documents: Option<i64>,
    verdict: Option<&'static str>,
    /// Collections that were accepted.
    accepted: usize,
}

pub(super) fn run(
    args: &ListArgs,
    place: &Shown<'_>,
    read: &Read,
    certificates: &crate::certificates::Read,
    json: bool,
    now_ms: i64,
) -> Result<Answer> {
    let all = cuts::all(&read.log);
    let since = args.since.as_ref().map(|since| since.seconds(now_ms));
    let recent = all.iter().filter(|cut| since.is_none_or(|since| i64::from(cut.time.t) >= since));
    let matching: Vec<&Cut<'_>> = recent.filter(|cut| wanted(&args.kind, cut.kind())).collect();
    let mut topics = Topics::new();
    let mut rows = Vec::new();
    for &cut in matching.iter().take(args.limit) {
        let merged: Vec<Anchor> = cut.anchors.iter().filter_map(|a| read.log.merged(a).ok()).collect();
        if let Shown::Topic(reader) = place {
            fetch::topics(reader, merged.iter().flat_map(|a| &a.collections), &mut topics)?;
        }
        let replayable = if merged.len() < cut.anchors.len() {
            Replayable::No("its base is gone".to_owned())
        } else if read.archived {
            Replayable::archived()
        } else {
            replayable::of_cut(cut, &merged, &topics)
        };
        rows.push(Row {
            cut,
            collections: merged.iter().map(|a| a.collections.len()).sum(),
            certified: certified(&certificates.certificates, cut, &merged),
            replayable,
        });
    }
    let mut answer = Answer::default();
    if json {
        answer.data = machine(read, &rows, matching.len(), all.len());
    } else {
        answer.data = table(read, &rows, now_ms);
        let hidden = all.iter().filter(|c| c.kind() == TICK && !wanted(&args.kind, TICK)).count();
        let mut note = format!("{} of {} shown", rows.len(), all.len());
        if hidden > 0 {
            let _ = write!(note, " ({hidden} ticks hidden)");
        }
        if let Some(oldest) = all.last() {
            let day = words::instant(oldest.time);
            let _ = write!(note, ".   oldest kept {}", day.split('T').next().unwrap_or(&day));
        }
        let of = if read.archived { "archive of " } else { "" };
        let _ = write!(note, "   {of}topic {} {}", read.topic, words::bytes(read.bytes));
        answer.notes.push(note);
    }
    answer.notes.extend(read.warnings());
    answer.notes.extend(certificates.warnings());
    Ok(answer)
}

/// A REJECT of one collection is the cut's; only agreement on all of them is ACCEPT.
fn certified(certificates: &Certificates, cut: &Cut<'_>, merged: &[Anchor]) -> Certified {
    let ids: Vec<&str> = cut.anchors.iter().map(|a| a.id.as_str()).collect();
    let collections = merged.iter().flat_map(|anchor| &anchor.collections);
    let standing: Vec<_> = collections.map(|c| certificates.standing(&ids, &c.namespace)).collect();
    let any = |word: &str| standing.iter().any(|s| s.word() == Some(word));
    let accepted = standing.iter().filter(|s| s.word() == Some(ACCEPT)).count();
    let verdict = match () {
        () if any(REJECT) => Some(REJECT),
        () if accepted > 0 && accepted == standing.len() => Some(ACCEPT),
        () if any(UNSUPPORTED) => Some(UNSUPPORTED),
        () => None,
    };
    let counted: Option<i64> = standing.iter().map(|s| s.documents).sum();
    Certified { documents: counted.filter(|_| !standing.is_empty()), verdict, accepted }
}

impl Certified {
    fn word(&self, collections: usize) -> String {
        match self.verdict {
            Some(verdict) => verdict.to_owned(),
            None if self.accepted > 0 => format!("{} of {collections}", self.accepted),
            None => "-".to_owned(),
        }
    }
}

/// Whether a kind is asked for: by name, or by not being left out.
fn wanted(filters: &[String], kind: &str) -> bool {
    let (out, named): (Vec<&str>, Vec<&str>) = filters.iter().map(String::as_str).partition(|f| f.starts_with('!'));
    !out.iter().any(|f| &f[1..] == kind) && (named.is_empty() || named.contains(&kind))
}

fn table(read: &Read, rows: &[Row<'_>], now_ms: i64) -> String {
    let header = [
        "CUT (UTC)",
        "AGE",
        "KIND",
        "EXACT",
        "LANES",
        "COLLECTIONS",
        "DOCUMENTS",
        "VERDICT",
        "REPLAYABLE",
        "LABEL",
        "ID",
    ];
    let mut table = plain(&header, &[1, 5, 6]);
    for Row { cut, collections, certified, replayable } in rows {
        let ids = read.log.anchors().iter().map(|a| a.id.as_str());
        table.add_row([
            words::instant(cut.time),
            words::age(now_ms - cut.time.wall_ms()),
            cut.kind().to_owned(),
            words::yes(cut.is_exact()).to_owned(),
            format!("{}/{}", cut.anchors.len(), cut.lanes),
            collections.to_string(),
            // Documents are known after folding: they stand in certificates.
            certified.documents.map_or("-".to_owned(), words::count),
            certified.word(*collections),
            replayable.to_string(),
            cut.label().unwrap_or_default().to_owned(),
            cut.id().map(|id| words::short_id(id, ids)).unwrap_or_default().to_owned(),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

fn machine(read: &Read, rows: &[Row<'_>], matching: usize, total: usize) -> String {
    let cuts: Vec<_> = rows
        .iter()
        .map(|Row { cut, collections, certified, replayable }| {
            json!({
                "cut": cut.time,
                "time": words::instant(cut.time),
                "kind": cut.kind(),
                "exact": cut.is_exact(),
                "complete": cut.is_complete(),
                "layout": cut.layout,
                "lanes": cut.lanes,
                "lanes_missing": cut.missing(),
                "collections": collections,
                "documents": certified.documents,
                "verdict": certified.verdict,
                "collections_accepted": certified.accepted,
                "replayable": *replayable == Replayable::Yes,
                "replayable_why": if let Replayable::No(why) = replayable { Some(why) } else { None },
                "label": cut.label(),
                "id": cut.id(),
                "ids": cut.anchors.iter().map(|a| &a.id).collect::<Vec<_>>(),
            })
        })
        .collect();
    let answer = json!({
        "version": 1,
        "connector": read.connector,
        "topic": read.topic,
        "cuts": cuts,
        "matching": matching,
        "total": total,
    });
    format!("{answer:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_or_left_out() {
        let filters = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        assert!(wanted(&[], TICK));
        assert!(!wanted(&filters(&["!tick"]), TICK));
        assert!(wanted(&filters(&["!tick"]), "gap"));
        assert!(wanted(&filters(&["gap", "requested"]), "requested"));
        assert!(!wanted(&filters(&["gap", "!gap"]), "gap"));
    }
}
