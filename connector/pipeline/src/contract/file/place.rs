//! Where in a JSON text each value stands: line and column by JSON pointer, and names that stand twice in an object.
//!
//! Invariant: only called with text that a JSON parser has taken, so whatever is odd here is skipped, not reported.

use std::collections::BTreeMap;

/// Places in a text.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Line and column, both from 1, by pointer.
    at: BTreeMap<String, (u32, u32)>,
    /// Pointers of members whose name the object had before.
    pub(super) twice: Vec<String>,
}

struct Scanner<'a> {
    rest: std::str::Chars<'a>,
    line: u32,
    column: u32,
    places: Places,
}

impl Places {
    /// Of a valid JSON text.
    pub(super) fn of(text: &str) -> Self {
        let mut scanner = Scanner { rest: text.chars(), line: 1, column: 1, places: Self::default() };
        scanner.value("");
        scanner.places
    }

    /// Where the value at a pointer begins, else what it stands in.
    pub(super) fn get(&self, pointer: &str) -> (u32, u32) {
        let mut pointer = pointer;
        loop {
            match (self.at.get(pointer), pointer.rsplit_once('/')) {
                (Some(place), _) => return *place,
                (None, Some((above, _))) => pointer = above,
                (None, None) => return (1, 1),
            }
        }
    }
}

/// A name as a step of a JSON pointer.
pub(crate) fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest.next()?;
        if letter == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(letter)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|letter| letter.is_whitespace() || letter == ',' || letter == ':') {
            self.next();
        }
    }

    fn value(&mut self, pointer: &str) {
        self.space();
        self.places.at.insert(pointer.to_owned(), (self.line, self.column));
        match self.peek() {
            Some('{') => self.object(pointer),
            Some('[') => self.array(pointer),
            Some('"') => {
                self.string();
            }
            _ => {
                while self.peek().is_some_and(|letter| !matches!(letter, ',' | '}' | ']') && !letter.is_whitespace()) {
                    self.next();
                }
            }
        }
    }

    fn object(&mut self, pointer: &str) {
        self.next();
        let mut names = std::collections::BTreeSet::new();
        loop {
            self.space();
            if self.peek() != Some('"') {
                self.next();
                return;
            }
            let pointer = format!("{pointer}/{}", step(&self.string()));
            if !names.insert(pointer.clone()) {
                self.places.twice.push(pointer.clone());
            }
            self.value(&pointer);
        }
    }

    fn array(&mut self, pointer: &str) {
        self.next();
        for index in 0.. {
            self.space();
            if matches!(self.peek(), Some(']') | None) {
                self.next();
                return;
            }
            self.value(&format!("{pointer}/{index}"));
        }
    }

    fn string(&mut self) -> String {
        let mut raw = String::new();
        raw.extend(self.next());
        while let Some(letter) = self.next() {
            raw.push(letter);
            match letter {
                '\\' => raw.extend(self.next()),
                '"' => break,
                _ => {}
            }
        }
        serde_json::from_str(&raw).unwrap_or(raw)
    }
}
