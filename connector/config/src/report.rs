//! Mistakes and warnings as they are found, given back in the order of lines.

use crate::mistake::Mistake;
use crate::redaction::shown;

/// What was found in a file.
pub(crate) struct Report<'a> {
    place: &'a str,
    /// The last line of the file, where what is missing would stand.
    end: usize,
    mistakes: Vec<(usize, Mistake)>,
    warnings: Vec<(usize, Mistake)>,
}

impl<'a> Report<'a> {
    /// Nothing found yet in a text of that name.
    pub(crate) fn new(place: &'a str, text: &str) -> Self {
        Self { place, end: text.lines().count().max(1), mistakes: Vec::new(), warnings: Vec::new() }
    }

    /// The last line.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Something that stops the start.
    pub(crate) fn mistake(&mut self, line: usize, code: &'static str, what: String, why: &str, fix: Vec<String>) {
        let mistake = self.made(line, code, what, why, fix);
        self.mistakes.push((line, mistake));
    }

    /// Something that does not.
    pub(crate) fn warning(&mut self, line: usize, code: &'static str, what: String, why: &str, fix: Vec<String>) {
        let warning = self.made(line, code, what, why, fix);
        self.warnings.push((line, warning));
    }

    fn made(&self, line: usize, code: &'static str, what: String, why: &str, fix: Vec<String>) -> Mistake {
        Mistake { code, what, place: format!("{}:{line}", self.place), why: why.to_owned(), fix }
    }

    /// The warnings, or all mistakes if there is one.
    pub(crate) fn finish(self) -> Result<Vec<Mistake>, Vec<Mistake>> {
        let sorted = |mut list: Vec<(usize, Mistake)>| {
            list.sort_by_key(|(line, _)| *line);
            list.into_iter().map(|(_, mistake)| mistake).collect::<Vec<_>>()
        };
        if self.mistakes.is_empty() { Ok(sorted(self.warnings)) } else { Err(sorted(self.mistakes)) }
    }
}

/// A key in a message.
pub(crate) fn quoted(key: &str) -> String {
    format!("`{}`", shown(key))
}
