//! `anchors diff`: what changed between two cuts: counts, schema ids, contracts, exports, offsets.
//!
//! Invariants: each of the two is a whole cut, merged over its lanes; A and B may stand in either order, and which of
//! them is the earlier is said; two histories or layouts are said before any number.

use std::fmt::Write as _;

use clap::Args;
use moorline_pipeline::anchor::Anchor;
use moorline_pipeline::anchor::at::At;
use moorline_pipeline::anchor::between::{Between, Change, CollectionChange, Presence, between};
use moorline_pipeline::anchor::cuts::{self, Cut};
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::error::{Failure, Result};
use serde_json::{Value, json};

use super::super::table::plain;
use super::fetch::Read;
use super::{Answer, words};

/// Partitions of a collection that are shown, unless all are asked for.
const FEW: usize = 4;

/// Flags of `anchors diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// From this cut: a time, `latest`, `label:NAME`, or the beginning of an anchor's id
    #[arg(value_name = "A")]
    from: String,
    /// To this cut, in the same forms
    #[arg(value_name = "B", default_value = "latest")]
    to: String,
    /// Look into this archive, too; more than one may be given
    #[arg(long, value_name = "FILE")]
    pub(super) archive: Vec<std::path::PathBuf>,
    /// Every partition that moved
    #[arg(long)]
    all: bool,
}

/// One of the two.
struct Side<'a> {
    cut: Cut<'a>,
    merged: Vec<Anchor>,
}

/// Compares. `more` is the topic, beside an archive: what the archive does not hold is looked for there, `latest` always.
pub(super) fn run(args: &DiffArgs, read: &Read, more: Option<&Read>, json: bool) -> Result<Answer> {
    let either = |text: &str| match more {
        None => side(&read.log, text),
        Some(more) if text == "latest" => side(&more.log, text),
        Some(more) => side(&read.log, text).or_else(|_| side(&more.log, text)),
    };
    let (a, b) = (either(&args.from)?, either(&args.to)?);
    let found = between(&a.merged, &b.merged);
    let data = if json { machine(read, &a, &b, &found) } else { human(&read.log, &a, &b, &found, args.all) };
    let mut answer = Answer { data, ..Answer::default() };
    answer.notes.extend(read.warnings());
    Ok(answer)
}

fn side<'a>(log: &'a Log, text: &str) -> Result<Side<'a>> {
    let at: At = text.parse().map_err(Failure::halt)?;
    let cut = cuts::find(log, &at).map_err(Failure::halt)?;
    let merged = cut.anchors.iter().map(|anchor| log.merged(anchor).map_err(Failure::halt));
    let merged = merged.collect::<Result<Vec<Anchor>>>()?;
    Ok(Side { cut, merged })
}

fn human(log: &Log, a: &Side<'_>, b: &Side<'_>, found: &Between, all: bool) -> String {
    let mut out = String::new();
    for (letter, side) in [("A", a), ("B", b)] {
        let ids = log.anchors().iter().map(|anchor| anchor.id.as_str());
        let id = side.cut.id().map_or("-", |id| words::short_id(id, ids));
        let label = side.cut.label().map(|label| format!("   label {label}")).unwrap_or_default();
        let exact = if side.cut.is_exact() { "exact" } else { "not exact" };
        let (time, kind) = (words::instant(side.cut.time), side.cut.kind());
        let _ = writeln!(out, "{letter}        {time}   {id}   {kind}, {exact}{label}");
    }
    let span = words::seconds(found.seconds.unsigned_abs());
    let _ = writeln!(
        out,
        "span     {}",
        match found.seconds {
            0 => "none: both are one cut".to_owned(),
            1.. => format!("{span} from A to B"),
            _ => format!("{span} back: B is the earlier one, so what came between has a minus"),
        }
    );
    if let Some(Change { from, to }) = &found.history {
        let _ = writeln!(
            out,
            "history  two sources: A has {from}, B has {to}; their times and positions can't be compared"
        );
    }
    if let Some(Change { from, to }) = &found.layout {
        let short = |layout: &str| layout.get(..4).unwrap_or(layout).to_owned();
        let _ =
            writeln!(out, "layout   {} in A, {} in B: collections were dealt to lanes anew", short(from), short(to));
    }
    out.push('\n');
    if found.collections.is_empty() {
        let _ = writeln!(out, "nothing changed in {}", words::plural(found.unchanged, "collection"));
        return out;
    }
    out.push_str(&collections(&found.collections));
    out.push('\n');
    let changes: Vec<String> = found.collections.iter().flat_map(changes).collect();
    if !changes.is_empty() {
        changes.iter().for_each(|line| out.push_str(line));
        out.push('\n');
    }
    out.push_str(&partitions(&found.collections, all));
    if found.unchanged > 0 {
        let _ = writeln!(out, "\nnothing changed in {} more", words::plural(found.unchanged, "collection"));
    }
    out
}

fn collections(changed: &[CollectionChange]) -> String {
    let header = [
        "COLLECTION",
        "IN",
        "RECORDS",
        "ROWS r",
        "CREATES",
        "UPDATES",
        "DELETES",
        "TOMBSTONES",
        "COALESCED",
        "QUARANTINED",
        "SPILLED",
        "SCHEMA IDS",
    ];
    let mut table = plain(&header, &[2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for c in changed {
        let ids = |sign: &str, ids: &[i32]| ids.iter().map(|id| format!("{sign}{id}")).collect::<Vec<_>>();
        let ids = [ids("+", &c.schema_ids_added), ids("-", &c.schema_ids_gone)].concat();
        let mut row = vec![c.namespace.clone(), place(c.presence).to_owned(), signed(c.records)];
        let n = &c.counts;
        row.extend([n.r, n.c, n.u, n.d, n.tombstones, n.coalesced, n.quarantined, n.spilled].map(signed));
        row.push(if ids.is_empty() { "-".to_owned() } else { ids.join(",") });
        table.add_row(row);
    }
    format!("{}\n", table.trim_fmt())
}

fn place(presence: Presence) -> &'static str {
    match presence {
        Presence::Both => "both",
        Presence::AnotherExport => "another export",
        Presence::OnlyA => "only A",
        Presence::OnlyB => "only B",
    }
}

fn signed(number: i64) -> String {
    match number {
        0 => "0".to_owned(),
        1.. => format!("+{}", words::count(number)),
        _ => words::count(number),
    }
}

/// What of a collection is another thing now, a line each.
fn changes(c: &CollectionChange) -> Vec<String> {
    let shown = |value: &Option<String>| match value.as_deref() {
        None => "none".to_owned(),
        Some(hex) if hex.len() == 64 => words::short_hex(hex),
        Some(text) => text.to_owned(),
    };
    let line = |(field, Change { from, to }): (&&str, &Change<Option<String>>)| {
        format!("{}: {} {} -> {}\n", c.namespace, field.replace('_', " "), shown(from), shown(to))
    };
    c.fields.iter().map(line).collect()
}

fn partitions(changed: &[CollectionChange], all: bool) -> String {
    let mut table = plain(&["COLLECTION", "PARTITION", "END A", "END B", "RECORDS"], &[1, 2, 3, 4]);
    let mut hidden = 0;
    let end = |offset: Option<i64>| offset.map_or("-".to_owned(), words::count);
    for c in changed {
        let shown = if all { c.partitions.len() } else { FEW.min(c.partitions.len()) };
        hidden += c.partitions.len() - shown;
        for p in &c.partitions[..shown] {
            table.add_row([c.namespace.clone(), p.partition.to_string(), end(p.from), end(p.to), signed(p.records)]);
        }
    }
    let mut out = format!("{}\n", table.trim_fmt());
    if hidden > 0 {
        let _ = writeln!(out, "... {hidden} more moved   (--all)");
    }
    out
}

fn machine(read: &Read, a: &Side<'_>, b: &Side<'_>, found: &Between) -> String {
    let side = |side: &Side<'_>| -> Value {
        json!({
            "id": side.cut.id(),
            "ids": side.cut.anchors.iter().map(|anchor| &anchor.id).collect::<Vec<_>>(),
            "cut": side.cut.time,
            "time": words::instant(side.cut.time),
            "kind": side.cut.kind(),
            "label": side.cut.label(),
            "layout": side.cut.layout,
            "exact": side.cut.is_exact(),
            "complete": side.cut.is_complete(),
        })
    };
    let mut answer = json!({"version": 1, "connector": read.connector, "a": side(a), "b": side(b)});
    let found = serde_json::to_value(found).expect("text keys only");
    let fields = answer.as_object_mut().expect("made above");
    fields.extend(found.as_object().expect("a struct is an object").clone());
    format!("{answer:#}\n")
}
