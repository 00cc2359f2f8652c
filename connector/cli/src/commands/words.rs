//! How times, spans, counts and ids are written for people, and how a span is read.

use std::str::FromStr;

use moorline_pipeline::anchor::at;
use moorline_pipeline::model::ClusterTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Characters of an id that are shown, unless more are needed to tell it from others.
const SHORT_ID: usize = 6;

/// A time, or a span before now.
#[derive(Clone, Debug)]
pub(crate) enum Since {
    Time(ClusterTime),
    Span(i64),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(time) = at::instant(text) {
            return Ok(Self::Time(time));
        }
        let wrong = || format!("`{text}` is neither a time (2026-11-23T12:00:00Z) nor a span (90s, 30m, 1h, 7d)");
        span_seconds(text).map(Self::Span).ok_or_else(wrong)
    }
}

fn span_seconds(text: &str) -> Option<i64> {
    let seconds = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: i64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(seconds).filter(|span| *span >= 0)
}

/// A span of time as it is typed, at most a year.
pub(crate) fn span(text: &str) -> Result<std::time::Duration, String> {
    let seconds = span_seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = seconds.filter(|seconds| *seconds <= 366 * 86_400);
    seconds.map(std::time::Duration::from_secs).ok_or_else(|| format!("`{text}` is no span such as 90s, 30m, 1h, 7d"))
}

impl Since {
    /// The earliest second that is meant.
    pub(crate) fn seconds(&self, now_ms: i64) -> i64 {
        match self {
            Self::Time(time) => i64::from(time.t),
            Self::Span(span) => now_ms / 1000 - span,
        }
    }
}

/// A cluster time's second, in UTC.
pub(crate) fn instant(time: ClusterTime) -> String {
    milliseconds(time.wall_ms())
}

/// A time in whole seconds, in UTC.
pub(crate) fn milliseconds(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{ms} ms"))
}

/// The clock part of an instant.
pub(crate) fn clock(time: ClusterTime) -> String {
    let text = instant(time);
    text.get(11..19).unwrap_or(&text).to_owned()
}

/// How long ago, in one unit.
pub(crate) fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A count with its thousands apart.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Bytes, rounded.
pub(crate) fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} B"),
        1_000..1_000_000 => format!("{:.1} kB", number as f64 / 1e3),
        _ => format!("{:.1} MB", number as f64 / 1e6),
    }
}

/// A count of which only the size matters: `108 k`.
pub(crate) fn rounded(number: u64) -> String {
    let one = |unit: f64| {
        let value = number as f64 / unit;
        if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
    };
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{} k", one(1e3)),
        _ => format!("{} M", one(1e6)),
    }
}

/// A span in seconds, in at most two units.
pub(crate) fn seconds(span: u64) -> String {
    match span {
        0..60 => format!("{span} s"),
        60..3600 => format!("{} min {} s", span / 60, span % 60),
        3600..86_400 => format!("{} h {} min", span / 3600, span % 3600 / 60),
        _ => format!("{} d {} h", span / 86_400, span % 86_400 / 3600),
    }
}

/// An anchor, its cut and whether it is exact.
pub(crate) fn anchor(id: &str, cut: ClusterTime, exact: bool) -> String {
    let short = id.get(..SHORT_ID).unwrap_or(id);
    format!("anchor {short} at {}   {}", instant(cut), if exact { "exact" } else { "not exact" })
}

/// `1 field`, `2 fields`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as i64), if number == 1 { "" } else { "s" })
}

/// Yes or no.
pub(crate) fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// The beginning of an id that tells it from all `others`.
pub(crate) fn short_id<'a>(id: &'a str, others: impl Iterator<Item = &'a str>) -> &'a str {
    let shared = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let needed = others.filter(|other| *other != id).map(|other| shared(other) + 1).max().unwrap_or(0);
    &id[..needed.max(SHORT_ID).min(id.len())]
}

/// The beginning and end of a long hex text.
pub(crate) fn short_hex(text: &str) -> String {
    if text.len() <= 8 { text.to_owned() } else { format!("{}..{}", &text[..4], &text[text.len() - 2..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_table() {
        assert_eq!(instant(ClusterTime::new(1_795_435_200, 7)), "2026-11-23T12:00:00Z");
        assert_eq!(clock(ClusterTime::new(1_795_435_190, 0)), "11:59:50");
        assert_eq!([0, 999, 1_000, 431_908, -1_234_567].map(count), ["0", "999", "1 000", "431 908", "-1 234 567"]);
        assert_eq!([5_000, 130_000, 7_300_000, 864_000_000].map(age), ["5s", "2m", "2h", "10d"]);
        assert_eq!(bytes(21_000_000), "21.0 MB");
        assert_eq!([999, 1_234, 108_400, 2_500_000].map(rounded), ["999", "1.2 k", "108 k", "2.5 M"]);
        assert_eq!([59, 61, 3_661, 90_000].map(seconds), ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn an_id_is_as_long_as_it_must_be() {
        assert_eq!(short_id("k3v9q2hd0w5n8xj4", ["k3v9zz", "aaaaaa"].into_iter()), "k3v9q2");
        assert_eq!(short_id("k3v9q2hd0w5n8xj4", ["k3v9q2hd11", "k3v9q2hd0w5n8xj4"].into_iter()), "k3v9q2hd0");
    }

    #[test]
    fn spans_and_times() {
        let seconds = |text: &str| text.parse::<Since>().map(|since| since.seconds(1_795_435_200_000));
        assert_eq!(seconds("1h"), Ok(1_795_431_600));
        assert_eq!(seconds("2026-11-23T11:00:00Z"), Ok(1_795_431_600));
        assert!(seconds("h").is_err() && seconds("").is_err() && seconds("1w").is_err() && seconds("-1s").is_err());
    }
}
