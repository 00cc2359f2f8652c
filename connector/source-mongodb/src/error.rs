//! One table from what the driver and the server say to a code for people and a [`Next`] for the machine.
//!
//! Invariants: a lost history, a missing right and an event that is too large are definite (`Halt`); a lost connection
//! or cursor is `Reconnect`; a time that can't be read is `NewTime`; what is not in the table is `Retry`, so that a
//! transient error of a server newer than this table never stops a lane.

use mongodb::error::{Error, ErrorKind};
use moorline_pipeline::error::{Failure, Next, Problem};

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

/// A row's verdict.
struct Row(&'static str, Next, &'static str, &'static str);

const LOST: Row = Row(
    "MOOR-2003",
    Next::Halt,
    "the resume token is no longer in the oplog",
    "gap.policy=resnapshot  re-reads the collections and deletes what vanished\n\
     gap.policy=accept      goes on and records the gap in an anchor; sinks keep ghosts",
);
const RIGHTS: Row = Row(
    "MOOR-2011",
    Next::Halt,
    "the user may not do what a source needs",
    "db.grantRolesToUser(<user>, [{role: \"read\", db: <database>}]), and check mongodb.authsource",
);
const LARGE: Row = Row(
    "MOOR-2012",
    Next::Halt,
    "an event is over 16 MB, and this server can't split it",
    "capture.images=boundary  sends updates without their document\n\
     a server from 6.0.9 or 7.0 splits such events",
);
const NO_TIME: Row = Row(
    "MOOR-2007",
    Next::NewTime,
    "the source can't be read at this cluster time",
    "nothing: a newer time is taken; if it repeats, raise minSnapshotHistoryWindowInSeconds",
);
const GONE: Row =
    Row("MOOR-2001", Next::Reconnect, "the connection to the source was lost", "check the hosts, the network and TLS");
const AGAIN: Row =
    Row("MOOR-2002", Next::Retry, "the source could not answer", "nothing: the call is repeated after a pause");
const REFUSED: Row = Row(
    "MOOR-2014",
    Next::Halt,
    "the source refuses a command",
    "check the patterns of collection.include.list and that the server is 6.0 or newer",
);
const STANDALONE: Row = Row(
    "MOOR-2009",
    Next::Halt,
    "the source is not a replica set",
    "start mongod with --replSet and run rs.initiate()",
);
const SETTINGS: Row =
    Row("MOOR-2004", Next::Halt, "the connection settings are not understood", "correct the settings");

/// What follows from a driver's error. `place` is shown as it is, so it holds no secret.
pub(crate) fn failure(error: &Error, call: Call, place: &str) -> Failure {
    let Row(code, next, what, fix) = row(error, call);
    Failure::new(next, Problem::new(code, what, place, words(error), fix))
}

/// The code of the server's error, 0 where it is none of a server.
pub(crate) fn code(error: &Error) -> i32 {
    match &*error.kind {
        ErrorKind::Command(command) => command.code,
        _ => 0,
    }
}

/// The server's own words.
pub(crate) fn words(error: &Error) -> String {
    match &*error.kind {
        ErrorKind::Command(c) => format!("{} ({} {})", c.message, c.code, c.code_name),
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

fn row(error: &Error, call: Call) -> Row {
    match &*error.kind {
        ErrorKind::Command(command) => by_code(command.code, &command.code_name, call)
            .unwrap_or_else(|| if error.contains_label("ResumableChangeStreamError") { GONE } else { AGAIN }),
        ErrorKind::Authentication { .. } => RIGHTS,
        // A member that was never initiated answers as a "ghost", and is never selected.
        ErrorKind::ServerSelection { message, .. } if message.to_ascii_lowercase().contains("ghost") => STANDALONE,
        ErrorKind::InvalidArgument { .. } | ErrorKind::InvalidTlsConfig { .. } => SETTINGS,
        ErrorKind::IncompatibleServer { .. } | ErrorKind::SessionsNotSupported => REFUSED,
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::InvalidResponse { .. }
        | ErrorKind::Shutdown => GONE,
        _ => AGAIN,
    }
}

fn by_code(code: i32, name: &str, call: Call) -> Option<Row> {
    Some(match (code, name) {
        // ChangeStreamFatalError, ChangeStreamHistoryLost, InvalidResumeToken.
        (280 | 286 | 260, _) if call == Call::Stream => LOST,
        (13 | 18, _) => RIGHTS,
        (10334, _) | (_, "BSONObjectTooLarge") => LARGE,
        // SnapshotTooOld, SnapshotUnavailable.
        (239 | 246, _) | (_, "StaleChunkHistory" | "MigrationConflict") => NO_TIME,
        // MaxTimeMSExpired, ExceededTimeLimit, QueryPlanKilled.
        (50 | 262 | 175, _) if call == Call::Snapshot => NO_TIME,
        // HostUnreachable, HostNotFound, NetworkTimeout, SocketException, then states of a member that steps down,
        // recovers or shuts down.
        (6 | 7 | 89 | 9001 | 91 | 189 | 11600 | 11602 | 10107 | 13435 | 13436 | 10058, _) => GONE,
        // CursorNotFound, CursorKilled, RetryChangeStream, CloseChangeStream, stale routing, FailedToSatisfyReadPreference.
        (43 | 237 | 234 | 222 | 63 | 150 | 13388 | 133, _) => GONE,
        // BadValue, FailedToParse, TypeMismatch, CommandNotFound, InvalidOptions, InvalidNamespace, CommandNotSupported,
        // CommandNotSupportedOnView, unknown stage, unknown field, and patterns that don't compile.
        (2 | 9 | 14 | 59 | 72 | 73 | 115 | 166 | 40324 | 40415 | 51091 | 51108 | 51111, _) => REFUSED,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_happens_next() {
        let next = |code, name, call| by_code(code, name, call).map(|row| (row.0, row.1));
        assert_eq!(next(286, "", Call::Stream), Some(("MOOR-2003", Next::Halt)));
        assert_eq!(next(280, "", Call::Stream), Some(("MOOR-2003", Next::Halt)));
        assert_eq!(next(13, "", Call::Snapshot), Some(("MOOR-2011", Next::Halt)));
        assert_eq!(next(10334, "", Call::Stream), Some(("MOOR-2012", Next::Halt)));
        assert_eq!(next(246, "", Call::Snapshot), Some(("MOOR-2007", Next::NewTime)));
        assert_eq!(next(250, "StaleChunkHistory", Call::Snapshot), Some(("MOOR-2007", Next::NewTime)));
        assert_eq!(next(50, "", Call::Snapshot), Some(("MOOR-2007", Next::NewTime)));
        assert_eq!(next(50, "", Call::Other), None);
        assert_eq!(next(43, "", Call::Stream), Some(("MOOR-2001", Next::Reconnect)));
        assert_eq!(next(10107, "", Call::Other), Some(("MOOR-2001", Next::Reconnect)));
        assert_eq!(next(777, "", Call::Other), None);
    }
}
