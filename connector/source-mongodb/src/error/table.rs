//! The table itself: which error is which verdict.
//!
//! Invariant: every verdict of this crate on an error of the driver or the server stands here.

use mongodb::error::{Error, ErrorKind};
use moorline_pipeline::error::Next;

use super::Call;

/// A verdict: code, what happens next, what is wrong, what to do.
pub(crate) struct Row(pub(crate) &'static str, pub(crate) Next, pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const LOST: Row = Row(
    "MOOR-2003",
    Next::Halt,
    "the resume token is no longer in the oplog",
    "gap.policy=stop ends here: changes since the stored position can't be had\n\
     begin a new export: another name and topic.prefix\n\
     a larger oplog (replSetResizeOplog) keeps it from happening again",
);
pub(crate) const RIGHTS: Row = Row(
    "MOOR-2011",
    Next::Halt,
    "the user may not do what a source needs",
    "db.grantRolesToUser(<user>, [{role: \"read\", db: <database>}]), and check mongodb.authsource",
);
pub(crate) const LOGIN: Row = Row(
    "MOOR-2011",
    Next::Halt,
    "the source does not accept the user",
    "check mongodb.user, mongodb.password and mongodb.authsource",
);
pub(crate) const LARGE: Row = Row(
    "MOOR-2012",
    Next::Halt,
    "a change does not fit into an event of 16 MB",
    "capture.mode.full.update.type=boundary, the default, has updates come without their document\n\
     if the event itself can't pass, begin a new export past it: another name and topic.prefix",
);
pub(crate) const NO_TIME: Row = Row(
    "MOOR-2007",
    Next::NewTime,
    "the source can't be read at this cluster time",
    "nothing: a newer time is taken; if it repeats, raise minSnapshotHistoryWindowInSeconds",
);
pub(crate) const GONE: Row = Row(
    "MOOR-2001",
    Next::Reconnect,
    "the connection to the source was lost",
    "check the hosts, the network, TLS and the name of the replica set",
);
pub(crate) const AGAIN: Row =
    Row("MOOR-2002", Next::Retry, "the source could not answer", "nothing: the call is repeated after a pause");
pub(crate) const REFUSED: Row = Row(
    "MOOR-2014",
    Next::Halt,
    "the source refuses a command",
    "check the patterns of collection.include.list and that the server is 6.0 or newer",
);
pub(crate) const STANDALONE: Row = Row(
    "MOOR-2009",
    Next::Halt,
    "the source is not a replica set",
    "start mongod with --replSet and run rs.initiate()",
);
/// Not definite: a member that starts answers like one that was never initiated.
pub(crate) const GHOST: Row = Row(
    "MOOR-2009",
    Next::Reconnect,
    "the replica set is not initiated, or its member still starts",
    "run rs.initiate() once, if it never was",
);
pub(crate) const SETTINGS: Row =
    Row("MOOR-2004", Next::Halt, "the connection settings are not understood", "correct the settings");

pub(super) fn row(error: &Error, call: Call) -> Row {
    match &*error.kind {
        ErrorKind::Command(command) => by_code(command.code, &command.code_name, call)
            .unwrap_or_else(|| if error.contains_label("ResumableChangeStreamError") { GONE } else { AGAIN }),
        ErrorKind::Authentication { .. } => LOGIN,
        ErrorKind::ServerSelection { message, .. } if message.to_ascii_lowercase().contains("ghost") => GHOST,
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
        (13, _) => RIGHTS,
        (18, _) => LOGIN,
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
