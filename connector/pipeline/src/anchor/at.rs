//! The four forms in which people name a cut: a time, `latest`, `label:NAME`, the beginning of an id.
//!
//! Invariant: no text has two readings: times hold `:` and `-`, which no id does; labels have their own prefix.

use std::str::FromStr;

use super::id;
use crate::error::Problem;
use crate::model::ClusterTime;

/// How a cut is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest whole cut.
    Latest,
    /// The newest tick at or before a time.
    Time(ClusterTime),
    /// The cut that has a label.
    Label(String),
    /// The cut of the one anchor whose id begins so.
    Id(String),
}

impl FromStr for At {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Some(label) = text.strip_prefix("label:").filter(|label| !label.is_empty()) {
            return Ok(Self::Label(label.to_owned()));
        }
        if let Some(time) = instant(text) {
            return Ok(Self::Time(time));
        }
        let is_id = !text.is_empty()
            && text.len() <= id::LENGTH
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !b"ilou".contains(&byte)));
        if is_id {
            return Ok(Self::Id(text.to_owned()));
        }
        Err(Problem::new(
            "MOOR-6008",
            format!("`{text}` does not name an anchor"),
            "--at",
            "a cut is named by a time, `latest`, `label:NAME` or the beginning of an anchor's id",
            "--at 2026-11-23T12:00:00Z, --at latest, --at label:month-end, --at k3v9q2; moorline anchors list shows them",
        ))
    }
}

/// A time in RFC 3339 (`2026-11-23T12:00:00Z`, seconds and below optional), as the cluster time at its second.
pub fn instant(text: &str) -> Option<ClusterTime> {
    let (date, time) = text.split_once(['T', ' '])?;
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let known = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
    let (clock, shift) = match time.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (hours, minutes) = time[at + 1..].split_once(':')?;
            let shift = digits(hours, 2)? * 3600 + digits(minutes, 2)? * 60;
            (&time[..at], if time.as_bytes()[at] == b'+' { -shift } else { shift })
        }
    };
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |text| digits(text, 2))?;
    if !known || parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second + shift;
    u32::try_from(seconds).ok().map(|t| ClusterTime::new(t, 0))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_forms() {
        assert_eq!("latest".parse::<At>().unwrap(), At::Latest);
        assert_eq!("label:month-end-2026-11".parse::<At>().unwrap(), At::Label("month-end-2026-11".into()));
        assert_eq!("k3v9q2".parse::<At>().unwrap(), At::Id("k3v9q2".into()));
        assert_eq!("20261123".parse::<At>().unwrap(), At::Id("20261123".into()));
        for bad in ["", "label:", "K3", "il", "2026-13-01T00:00:00Z", "2026-11-23", "yesterday noon", "12:00:00"] {
            assert!(bad.parse::<At>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_of_rfc_3339() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T12:00:00Z", 1_795_435_200),
            ("2026-11-23T13:00:00+01:00", 1_795_435_200),
            ("2026-11-23T06:30:00.250-05:30", 1_795_435_200),
            ("2026-11-23T12:00Z", 1_795_435_200),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(instant(text), Some(ClusterTime::new(seconds, 0)), "{text}");
        }
    }
}
