//! Verdicts on collections, over facts that were made up.

use super::*;
use crate::commands::doctor::testing::config;

fn collection(name: &str, kind: Kind) -> CollectionFacts {
    CollectionFacts {
        namespace: Namespace::parse(name).unwrap(),
        kind,
        captured: kind == Kind::Collection,
        images: false,
        capped: false,
        documents: 100,
        bytes: 60_000,
        shard_key: Vec::new(),
    }
}

fn codes(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.problem.code).collect()
}

#[test]
fn names_are_told_apart() {
    let listed = [
        collection("shop.orders", Kind::Collection),
        collection("shop.recent", Kind::View),
        collection("shop.heat", Kind::TimeSeries),
    ];
    let config = config("collection.include.list=shop.orders,shop.recent,shop.heat,shop.ordres,shop.later");
    let found = names(&config, &listed);
    let whats: Vec<&str> = found.iter().map(|finding| finding.problem.what.as_str()).collect();
    assert_eq!(codes(&found), ["MOOR-2013", "MOOR-2034", "MOOR-2034", "MOOR-2013"], "{whats:?}");
    assert!(found.iter().any(|finding| finding.problem.fix[0] == "did you mean shop.orders?"));
}

#[test]
fn images_are_asked_for_only_where_they_are_used() {
    let orders = collection("shop.orders", Kind::Collection);
    assert!(images(&config("collection.include.list=shop.orders"), &[&orders]).is_none());
    let post = config("collection.include.list=shop.orders\ncapture.mode.full.update.type=post_image");
    let found = images(&post, &[&orders]).unwrap();
    assert!(found.commands[0].text.contains("collMod: \"orders\""), "{found:?}");
    let with = CollectionFacts { images: true, ..orders };
    assert!(images(&post, &[&with]).is_none());
}

#[test]
fn a_document_over_the_limit_stops_a_run_and_one_near_it_warns() {
    let orders = collection("shop.orders", Kind::Collection);
    let config = config("collection.include.list=shop.orders");
    let shapes = |largest| Shapes { sizes: vec![10, largest], ..Shapes::default() };
    let severity = |largest| large(&config, &orders, Some(&shapes(largest)), 1_000_000).map(|found| found.severity);
    assert_eq!(severity(400_000), None);
    assert_eq!(severity(600_000), Some(Severity::Warning));
    assert_eq!(severity(2_000_000), Some(Severity::Error));
    assert_eq!(large(&config, &orders, None, 500).map(|found| found.severity), Some(Severity::Error));
}

#[test]
fn a_shard_key_other_than_the_id_is_told() {
    let mut orders = collection("shop.orders", Kind::Collection);
    assert!(sharded(&orders).is_none());
    orders.shard_key = vec!["_id".into()];
    assert!(sharded(&orders).is_none());
    orders.shard_key = vec!["country".into(), "_id".into()];
    assert_eq!(sharded(&orders).unwrap().problem.code, "MOOR-2036");
}

#[test]
fn numbers_are_one_kind_of_id() {
    let of = |kinds: &[&str]| {
        let id_types = kinds.iter().map(|kind| ((*kind).to_owned(), 1)).collect();
        BTreeMap::from([(Namespace::new("a", "b"), Ok(Shapes { sizes: vec![], id_types }))])
    };
    assert!(mixed(&of(&["int", "long", "double"])).is_none());
    assert_eq!(mixed(&of(&["int", "string"])).unwrap().problem.what, "`_id`s of several types: a.b (number, string)");
}
