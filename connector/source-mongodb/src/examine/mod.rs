//! Facts about a source that a check-up judges: read, and nothing decided.
//!
//! * [`server`]: version, set, clock. * [`user`]: who asks, and what that one may do.
//! * [`collections`]: what there is, captured or not. * [`shapes`]: sizes and `_id` types of a sample.
//!
//! Invariants: nothing is written; no document leaves the server, only sizes and names of types; what may not be read
//! is absent, never a guess.

mod collections;
mod server;
mod shapes;
mod user;

use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf};
use moorline_pipeline::error::Result;
use moorline_pipeline::model::Namespace;
use moorline_pipeline::source::Selection;

use crate::MongoSource;
use crate::client::{CommandError, Connection};
use crate::error::Call;
use crate::selection::{self, Level};

pub use collections::{CollectionFacts, Kind};
pub use server::ServerFacts;
pub use shapes::Shapes;
pub use user::{Privilege, Resource, UserFacts};

impl MongoSource {
    /// The server: a standalone one is a fact here, not an error.
    pub async fn examine_server(&self) -> Result<ServerFacts> {
        server::server(&self.connection).await
    }
    /// Who is logged in, and what the server lets them do.
    pub async fn examine_user(&self) -> Result<UserFacts> {
        user::user(&self.connection).await
    }
    /// Whether a member answers that fits the read preference of the connection string; its own words where none does.
    pub async fn examine_preference(&self, limit: Duration) -> Result<()> {
        server::preference(&self.connection, limit).await
    }
    /// All that stands in the databases that a selection speaks of.
    pub async fn examine_collections(&self, selection: &Selection) -> Result<Vec<CollectionFacts>> {
        collections::collections(&self.connection, selection).await
    }
    /// Sizes and `_id` types of up to `size` sampled documents.
    pub async fn examine_shapes(&self, namespace: &Namespace, size: u32, limit: Duration) -> Result<Shapes> {
        shapes::shapes(&self.connection, namespace, size, limit).await
    }
}

/// The database that a stream over this selection is opened on, or on one collection of; `None` where it is opened on the
/// whole cluster.
pub fn stream_database(selection: &Selection) -> Option<String> {
    match selection::level(selection) {
        Level::Collection(name, _) | Level::Database(name) => Some(name),
        Level::Cluster => None,
    }
}

/// The databases that a selection is bound to; `None` where it may reach any.
pub fn databases(selection: &Selection) -> Option<Vec<String>> {
    selection::databases(selection)
}

/// A command of `admin` with one small reply.
async fn ask(connection: &Connection, command: &Document) -> Result<Document, CommandError> {
    let command = RawDocumentBuf::try_from(command).map_err(|e| CommandError::Driver(e.into()))?;
    connection.command("admin", command).await
}

/// The same, where not being answered is an answer: a right that is missing, a server that does not know it.
async fn ask_softly(connection: &Connection, command: &Document) -> Result<Option<Document>> {
    match ask(connection, command).await {
        Ok(document) => Ok(Some(document)),
        Err(CommandError::Driver(e)) if crate::error::code(&e) != 0 => Ok(None),
        Err(e) => Err(connection.failure(&e, Call::Other)),
    }
}

fn texts(document: &Document, key: &str) -> Vec<String> {
    let list = document.get_array(key).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Bson::as_str).map(str::to_owned).collect()
}
