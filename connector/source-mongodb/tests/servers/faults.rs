//! Streams that are dropped, that read ahead, and whose connection hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::options::ClientOptions;
use moorline_pipeline::error::Next;
use moorline_pipeline::source::{ChangeStream, Source, StartFrom};
use moorline_source_mongodb::MongoSource;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Checked, LIMIT, documents, literal, now, settings, source, spec, uri, with_database};

/// The change streams that the server holds open on the collection `a`: a single one is streamed by itself.
async fn cursors(database: &Database) -> usize {
    let ns = format!("{}.a", database.name());
    let ops = doc! { "$currentOp": { "idleCursors": true, "allUsers": true } };
    let mine = doc! { "$match": { "ns": ns, "$or": [{ "type": "idleCursor" }, { "cursor": { "$exists": true } }] } };
    let found = database.client().database("admin").aggregate([ops, mine]).await.expect("the operations");
    found.try_collect::<Vec<Document>>().await.expect("the operations").len()
}

async fn until_open(database: &Database, enough: impl Fn(usize) -> bool) {
    let deadline = Instant::now() + LIMIT;
    // Between two commands a cursor is listed neither as idle nor as at work.
    while !enough(cursors(database).await) {
        assert!(Instant::now() < deadline, "the cursors are not as they should be");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Dropping the stream kills the server's cursor.
#[tokio::test]
#[ignore = "needs servers"]
async fn a_dropped_stream_leaves_no_cursor() {
    with_database(|database| async move {
        let source = source().await;
        let names = [format!("{}.a", database.name())];
        documents(&database, "a").insert_one(doc! {}).await.expect("an insert");
        let mut stream = Checked::open(&source, &spec(literal(&names), 5), &StartFrom::Now).await;
        stream.opening().await;
        stream.next().await.expect("a reply");
        until_open(&database, |open| open == 1).await;
        drop(stream);
        until_open(&database, |open| open == 0).await;
    })
    .await;
}

/// Replies larger than the read-ahead pass one by one, and a slow reader loses nothing. `next` may be dropped.
#[tokio::test]
#[ignore = "needs servers"]
async fn a_small_read_ahead_loses_nothing() {
    with_database(|database| async move {
        let mut settings = settings(&uri());
        settings.read_ahead_bytes = 4096;
        let source = MongoSource::connect(settings).await.expect("the source connects");
        let names = [format!("{}.a", database.name())];
        let start = now(&database).await;
        let text = "x".repeat(3000);
        let rows = (0..300).map(|n| doc! { "_id": n, "text": &text });
        documents(&database, "a").insert_many(rows).await.expect("inserts");
        let mut stream = Checked::open(&source, &spec(literal(&names), 7), &StartFrom::Time(start.succ())).await;
        let mut ids = Vec::new();
        while ids.len() < 300 {
            // Dropped at once in most rounds: a reply is returned or stays queued.
            let Ok(reply) = tokio::time::timeout(Duration::from_micros(200), stream.next()).await else { continue };
            let inserts = reply.expect("a reply").changes;
            ids.extend(inserts.iter().filter_map(|c| c.id()?.as_i32()));
        }
        assert_eq!(ids, (0..300).collect::<Vec<_>>());
    })
    .await;
}

/// A proxy that can go silent: connections stay open and nothing comes through.
struct Proxy {
    port: u16,
    silent: Arc<AtomicBool>,
}

impl Proxy {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let silent = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&silent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                // A connection that met the silence stays silent for ever.
                let hung = Arc::new(AtomicBool::new(false));
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(pump(from_client, to_server, Arc::clone(&flag), Arc::clone(&hung)));
                tokio::spawn(pump(from_server, to_client, Arc::clone(&flag), hung));
            }
        });
        Self { port, silent }
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    silent: Arc<AtomicBool>,
    hung: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut buffer).await {
        if silent.load(Ordering::SeqCst) {
            hung.store(true, Ordering::SeqCst);
        }
        if n == 0 {
            return;
        }
        if !hung.load(Ordering::SeqCst) && to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

/// A half-open connection ends as `Reconnect` within the stream's own limit, and the next open uses a new client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs servers"]
async fn a_silent_connection_is_replaced() {
    with_database(|database| async move {
        let server = ClientOptions::parse(uri()).await.expect("options").hosts[0].to_string();
        let proxy = Proxy::to(server).await;
        let mut settings = settings(&format!("mongodb://127.0.0.1:{}/?directConnection=true", proxy.port));
        settings.command_timeout = Duration::from_secs(1);
        let source = MongoSource::connect(settings).await.expect("the source connects");
        let names = [format!("{}.a", database.name())];
        let spec = spec(literal(&names), 5);
        let mut stream = Checked::open(&source, &spec, &StartFrom::Now).await;
        stream.opening().await;
        stream.next().await.expect("a reply");
        proxy.silent.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        let failure = stream.failure().await;
        assert_eq!((failure.next, failure.problem.code), (Next::Reconnect, "MOOR-2001"), "{failure}");
        assert!(begun.elapsed() < Duration::from_secs(16), "{:?}", begun.elapsed());
        proxy.silent.store(false, Ordering::SeqCst);
        let mut again = Checked::open(&source, &spec, &StartFrom::Now).await;
        again.opening().await;
        documents(&database, "a").insert_one(doc! {}).await.expect("an insert");
        assert!(!again.until(|_| true).await.is_empty());
    })
    .await;
}

/// A `getMore` that is long at work on the server is not taken for a hung connection.
#[tokio::test]
#[ignore = "needs servers"]
async fn a_long_scan_is_waited_for() {
    with_database(|database| async move {
        let admin = database.client().database("admin");
        let ns = format!("{}.a", database.name());
        let point = |mode: &str| {
            doc! {
                "configureFailPoint": "waitAfterPinningCursorBeforeGetMoreBatch",
                "mode": mode,
                "data": { "nss": &ns, "shouldCheckForInterrupt": true },
            }
        };
        if admin.run_command(point("off")).await.is_err() {
            eprintln!("not tested: the server has no test commands");
            return;
        }
        let mut settings = settings(&uri());
        settings.command_timeout = Duration::from_millis(500);
        let source = MongoSource::connect(settings).await.expect("the source connects");
        let names = [format!("{}.a", database.name())];
        let mut stream = source.open(&spec(literal(&names), 5), &StartFrom::Now).await.expect("a stream");
        stream.next().await.expect("the opening reply");
        admin.run_command(point("alwaysOn")).await.expect("the fail point");
        // Two getMores may have been answered before.
        while let Ok(reply) = tokio::time::timeout(Duration::from_secs(1), stream.next()).await {
            reply.expect("a reply");
        }
        // Past the limit of 10.5 s nothing has come, and nothing has failed.
        let silence = tokio::time::timeout(Duration::from_secs(14), stream.next()).await;
        admin.run_command(point("off")).await.expect("the fail point");
        assert!(silence.is_err(), "the fail point held nothing back");
        let reply = tokio::time::timeout(LIMIT, stream.next()).await.expect("a reply in time");
        assert!(reply.is_ok());
    })
    .await;
}
