//! Who is logged in, and what the server lets them do.

use std::collections::BTreeSet;

use bson::{Bson, Document, doc};
use moorline_pipeline::error::Result;

use super::{ask, texts};
use crate::client::Connection;
use crate::error::Call;

/// The users of a connection and their rights.
#[derive(Clone, Debug, Default)]
pub struct UserFacts {
    /// Name and database of each; empty where nobody logged in.
    pub users: Vec<(String, String)>,
    /// Their rights together.
    pub privileges: Vec<Privilege>,
}

/// A right: actions on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// On what.
    pub resource: Resource,
    /// The server's names of actions.
    pub actions: BTreeSet<String>,
}

/// What a right is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A database and a collection of it, each empty for all of them.
    Collection(String, String),
    /// The cluster.
    Cluster,
    /// Everything.
    Any,
    /// Something else.
    Other,
}

impl Privilege {
    /// Whether it is for all collections of a database (`None`: of all databases) but those of the server.
    pub fn covers(&self, database: Option<&str>, action: &str) -> bool {
        let covered = match &self.resource {
            Resource::Any => true,
            Resource::Collection(db, coll) => coll.is_empty() && (db.is_empty() || Some(db.as_str()) == database),
            Resource::Cluster | Resource::Other => false,
        };
        covered && self.actions.contains(action)
    }
    /// Whether it is for one collection.
    pub fn covers_one(&self, database: &str, collection: &str, action: &str) -> bool {
        let one = matches!(&self.resource, Resource::Collection(db, coll)
            if (db.is_empty() || db == database) && coll == collection);
        self.covers(Some(database), action) || (one && self.actions.contains(action))
    }
}

pub(super) async fn user(connection: &Connection) -> Result<UserFacts> {
    let command = doc! { "connectionStatus": 1_i32, "showPrivileges": true };
    let status = ask(connection, &command).await.map_err(|e| connection.failure(&e, Call::Other))?;
    let about = status.get_document("authInfo").cloned().unwrap_or_default();
    let each = |key: &str| -> Vec<Document> {
        let list = about.get_array(key).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Bson::as_document).cloned().collect()
    };
    let text = |document: &Document, key: &str| document.get_str(key).unwrap_or_default().to_owned();
    Ok(UserFacts {
        users: each("authenticatedUsers").iter().map(|user| (text(user, "user"), text(user, "db"))).collect(),
        privileges: each("authenticatedUserPrivileges").iter().map(privilege).collect(),
    })
}

fn privilege(document: &Document) -> Privilege {
    let on = document.get_document("resource").cloned().unwrap_or_default();
    let resource = if on.get_bool("anyResource").unwrap_or(false) {
        Resource::Any
    } else if on.get_bool("cluster").unwrap_or(false) {
        Resource::Cluster
    } else if let (Ok(db), Ok(coll)) = (on.get_str("db"), on.get_str("collection")) {
        Resource::Collection(db.to_owned(), coll.to_owned())
    } else {
        Resource::Other
    };
    Privilege { resource, actions: texts(document, "actions").into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_covers_what_it_says_and_no_more() {
        let on = |db: &str, coll: &str| {
            privilege(&doc! { "resource": { "db": db, "collection": coll }, "actions": ["find"] })
        };
        assert!(on("shop", "").covers(Some("shop"), "find") && !on("shop", "").covers(Some("shop"), "changeStream"));
        assert!(!on("shop", "").covers(Some("other"), "find") && !on("shop", "").covers(None, "find"));
        assert!(on("", "").covers(None, "find") && on("", "").covers(Some("shop"), "find"));
        assert!(!on("shop", "orders").covers(Some("shop"), "find"));
        assert!(on("shop", "orders").covers_one("shop", "orders", "find"));
        assert!(!on("shop", "orders").covers_one("shop", "other", "find"));
        let cluster = privilege(&doc! { "resource": { "cluster": true }, "actions": ["find"] });
        assert!(!cluster.covers(Some("shop"), "find"));
        let any = privilege(&doc! { "resource": { "anyResource": true }, "actions": ["find"] });
        assert!(any.covers(None, "find"));
    }
}
