//! `moorline explain CODE`: any error and any contract rule, offline, from the pages that the binary carries.
//!
//! Invariants: a code is found however it is written (`moor-2003`, `2003`, `mc602`); what is given is the page as it
//! stands in `docs/errors/`, and for a rule its section of `contract-rules.md`; no file and no network is read.

/// Written by `cargo xtask generate`.
#[path = "explain_pages.rs"]
mod explain_pages;

use explain_pages::{PAGES, RULES};

/// The most differences from what was typed at which a code is still offered.
const MOST_DIFFERENCES: usize = 2;
/// The most codes that are offered.
const MOST_OFFERS: usize = 5;

/// The page of a code, or the section of a rule.
pub(crate) fn page(code: &str) -> Option<&'static str> {
    let wanted = Code::read(code)?.text();
    all().find(|(code, _)| *code == wanted).map(|(_, text)| text)
}

/// Codes that may have been meant, the likeliest first, each with its title.
pub(crate) fn nearest(code: &str) -> Vec<(&'static str, &'static str)> {
    let typed = squashed(code);
    let typed_number: i64 = typed.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()).parse().unwrap_or(0);
    let bare = typed.bytes().all(|byte| byte.is_ascii_digit());
    let mut offers: Vec<(usize, i64, &str, &str)> = Vec::new();
    for (code, text) in all() {
        let digits = code.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let name = if bare { digits.to_owned() } else { squashed(code) };
        let differences = differences(typed.as_bytes(), name.as_bytes());
        // Of codes that differ in as many letters, neighbours come first: they tell of the same part.
        let far = digits.parse::<i64>().map_or(i64::MAX, |number| (number - typed_number).abs());
        offers.push((differences, far, code, text));
    }
    offers.sort_unstable();
    let best = offers.first().map_or(0, |offer| offer.0);
    offers.retain(|offer| offer.0 == best && best <= MOST_DIFFERENCES);
    offers.truncate(MOST_OFFERS);
    offers.into_iter().map(|(_, _, code, text)| (code, title(text))).collect()
}

/// All codes with their texts: errors, then rules, each sorted.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().copied().chain(rules())
}

/// The sections of the page of rules, each with a heading as a page of its own has it.
fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    let starts: Vec<usize> = RULES.match_indices("\n## ").map(|(place, _)| place + 1).collect();
    let ends = starts.iter().skip(1).copied().chain([RULES.len()]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|(start, end)| {
        // One `#` less: a section becomes a page.
        let section = RULES[start + 1..end].trim_end();
        let code = section[2..].split(':').next().unwrap_or_default();
        (code, section)
    })
}

/// What stands behind the code in the first line.
pub(crate) fn title(text: &'static str) -> &'static str {
    let first = text.lines().next().unwrap_or_default();
    first.split_once(": ").map_or(first, |(_, title)| title)
}

/// A code as it was meant: an error has four digits, a rule three.
enum Code {
    Error(String),
    Rule(String),
}

impl Code {
    fn read(text: &str) -> Option<Self> {
        let text = squashed(text);
        let place = text.find(|letter: char| letter.is_ascii_digit())?;
        let (word, digits) = text.split_at(place);
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        match (word, digits.len()) {
            ("" | "MOOR", 4) if whole => Some(Self::Error(digits.to_owned())),
            ("" | "MC", 3) if whole => Some(Self::Rule(digits.to_owned())),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Error(digits) => format!("MOOR-{digits}"),
            Self::Rule(digits) => format!("MC{digits}"),
        }
    }
}

/// Letters and digits, upper case.
fn squashed(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// Letters to be changed, added, left out, or exchanged with their neighbour, to make one text of the other.
fn differences(one: &[u8], other: &[u8]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (i, letter) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, found) in other.iter().enumerate() {
            let changed = rows[i][j] + usize::from(letter != found);
            let mut least = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == other[j - 1] && one[i - 1] == *found {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_however_its_code_is_written() {
        assert!(PAGES.len() > 40 && rules().count() > 20);
        for (code, text) in all() {
            let digits = code.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            for written in [code, &code.to_lowercase(), digits, &format!(" {code} ")] {
                assert_eq!(page(written), Some(text), "{written}");
            }
            assert!(text.starts_with(&format!("# {code}: ")), "{code}");
            assert!(!title(text).is_empty() && !text.contains("\n# "), "{code}");
        }
    }

    #[test]
    fn codes_are_sorted_and_stand_once() {
        assert!(PAGES.is_sorted_by(|one, other| one.0 < other.0));
        let rules: Vec<_> = rules().map(|(code, _)| code).collect();
        assert!(rules.is_sorted_by(|one, other| one < other), "{rules:?}");
    }

    #[test]
    fn what_is_no_code_has_no_page() {
        for text in ["", "MOOR", "MOOR-", "MOOR-9999", "MC-", "20031", "MOOR-203", "MOOR-2OO3", "help"] {
            assert_eq!(page(text), None, "{text}");
        }
    }

    #[test]
    fn typing_mistakes_find_what_was_meant() {
        let first = |typed: &str| nearest(typed).first().map(|offer| offer.0);
        for (typed, meant) in [
            ("MOR-2003", "MOOR-2003"),
            ("MOOR-2OO3", "MOOR-2003"),
            ("MOOR-203", "MOOR-2003"),
            ("22003", "MOOR-2003"),
            ("MCO602", "MC602"),
        ] {
            assert_eq!(first(typed), Some(meant), "{typed}: {:?}", nearest(typed));
        }
        assert!(nearest("MC620").iter().any(|offer| offer.0 == "MC602"), "two digits exchanged");
        assert!(nearest("MOOR-2008").iter().take(2).any(|offer| offer.0 == "MOOR-2007"), "neighbours come first");
        assert!(nearest("MOOR-2003").iter().all(|offer| !offer.1.is_empty()));
        assert!(nearest("no code at all").is_empty() && nearest("MOOR-2008").len() <= MOST_OFFERS);
    }

    #[test]
    fn differences_are_counted() {
        for (one, other, count) in [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("2003", "2030", 1), ("abc", "xyz", 3)]
        {
            assert_eq!(differences(one.as_bytes(), other.as_bytes()), count, "{one} {other}");
        }
    }
}
