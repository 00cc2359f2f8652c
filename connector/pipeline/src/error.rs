//! What went wrong, twice: a [`Problem`] for a person (code, what, where, why, fix) and a [`Next`] for the machine.
//!
//! Invariants: an operator-facing error has one code and always a next step; no text in it holds a secret.

use std::fmt;

/// What happens after a failure; the runtime has one table that maps each to an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same call may succeed: try it again with back-off.
    Retry,
    /// The connection or cursor is gone: open it again at the position held in memory.
    Reconnect,
    /// The cluster time asked for can't be read any more, or not yet: take a new frontier.
    NewTime,
    /// State in memory can't be trusted: new producer, read the offsets topic again, rebuild the lane from it.
    Rebuild,
    /// Another run owns the lane: leave without writing anything.
    Leave,
    /// A definite error: stop the connector and say so. Never retried.
    Halt,
}

/// An operator-facing error: five lines, one code, always a next step.
#[derive(Clone, Debug)]
pub struct Problem {
    /// For example `MOOR-2003`; each code has a page in `docs/errors/`.
    pub code: &'static str,
    /// What is wrong, in one line, lower case, no full stop.
    pub what: String,
    /// Where: file and line, collection and `_id`, host.
    pub place: String,
    /// Why it matters or how it comes about.
    pub why: String,
    /// What to do; one entry a line.
    pub fix: Vec<String>,
}

impl Problem {
    /// A problem with all its parts; `fix` is split at line ends.
    pub fn new(
        code: &'static str,
        what: impl Into<String>,
        place: impl Into<String>,
        why: impl Into<String>,
        fix: impl AsRef<str>,
    ) -> Self {
        Self {
            code,
            what: what.into(),
            place: place.into(),
            why: why.into(),
            fix: fix.as_ref().lines().map(str::to_owned).collect(),
        }
    }
}

impl fmt::Display for Problem {
    /// The five lines of `error CODE what / where / why / fix / help`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error {}  {}", self.code, self.what)?;
        writeln!(f, "  where  {}", self.place)?;
        writeln!(f, "  why    {}", self.why)?;
        for (line, text) in self.fix.iter().enumerate() {
            writeln!(f, "  {}    {}", if line == 0 { "fix" } else { "   " }, text)?;
        }
        write!(f, "  help   moorline explain {}", self.code)
    }
}

impl std::error::Error for Problem {}

/// A failure that crosses a crate's border: the problem, and what happens next.
#[derive(Debug)]
pub struct Failure {
    /// What the caller does now.
    pub next: Next,
    /// What a person is told if it ends here.
    pub problem: Box<Problem>,
}

impl Failure {
    /// A failure of the given kind.
    pub fn new(next: Next, problem: Problem) -> Self {
        Self { next, problem: Box::new(problem) }
    }
    /// A definite failure.
    pub fn halt(problem: Problem) -> Self {
        Self::new(Next::Halt, problem)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.problem, f)
    }
}

impl std::error::Error for Failure {}

/// The result of whatever can fail across a crate's border.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
