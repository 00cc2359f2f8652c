//! One table from what the driver and the server say to a code for people and a [`Next`] for the machine.
//!
//! Invariants: a lost history, a missing right and an event that is too large are definite (`Halt`); a lost connection
//! or cursor is `Reconnect`; a time that can't be read is `NewTime`; what is not in the table is `Retry`, so that a
//! transient error of a server newer than this table never stops a lane.

mod table;

use mongodb::error::{Error, ErrorKind};
use moorline_pipeline::error::{Failure, Next, Problem};

use table::{AGAIN, GHOST, GONE, Row, SETTINGS, STANDALONE};

/// What the failed command was for: the same error can mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A change stream's `aggregate` or `getMore`.
    Stream,
    /// A read at a cluster time.
    Snapshot,
    /// Anything else.
    Other,
}

/// Most characters of a server's message that are shown.
const MOST_WORDS: usize = 300;

/// What follows from a driver's error. `place` is shown as it is, so it holds no secret.
pub(crate) fn failure(error: &Error, call: Call, place: &str) -> Failure {
    let Row(code, next, what, fix) = table::row(error, call);
    if let ErrorKind::Command(command) = &*error.kind
        && let Some((verb, database)) = forbidden(&command.message)
    {
        return not_allowed(verb, database, place);
    }
    // A stream is not repeated in place: whatever is not definite, it is opened again where it stood.
    let next = if call == Call::Stream && next != Next::Halt { Next::Reconnect } else { next };
    Failure::new(next, Problem::new(code, what, place, words(error), fix))
}

/// Command and database of "not authorized on DB to execute command { VERB: ...". The rest quotes the whole command,
/// data and all, and is shown to nobody.
fn forbidden(message: &str) -> Option<(&str, &str)> {
    let (database, command) = message.strip_prefix("not authorized on ")?.split_once(" to execute command { ")?;
    Some((command.split_once(':')?.0, database))
}

fn not_allowed(verb: &str, database: &str, place: &str) -> Failure {
    let user = place.split_once("://").and_then(|(_, rest)| rest.split_once(":***@")).map_or("", |(user, _)| user);
    let role = if database == "admin" { "readAnyDatabase" } else { "read" };
    Failure::halt(Problem::new(
        "MOOR-2011",
        format!("user `{user}` may not run {verb} on database `{database}`"),
        place,
        "change streams and reads need find and changeStream; a stream over several databases needs them on all",
        format!("db.grantRolesToUser(\"{user}\", [{{role: \"{role}\", db: \"{database}\"}}])"),
    ))
}

/// The code of the server's error, 0 where it is none of a server.
pub(crate) fn code(error: &Error) -> i32 {
    match &*error.kind {
        ErrorKind::Command(command) => command.code,
        _ => 0,
    }
}

/// The server's own words, cut before they become a page: some messages quote the command with its data.
pub(crate) fn words(error: &Error) -> String {
    match &*error.kind {
        ErrorKind::Command(c) => {
            let short: String = c.message.chars().take(MOST_WORDS).collect();
            let more = if short.len() < c.message.len() { "..." } else { "" };
            format!("{short}{more} ({} {})", c.code, c.code_name)
        }
        other => other.to_string(),
    }
}

/// No answer within the limit: the connection may be half open.
pub(crate) fn silent(place: &str, seconds: u64) -> Failure {
    let Row(code, next, what, fix) = GONE;
    Failure::new(next, Problem::new(code, what, place, format!("no answer within {seconds} s"), fix))
}

/// The server ended the cursor, as it does after an invalidate.
pub(crate) fn ended(place: &str) -> Failure {
    let Row(code, next, what, fix) = GONE;
    Failure::new(next, Problem::new(code, what, place, "the server closed the change stream's cursor", fix))
}

/// A reply that lacks what every server sends.
pub(crate) fn malformed(place: &str, what: &str) -> Failure {
    let Row(code, next, title, fix) = AGAIN;
    Failure::new(next, Problem::new(code, title, place, format!("a reply is malformed: {what}"), fix))
}

/// A server that is no replica set.
pub(crate) fn standalone(place: &str) -> Failure {
    let Row(code, next, what, fix) = STANDALONE;
    let why = "change streams and snapshot reads need the oplog of a replica set";
    Failure::new(next, Problem::new(code, what, place, why, fix))
}

/// A member of a replica set that has no configuration, or not yet.
pub(crate) fn not_initiated(place: &str) -> Failure {
    let Row(code, next, what, fix) = GHOST;
    Failure::new(next, Problem::new(code, what, place, "the server names no set", fix))
}

/// Settings that the driver refuses. `why` was scrubbed by the caller.
pub(crate) fn settings(place: &str, why: &str) -> Failure {
    let Row(code, next, what, fix) = SETTINGS;
    Failure::new(next, Problem::new(code, what, place, why, fix))
}

/// A view, a time series or a system collection that was named.
pub(crate) fn not_capturable(name: &str, kind: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-2013",
        format!("{name} is a {kind} and can't be captured"),
        "collection.include.list",
        "it has no change stream of its own",
        "name the collection that it is made from",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_without_the_command() {
        let message = "not authorized on shop to execute command { find: \"orders\", filter: { _id: \"secret\" } }";
        assert_eq!(forbidden(message), Some(("find", "shop")));
        let failure = not_allowed("find", "shop", "mongodb://moorline:***@h/");
        assert_eq!(failure.problem.what, "user `moorline` may not run find on database `shop`");
        assert_eq!(failure.problem.fix, [r#"db.grantRolesToUser("moorline", [{role: "read", db: "shop"}])"#]);
        let failure = not_allowed("aggregate", "admin", "mongodb://moorline:***@h/");
        let expected = r#"db.grantRolesToUser("moorline", [{role: "readAnyDatabase", db: "admin"}])"#;
        assert_eq!(failure.problem.fix, [expected]);
    }
}
