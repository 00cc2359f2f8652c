//! A database for a test, the source on it, and a reader that checks every reply as it comes.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::{Client, Collection, Database};
use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::model::{Change, ClusterTime, Op, Reply, Token};
use moorline_pipeline::source::{ChangeStream, Images, Selection, Source, StartFrom, StreamSpec};
use moorline_source_mongodb::{MongoSource, MongoStream, Settings};

/// How long a test waits for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn uri() -> String {
    std::env::var("MONGODB_URI").expect("MONGODB_URI names a replica set")
}

pub(crate) fn settings(uri: &str) -> Settings {
    Settings::new(uri.into())
}

pub(crate) async fn source() -> MongoSource {
    MongoSource::connect(settings(&uri())).await.expect("the source connects")
}

/// Runs a test with a database of its own, which is dropped whatever happens.
pub(crate) async fn with_database<F>(test: impl FnOnce(Database) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let client = Client::with_uri_str(uri()).await.expect("a client");
    let database = client.database(&format!("source_{:012x}", rand::random::<u64>() >> 16));
    let outcome = tokio::spawn(tokio::time::timeout(LIMIT * 2, test(database.clone()))).await;
    database.drop().await.expect("the database is dropped");
    match outcome {
        Ok(ended) => ended.expect("the test ends in time"),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

pub(crate) fn documents(database: &Database, name: &str) -> Collection<Document> {
    database.collection(name)
}

pub(crate) fn literal(names: &[String]) -> Selection {
    Selection { include: names.to_vec(), exclude: Vec::new(), literal: true }
}

pub(crate) fn spec(selection: Selection, batch_size: u32) -> StreamSpec {
    StreamSpec {
        selection,
        images: Images::Boundary,
        pre_images: false,
        deltas: false,
        batch_size,
        max_await: Duration::from_millis(200),
    }
}

/// Writes a document and says at which cluster time.
pub(crate) async fn insert(collection: &Collection<Document>, document: Document) -> ClusterTime {
    let mut session = collection.client().start_session().await.expect("a session");
    collection.insert_one(document).session(&mut session).await.expect("an insert");
    session.operation_time().expect("an operation time").into()
}

/// The server's present.
pub(crate) async fn now(database: &Database) -> ClusterTime {
    let reply = database.run_command(doc! { "ping": 1 }).await.expect("a ping");
    reply.get_timestamp("operationTime").expect("an operation time").into()
}

/// A stream whose replies are parsed and checked: I-TOKEN-1, I-TOKEN-2, I-FRONT-1, and that the frontier never falls.
pub(crate) struct Checked {
    pub(crate) stream: MongoStream,
    pub(crate) frontier: ClusterTime,
    pub(crate) token: Option<Token>,
    /// Whether an `invalidate` has ended a cursor, and the next one has not opened yet.
    pub(crate) ended: bool,
}

impl Checked {
    pub(crate) async fn open(source: &MongoSource, spec: &StreamSpec, from: &StartFrom) -> Self {
        let stream = source.open(spec, from).await.expect("the stream opens");
        Self { stream, frontier: ClusterTime::default(), token: None, ended: false }
    }

    pub(crate) async fn next(&mut self) -> Result<Reply> {
        let raw = tokio::time::timeout(LIMIT, self.stream.next()).await.expect("a reply in time")?;
        let reply = Reply::parse(raw.raw, raw.opening).expect("the reply is understood");
        reply.check().expect("the reply keeps its invariants");
        assert!(reply.cluster_time.is_some(), "a reply has $clusterTime");
        match (&self.token, reply.opening) {
            (None, opening) => assert!(opening, "the first reply is the opening one"),
            (Some(_), opening) => assert!(!opening || self.ended, "no other is, but after an invalidate"),
        }
        self.ended = !reply.opening && (self.ended || reply.changes.iter().any(|c| c.op == Op::Invalidate));
        for change in &reply.changes {
            assert!(
                change.time >= self.frontier,
                "I-FRONT-1: {} came after {} was declared",
                change.time,
                self.frontier
            );
        }
        assert!(reply.frontier >= self.frontier, "I-TOKEN-2: the frontier fell");
        self.frontier = reply.frontier;
        self.token = Some(reply.token.clone());
        Ok(reply)
    }

    /// The opening reply, which is empty.
    pub(crate) async fn opening(&mut self) -> Reply {
        let reply = self.next().await.expect("an opening reply");
        assert!(reply.changes.is_empty(), "the opening reply stands for nothing delivered");
        reply
    }

    /// All changes up to the first for which `last` holds.
    pub(crate) async fn until(&mut self, mut last: impl FnMut(&Change) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        loop {
            for change in self.next().await.expect("a reply").changes {
                let is_last = last(&change);
                changes.push(change);
                if is_last {
                    return changes;
                }
            }
        }
    }

    /// The failure that ends the stream.
    pub(crate) async fn failure(&mut self) -> Failure {
        loop {
            if let Err(failure) = self.next().await {
                return failure;
            }
        }
    }
}
