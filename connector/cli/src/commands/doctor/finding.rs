//! A finding: what was found, how bad it is, and the commands that would mend it.
//!
//! Invariants: whatever is an error keeps a run from starting, or will stop it; a command is complete: it can be copied
//! and run by whoever may, and holds no secret.

use moorline_pipeline::error::Problem;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// A run does not start, or will stop.
    Error,
    /// A run goes on until something happens that can be foreseen.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// As it is printed.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Area {
    /// The configuration file.
    Configuration,
    /// MongoDB.
    Source,
    /// What is captured.
    Data,
    /// The brokers.
    Kafka,
    /// The topics.
    Topics,
    /// The registry.
    Registry,
    /// The contract files.
    Contracts,
}

impl Area {
    /// As it is printed.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Source => "source",
            Self::Data => "data",
            Self::Kafka => "kafka",
            Self::Topics => "topics",
            Self::Registry => "registry",
            Self::Contracts => "contracts",
        }
    }
}

/// Where a command is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    /// MongoDB's shell.
    Mongosh,
    /// A shell of the system.
    Shell,
}

impl Tool {
    /// As it is printed.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Mongosh => "mongosh",
            Self::Shell => "sh",
        }
    }
}

/// A command that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Command {
    /// Where it is typed.
    pub(super) tool: Tool,
    /// What is typed.
    pub(super) text: String,
}

/// A finding.
#[derive(Debug)]
pub(super) struct Finding {
    /// How bad it is.
    pub(super) severity: Severity,
    /// What it is about.
    pub(super) area: Area,
    /// Code, what, where, why, fix.
    pub(super) problem: Problem,
    /// What would mend it.
    pub(super) commands: Vec<Command>,
}

impl Finding {
    /// A finding without commands.
    pub(super) fn new(severity: Severity, area: Area, problem: Problem) -> Self {
        Self { severity, area, problem, commands: Vec::new() }
    }
    /// An error.
    pub(super) fn error(area: Area, problem: Problem) -> Self {
        Self::new(Severity::Error, area, problem)
    }
    /// A warning.
    pub(super) fn warning(area: Area, problem: Problem) -> Self {
        Self::new(Severity::Warning, area, problem)
    }
    /// A note.
    pub(super) fn note(area: Area, problem: Problem) -> Self {
        Self::new(Severity::Note, area, problem)
    }
    /// With a command for MongoDB's shell.
    pub(super) fn mongosh(mut self, text: impl Into<String>) -> Self {
        self.commands.push(Command { tool: Tool::Mongosh, text: text.into() });
        self
    }
    /// With a command for a shell.
    pub(super) fn shell(mut self, text: impl Into<String>) -> Self {
        self.commands.push(Command { tool: Tool::Shell, text: text.into() });
        self
    }
}

/// Names in a sentence: the first few, and how many more there are.
pub(super) fn some_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 4;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
