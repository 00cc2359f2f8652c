//! I-IMG-1 from the source's side: a look-up shows one moment, whoever writes beside it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bson::raw::RawBsonRef;
use bson::{RawDocument, doc};
use mongodb::Database;
use moorline_pipeline::model::Id;
use moorline_pipeline::source::{LookUp, Source};

use crate::chunks::request;
use crate::support::{documents, now, source, with_database};

const ACCOUNTS: i32 = 40;

/// Moves one from an account to another, so that the sum is the same at every moment.
async fn move_money(database: Database, stop: Arc<AtomicBool>) -> u32 {
    let accounts = documents(&database, "accounts");
    let mut moved = 0;
    while !stop.load(Ordering::Relaxed) {
        let from = rand::random_range(0..ACCOUNTS);
        let to = (from + rand::random_range(1..ACCOUNTS)) % ACCOUNTS;
        let mut session = database.client().start_session().await.expect("a session");
        session.start_transaction().await.expect("a transaction");
        let step = async {
            for (id, by) in [(from, -1), (to, 1)] {
                let by = doc! { "$inc": { "money": by } };
                accounts.update_one(doc! { "_id": id }, by).session(&mut session).await?;
            }
            session.commit_transaction().await
        };
        // Two writers may meet: the loser's transaction is gone, and the sum is as it was.
        moved += u32::from(step.await.is_ok());
    }
    moved
}

fn money(found: &LookUp) -> (usize, i32) {
    let rows = found.documents.iter().map(|d| RawDocument::from_bytes(d).expect("a document"));
    let sum = rows.clone().map(|d| d.get_i32("money").expect("money")).sum();
    (rows.map(|d| d.get_i32("_id").expect("an _id")).collect::<BTreeSet<_>>().len(), sum)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs servers"]
async fn a_look_up_shows_one_moment() {
    with_database(|database| async move {
        let source = source().await;
        let rows = (0..ACCOUNTS).map(|n| doc! { "_id": n, "money": 100 });
        documents(&database, "accounts").insert_many(rows).await.expect("inserts");
        let base = request(&source, &database, "accounts").await;
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..3).map(|_| tokio::spawn(move_money(database.clone(), Arc::clone(&stop)))).collect();
        // Ids that are not there are simply not found.
        let ids: Vec<Id> = (0..ACCOUNTS + 5).map(|n| Id::new(RawBsonRef::Int32(n))).collect();
        let mut shapes = BTreeSet::new();
        for _ in 0..40 {
            let at = now(&database).await;
            for asked in [Some(at), None] {
                let found =
                    source.look_up(&base.namespace, &base.uuid, &ids, asked, usize::MAX).await.expect("a look-up");
                assert!(found.same_epoch);
                assert!(asked.is_none_or(|at| found.at == at) && found.at.t > 0);
                assert_eq!(money(&found), (ACCOUNTS as usize, ACCOUNTS * 100));
                // The same time shows the same again.
                let again = source
                    .look_up(&base.namespace, &base.uuid, &ids, Some(found.at), usize::MAX)
                    .await
                    .expect("a look-up");
                let sorted = |found: &LookUp| found.documents.iter().cloned().collect::<BTreeSet<_>>();
                assert_eq!(sorted(&found), sorted(&again));
                shapes.insert(sorted(&found));
            }
        }
        stop.store(true, Ordering::Relaxed);
        let mut moved = 0;
        for writer in writers {
            moved += writer.await.expect("a writer");
        }
        assert!(moved > 0 && shapes.len() > 1, "nothing was written beside: {moved} moves");
    })
    .await;
}

/// More ids than one command takes: one time for all of them.
#[tokio::test]
#[ignore = "needs servers"]
async fn many_ids_are_read_at_one_time() {
    with_database(|database| async move {
        let source = source().await;
        let rows = documents(&database, "rows");
        rows.insert_many((0..11_000).map(|n| doc! { "_id": n, "text": "x".repeat(2000) })).await.expect("inserts");
        let base = request(&source, &database, "rows").await;
        let ids: Vec<Id> = (0..11_000).map(|n| Id::new(RawBsonRef::Int32(n))).collect();
        let found = source.look_up(&base.namespace, &base.uuid, &ids, None, usize::MAX).await.expect("a look-up");
        assert_eq!(found.documents.len(), 11_000);
        assert!(found.at >= base.at);
        let none = source.look_up(&base.namespace, &base.uuid, &[], None, usize::MAX).await.expect("a look-up");
        assert!(none.documents.is_empty() && none.at >= base.at);
    })
    .await;
}
