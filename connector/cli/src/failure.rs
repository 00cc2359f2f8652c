//! How a command ends: exit codes, and the one place where an error is printed.
//!
//! Invariants: an error is printed once, in five lines; its code decides the exit code; a closed stdout is no error of
//! ours; a panic is called a bug and never blamed on the user.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use moorline_pipeline::error::{Failure, Problem};

use crate::messages;

/// What a process answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, or stopped cleanly by SIGTERM.
    Done,
    /// 1: a finding, or an operation that failed.
    Finding,
    /// 2: usage or configuration.
    Usage,
    /// 3: a system could not be reached.
    Unreachable,
    /// 4: refused for safety.
    Refused,
    /// 5: it can't be proven either way.
    Unproven,
    /// 130: stopped cleanly by Ctrl-C.
    Interrupted,
}

impl Exit {
    /// As a number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Finding => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::Unproven => 5,
            Self::Interrupted => 130,
        }
    }

    /// For `main`.
    pub(crate) fn code(self) -> ExitCode {
        self.number().into()
    }

    /// What an error's code means for scripts.
    pub(crate) fn of(code: &str) -> Self {
        match code {
            "MOOR-2001" | "MOOR-2002" | "MOOR-3001" | "MOOR-4001" | "MOOR-6130" | "MOOR-7032" => Self::Unreachable,
            // The demo's documents are where a flag says.
            "MOOR-7022" => Self::Usage,
            // Settings that are found wrong only when the driver or librdkafka looks at them.
            "MOOR-2004" | "MOOR-3003" | "MOOR-6135" | "MOOR-7036" | "MOOR-7037" => Self::Usage,
            // The snapshot would outlive the oplog; a contract that somebody may have edited, or files that
            // are there, would be overwritten.
            "MOOR-2010" | "MOOR-4008" | "MOOR-6125" | "MOOR-6141" => Self::Refused,
            _ if code.starts_with("MOOR-1") => Self::Usage,
            // A contract file is configuration too, and only a problem in such a file has a rule as its code.
            "MOOR-4005" | "MOOR-4009" | "MOOR-4011" => Self::Usage,
            _ if code.starts_with("MC") => Self::Usage,
            _ => Self::Finding,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failed {
    /// clap's word, which may also be the help that was asked for.
    Usage(clap::Error),
    /// Everything that is wrong, at least one.
    Problems(Vec<Problem>),
    /// stdout did not take the data.
    Output(io::Error),
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self::Problems(vec![*failure.problem])
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failed {
    /// Prints it, and gives what the process answers.
    pub(crate) fn tell(self) -> Exit {
        match self {
            Self::Usage(error) => {
                // Help that goes into a closed pipe has been read far enough.
                let _ = error.print();
                if error.exit_code() == 0 { Exit::Done } else { Exit::Usage }
            }
            Self::Problems(problems) => {
                problems.iter().for_each(messages::problem);
                problems.first().map_or(Exit::Finding, |problem| Exit::of(problem.code))
            }
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Output(error) => {
                messages::problem(&Problem::new(
                    "MOOR-7005",
                    "the answer can't be written",
                    "stdout",
                    error.to_string(),
                    "look at what stdout leads to: a full disk, or a terminal that is gone",
                ));
                Exit::Finding
            }
        }
    }
}

/// A panic is told in our form. A run goes on at its last commit, whatever it was in the middle of.
pub(crate) fn call_panics_bugs() {
    std::panic::set_hook(Box::new(|panic| {
        if moorline_export::format::is_guarded() {
            return;
        }
        let said = panic.payload();
        let text = said.downcast_ref::<&str>().copied().or(said.downcast_ref::<String>().map(String::as_str));
        let mut place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        if let Some(name) = std::thread::current().name() {
            let _ = write!(place, ", thread {name}");
        }
        messages::problem(&Problem::new(
            "MOOR-7002",
            "Moorline has panicked: this is a bug",
            place,
            text.unwrap_or("no message").to_owned(),
            "report it with this text and the log; what was committed stands, and the next start goes on there",
        ));
        // Only where RUST_BACKTRACE asks for it.
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            messages::note(&trace.to_string());
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_the_exit_code() {
        for (code, number) in [
            ("MOOR-1001", 2),
            ("MOOR-2001", 3),
            ("MOOR-7003", 1),
            ("MOOR-2010", 4),
            ("MOOR-6001", 1),
            ("MOOR-2015", 1),
            ("MOOR-3013", 1),
            // The registry is away; a contract file is wrong, with an error's code or a rule's.
            ("MOOR-4001", 3),
            ("MOOR-4005", 2),
            ("MOOR-4009", 2),
            ("MOOR-4011", 2),
            ("MC301", 2),
        ] {
            assert_eq!(Exit::of(code).number(), number, "{code}");
        }
    }
}
