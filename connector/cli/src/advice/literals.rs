//! The texts in quotes of a Rust source, with their lines.
//!
//! Invariants: comments hold no texts; a module of tests, which stands last in a file, is left out.

/// Line and content of each literal, escapes resolved as far as a reader sees them.
pub(super) fn of(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while let Some(letter) = source[at..].chars().next() {
        let rest = &source[at..];
        if rest.starts_with("#[cfg(test)]\nmod ") && rest.lines().nth(1).is_some_and(|next| next.ends_with('{')) {
            break;
        }
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some((hashes, body)) = raw(rest).filter(|_| !source[..at].ends_with(is_name)) {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = rest[body..].find(&end).unwrap_or(rest.len() - body);
            found.push((line, rest[body..body + length].to_owned()));
            (body + length + end.len()).min(rest.len())
        } else if letter == '"' {
            let (text, length) = quoted(rest);
            found.push((line, text));
            length
        } else if letter == '\'' {
            character(rest)
        } else {
            letter.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    found
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// How many hashes a raw literal has, and where its content begins.
fn raw(rest: &str) -> Option<(usize, usize)> {
    let after = rest.strip_prefix('r')?;
    let content = after.trim_start_matches('#').strip_prefix('"')?;
    let body = rest.len() - content.len();
    Some((body - 2, body))
}

/// What a literal says, and how long it is with its quotes.
fn quoted(rest: &str) -> (String, usize) {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (text, at + 1),
            '\\' => match letters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, '\n')) => while letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {},
                Some((_, letter)) => text.push(letter),
                None => {}
            },
            letter => text.push(letter),
        }
    }
    (text, rest.len())
}

/// The length of a character in quotes; of a lifetime only its quote.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(1, |end| end + 4),
        Some(_) => letters.next().filter(|(_, letter)| *letter == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

#[test]
fn texts_are_found() {
    let source = "// \"no\"\nf('\"', '\\'', 'a: &'b str, \"one\\n\\\n   two \\\"q\\\"\");\nlet x = r#\"three \"x\"\"#;\nvar(\"\");\n\
                  #[cfg(test)]\nmod tests {\n    \"four\"\n}\n";
    let expected = [(2, "one\ntwo \"q\"".to_owned()), (4, "three \"x\"".to_owned()), (5, String::new())];
    assert_eq!(of(source), expected);
}
