//! Selections and the filters that come of them, as golden text.

use super::*;

fn selection(include: &[&str], exclude: &[&str], literal: bool) -> Selection {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    Selection { include: owned(include), exclude: owned(exclude), literal }
}

fn golden(selection: &Selection) -> String {
    Bson::from(events(selection, &level(selection)).expect("a condition")).into_canonical_extjson().to_string()
}

#[test]
fn everything_needs_no_filter() {
    assert_eq!(events(&selection(&[], &[], false), &Level::Cluster), None);
    assert_eq!(level(&selection(&[], &[], false)), Level::Cluster);
}

#[test]
fn one_collection_and_a_whole_database_need_no_filter() {
    let one = selection(&[r"shop\.orders"], &[], false);
    assert_eq!(level(&one), Level::Collection("shop".to_owned(), "orders".to_owned()));
    assert_eq!(events(&one, &level(&one)), None);
    assert_eq!(above_collections(&one), Level::Database("shop".to_owned()));
    assert!(events(&one, &above_collections(&one)).is_some());
    let whole = selection(&[r"shop\..*"], &[], false);
    assert_eq!((level(&whole), events(&whole, &level(&whole))), (Level::Database("shop".to_owned()), None));
    let but_one = selection(&[r"shop\..*"], &[r"shop\.tmp"], false);
    assert!(events(&but_one, &level(&but_one)).is_some());
}

#[test]
fn literals_are_compared_for_equality() {
    let one = selection(&["shop.or.d$rs", "shop.b"], &[], true);
    assert_eq!(level(&one), Level::Database("shop".to_owned()));
    assert_eq!(
        golden(&one),
        r#"{"$or":[{"ns.db":"shop","ns.coll":{"$in":["or.d$rs","b"]}},{"to.db":"shop","to.coll":{"$in":["or.d$rs","b"]}},{"operationType":"dropDatabase","ns.db":{"$in":["shop"]}},{"operationType":"invalidate"}]}"#
    );
    let two = selection(&["shop.a", "crm.b"], &[], true);
    assert_eq!(level(&two), Level::Cluster);
    assert!(
        golden(&two).starts_with(r#"{"$or":[{"$or":[{"ns.db":"crm","ns.coll":"b"},{"ns.db":"shop","ns.coll":"a"}]}"#)
    );
}

#[test]
fn patterns_are_as_precise_as_they_can_be() {
    let literal = |d: &str, c: &str| Pattern::Literal(d.to_owned(), c.to_owned());
    assert_eq!(Pattern::of("shop.orders", false), literal("shop", "orders"));
    assert_eq!(Pattern::of(r"shop\.orders\.v2", false), literal("shop", "orders.v2"));
    assert_eq!(Pattern::of(r"shop\.(a|b)", false), Pattern::Within("shop".to_owned(), "(a|b)".to_owned()));
    // `shop.*` also matches `shopping.list`, and an alternative reaches over the database.
    for whole in ["shop.*", r"shop\.a|crm\.b", "shop.a.b", ".*", r"(shop|crm)\..*", r"shop\.[|]"] {
        assert_eq!(Pattern::of(whole, false), Pattern::Whole(whole.to_owned()));
    }
}

#[test]
fn patterns_over_the_whole_name_are_anchored() {
    let all = selection(&["shop.*", "crm.*"], &[r"shop\.tmp_.*"], false);
    assert_eq!(level(&all), Level::Cluster);
    let name = |f: &str| {
        format!(
            r#"{{"$expr":{{"$regexMatch":{{"input":{{"$concat":["${f}.db",".","${f}.coll"]}},"regex":"^(?:(?:shop.*)|(?:crm.*))$"}}}},"$nor":[{{"{f}.db":"shop","{f}.coll":{{"$regex":"^(?:tmp_.*)$"}}}}]}}"#
        )
    };
    let expected = format!(
        r#"{{"$or":[{},{},{{"operationType":"dropDatabase"}},{{"operationType":"invalidate"}}]}}"#,
        name("ns"),
        name("to")
    );
    assert_eq!(golden(&all), expected);
}

#[test]
fn an_exclusion_alone_keeps_what_has_a_name() {
    let all = selection(&[], &["shop.a"], true);
    assert_eq!(
        golden(&all),
        r#"{"$or":[{"ns.coll":{"$type":"string"},"$nor":[{"ns.db":"shop","ns.coll":"a"}]},{"to.coll":{"$type":"string"},"$nor":[{"to.db":"shop","to.coll":"a"}]},{"operationType":"dropDatabase"},{"operationType":"invalidate"}]}"#
    );
}
