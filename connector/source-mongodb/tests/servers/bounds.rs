//! Chunks that end early: by bytes, by replies of 16 MB, by a drop, by a time that is gone.

use std::collections::BTreeMap;

use bson::doc;
use moorline_pipeline::error::Next;
use moorline_pipeline::model::ClusterTime;
use moorline_pipeline::source::{ChunkRequest, Source};

use crate::chunks::{read_all, request};
use crate::support::{documents, source, with_database};

const LARGE_ROWS: usize = 9;

/// A reply is cut at 16 MB: fewer rows than asked for are not the end, and a byte budget stops early and goes on.
#[tokio::test]
#[ignore = "needs servers"]
async fn large_documents_are_read_over_many_replies() {
    with_database(|database| async move {
        let source = source().await;
        let large = documents(&database, "large");
        let text = "x".repeat(5 << 20);
        for n in 0..LARGE_ROWS {
            large.insert_one(doc! { "_id": n as i64, "text": &text }).await.expect("an insert");
        }
        let base = request(&source, &database, "large").await;
        // 45 MB in three replies and one chunk.
        let whole = source.read_chunk(&ChunkRequest { max_bytes: 1 << 30, ..base.clone() }).await.expect("a chunk");
        assert_eq!((whole.rows.len(), whole.next, whole.same_epoch), (LARGE_ROWS, None, true));
        assert!(whole.bytes > LARGE_ROWS * (5 << 20));
        for (max_bytes, limit) in [(1, 1000), (20 << 20, 1000), (1 << 30, 4), (1, 1)] {
            let mut seen = BTreeMap::new();
            let chunks = read_all(&source, &ChunkRequest { max_bytes, limit, ..base.clone() }, &mut seen).await;
            assert!(chunks.len() > 1, "the budget of {max_bytes} bytes and {limit} rows was met");
            assert_eq!((seen.len(), seen.values().sum::<usize>()), (LARGE_ROWS, LARGE_ROWS));
        }
    })
    .await;
}

/// "Empty is not evidence": a collection that is dropped, re-created or renamed since reads as another epoch.
#[tokio::test]
#[ignore = "needs servers"]
async fn a_dropped_collection_is_another_epoch() {
    with_database(|database| async move {
        let source = source().await;
        let rows = documents(&database, "rows");
        rows.insert_many((0..10).map(|n| doc! { "_id": n })).await.expect("inserts");
        let base = ChunkRequest { limit: 3, ..request(&source, &database, "rows").await };
        let first = source.read_chunk(&base).await.expect("a chunk");
        assert!(first.same_epoch && first.rows.len() == 3);
        rows.drop().await.expect("a drop");
        let rest = ChunkRequest { lo: first.next, ..base.clone() };
        assert!(!source.read_chunk(&rest).await.expect("a chunk").same_epoch);
        rows.insert_one(doc! { "_id": 5 }).await.expect("an insert");
        assert!(!source.read_chunk(&rest).await.expect("a chunk").same_epoch);
        let ids = [moorline_pipeline::model::Id::new(bson::raw::RawBsonRef::Int32(5))];
        let found = source.look_up(&base.namespace, &base.uuid, &ids, None, usize::MAX).await.expect("a look-up");
        assert!(!found.same_epoch);
    })
    .await;
}

/// A time before the history window, and one that never comes, are `NewTime`.
#[tokio::test]
#[ignore = "needs servers"]
async fn a_time_out_of_reach_is_a_new_time() {
    with_database(|database| async move {
        let source = source().await;
        documents(&database, "rows").insert_one(doc! { "_id": 1 }).await.expect("an insert");
        let base = request(&source, &database, "rows").await;
        let gone = ChunkRequest { at: ClusterTime::new(1, 1), ..base.clone() };
        let failure = source.read_chunk(&gone).await.expect_err("a time long gone");
        assert_eq!((failure.next, failure.problem.code), (Next::NewTime, "MOOR-2007"), "{failure}");
        let ids = [moorline_pipeline::model::Id::new(bson::raw::RawBsonRef::Int32(1))];
        let failure =
            source.look_up(&base.namespace, &base.uuid, &ids, Some(gone.at), usize::MAX).await.expect_err("the same");
        assert_eq!(failure.next, Next::NewTime, "{failure}");
    })
    .await;
}
