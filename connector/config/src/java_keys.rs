//! `kafka.*` and `producer.override.*` as librdkafka's keys: names of the Java producer are mapped, and those on which
//! exactly-once rests are refused.
//!
//! Invariant: no value is shown, since any may be a secret.

use std::collections::BTreeMap;

use regex::Regex;

use crate::codes;
use crate::given::{Given, Open};
use crate::report::{Report, quoted};
use crate::value::Value;

/// The producer's names in Java, and librdkafka's.
const MAPPED: [(&str, &str); 24] = [
    ("batch.size", "batch.size"),
    ("client.dns.lookup", "client.dns.lookup"),
    ("connections.max.idle.ms", "connections.max.idle.ms"),
    ("delivery.timeout.ms", "delivery.timeout.ms"),
    ("linger.ms", "linger.ms"),
    ("max.in.flight.requests.per.connection", "max.in.flight.requests.per.connection"),
    ("max.request.size", "message.max.bytes"),
    ("metadata.max.age.ms", "metadata.max.age.ms"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("reconnect.backoff.max.ms", "reconnect.backoff.max.ms"),
    ("reconnect.backoff.ms", "reconnect.backoff.ms"),
    ("request.timeout.ms", "request.timeout.ms"),
    ("retry.backoff.ms", "retry.backoff.ms"),
    ("sasl.kerberos.service.name", "sasl.kerberos.service.name"),
    ("sasl.mechanism", "sasl.mechanism"),
    ("security.protocol", "security.protocol"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("socket.connection.setup.timeout.ms", "socket.connection.setup.timeout.ms"),
    ("ssl.cipher.suites", "ssl.cipher.suites"),
    ("ssl.endpoint.identification.algorithm", "ssl.endpoint.identification.algorithm"),
    ("ssl.key.password", "ssl.key.password"),
    ("ssl.keystore.location", "ssl.keystore.location"),
    ("ssl.keystore.password", "ssl.keystore.password"),
    ("ssl.truststore.location", "ssl.ca.location"),
];

/// Keys of the Java producer that are refused: why, and what to write.
const REFUSED: [(&str, &str, &str); 10] = [
    ("acks", "exactly-once rests on it, so the connector sets it itself", "take the key out"),
    ("enable.idempotence", "exactly-once rests on it, so the connector sets it itself", "take the key out"),
    ("transactional.id", "exactly-once rests on it, so the connector sets it itself", "take the key out"),
    ("partitioner.class", "partitions are always those of Java's default partitioner", "take the key out"),
    ("key.serializer", "keys are always Avro", "take the key out"),
    ("value.serializer", "values are always Avro", "take the key out"),
    ("interceptor.classes", "it names Java classes", "take the key out"),
    ("metric.reporters", "it names Java classes", "take the key out"),
    ("bootstrap.servers", "all clients share one list of brokers", "bootstrap.servers=..."),
    ("client.id", "all clients share one name", "client.id=..."),
];

/// Range of `message.max.bytes` in librdkafka.
const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = 1000..=1_000_000_000;

type Keys = BTreeMap<String, String>;

/// librdkafka's keys.
pub(crate) fn client_keys(given: &Given, report: &mut Report<'_>) -> Keys {
    let mut keys: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for open in &given.open {
        let Value::Text(text) = &open.value else { continue };
        let pairs = if let Some(key) = open.key.strip_prefix("producer.override.") {
            of_java(key, text, open, report)
        } else if let Some(key) = open.key.strip_prefix("kafka.") {
            vec![(key.to_owned(), text.clone())]
        } else {
            continue;
        };
        for (key, value) in pairs {
            limits(&key, &value, open, report);
            match keys.get(&key) {
                Some((other, line)) if *other != value => {
                    let what =
                        format!("{} says once more what line {line} says, with another value", quoted(&open.key));
                    let why = "one of the two would win without a word";
                    report.mistake(open.line, codes::GIVEN_TWICE, what, why, vec!["take one of them out".to_owned()]);
                }
                _ => drop(keys.insert(key, (value, open.line))),
            }
        }
    }
    let mut keys: Keys = keys.into_iter().map(|(key, (value, _))| (key, value)).collect();
    // Java's client takes the mechanism from a key of its own, and its default can't be meant with this module.
    let plain = given.open.iter().any(|open| matches!(&open.value, Value::Text(text) if is_plain(&open.key, text)));
    if plain && !keys.contains_key("sasl.mechanism") && !keys.contains_key("sasl.mechanisms") {
        keys.insert("sasl.mechanism".to_owned(), "PLAIN".to_owned());
    }
    keys
}

fn is_plain(key: &str, text: &str) -> bool {
    key == "producer.override.sasl.jaas.config" && text.contains("PlainLoginModule")
}

fn limits(key: &str, value: &str, open: &Open, report: &mut Report<'_>) {
    if key == "message.max.bytes" && !value.parse().is_ok_and(|bytes| MESSAGE_BYTES.contains(&bytes)) {
        let what = format!("{} is no size of a record", quoted(&open.key));
        let why = "it takes a whole number of bytes from 1000 to 1000000000";
        let fix = vec![format!("{}=1048576, which is the default", open.key)];
        report.mistake(open.line, codes::BAD_VALUE, what, why, fix);
    }
}

fn of_java(key: &str, text: &str, open: &Open, report: &mut Report<'_>) -> Vec<(String, String)> {
    if let Some((_, why, fix)) = REFUSED.iter().find(|(name, ..)| *name == key) {
        let what = format!("{} is refused", quoted(&open.key));
        report.mistake(open.line, codes::REFUSED, what, why, vec![(*fix).to_owned()]);
        return Vec::new();
    }
    if key == "sasl.jaas.config" {
        return jaas(text).unwrap_or_else(|| {
            let what = format!("{} cannot be taken apart", quoted(&open.key));
            let why = "PlainLoginModule and ScramLoginModule with username and password are understood";
            let fix = "kafka.sasl.mechanism=..., kafka.sasl.username=... and kafka.sasl.password=... say the same";
            report.mistake(open.line, codes::BAD_VALUE, what, why, vec![fix.to_owned()]);
            Vec::new()
        });
    }
    if let Some((_, name)) = MAPPED.iter().find(|(java, _)| *java == key) {
        // A Java store can't be read here, while the same key with a PEM file can.
        if key.ends_with("store.location") && text.to_ascii_lowercase().ends_with(".jks") {
            let what = format!("{} names a store of Java's", quoted(&open.key));
            let fix = "a PEM file for ssl.truststore.location, PKCS12 for ssl.keystore.location; keytool converts";
            report.mistake(open.line, codes::REFUSED, what, "only Java reads that form", vec![fix.to_owned()]);
            return Vec::new();
        }
        return vec![((*name).to_owned(), text.to_owned())];
    }
    let what = format!("{} has no equal here yet", quoted(&open.key));
    let fix = "take it out, or write what librdkafka calls it: kafka.<librdkafka key>=...";
    let why = "producers here are librdkafka's, which names and groups some settings otherwise";
    report.mistake(open.line, codes::NOT_YET, what, why, vec![fix.to_owned()]);
    Vec::new()
}

/// User and password out of a line for Java's login modules.
fn jaas(text: &str) -> Option<Vec<(String, String)>> {
    if !text.contains("PlainLoginModule") && !text.contains("ScramLoginModule") {
        return None;
    }
    let pair =
        Regex::new(r#"\b(username|password)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))"#).ok()?;
    let mut keys = BTreeMap::new();
    for found in pair.captures_iter(text) {
        let value = found.get(2).or_else(|| found.get(3)).or_else(|| found.get(4))?.as_str();
        keys.insert(format!("sasl.{}", &found[1]), unescaped(value));
    }
    (keys.len() == 2).then(|| keys.into_iter().collect())
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        out.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_out_of_jaas() {
        let plain =
            r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="a\"b;c";"#;
        let expected = [("sasl.password", "a\"b;c"), ("sasl.username", "u")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(jaas(plain).unwrap(), expected);
        assert!(jaas("ScramLoginModule required username=u password='p';").is_some());
        assert!(jaas("ScramLoginModule required username=u;").is_none());
        assert!(jaas("OAuthBearerLoginModule required;").is_none());
    }

    #[test]
    fn tables_are_sorted_and_apart() {
        assert!(MAPPED.is_sorted());
        assert!(MAPPED.iter().all(|(java, _)| REFUSED.iter().all(|(refused, ..)| refused != java)));
    }
}
