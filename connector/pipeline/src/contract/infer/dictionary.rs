//! Whether documents at a path are dictionaries, whose keys are data, rather than records: spec/types.md section 4.
//!
//! Invariant: deterministic on the sample, from counts, places of first appearance and the keys' patterns only.

use super::seen::Shape;

/// The numbers behind a verdict that a path is a dictionary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dictionary {
    /// Distinct keys.
    pub(crate) keys: usize,
    /// Keys in all documents together.
    pub(crate) entries: u64,
    /// Documents.
    pub(crate) documents: u64,
    /// The pattern that 90 % of the keys share.
    pub(crate) pattern: Option<&'static str>,
}

/// A pattern's name, and its test.
type Pattern = (&'static str, fn(&str) -> bool);

const PATTERNS: [Pattern; 7] = [
    ("integer", is_integer),
    ("ObjectId", |key| key.len() == 24 && key.bytes().all(|byte| byte.is_ascii_hexdigit())),
    ("UUID", |key| fits(key, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh")),
    ("date", |key| ["dddd-dd-dd", "dddd-dd", "dddddddd"].iter().any(|form| fits(key, form))),
    ("e-mail", is_mail),
    ("locale", |key| ["aa_AA", "aa-AA", "aa"].iter().any(|form| fits(key, form))),
    ("^[A-Z]{2,5}-?[0-9]+$", is_code),
];

/// The verdict on the documents at a path.
pub(crate) fn dictionary(shape: &Shape) -> Option<Dictionary> {
    let keys = shape.keys();
    let documents = shape.documents;
    let entries: u64 = keys.iter().map(|key| key.seen.total).sum();
    let distinct = keys.len() as u64;
    // U >= 4 m with m = entries / documents.
    if documents < 20 || distinct < 32 || distinct.saturating_mul(documents) < entries.saturating_mul(4) {
        return None;
    }
    if keys.iter().any(|key| key.seen.total.saturating_mul(2) > documents) {
        return None;
    }
    let late = keys.iter().filter(|key| key.first > documents / 2).count() as u64;
    let pattern = PATTERNS.iter().find(|(_, test)| {
        let hits = keys.iter().filter(|key| test(&key.name)).count() as u64;
        hits.saturating_mul(10) >= distinct.saturating_mul(9)
    });
    (late.saturating_mul(5) >= distinct || pattern.is_some()).then(|| Dictionary {
        keys: keys.len(),
        entries,
        documents,
        pattern: pattern.map(|(name, _)| *name),
    })
}

/// Whether each letter is what its place in the form asks: `h` hex, `d` digit, `a` and `A` letters, else itself.
fn fits(key: &str, form: &str) -> bool {
    key.len() == form.len()
        && key.bytes().zip(form.bytes()).all(|(byte, place)| match place {
            b'h' => byte.is_ascii_hexdigit(),
            b'd' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_lowercase(),
            b'A' => byte.is_ascii_uppercase(),
            other => byte == other,
        })
}

fn is_integer(key: &str) -> bool {
    let digits = key.strip_prefix('-').unwrap_or(key);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_mail(key: &str) -> bool {
    key.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.len() > 2 && !host.contains('@'))
}

fn is_code(key: &str) -> bool {
    let digits = key.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    let letters = key.len() - digits.len();
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    (2..=5).contains(&letters) && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
