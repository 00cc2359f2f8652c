//! What is said on standard output (results) and on standard error (progress).
//!
//! Invariant: a reader that has left, such as `head`, ends no command. `println!` would panic then, and leave servers
//! running that a command has started; what nobody reads is dropped instead. Clippy holds that nothing prints otherwise.

use std::fmt::Arguments;
use std::io::{self, Write};

/// A line of the result.
macro_rules! say {
    ($($word:tt)*) => { $crate::output::result(format_args!($($word)*)) };
}

/// A line about what is going on.
macro_rules! note {
    ($($word:tt)*) => { $crate::output::progress(format_args!($($word)*)) };
}

/// Writes a line to standard output.
pub(crate) fn result(line: Arguments<'_>) {
    // One write a line, so that lines of several threads do not mix.
    let _ = io::stdout().write_all(format!("{line}\n").as_bytes());
}

/// Writes a line to standard error.
pub(crate) fn progress(line: Arguments<'_>) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
