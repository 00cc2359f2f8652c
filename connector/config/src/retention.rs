//! `anchor.retention`: how anchors are thinned out as they age, as `PERIOD:SPAN` with commas.
//!
//! `all:1h,1m:1d,1h:30d,1d`: all for an hour, one a minute for a day, one an hour for thirty days, then one a day. Spans
//! are ages, from now. A last step without a span holds for ever; with one, what is older goes. `none` thins nothing.
//!
//! Invariant: steps go from young to old, and each period is a multiple of the one before it: only then is the anchor
//! that stays for a day one of those that stayed for an hour.

use std::fmt;
use std::str::FromStr;

/// A retention that may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    steps: Vec<(u32, Option<u64>)>,
}

/// Seconds of the longest period, and of the longest span.
const PERIOD_MAX: u64 = 366 * 86_400;
const SPAN_MAX: u64 = 100 * PERIOD_MAX;
/// Steps at most: more than anybody can mean.
const STEPS_MAX: usize = 16;

impl Retention {
    /// Seconds of a period, 0 for all; seconds up to which it holds, `None` for ever. No steps: nothing is thinned.
    pub fn steps(&self) -> &[(u32, Option<u64>)] {
        &self.steps
    }
}

impl FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "none" {
            return Ok(Self::default());
        }
        let mut steps: Vec<(u32, Option<u64>)> = Vec::new();
        for step in text.split(',').map(str::trim) {
            let (period, span) = step.split_once(':').map_or((step, None), |(period, span)| (period, Some(span)));
            let wrong = |part: &str| format!("`{part}` is no span such as 90s, 1m, 1h, 30d");
            let period_s = match period {
                "all" => 0,
                _ => seconds(period).filter(|s| (1..=PERIOD_MAX).contains(s)).ok_or_else(|| wrong(period))?,
            };
            let span_s = match span {
                None => None,
                Some(span) => Some(seconds(span).filter(|s| (1..=SPAN_MAX).contains(s)).ok_or_else(|| wrong(span))?),
            };
            let period_s = u32::try_from(period_s).map_err(|_| wrong(period))?;
            if let Some((before, up_to)) = steps.last() {
                let Some(up_to) = up_to else {
                    return Err("what comes after a step without an age never holds".into());
                };
                if span_s.is_some_and(|span| span <= *up_to) {
                    return Err(format!("`{step}` ends before the step in front of it"));
                }
                if period_s <= *before || (*before > 0 && period_s % before != 0) {
                    return Err(format!("the period of `{step}` is no multiple of the one in front of it"));
                }
            }
            steps.push((period_s, span_s));
        }
        if steps.len() > STEPS_MAX {
            return Err(format!("it has more than {STEPS_MAX} steps"));
        }
        Ok(Self { steps })
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("none");
        }
        for (number, (period, span)) in self.steps.iter().enumerate() {
            let period = if *period == 0 { "all".to_owned() } else { format!("{period}s") };
            let comma = if number == 0 { "" } else { "," };
            match span {
                Some(span) => write!(f, "{comma}{period}:{span}s")?,
                None => write!(f, "{comma}{period}")?,
            }
        }
        Ok(())
    }
}

fn seconds(text: &str) -> Option<u64> {
    let unit = match text.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_and_others() {
        let read = |text: &str| text.parse::<Retention>();
        let default = read("all:1h,1m:1d,1h:30d,1d").unwrap();
        let day = 86_400;
        assert_eq!(default.steps(), [(0, Some(3600)), (60, Some(day)), (3600, Some(30 * day)), (86_400, None)]);
        assert_eq!(read(&default.to_string()), Ok(default));
        assert_eq!(read(" all:90s ").unwrap().steps(), [(0, Some(90))]);
        assert_eq!(read("none").unwrap().steps(), []);
        assert_eq!(read("none").unwrap().to_string(), "none");
        for bad in [
            "",
            "1",
            "1w",
            "all:",
            ":1h",
            "0s",
            "all:1h,",
            "1m,1h",
            "1m:2h,1h:1h",
            "2m:1h,3m",
            "1h:1d,1m",
            "all:0s",
            "-1m",
            "all,all",
            "1m:1h:1d",
            "99999999999999999999d",
            "é",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
