//! Verdicts on what the source lets its user do: what is needed, what helps, what is too much.

use moorline_pipeline::error::Problem;
use moorline_pipeline::source::Selection;
use moorline_source_mongodb::{UserFacts, databases, stream_database};

use super::facts::SourceFacts;
use super::finding::{Area, Finding, some_of};

/// What a source does with collections.
const NEEDED: [&str; 2] = ["find", "changeStream"];
/// What a source never does.
const NEVER: [&str; 3] = ["insert", "update", "remove"];

/// All verdicts on rights.
pub(super) fn verdicts(facts: &SourceFacts, selection: &Selection, place: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let user = match &facts.user {
        Ok(user) => user,
        Err(problem) => return vec![Finding::error(Area::Source, copy(problem))],
    };
    let missing = missing(user, selection, place);
    // What is answered counts more than what is computed: a try that failed is told where the rights do not explain it.
    let explained = [missing.as_ref().map(|_| "MOOR-2011"), facts.preference.as_ref().err().map(|_| "MOOR-2001")];
    found.extend(missing);
    for answer in [&facts.stream, &facts.read] {
        if let Err(problem) = answer
            && !explained.contains(&Some(problem.code))
            && !found.iter().any(|finding: &Finding| finding.problem.code == problem.code)
        {
            found.push(Finding::error(Area::Source, copy(problem)));
        }
    }
    found.extend(blind(facts, user, place));
    found.extend(too_much(user, selection, place));
    found
}

fn copy(problem: &Problem) -> Problem {
    let Problem { code, what, place, why, fix } = problem;
    Problem::new(code, what.clone(), place.clone(), why.clone(), fix.join("\n"))
}

fn missing(user: &UserFacts, selection: &Selection, place: &str) -> Option<Finding> {
    let (name, home) = user.users.first()?;
    let stream = stream_database(selection);
    let allowed = |database: Option<&str>, action: &str| user.privileges.iter().any(|p| p.covers(database, action));
    let streams = NEEDED.iter().all(|action| allowed(stream.as_deref(), action));
    let lacking: Vec<String> = databases(selection)
        .unwrap_or_default()
        .into_iter()
        .filter(|database| !NEEDED.iter().all(|action| allowed(Some(database), action)))
        .collect();
    if streams && lacking.is_empty() {
        return None;
    }
    let (what, why, roles) = match &stream {
        Some(database) => (
            format!("user `{name}` may not open a change stream on database `{database}`"),
            format!("command aggregate needs find and changeStream on {{ db: \"{database}\", collection: \"\" }}"),
            format!("{{role: \"read\", db: \"{database}\"}}"),
        ),
        None if !streams => (
            format!("user `{name}` may not open a change stream on the whole cluster"),
            "what is captured lies in several databases, or may: such a stream needs find and changeStream on \
             { db: \"\", collection: \"\" }"
                .to_owned(),
            "{role: \"readAnyDatabase\", db: \"admin\"}".to_owned(),
        ),
        None => (
            format!("user `{name}` may not read {}", some_of(lacking.iter().map(String::as_str))),
            "snapshots and look-ups need find on each of them".to_owned(),
            lacking.iter().map(|db| format!("{{role: \"read\", db: \"{db}\"}}")).collect::<Vec<_>>().join(", "),
        ),
    };
    let command = grant(name, home, &roles);
    Some(Finding::error(Area::Source, Problem::new("MOOR-2011", what, place, why, &command)).mongosh(command))
}

fn grant(name: &str, home: &str, roles: &str) -> String {
    format!("db.getSiblingDB(\"{home}\").grantRolesToUser(\"{name}\", [{roles}])")
}

/// What a source can do without, at a price.
fn blind(facts: &SourceFacts, user: &UserFacts, place: &str) -> Option<Finding> {
    let (name, home) = user.users.first()?;
    let mut unseen = Vec::new();
    if matches!(facts.log, Ok(None)) && !facts.server.sharded {
        unseen.push("the oplog's window");
    }
    if !facts.server.has_history_id {
        unseen.push("the set's id");
    }
    if facts.server.history_window.is_none() {
        unseen.push("the snapshot history window");
    }
    if unseen.is_empty() {
        return None;
    }
    let problem = Problem::new(
        "MOOR-2030",
        format!("user `{name}` may not see {}", unseen.join(", ")),
        place,
        "without them no forecast is held against the oplog, and a restored or foreign cluster is told by its name only",
        "give the user a role with these rights and no others",
    );
    let role = "db.getSiblingDB(\"admin\").createRole({role: \"moorlineInsight\", privileges: [\
                {resource: {db: \"local\", collection: \"oplog.rs\"}, actions: [\"find\", \"collStats\"]}, \
                {resource: {cluster: true}, actions: [\"replSetGetConfig\", \"getParameter\"]}], roles: []})";
    let finding = Finding::warning(Area::Source, problem).mongosh(role);
    Some(finding.mongosh(grant(name, home, "{role: \"moorlineInsight\", db: \"admin\"}")))
}

fn too_much(user: &UserFacts, selection: &Selection, place: &str) -> Option<Finding> {
    let (name, _) = user.users.first()?;
    let databases = databases(selection);
    let writes = |action: &&&str| match &databases {
        Some(names) => names.iter().any(|db| user.privileges.iter().any(|p| p.covers(Some(db), action))),
        None => user.privileges.iter().any(|p| p.covers(None, action)),
    };
    let may: Vec<&str> = NEVER.iter().filter(writes).copied().collect();
    if may.is_empty() {
        return None;
    }
    let roles = match databases {
        Some(names) => {
            names.iter().map(|db| format!("{{role: \"read\", db: \"{db}\"}}")).collect::<Vec<_>>().join(", ")
        }
        None => "{role: \"readAnyDatabase\", db: \"admin\"}".to_owned(),
    };
    let problem = Problem::new(
        "MOOR-2041",
        format!("user `{name}` may {} what is captured", may.join(", ")),
        place,
        "the connector never writes to the source, so a stolen password need not be able to",
        "make a user that can only read, and name it in mongodb.user or mongodb.connection.string",
    );
    let command = format!(
        "db.getSiblingDB(\"admin\").createUser({{user: \"moorline\", pwd: passwordPrompt(), roles: [{roles}]}})"
    );
    Some(Finding::note(Area::Source, problem).mongosh(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use moorline_source_mongodb::{Privilege, Resource};

    fn user(privileges: &[(&str, &str, &[&str])]) -> UserFacts {
        let privilege = |(db, coll, actions): &(&str, &str, &[&str])| Privilege {
            resource: Resource::Collection((*db).into(), (*coll).into()),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        };
        UserFacts { users: vec![("m".into(), "admin".into())], privileges: privileges.iter().map(privilege).collect() }
    }

    fn of(include: &[&str]) -> Selection {
        Selection { include: include.iter().map(|name| (*name).to_owned()).collect(), ..Selection::default() }
    }

    #[test]
    fn rights_are_held_against_the_streams_level() {
        let reads = user(&[("shop", "", &["find", "changeStream"])]);
        assert!(missing(&reads, &of(&["shop.orders"]), "").is_none());
        let other = missing(&reads, &of(&["bank.accounts"]), "").unwrap();
        assert!(other.commands[0].text.contains("{role: \"read\", db: \"bank\"}"), "{other:?}");
        // Two databases: the stream is opened on the cluster.
        let both = user(&[("shop", "", &["find", "changeStream"]), ("bank", "", &["find", "changeStream"])]);
        let wide = missing(&both, &of(&["shop.orders", "bank.accounts"]), "").unwrap();
        assert!(wide.commands[0].text.contains("readAnyDatabase"), "{wide:?}");
        assert!(missing(&user(&[("", "", &["find", "changeStream"])]), &of(&[]), "").is_none());
        let one = user(&[("shop", "orders", &["find", "changeStream"])]);
        assert!(missing(&one, &of(&["shop.orders"]), "").is_some());
        // Nobody is logged in: the server decides.
        assert!(missing(&UserFacts::default(), &of(&["shop.orders"]), "").is_none());
    }

    #[test]
    fn who_may_write_is_told() {
        let writes = user(&[("shop", "", &["find", "changeStream", "insert", "remove"])]);
        assert!(too_much(&writes, &of(&["shop.orders"]), "").unwrap().problem.what.contains("insert, remove"));
        assert!(too_much(&writes, &of(&["bank.accounts"]), "").is_none());
    }
}
