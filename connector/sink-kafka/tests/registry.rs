//! The registry's client against a real registry.

mod servers;

use std::time::{Duration, Instant};

use moorline_pipeline::error::Next;
use moorline_sink_kafka::{RegistrySettings, SchemaRegistry, same_schema};
use servers::{address, unique};

fn registry() -> SchemaRegistry {
    SchemaRegistry::new(&RegistrySettings::new(&address("SCHEMA_REGISTRY_URL"))).unwrap()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"Order","namespace":"shop","fields":[{fields}]}}"#)
}

/// Sets the level of one subject, as an operator does.
async fn backward(subject: &str) {
    let url = format!("{}/config/{subject}", address("SCHEMA_REGISTRY_URL"));
    let body = r#"{"compatibility":"BACKWARD"}"#;
    let request = reqwest::Client::new().put(url).header("content-type", "application/json").body(body);
    assert!(request.send().await.unwrap().status().is_success());
}

#[tokio::test]
#[ignore = "needs servers"]
async fn the_same_schema_has_one_id() {
    let registry = registry();
    let subject = unique("same-value");
    let schema = record(r#"{"name":"a","type":{"type":"string"}}"#);
    assert_eq!(registry.lookup(&subject, &schema).await.unwrap(), None);
    assert_eq!(registry.latest(&subject).await.unwrap(), None);
    assert!(registry.versions(&subject).await.unwrap().is_empty());
    let id = registry.register(&subject, &schema).await.unwrap();
    assert_eq!(registry.register(&subject, &schema).await.unwrap(), id);
    assert_eq!(registry.lookup(&subject, &schema).await.unwrap(), Some(id));
    // Another client, so not from the cache; and another spelling of it.
    let other = self::registry();
    assert_eq!(other.lookup(&subject, &schema).await.unwrap(), Some(id));
    assert_eq!(other.register(&subject, &record(r#"{"type":"string","name":"a"}"#)).await.unwrap(), id);
    let latest = other.latest(&subject).await.unwrap().unwrap();
    assert_eq!((latest.id, latest.version), (id, 1));
    assert!(same_schema(&latest.schema, &schema), "{}", latest.schema);
    assert!(same_schema(&other.by_id(id).await.unwrap().unwrap(), &schema));
    assert_eq!(other.by_id(2_000_000_000).await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs servers"]
async fn an_incompatible_schema_is_refused_in_the_registrys_words() {
    let registry = registry();
    let subject = unique("refused-value");
    let first = registry.register(&subject, &record(r#"{"name":"a","type":"string"}"#)).await.unwrap();
    backward(&subject).await;
    let failure = registry.register(&subject, &record(r#"{"name":"a","type":"long"}"#)).await.unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-4003", Next::Halt), "{failure}");
    println!("{failure}");
    let wider = record(r#"{"name":"a","type":"string"},{"name":"b","type":["null","long"],"default":null}"#);
    let second = registry.register(&subject, &wider).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(registry.versions(&subject).await.unwrap(), [1, 2]);
    let failure = registry.register(&subject, r#"{"type":"nothing known"}"#).await.unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-4003", Next::Halt), "{failure}");
}

#[tokio::test]
#[ignore = "needs servers"]
async fn subjects_with_odd_characters() {
    let registry = registry();
    let subject = format!("{} ü%2F+&=;@ §-value", unique("odd"));
    let schema = record(r#"{"name":"a","type":"int"}"#);
    let id = registry.register(&subject, &schema).await.unwrap();
    assert_eq!(self::registry().latest(&subject).await.unwrap().unwrap().id, id);
    assert_eq!(self::registry().versions(&subject).await.unwrap(), [1]);
}

#[tokio::test]
#[ignore = "needs servers"]
async fn registering_may_be_forbidden() {
    let mut settings = RegistrySettings::new(&address("SCHEMA_REGISTRY_URL"));
    settings.auto_register = false;
    let reading = SchemaRegistry::new(&settings).unwrap();
    let subject = unique("pinned-value");
    let schema = record(r#"{"name":"a","type":"int"}"#);
    let failure = reading.register(&subject, &schema).await.unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-4004", Next::Halt), "{failure}");
    let id = registry().register(&subject, &schema).await.unwrap();
    assert_eq!(reading.register(&subject, &schema).await.unwrap(), id);
}

#[tokio::test]
async fn a_registry_that_is_away_may_come_back() {
    let mut settings = RegistrySettings::new("http://me:hunter2@127.0.0.1:1/apis/ccompat/v7");
    settings.retry_timeout = Duration::from_secs(1);
    let started = Instant::now();
    let failure = SchemaRegistry::new(&settings).unwrap().register("s", "\"string\"").await.unwrap_err();
    assert_eq!((failure.problem.code, failure.next), ("MOOR-4001", Next::Retry), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(!failure.to_string().contains("hunter2"), "{failure}");
    println!("{failure}");
}
