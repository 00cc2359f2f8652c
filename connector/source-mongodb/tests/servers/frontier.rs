//! Which time may be trusted: every event before the frontier has come, and no event before it comes later.

use std::time::Duration;

use bson::doc;
use mongodb::Database;
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::StartFrom;
use rand::Rng;

use crate::support::{Checked, documents, insert, literal, now, source, spec, with_database};

const WRITERS: i32 = 3;
const WRITES: i32 = 120;

async fn write(database: Database, writer: i32) {
    let plain = documents(&database, "plain");
    let both = [plain.clone(), documents(&database, "other")];
    for n in 0..WRITES {
        if n % 5 == 0 {
            // Five inserts at one cluster time, over two collections.
            let mut session = database.client().start_session().await.expect("a session");
            session.start_transaction().await.expect("a transaction");
            for part in 0..5_usize {
                let document = doc! { "writer": writer, "n": n, "part": part as i32 };
                both[part % 2].insert_one(document).session(&mut session).await.expect("an insert");
            }
            session.commit_transaction().await.expect("a commit");
        } else {
            plain.insert_one(doc! { "writer": writer, "n": n }).await.expect("an insert");
        }
    }
}

/// I-FRONT-1, I-TOKEN-1, I-TOKEN-2: writers and transactions beside, batch sizes 1 to 5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs servers"]
async fn nothing_before_the_frontier_comes_late() {
    with_database(|database| async move {
        let source = source().await;
        for name in ["plain", "other"] {
            database.create_collection(name).await.expect("a collection");
        }
        let start = now(&database).await;
        let writers: Vec<_> = (0..WRITERS).map(|w| tokio::spawn(write(database.clone(), w))).collect();
        let names = ["plain", "other"].map(|name| format!("{}.{name}", database.name()));
        let expected = (WRITERS * (WRITES / 5 * 5 + WRITES - WRITES / 5)) as usize;
        let readers = (1..=5).map(|batch_size| {
            let (source, spec) = (source.clone(), spec(literal(&names), batch_size));
            tokio::spawn(async move {
                let mut stream = Checked::open(&source, &spec, &StartFrom::Time(start.succ())).await;
                stream.opening().await;
                let mut left = expected;
                let changes = stream
                    .until(|_| {
                        left -= 1;
                        left == 0
                    })
                    .await;
                // Whatever the batch size, the frontier passes the last event once something newer is there.
                let last = changes.last().expect("changes").time;
                while stream.frontier <= last {
                    assert!(stream.next().await.expect("a reply").changes.is_empty());
                }
            })
        });
        for task in readers.collect::<Vec<_>>().into_iter().chain(writers) {
            task.await.expect("a reader or writer");
        }
    })
    .await;
}

/// I-FRONT-2: an event *at* the opening token's time, after the empty opening reply, is delivered.
#[tokio::test]
#[ignore = "needs servers"]
async fn an_event_at_the_opening_time_is_delivered() {
    with_database(|database| async move {
        let source = source().await;
        let plain = documents(&database, "plain");
        let names = [format!("{}.plain", database.name())];
        for n in 0..20 {
            let time = insert(&plain, doc! { "n": n }).await;
            let mut stream = Checked::open(&source, &spec(literal(&names), 5), &StartFrom::Time(time)).await;
            let opening = stream.opening().await;
            assert_eq!(opening.frontier, time);
            let first = stream.until(|_| true).await;
            assert_eq!((first[0].time, first[0].full_document().unwrap().get_i32("n").unwrap()), (time, n));
            // And from the saved opening token, as after a crash.
            let mut again = Checked::open(&source, &spec(literal(&names), 5), &StartFrom::Token(opening.token)).await;
            again.opening().await;
            assert_eq!(again.until(|_| true).await[0].time, time);
        }
    })
    .await;
}

/// Section 3's quiet proof: an empty `getMore` that moved past the opening token proves "at or before".
#[tokio::test]
#[ignore = "needs servers"]
async fn an_empty_reply_past_the_opening_proves_at_or_before() {
    with_database(|database| async move {
        let source = source().await;
        let plain = documents(&database, "plain");
        let names = [format!("{}.plain", database.name())];
        plain.insert_one(doc! { "n": -1 }).await.expect("an insert");
        let mut stream = Checked::open(&source, &spec(literal(&names), 5), &StartFrom::Now).await;
        let opening = stream.opening().await;
        let writer = tokio::spawn(async move {
            for n in 0..60 {
                plain.insert_one(doc! { "n": n }).await.expect("an insert");
                let pause = rand::rng().random_range(1..120);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            plain.insert_one(doc! { "n": "last" }).await.expect("an insert");
        });
        let (mut proven, mut proofs, mut lone) = (ClusterTime::default(), 0, 0);
        let mut last_event = ClusterTime::default();
        loop {
            let reply = stream.next().await.expect("a reply");
            for change in &reply.changes {
                assert!(change.time > proven, "{} was proven to be over", change.time);
                last_event = change.time;
            }
            if reply.changes.is_empty() && reply.token != opening.token {
                proofs += 1;
                proven = reply.frontier;
                lone += usize::from(proven >= last_event);
                if writer.is_finished() {
                    break;
                }
            }
        }
        assert!(proofs > 0 && lone > 0, "the proof was never to be had");
        writer.await.expect("the writer");
    })
    .await;
}
