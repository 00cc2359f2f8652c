//! What is wrong in a configuration, for a person: one code, what, where, why, and always a next step.
//!
//! Invariant: no text in it holds a secret, nor any value that came from a placeholder.

use std::fmt;

/// A mistake, or, among the warnings, something that is accepted and has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// One of [`codes`](crate::codes); each has a page in `docs/errors`.
    pub code: &'static str,
    /// What is wrong, in one line, lower case, no full stop.
    pub what: String,
    /// `file:line`.
    pub place: String,
    /// Why it matters.
    pub why: String,
    /// What to do; one entry a line.
    pub fix: Vec<String>,
}

impl fmt::Display for Mistake {
    /// The five lines of `spec/cli.md`, without the word `error` or `warning` before them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.code, self.what)?;
        writeln!(f, "  where  {}", self.place)?;
        writeln!(f, "  why    {}", self.why)?;
        for (line, text) in self.fix.iter().enumerate() {
            writeln!(f, "  {}    {}", if line == 0 { "fix" } else { "   " }, text)?;
        }
        write!(f, "  help   moorline explain {}", self.code)
    }
}

impl std::error::Error for Mistake {}
