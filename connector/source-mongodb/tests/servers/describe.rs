//! What the source says of itself: identity, collections, log, samples.

use bson::doc;
use moorline_pipeline::error::Next;
use moorline_pipeline::model::Namespace;
use moorline_pipeline::source::{Selection, Source};
use moorline_source_mongodb::MongoSource;

use crate::support::{documents, insert, literal, now, settings, source, with_database};

#[tokio::test]
#[ignore = "needs servers"]
async fn the_source_says_who_it_is() {
    with_database(|database| async move {
        let source = source().await;
        let time = insert(&documents(&database, "a"), doc! {}).await;
        let identity = source.identity().await.expect("an identity");
        assert_eq!(identity.history.len(), 24, "{}", identity.history);
        assert!(identity.now >= time && !identity.sharded && identity.version.starts_with(char::is_numeric));
        assert!(identity.source.contains('/') && identity.history_window.as_secs() > 0);
        let window = source.log_window().await.expect("a window").expect("local may be read");
        assert!(window.first < window.last && window.last >= time && window.last <= now(&database).await.succ());
        assert!(window.max_bytes > window.bytes / 2 && window.bytes > 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs servers"]
async fn collections_are_those_that_can_be_captured() {
    with_database(|database| async move {
        let source = source().await;
        let name = database.name().to_owned();
        let full = |coll: &str| format!("{name}.{coll}");
        for coll in ["orders", "orders.v2", "other"] {
            documents(&database, coll).insert_many([doc! { "x": 1 }, doc! { "x": 2 }]).await.expect("inserts");
        }
        let images = mongodb::options::ChangeStreamPreAndPostImages::builder().enabled(true).build();
        database.create_collection("images").change_stream_pre_and_post_images(images).await.expect("a collection");
        database.create_collection("capped").capped(true).size(4096).await.expect("a collection");
        database.create_collection("view").view_on("orders").await.expect("a view");
        let series = mongodb::options::TimeseriesOptions::builder().time_field("t").build();
        database.create_collection("series").timeseries(series).await.expect("a time series");
        let find = async |selection: Selection| -> Vec<String> {
            let found = source.collections(&selection).await.expect("collections");
            found.into_iter().filter(|c| c.namespace.db() == name).map(|c| c.namespace.coll().to_owned()).collect()
        };
        let pattern = |include: &str, exclude: &[&str]| Selection {
            include: vec![include.to_owned()],
            exclude: exclude.iter().map(|e| (*e).to_owned()).collect(),
            literal: false,
        };
        assert_eq!(find(Selection::default()).await, ["capped", "images", "orders", "orders.v2", "other"]);
        assert_eq!(find(pattern(&format!(r"{name}\.o.*"), &[])).await, ["orders", "orders.v2", "other"]);
        // A look-ahead, as the server's engine knows it.
        assert_eq!(find(pattern(&format!("{name}.(?!o).*"), &[])).await, ["capped", "images"]);
        assert_eq!(find(pattern(".*", &[r".*\.or.*", ".*capped"])).await, ["images", "other"]);
        assert_eq!(find(literal(&[full("orders.v2"), full("nowhere")])).await, ["orders.v2"]);

        let one = async |coll: &str| source.collection(&Namespace::new(&name, coll)).await;
        let orders = one("orders").await.expect("a collection").expect("it is there");
        assert!(orders.documents == 2 && orders.bytes > 0 && !orders.images && !orders.capped);
        assert!(one("images").await.expect("a collection").expect("it is there").images);
        assert!(one("capped").await.expect("a collection").expect("it is there").capped);
        assert!(one("nowhere").await.expect("no collection").is_none());
        for refused in ["view", "series", "system.views"] {
            let failure = source.collections(&literal(&[full(refused)])).await.expect_err("it is refused");
            assert_eq!((failure.problem.code, failure.next), ("MOOR-2013", Next::Halt));
            assert_eq!(one(refused).await.expect_err("it is refused").problem.code, "MOOR-2013");
        }
        let failure = source.collections(&pattern("(", &[])).await.expect_err("a broken pattern");
        assert_eq!((failure.problem.code, failure.next), ("MOOR-2014", Next::Halt), "{failure}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs servers"]
async fn samples_are_bounded_and_distinct() {
    with_database(|database| async move {
        let source = source().await;
        let rows = (0..500).map(|n| doc! { "_id": n, "text": "x".repeat(1000) });
        documents(&database, "rows").insert_many(rows).await.expect("inserts");
        let namespace = Namespace::new(database.name(), "rows");
        let limit = std::time::Duration::from_secs(10);
        let sample = source.sample(&namespace, 100, 1 << 20, limit).await.expect("a sample");
        let ids: std::collections::BTreeSet<i32> = sample.iter().map(|d| d.get_i32("_id").unwrap()).collect();
        assert!(ids.len() == sample.len() && (60..=100).contains(&ids.len()), "{}", ids.len());
        assert!((450..500).all(|n| ids.contains(&n)), "the newest half is in");
        let small = source.sample(&namespace, 100, 20_000, limit).await.expect("a sample");
        assert!(small.iter().map(|d| d.as_bytes().len()).sum::<usize>() <= 20_000 && small.len() > 10);
        let bounds = source.split(&namespace, 8).await.expect("bounds");
        let bounds: Vec<i32> = bounds.iter().map(|id| id.value().as_i32().unwrap()).collect();
        assert!(bounds.len() == 7 && bounds.is_sorted(), "{bounds:?}");
        let none = source.sample(&Namespace::new(database.name(), "none"), 10, 1000, limit).await;
        assert!(none.expect("an empty sample").is_empty());
    })
    .await;
}

/// Neither a wrong string nor a host that is not there shows the password.
#[tokio::test]
async fn no_error_holds_the_password() {
    for uri in ["mongodb://u:hunter2@127.0.0.1:1/?bogus=[", "mongodb://u:hunt@er2@h", "mongodb://u:hunter2@:x/"] {
        let Err(failure) = MongoSource::connect(settings(uri)).await else { continue };
        assert!(!failure.to_string().contains("hunt"), "{failure}");
    }
    let mut settings = settings("mongodb://u:hunter2@127.0.0.1:1/?socketTimeoutMS=5&replicaSet=x");
    settings.server_selection_timeout = std::time::Duration::from_millis(300);
    let source = MongoSource::connect(settings).await.expect("nothing is asked yet");
    let failure = source.identity().await.expect_err("nobody is there");
    assert_eq!((failure.next, failure.problem.code), (Next::Reconnect, "MOOR-2001"));
    assert!(!failure.to_string().contains("hunter2") && failure.to_string().contains("u:***@"), "{failure}");
}
