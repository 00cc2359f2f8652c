//! Verdicts on topics, over facts that were made up.

use super::*;
use crate::commands::doctor::testing::config;
use moorline_pipeline::model::Namespace;

fn topic(settings: &[(&str, &str)]) -> TopicFacts {
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    TopicFacts { partitions: 3, replication: 1, settings: Some(settings), ..TopicFacts::default() }
}

fn data(names: &[(&str, &str)]) -> Vec<DataTopic> {
    let one =
        |(name, topic): &(&str, &str)| DataTopic { namespace: Namespace::parse(name).unwrap(), topic: (*topic).into() };
    names.iter().map(one).collect()
}

#[test]
fn names_that_cannot_be_had_together() {
    let config = config("collection.include.list=a.b");
    let codes = |data: &[DataTopic]| -> Vec<_> {
        let names: Vec<_> = data.iter().map(|data| (&data.namespace, data.topic.as_str())).collect();
        collisions::of(&config, &names).into_iter().map(|problem| problem.code).collect()
    };
    assert!(codes(&data(&[("a.b", "p.a.b"), ("a.c", "p.a.c")])).is_empty());
    let one = ["MOOR-3004"];
    // Alike to brokers, the same, the connector's own, and none.
    assert_eq!(codes(&data(&[("a.b_c", "p.a.b_c"), ("a.b.c", "p.a.b.c")])), one);
    assert_eq!(codes(&data(&[("a.b", "t"), ("a.c", "t")])), one);
    for own in ["shop.anchors", "shop.quarantine", "g-offsets", "shop-signal", "shop.notifications", "..", ""] {
        assert_eq!(codes(&data(&[("a.b", own)])), one, "{own}");
    }
}

#[test]
fn a_topic_by_another_name_is_said_beforehand() {
    let golden = include_bytes!("../../../../pipeline/tests/golden/offsets/progress-1.json");
    let progress = Progress::from_value(golden).unwrap();
    let now = |topic: &str| vec![DataTopic { namespace: progress.namespace.clone(), topic: topic.to_owned() }];
    assert!(moved(&progress, &now(&progress.topic)).is_none());
    assert_eq!(moved(&progress, &now("other")).unwrap().problem.code, "MOOR-5703");
    assert!(moved(&progress, &[]).is_none());
}

#[test]
fn settings_of_data_topics() {
    let config = config("collection.include.list=a.b");
    let keeps = topic(&[("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")]);
    assert!(compacted(&config, "t", &keeps).is_none() && retained(&config, "t", &keeps).is_none());
    let compact = topic(&[("cleanup.policy", "compact,delete"), ("retention.ms", "604800000")]);
    assert_eq!(compacted(&config, "t", &compact).unwrap().problem.code, "MOOR-3030");
    assert!(retained(&config, "t", &compact).unwrap().problem.what.contains("7 d 0 h"));
    assert!(retained(&config, "t", &topic(&[("cleanup.policy", "compact"), ("retention.ms", "1")])).is_none());
    assert!(retained(&config, "t", &topic(&[("cleanup.policy", "delete"), ("retention.bytes", "5")])).is_some());
    assert!(small(&config, "t", &topic(&[("max.message.bytes", "1048588")]), 1_048_576).is_none());
    assert!(small(&config, "t", &topic(&[("max.message.bytes", "10000")]), 1_048_576).is_some());
    assert!(small(&config, "t", &TopicFacts::default(), 1).is_none());
}

#[test]
fn more_copies_than_there_are_stop_all_writing() {
    let config = config("collection.include.list=a.b");
    assert!(copies(&config, "t", &topic(&[("min.insync.replicas", "1")])).is_none());
    let found = copies(&config, "t", &topic(&[("min.insync.replicas", "2")])).unwrap();
    assert!(found.commands[0].text.ends_with("min.insync.replicas=1"), "{found:?}");
}

#[test]
fn rights_are_looked_at_where_the_broker_tells_them() {
    let config = config("collection.include.list=a.b");
    assert!(rights(&config, &own_topics::all(&config), "t", &topic(&[])).is_none());
    let mut reader = topic(&[]);
    reader.allowed = Some([Operation::Read, Operation::Describe].into());
    assert!(rights(&config, &own_topics::all(&config), "t", &reader).unwrap().problem.what.contains("Write"));
    reader.allowed = Some([Operation::Write, Operation::Describe].into());
    assert!(rights(&config, &own_topics::all(&config), "t", &reader).is_none());
    assert!(
        rights(&config, &own_topics::all(&config), &config.offset_storage_topic, &reader)
            .unwrap()
            .problem
            .what
            .contains("Read")
    );
}
