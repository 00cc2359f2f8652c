//! Verdicts on the server: what kind it is, how old, how far back it reads, what time it has.

use std::time::Duration;

use moorline_pipeline::error::Problem;
use moorline_source_mongodb::ServerFacts;

use super::facts::SourceFacts;
use super::finding::{Area, Finding};

/// The oldest server that is supported.
const OLDEST: (u32, u32) = (6, 0);
/// A history window that leaves a chunk's read and its waits time enough.
const SHORT_HISTORY: Duration = Duration::from_secs(60);
const DEFAULT_HISTORY: u64 = 300;
/// How far apart clocks may be before times in records mislead.
const SKEW_MS: i64 = 5_000;

/// All verdicts on the server.
pub(super) fn verdicts(facts: &SourceFacts, place: &str) -> Vec<Finding> {
    let server = &facts.server;
    let mut found = Vec::new();
    found.extend(standalone(server, place));
    found.extend(version(server, place));
    found.extend(history(server, place));
    found.extend(clock("the server", server.clock_ms, place));
    if let Err(problem) = &facts.preference {
        found.push(preference(server, place, &problem.why));
    }
    found
}

/// Whether there is a set, so that the rest can be asked at all.
pub(super) fn is_set(server: &ServerFacts) -> bool {
    server.set.is_some() || server.sharded
}

fn standalone(server: &ServerFacts, place: &str) -> Option<Finding> {
    if is_set(server) {
        return None;
    }
    if server.uninitiated {
        let problem = Problem::new(
            "MOOR-2009",
            "the replica set is not initiated",
            place,
            "the server was started with a set's name, and knows no members",
            "rs.initiate(), once",
        );
        return Some(Finding::error(Area::Source, problem).mongosh("rs.initiate()"));
    }
    let problem = Problem::new(
        "MOOR-2009",
        "the source is not a replica set",
        place,
        "change streams and reads at a cluster time need the oplog of a replica set",
        "start mongod with --replSet rs0 and the same --dbpath, then rs.initiate(); its data stays",
    );
    let finding = Finding::error(Area::Source, problem);
    Some(finding.shell("mongod --replSet rs0 --dbpath PATH --port PORT").mongosh("rs.initiate()"))
}

fn version(server: &ServerFacts, place: &str) -> Option<Finding> {
    let running = major(&server.version)?;
    if running < OLDEST {
        let problem = Problem::new(
            "MOOR-2031",
            format!("the server is version {}", server.version),
            place,
            "versions before 6.0 have no pre-images and no expiry of them, and are not tested",
            "upgrade the cluster to 6.0 or newer",
        );
        return Some(Finding::error(Area::Source, problem));
    }
    let compatibility = server.compatibility.as_deref()?;
    if major(compatibility)? >= running {
        return None;
    }
    let (first, second) = running;
    let confirm = if first >= 7 { ", confirm: true" } else { "" };
    let problem = Problem::new(
        "MOOR-2031",
        format!("the server is version {}, and its data is kept compatible with {compatibility}", server.version),
        place,
        "an upgrade was not finished: what the newer version brings is switched off",
        "once the upgrade is there to stay, raise the feature compatibility version",
    );
    Some(
        Finding::warning(Area::Source, problem)
            .mongosh(format!("db.adminCommand({{setFeatureCompatibilityVersion: \"{first}.{second}\"{confirm}}})")),
    )
}

fn major(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn history(server: &ServerFacts, place: &str) -> Option<Finding> {
    let window = server.history_window.filter(|window| *window < SHORT_HISTORY)?;
    let problem = Problem::new(
        "MOOR-2033",
        format!("snapshot reads reach back {} s only", window.as_secs()),
        place,
        "a chunk is read at one cluster time; if the server forgets that time before the read is done, the chunk is \
         read again at a newer one, and a slow collection may never get through",
        "set minSnapshotHistoryWindowInSeconds to its default or more, on all members",
    );
    Some(
        Finding::warning(Area::Source, problem).mongosh(format!(
            "db.adminCommand({{setParameter: 1, minSnapshotHistoryWindowInSeconds: {DEFAULT_HISTORY}}})"
        )),
    )
}

/// `[before, there, after]`: this machine's clock before and after another one was read.
fn clock(whose: &str, [before, there, after]: [i64; 3], place: &str) -> Option<Finding> {
    let middle = before + (after - before) / 2;
    let (apart, unsure) = (there - middle, (after - before) / 2);
    if apart.abs() - unsure <= SKEW_MS {
        return None;
    }
    let (seconds, word) = (apart.abs() / 1000, if apart > 0 { "ahead of" } else { "behind" });
    let problem = Problem::new(
        "MOOR-2038",
        format!("{whose}'s clock is {seconds} s {word} this machine's"),
        place,
        "delays, ages and times in records compare the two clocks; order and exactness do not rest on them",
        "let all machines follow the same time servers (NTP)",
    );
    Some(Finding::warning(Area::Source, problem).shell("timedatectl set-ntp true"))
}

fn preference(server: &ServerFacts, place: &str, why: &str) -> Finding {
    let mode = server.preference.as_deref().unwrap_or("primary");
    let problem = Problem::new(
        "MOOR-2039",
        format!("no member answers that fits readPreference={mode}"),
        place,
        format!(
            "{} member(s) hold data; snapshots and the stream would wait for one that fits: {why}",
            server.members.len()
        ),
        "mongodb.connection.string: readPreference=secondaryPreferred, or take it out\n\
         or bring a member up that fits, its tags included",
    );
    Finding::error(Area::Source, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str, compatibility: &str) -> ServerFacts {
        ServerFacts {
            version: version.into(),
            compatibility: Some(compatibility.into()),
            set: Some("rs0".into()),
            ..ServerFacts::default()
        }
    }

    #[test]
    fn versions_are_numbers_and_not_text() {
        assert!(version(&server("7.0.14", "7.0"), "").is_none());
        assert!(version(&server("10.0.1", "10.0"), "").is_none());
        let half = version(&server("7.0.14", "6.0"), "").unwrap();
        assert!(half.commands[0].text.contains("\"7.0\", confirm: true"), "{half:?}");
        assert!(version(&server("5.0.9", "5.0"), "").unwrap().problem.what.contains("5.0.9"));
        assert!(version(&server("", ""), "").is_none());
    }

    #[test]
    fn a_clock_is_judged_by_what_is_certain() {
        assert!(clock("x", [0, 4_000, 10], "").is_none());
        let ahead = clock("the server", [0, 60_000, 10], "").unwrap();
        assert!(ahead.problem.what.contains("59 s ahead of"), "{}", ahead.problem.what);
        assert!(clock("x", [100_000, 40_000, 100_000], "").unwrap().problem.what.contains("60 s behind"));
        // The answer took eight seconds: nobody knows when in them the clock was read.
        assert!(clock("x", [0, 8_000, 8_000], "").is_none());
    }

    #[test]
    fn a_server_alone_is_an_error_and_a_short_history_a_warning() {
        let alone = ServerFacts { version: "7.0.1".into(), ..ServerFacts::default() };
        assert_eq!(standalone(&alone, "").unwrap().problem.code, "MOOR-2009");
        assert!(standalone(&server("7.0", "7.0"), "").is_none());
        let mut short = server("7.0", "7.0");
        short.history_window = Some(Duration::from_secs(5));
        assert_eq!(history(&short, "").unwrap().problem.code, "MOOR-2033");
        short.history_window = Some(Duration::from_secs(300));
        assert!(history(&short, "").is_none());
    }
}
