//! The result for people: rates, CPU and memory of each measurement, then how they compare.
//!
//! Invariant: one unit a column; a median stands between its extremes, so that noise is seen.

use std::fmt::Write as _;

use super::aims::Aim;
use super::figures::{Figures, Results, median};

const HEADER: [&str; 9] = ["", "min/s", "median/s", "max/s", "own CPU", "mongod", "broker", "peak RSS", "whole"];

/// The table.
pub(super) fn of(results: &Results) -> String {
    let mut text = String::new();
    let rows: Vec<Vec<String>> = results.names().into_iter().map(|name| row(name, &results.of(name))).collect();
    lines(&mut text, &HEADER.map(str::to_owned), &rows);
    text += "\nCPU in seconds for a million documents (median), RSS in MB (max), whole process in seconds (median)\n\n";
    let header = ["", "found", "aim", "", "rounds"].map(str::to_owned);
    let judged: Vec<Vec<String>> = results.aims.iter().map(aim).collect();
    lines(&mut text, &header, &judged);
    text.push('\n');
    for figures in &results.measurements {
        let parts: Vec<String> = figures.parts.iter().map(|(name, value)| format!("{name} {}", short(value))).collect();
        if !parts.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}, round {}: {}", figures.measurement, figures.round, parts.join(", "));
        }
    }
    let _ = writeln!(text, "{} cores shared by all processes; {} partitions", results.cores, results.partitions);
    if !results.settings.is_empty() {
        let _ = writeln!(text, "set: {}", results.settings.join(" "));
    }
    text
}

fn aim(aim: &Aim) -> Vec<String> {
    let rounds: Vec<String> = aim.rounds.iter().map(|round| format!("{round:.2}")).collect();
    vec![
        aim.aim.to_owned(),
        format!("{:.2}", aim.found),
        format!("{} {}", if aim.at_least { ">" } else { "<" }, aim.wanted),
        if aim.met { "met" } else { "missed" }.to_owned(),
        rounds.join(", "),
    ]
}

/// A part with no more digits than it has sense.
fn short(value: &serde_json::Value) -> String {
    match value.as_f64() {
        Some(number) if number.abs() >= 1000.0 => grouped(number),
        Some(number) => format!("{number:.2}"),
        None => value.to_string(),
    }
}

fn row(name: &str, rounds: &[&Figures]) -> Vec<String> {
    let rates: Vec<f64> = rounds.iter().map(|figures| figures.rate()).collect();
    let of_million = |seconds: fn(&Figures) -> f64| {
        let all: Vec<f64> = rounds.iter().map(|f| seconds(f) * 1e6 / f.documents.max(1) as f64).collect();
        format!("{:.2}", median(&all))
    };
    let extreme = |pick: fn(f64, f64) -> f64| rates.iter().copied().reduce(pick).unwrap_or_default();
    let whole: Vec<f64> = rounds.iter().filter_map(|figures| figures.whole_seconds).collect();
    let rss = rounds.iter().map(|figures| figures.peak_rss_bytes >> 20).max().unwrap_or_default();
    vec![
        name.to_owned(),
        grouped(extreme(f64::min)),
        grouped(median(&rates)),
        grouped(extreme(f64::max)),
        of_million(|f| f.cpu.own),
        of_million(|f| f.cpu.mongod),
        of_million(|f| f.cpu.broker),
        rss.to_string(),
        if whole.is_empty() { String::new() } else { format!("{:.1}", median(&whole)) },
    ]
}

/// A number with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn lines(text: &mut String, header: &[String], rows: &[Vec<String>]) {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].len()).chain([header[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0.4, 999.0, 1_000.0, 1_234_567.0].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut text = String::new();
        lines(&mut text, &["".into(), "rate".into()], &[vec!["find".into(), "1".into()]]);
        assert_eq!(text, "      rate\nfind     1\n");
    }
}
