//! The lines of the screen: clocks by lane, rates, snapshots, anchors, and the keys at the bottom.
//!
//! Invariants: pure; what is not known is `-`; no line is wider than the screen, and there are no more than it has.

use std::fmt::Write as _;

use moorline_pipeline::error::Problem;
use moorline_pipeline::model::ClusterTime;
use serde_json::Value;

use super::sample::Sample;
use crate::commands::words;

/// Letters of a snapshot's bar.
const BAR: usize = 24;
/// Collections that are shown.
const COLLECTIONS: usize = 12;
/// Anchors that are shown.
const ANCHORS: usize = 8;

/// The screen.
pub(super) fn lines(
    now: &Sample,
    before: Option<&Sample>,
    url: &str,
    trouble: Option<&Problem>,
    paused: bool,
    columns: usize,
    rows: usize,
) -> Vec<String> {
    let answer = &now.answer;
    let text = |path: &str| answer.pointer(path).and_then(Value::as_str).unwrap_or("-").to_owned();
    let now_ms = answer["now_ms"].as_i64().unwrap_or_default();
    let mut out = vec![format!("connector {}   {url}   version {}", text("/connector"), text("/moorline"))];
    out.push(match trouble {
        Some(problem) => format!("{}  {}: what is below is from before", problem.code, problem.what),
        None => match now.rates(before) {
            Some(rates) => format!(
                "{} rows/s   {} changes/s   {}/s   {:.1} transactions/s   {:.0} % CPU   {}",
                words::count(rates.rows.round() as i64),
                words::count(rates.changes.round() as i64),
                words::bytes(rates.bytes as u64),
                rates.transactions,
                rates.cpu * 100.0,
                answer
                    .pointer("/process/memory_bytes")
                    .and_then(Value::as_u64)
                    .map_or_else(|| "-".into(), words::bytes),
            ),
            None => "rates come with the next answer".to_owned(),
        },
    });
    out.push(String::new());
    clocks(answer, now_ms, &mut out);
    out.push(String::new());
    snapshots(answer, &mut out);
    anchors(answer, now_ms, &mut out);
    out.truncate(rows.saturating_sub(2));
    while out.len() + 1 < rows {
        out.push(String::new());
    }
    out.push(format!("q quit   p {}", if paused { "go on (paused)" } else { "pause" }));
    out.into_iter().map(|line| line.chars().take(columns).collect()).collect()
}

/// What does not move, without a screen around it.
pub(super) fn still(answer: &Value) -> String {
    let now_ms = answer["now_ms"].as_i64().unwrap_or_default();
    let mut out = Vec::new();
    clocks(answer, now_ms, &mut out);
    out.push(String::new());
    snapshots(answer, &mut out);
    anchors(answer, now_ms, &mut out);
    out.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn time(value: &Value) -> Option<ClusterTime> {
    let part = |name: &str| value[name].as_u64().and_then(|n| u32::try_from(n).ok());
    Some(ClusterTime::new(part("t")?, part("i")?))
}

/// How far a clock is behind now.
fn behind(value: &Value, now_ms: i64) -> String {
    time(value).map_or_else(|| "-".to_owned(), |time| words::age(now_ms - time.wall_ms()))
}

fn clocks(answer: &Value, now_ms: i64, out: &mut Vec<String>) {
    let source = &answer["source"];
    out.push(format!(
        "source  head {}   oldest kept {}",
        time(&source["head"]).map_or_else(|| "-".to_owned(), words::instant),
        time(&source["oldest"]).map_or_else(|| "-".to_owned(), words::instant),
    ));
    out.push(format!(
        "{:<5}{:<10}{:>8}{:>11}{:>10}{:>10}{:>9}{:>9}{:>12}{:>9}",
        "LANE", "STATE", "READ", "COMMITTED", "VERIFIED", "HEADROOM", "P50", "P99", "READ AHEAD", "REBUILT"
    ));
    for lane in answer["lanes"].as_array().into_iter().flatten() {
        let seconds = |name: &str| match lane[name].as_f64() {
            Some(seconds) if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
            Some(seconds) => format!("{seconds:.0} s"),
            None => "-".to_owned(),
        };
        let headroom = lane["headroom_s"].as_f64().map_or_else(|| "-".to_owned(), |s| words::age((s * 1000.0) as i64));
        out.push(format!(
            "{:<5}{:<10}{:>8}{:>11}{:>10}{:>10}{:>9}{:>9}{:>12}{:>9}",
            lane["lane"],
            lane["state"].as_str().unwrap_or("-"),
            behind(&lane["read"], now_ms),
            behind(&lane["committed"], now_ms),
            behind(&lane["verified"], now_ms),
            headroom,
            seconds("commit_p50_s"),
            seconds("commit_p99_s"),
            words::bytes(lane["read_ahead_bytes"].as_u64().unwrap_or_default()),
            lane["rebuilds"],
        ));
        if let Some(trouble) = lane["trouble"].as_str() {
            out.push(format!("     {trouble}"));
        }
    }
}

fn snapshots(answer: &Value, out: &mut Vec<String>) {
    let all: Vec<&Value> = answer["collections"].as_array().into_iter().flatten().collect();
    let total = |one: &Value| ["r", "c", "u", "d"].iter().filter_map(|op| one[*op].as_u64()).sum::<u64>();
    let mut shown: Vec<&&Value> = all.iter().collect();
    // What is being read comes first, then what has most.
    shown.sort_by_key(|one| {
        (one.pointer("/snapshot/state").and_then(Value::as_str) != Some("reading"), u64::MAX - total(one))
    });
    out.push(format!("{:<30}{:<36}{:>11}{:>11}{:>11}{:>11}", "COLLECTION", "SNAPSHOT", "r", "c", "u", "d"));
    for one in shown.iter().take(COLLECTIONS) {
        let count = |op: &str| words::count(one[op].as_i64().unwrap_or_default());
        out.push(format!(
            "{:<30}{:<36}{:>11}{:>11}{:>11}{:>11}",
            one["collection"].as_str().unwrap_or("-").chars().take(29).collect::<String>(),
            bar(&one["snapshot"]),
            count("r"),
            count("c"),
            count("u"),
            count("d"),
        ));
    }
    if all.len() > COLLECTIONS {
        out.push(format!("and {} more", all.len() - COLLECTIONS));
    }
    out.push(String::new());
}

fn bar(snapshot: &Value) -> String {
    let rows = snapshot["rows"].as_f64().unwrap_or_default();
    match snapshot["state"].as_str() {
        Some("complete") => format!("complete, {} rows", words::count(rows as i64)),
        Some("reading") => {
            let share = (rows / snapshot["estimated_rows"].as_f64().unwrap_or_default().max(1.0)).clamp(0.0, 1.0);
            let full = (share * BAR as f64).round() as usize;
            format!("[{}{}] {:>3.0} %", "#".repeat(full), ".".repeat(BAR - full), share * 100.0)
        }
        _ => "-".to_owned(),
    }
}

fn anchors(answer: &Value, now_ms: i64, out: &mut Vec<String>) {
    let mut head = "ANCHORS".to_owned();
    if let Some(age) = answer["anchor_age_s"].as_f64() {
        let _ = write!(head, "   newest exact and complete cut {} ago", words::age((age * 1000.0) as i64));
    }
    out.push(head);
    let word = |on: &Value, yes: &'static str, no: &'static str| if on.as_bool() == Some(true) { yes } else { no };
    for one in answer["anchors"].as_array().into_iter().flatten().take(ANCHORS) {
        out.push(format!(
            "{:<8}{:<22}{:>5} ago   lane {:<3} {:<18} {:<8} {:<11} {}",
            one["id"].as_str().unwrap_or("-").chars().take(6).collect::<String>(),
            time(&one["cut"]).map_or_else(|| "-".to_owned(), words::instant),
            behind(&one["cut"], now_ms),
            one["lane"],
            one["kind"].as_str().unwrap_or("-"),
            word(&one["exact"], "exact", "inexact"),
            word(&one["complete"], "complete", "incomplete"),
            one["label"].as_str().unwrap_or_default(),
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    #[test]
    fn it_fits_the_screen_and_ends_with_the_keys() {
        let answer = json!({
            "version": 1, "connector": "shop", "moorline": "0.1.0", "now_ms": 1_795_435_203_000_i64,
            "source": {"head": {"t": 1_795_435_203_u32, "i": 1}, "oldest": null},
            "lanes": [{"lane": 0, "state": "waiting", "trouble": "MOOR-2001 no server", "read": null, "rebuilds": 2,
                "committed": {"t": 1_795_435_200_u32, "i": 0}, "verified": null, "headroom_s": 3600.0, "read_ahead_bytes": 5}],
            "collections": [{"collection": "shop.orders", "r": 50, "c": 1, "u": 2, "d": 3,
                "snapshot": {"state": "reading", "rows": 50, "estimated_rows": 200}}],
            "anchors": [{"id": "k3v9q2hd0w", "lane": 0, "kind": "requested", "cut": {"t": 1_795_435_200_u32, "i": 0},
                "exact": true, "complete": false, "label": "month-end"}],
            "anchor_age_s": 3.0,
            "totals": {}, "process": {},
        });
        let sample = Sample::new(answer, Instant::now());
        let wide = lines(&sample, None, "http://a:1", None, false, 150, 30);
        let text = wide.join("\n");
        for part in ["shop.orders", "[######..................]  25 %", "MOOR-2001", "k3v9q2", "month-end", "60m"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert_eq!((wide.len(), wide[29].as_str()), (30, "q quit   p pause"));
        let narrow = lines(&sample, None, "http://a:1", None, true, 20, 5);
        assert!(narrow.len() == 5 && narrow.iter().all(|line| line.chars().count() <= 20));
        // An answer of another version's members is shown as far as it is known.
        lines(&Sample::new(json!({}), Instant::now()), None, "", None, false, 80, 0);
    }
}
