//! Regular expressions in lists: how they are parted, and whether they can be meant.
//!
//! Include and exclude lists are matched by the server, whose PCRE knows more than the engine here. A pattern that is
//! broken in any dialect is a mistake; one that only the engine here can't read is doubtful, and the server decides.

use regex::Regex;

/// What is thought of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Any engine can read it.
    Good,
    /// The server may be able to read it.
    Doubtful(String),
    /// Nobody can.
    Bad(String),
}

/// Complaints of the engine that hold in PCRE too.
const BROKEN: [&str; 6] = [
    "unclosed group",
    "unopened group",
    "unclosed character class",
    "incomplete escape sequence",
    "repetition operator missing expression",
    "invalid character class range",
];

/// Judges a pattern.
pub(crate) fn check(pattern: &str) -> Verdict {
    let Err(error) = Regex::new(pattern) else { return Verdict::Good };
    // The last line of a syntax error says what is wrong; those before it show the pattern.
    let text = error.to_string();
    let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ").trim().to_owned();
    if BROKEN.iter().any(|broken| why.contains(broken)) { Verdict::Bad(why) } else { Verdict::Doubtful(why) }
}

/// Patterns with commas between them; `\,` is a comma within one, as Debezium has it.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut list = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(last) = list.last_mut() else { break };
        match letter {
            '\\' if letters.peek() == Some(&',') => last.extend(letters.next()),
            '\\' => {
                last.push(letter);
                last.extend(letters.next());
            }
            ',' => list.push(String::new()),
            _ => last.push(letter),
        }
    }
    list.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_patterns_unless_escaped() {
        assert_eq!(split(r"a\.b, c\.d{1\,2},,\\"), [r"a\.b", r"c\.d{1,2}", r"\\"]);
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(split("\\"), ["\\"]);
    }

    #[test]
    fn only_what_is_broken_everywhere_is_a_mistake() {
        assert_eq!(check(r"shop\.orders"), Verdict::Good);
        for pattern in ["shop.(a", "shop.a)", "shop.[a", "*"] {
            assert!(matches!(check(pattern), Verdict::Bad(_)), "{pattern}");
        }
        for pattern in ["shop.(?!x).*", r"shop.(a)\1", "shop.(?>a)"] {
            assert!(matches!(check(pattern), Verdict::Doubtful(_)), "{pattern}: {:?}", check(pattern));
        }
    }
}
