//! I-SNAP-2: ranges cover every `_id` once, whatever its type, over small chunks and sampled ranges.

use std::collections::BTreeMap;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, RawDocument, Regex, Timestamp, doc};
use mongodb::Database;
use mongodb::options::{ClusteredIndex, Collation};
use moorline_pipeline::model::{Id, Namespace, Uuid};
use moorline_pipeline::source::{Chunk, ChunkRequest, Source};
use moorline_source_mongodb::MongoSource;

use crate::support::{documents, insert, source, with_database};

/// A request for everything, at the newest time.
pub(crate) async fn request(source: &MongoSource, database: &Database, name: &str) -> ChunkRequest {
    let namespace = Namespace::new(database.name(), name);
    let info = source.collection(&namespace).await.expect("the collection").expect("it is there");
    // A write of our own, so that the time covers all that was written before.
    let at = insert(&documents(database, "clock"), doc! {}).await;
    let (uuid, max_time): (Uuid, _) = (info.uuid, Duration::from_secs(20));
    ChunkRequest { namespace, uuid, lo: None, hi: None, limit: 1000, max_bytes: 64 << 20, at, max_time }
}

/// Reads a range to its end and counts each `_id`.
pub(crate) async fn read_all(
    source: &MongoSource,
    request: &ChunkRequest,
    seen: &mut BTreeMap<Vec<u8>, usize>,
) -> Vec<Chunk> {
    let (mut chunks, mut request) = (Vec::new(), request.clone());
    loop {
        let chunk = source.read_chunk(&request).await.expect("a chunk");
        assert!(chunk.same_epoch);
        for row in &chunk.rows {
            let id = RawDocument::from_bytes(row).expect("a row").get("_id").expect("a row").expect("an _id");
            *seen.entry(Id::new(id).as_bytes().to_vec()).or_default() += 1;
        }
        let next = chunk.next.clone();
        assert!(next.is_none() || !chunk.rows.is_empty(), "a chunk that goes on has made progress");
        chunks.push(chunk);
        match next {
            Some(next) => request.lo = Some(next),
            None => return chunks,
        }
    }
}

/// Each `_id` exactly once: in one range and in several, by chunks of different sizes.
async fn covers(source: &MongoSource, database: &Database, name: &str, ids: usize) {
    let base = request(source, database, name).await;
    for ranges in [1, 4] {
        let bounds = source.split(&base.namespace, ranges).await.expect("bounds");
        for limit in [1, 2, 3, 7, 1000] {
            let mut seen = BTreeMap::new();
            let los = std::iter::once(None).chain(bounds.iter().cloned().map(Some));
            let his = bounds.iter().cloned().map(Some).chain([None]);
            for (lo, hi) in los.zip(his) {
                let range = ChunkRequest { lo, hi, limit, ..base.clone() };
                let chunks = read_all(source, &range, &mut seen).await;
                // MaxKey comes beside the limit.
                assert!(chunks.iter().all(|c| c.rows.len() <= limit as usize + 1));
            }
            let wrong: Vec<_> =
                seen.iter().filter(|(_, n)| **n != 1).map(|(id, n)| (RawDocument::from_bytes(id), n)).collect();
            assert!(wrong.is_empty(), "{ranges} ranges, limit {limit}: {wrong:?}");
            assert_eq!(seen.len(), ids, "{ranges} ranges, limit {limit}");
        }
    }
}

fn mixed() -> Vec<Bson> {
    let decimal = |text: &str| Bson::Decimal128(text.parse::<Decimal128>().expect("a decimal"));
    let binary = |subtype, bytes: &[u8]| Bson::Binary(Binary { subtype, bytes: bytes.to_vec() });
    let mut ids = vec![
        Bson::MinKey,
        Bson::MaxKey,
        Bson::Null,
        Bson::Double(f64::NAN),
        Bson::Double(f64::NEG_INFINITY),
        Bson::Double(f64::INFINITY),
        Bson::Double(0.5),
        Bson::Int32(0),
        Bson::Int32(-1),
        Bson::Int32(i32::MAX),
        Bson::Int64(i64::MIN),
        Bson::Int64(i64::MAX),
        Bson::Double(9.3e18),
        decimal("1E+6000"),
        decimal("-1E-6000"),
        decimal("0.1"),
        decimal("12345678901234567890.5"),
        Bson::String(String::new()),
        Bson::String("a".into()),
        Bson::String("é".into()),
        Bson::String("a\0b".into()),
        Bson::Symbol("symbol".into()),
        Bson::Document(doc! {}),
        Bson::Document(doc! { "a": 1, "b": [1, 2, { "c": Bson::Null }] }),
        Bson::Document(doc! { "a": Bson::MaxKey }),
        Bson::Document(doc! { "$ref": "x", "$id": 1 }),
        binary(BinarySubtype::Generic, b""),
        binary(BinarySubtype::Generic, b"\x00\xff"),
        binary(BinarySubtype::Uuid, &[7; 16]),
        binary(BinarySubtype::UserDefined(0x80), b"u"),
        Bson::ObjectId(ObjectId::from_bytes([0; 12])),
        Bson::ObjectId(ObjectId::new()),
        Bson::ObjectId(ObjectId::from_bytes([255; 12])),
        Bson::Boolean(false),
        Bson::Boolean(true),
        Bson::DateTime(DateTime::MIN),
        Bson::DateTime(DateTime::from_millis(0)),
        Bson::DateTime(DateTime::MAX),
        Bson::Timestamp(Timestamp { time: 1, increment: 1 }),
        Bson::Timestamp(Timestamp { time: u32::MAX, increment: u32::MAX }),
        Bson::JavaScriptCode("x".into()),
    ];
    ids.extend((0..30).map(|n| Bson::Int32(100 + n)));
    ids.extend((0..30).map(|n| Bson::String(format!("key{n}"))));
    ids
}

async fn fill(database: &Database, name: &str, ids: &[Bson]) {
    let rows: Vec<Document> = ids.iter().map(|id| doc! { "_id": id.clone(), "x": 1 }).collect();
    documents(database, name).insert_many(rows).await.expect("the ids are taken");
}

#[tokio::test]
#[ignore = "needs servers"]
async fn ids_of_all_types_come_once() {
    with_database(|database| async move {
        let source = source().await;
        let ids = mixed();
        assert!(!ids.iter().any(|id| matches!(id, Bson::RegularExpression(Regex { .. }))), "no _id may be one");
        fill(&database, "mixed", &ids).await;
        covers(&source, &database, "mixed", ids.len()).await;
        // Without MaxKey, without MinKey, with those two alone, and with nothing.
        fill(&database, "inner", &ids[2..]).await;
        covers(&source, &database, "inner", ids.len() - 2).await;
        fill(&database, "ends", &ids[..2]).await;
        covers(&source, &database, "ends", 2).await;
        database.create_collection("empty").await.expect("a collection");
        covers(&source, &database, "empty", 0).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs servers"]
async fn ids_of_a_collated_collection_come_once() {
    with_database(|database| async move {
        let source = source().await;
        let collation =
            Collation::builder().locale("de").strength(mongodb::options::CollationStrength::Primary).build();
        database.create_collection("collated").collation(collation).await.expect("a collection");
        let mut ids: Vec<Bson> =
            ["Z", "a", "b", "c1", "C2", "ä2", "öx", "zz", "_", ""].map(|s| Bson::String(s.into())).into();
        ids.extend([Bson::Int32(1), Bson::MinKey, Bson::MaxKey, doc! { "k": "B" }.into(), doc! { "k": "c" }.into()]);
        ids.extend((0..40).map(|n| Bson::String(format!("{}{n}", if n % 2 == 0 { "Key" } else { "kez" }))));
        fill(&database, "collated", &ids).await;
        covers(&source, &database, "collated", ids.len()).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs servers"]
async fn ids_of_a_clustered_collection_come_once() {
    with_database(|database| async move {
        let source = source().await;
        database.create_collection("clustered").clustered_index(ClusteredIndex::default()).await.expect("a collection");
        let ids = mixed();
        fill(&database, "clustered", &ids).await;
        covers(&source, &database, "clustered", ids.len()).await;
    })
    .await;
}
