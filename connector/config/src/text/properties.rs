//! Java's `.properties`: comments, separators, continuation lines and escapes as `java.util.Properties` reads them.

use std::iter::Peekable;
use std::str::Chars;

use super::{Content, Entry, Fault};

/// Reads a text. Every text is properties; only an escape can be wrong.
pub(crate) fn read(text: &str) -> Content {
    let mut content = Content::default();
    for (line, text) in logical(text) {
        let (key, value) = part(&text);
        match (unescape(key), unescape(value)) {
            (Some(key), Some(value)) => content.entries.push(Entry { key, value, line }),
            _ => {
                let why = "`\\u` begins a character by its number: four hexadecimal digits".to_owned();
                let fix = "write four digits, or `\\\\u` for a backslash and a u".to_owned();
                content.faults.push((line, Fault::Unreadable(why, fix)));
            }
        }
    }
    content
}

fn blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

/// Lines with their continuations, without comments and empty ones, each with the number of its first line.
fn logical(text: &str) -> Vec<(usize, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim_start_matches(blank);
        if !open && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let slashes = line.chars().rev().take_while(|letter| *letter == '\\').count();
        let goes_on = slashes % 2 == 1;
        let shown = if goes_on { &line[..line.len() - 1] } else { line };
        match lines.last_mut() {
            Some((_, before)) if open => before.push_str(shown),
            _ => lines.push((index + 1, shown.to_owned())),
        }
        open = goes_on;
    }
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

/// Key and value, still escaped: they part at the first `=`, `:` or blank.
fn part(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|letter: char| {
        let ends = !escaped && (letter == '=' || letter == ':' || blank(letter));
        escaped = letter == '\\' && !escaped;
        ends
    });
    let Some(end) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(blank))
}

/// Without escapes; none where `\u` is not followed by a character's number.
fn unescape(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut buffer = [0; 2];
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '\\' => match letters.next() {
                Some('u') => {
                    units.push(unit(&mut letters)?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    // Characters beyond the first plane come as two escapes, as in Java; half of one is no character.
    String::from_utf16(&units).ok()
}

fn unit(letters: &mut Peekable<Chars<'_>>) -> Option<u16> {
    (0..4).try_fold(0_u16, |number, _| {
        let digit = letters.next()?.to_digit(16)?;
        Some(number << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        read(text).entries.into_iter().map(|entry| (entry.key, entry.value, entry.line)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{pairs:?}");
        let (key, value, _) = pairs.remove(0);
        (key, value)
    }

    #[test]
    fn separators() {
        for text in ["a=b", "a:b", "a b", "a = b", "  a\t:\tb", "a  b", "a \\\n   = b"] {
            assert_eq!(one(text), ("a".into(), "b".into()), "{text:?}");
        }
        assert_eq!(one("a"), ("a".into(), String::new()));
        assert_eq!(one("a=b=c:d e "), ("a".into(), "b=c:d e ".into()));
        assert_eq!(one(r"a\=\:\ b=c"), ("a=: b".into(), "c".into()));
    }

    #[test]
    fn comments_continuations_and_lines() {
        let text = "# x=1\n! y=2\n\n  a = 1,\\\n     2\r\nb=3\\\\\r\nc=4\\";
        let expected = [("a", "1,2", 4), ("b", "3\\", 6), ("c", "4", 7)];
        assert_eq!(pairs(text), expected.map(|(key, value, line)| (key.to_owned(), value.to_owned(), line)));
        // A continuation may look like a comment, and is none.
        assert_eq!(one("a=1\\\n#2"), ("a".into(), "1#2".into()));
    }

    #[test]
    fn escapes() {
        assert_eq!(one(r"a=shop\\.orders\t\u00e9\ud83d\ude00\q"), ("a".into(), "shop\\.orders\té😀q".into()));
        for text in [r"a=\u12", r"a=\uzzzz", r"a=\ud83d"] {
            assert_eq!(read(text).faults.len(), 1, "{text}");
        }
    }
}
