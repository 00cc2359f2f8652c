//! A cut for people: what it is, its collections, its partitions.

use std::fmt::Write as _;

use moorline_pipeline::anchor::Inexact;

use super::super::super::table::plain;
use super::super::recount::Checked;
use super::super::{replayable, words};
use super::View;

/// Partitions that are shown where nothing is to be said about them.
const FEW: usize = 2;

pub(super) fn of(view: &View<'_>, all: bool, checked: Option<&Checked>, findings: usize) -> String {
    let mut out = head(view);
    out.push('\n');
    out.push_str(&collections(view));
    out.push('\n');
    out.push_str(&partitions(view, all));
    if let Some(proof) = &view.proof {
        let _ = writeln!(
            out,
            "\nproof    {}: {} have the id that their content gives, {} the digest that the anchors name",
            if proof.findings.is_empty() { "holds" } else { "FAILS" },
            words::plural(proof.anchors, "anchor"),
            words::plural(proof.schemas, "schema"),
        );
    }
    if let Some(checked) = checked {
        let _ = writeln!(
            out,
            "\ncheck    {} collections, {} partitions, {} records read again; {} anchors hashed again{}: {}",
            checked.collections,
            checked.partitions,
            words::count(checked.records),
            checked.anchors,
            if checked.without_digest > 0 {
                format!("; {} without a digest", checked.without_digest)
            } else {
                String::new()
            },
            if findings == 0 { "all as written".to_owned() } else { format!("{findings} findings") },
        );
    }
    out
}

fn head(view: &View<'_>) -> String {
    let View { cut, read, .. } = view;
    let newest = cut.anchors.iter().map(|a| a.written_ms).max().unwrap_or_default();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "anchor   {}   whole cut of {} lane{} (layout {}), {}{}",
        cut.id().unwrap_or("-"),
        cut.lanes,
        if cut.lanes == 1 { "" } else { "s" },
        cut.layout.get(..4).unwrap_or(cut.layout),
        cut.kind(),
        written(newest - cut.time.wall_ms()),
    );
    if let Some(label) = cut.label() {
        let _ = writeln!(out, "label    {label}");
    }
    let _ = writeln!(
        out,
        "cut      {} {}   holds every change before, none at or after",
        words::instant(cut.time),
        cut.time
    );
    let reasons: Vec<String> = cut.anchors.iter().flat_map(|a| &a.inexact).map(reason).collect();
    let _ = writeln!(
        out,
        "exact    {}",
        if reasons.is_empty() { "yes".to_owned() } else { format!("no: {}", reasons.join("; ")) }
    );
    let complete = if cut.is_complete() { "yes" } else { "no: a snapshot is still being read" };
    let _ = writeln!(out, "complete {complete}");
    let _ = writeln!(out, "replay   {}", view.replayable);
    for anchor in &cut.anchors {
        let link = |id: &str| {
            let short = words::short_id(id, read.log.anchors().iter().map(|a| a.id.as_str())).to_owned();
            read.log.get(id).map_or(format!("{short} (gone)"), |a| format!("{short} ({})", words::clock(a.cut)))
        };
        let _ = writeln!(
            out,
            "lane {}   {}   history {}   server {}   parent {}   next {}",
            anchor.lane,
            anchor.lineage.source,
            if anchor.history.starts_with("weak:") {
                anchor.history.clone()
            } else {
                words::short_hex(&anchor.history)
            },
            anchor.lineage.server,
            anchor.parent.as_deref().map_or("none".to_owned(), link),
            read.log.child(&anchor.id).map_or("none".to_owned(), |a| link(&a.id)),
        );
    }
    out
}

fn written(delay_ms: i64) -> String {
    match delay_ms {
        ..0 => String::new(),
        0..10_000 => format!(", written {delay_ms} ms after the cut"),
        _ => format!(", written {} after the cut", words::age(delay_ms)),
    }
}

fn reason(inexact: &Inexact) -> String {
    let mut text = inexact.reason.clone();
    if let Some(namespace) = &inexact.namespace {
        let _ = write!(text, " {namespace}");
    }
    if let Some(keys) = inexact.keys {
        let _ = write!(text, " ({keys} keys)");
    }
    if let Some(until) = inexact.until {
        let _ = write!(text, " until {}", words::instant(until));
    }
    text
}

fn collections(view: &View<'_>) -> String {
    let header = [
        "COLLECTION",
        "EXPORT",
        "DOCUMENTS",
        "VERDICT",
        "ROWS r",
        "CREATES",
        "UPDATES",
        "DELETES",
        "QUARANTINED",
        "SCHEMA IDS",
        "DIGEST",
        "CONTRACT",
    ];
    let mut table = plain(&header, &[2, 4, 5, 6, 7, 8]);
    for c in view.collections() {
        let ids: Vec<String> = c.value_schema_ids.iter().map(i32::to_string).collect();
        let digest = c
            .records_digest
            .as_ref()
            .map(|bytes| bytes.iter().fold(String::new(), |text, b| text + &format!("{b:02x}")));
        let standing = view.standing(&c.namespace);
        table.add_row([
            c.namespace.clone(),
            c.export.clone(),
            standing.documents.map_or("-".to_owned(), words::count),
            standing.word().map_or("-", |word| word).to_owned(),
            words::count(c.records.r),
            words::count(c.records.c),
            words::count(c.records.u),
            words::count(c.records.d),
            words::count(c.records.quarantined),
            ids.join(","),
            digest.map_or("-".to_owned(), |hex| words::short_hex(&hex)),
            c.contract.as_deref().map_or("-", |hash| hash.get(..6).unwrap_or(hash)).to_owned(),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

fn partitions(view: &View<'_>, all: bool) -> String {
    let header = ["TOPIC", "PARTITION", "FIRST", "END", "RECORDS", "LOG START", "STATE"];
    let mut table = plain(&header, &[1, 2, 3, 4, 5]);
    let (mut shown, mut hidden) = (0, 0);
    for c in view.collections() {
        let facts = replayable::facts(&view.topics, &c.topic);
        let lost = replayable::lost(c, facts);
        for p in &c.partitions {
            let start = facts.and_then(|f| f.starts.get(&p.partition)).copied();
            let state = match start {
                None if view.read.archived => "archived".to_owned(),
                None => "gone".to_owned(),
                Some(start) if start > p.first => format!("cut off at {}", words::count(start)),
                Some(_) => lost.clone().unwrap_or_else(|| "complete".to_owned()),
            };
            if state == "complete" && shown >= FEW && !all {
                hidden += 1;
                continue;
            }
            shown += usize::from(state == "complete");
            let start = start.map_or("-".to_owned(), words::count);
            table.add_row([
                c.topic.clone(),
                p.partition.to_string(),
                words::count(p.first),
                words::count(p.end),
                words::count(p.records),
                start,
                state,
            ]);
        }
    }
    let mut out = format!("{}\n", table.trim_fmt());
    if hidden > 0 {
        let _ = writeln!(out, "... {hidden} more complete   (--all)");
    }
    out
}
