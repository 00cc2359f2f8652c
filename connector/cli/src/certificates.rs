//! The certificates topic: read for whoever shows anchors, written by whoever has read an export.
//!
//! Invariants: a topic that is not there holds no certificates; a record that can't be read is told, and never taken for
//! one; what was written is delivered.

use std::collections::BTreeMap;
use std::time::Duration;

use moorline_config::Config;
use moorline_pipeline::certificate::{
    self, Certificate, CertificateKey, Certificates, KEY_SCHEMA, SCHEMA, decode, decode_key,
};
use moorline_pipeline::error::{Problem, Result};
use moorline_sink_kafka::{Message, TopicReader, TopicWriter};
use tokio::runtime::Runtime;

use crate::commands::words;
use crate::failure::Failed;
use crate::{messages, wiring};

/// How long the topic may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// The topic as read.
pub(crate) struct Read {
    topic: String,
    pub(crate) certificates: Certificates,
    /// Offsets of records that are no certificates, and why.
    strange: Vec<(i64, String)>,
}

impl Read {
    /// None: nobody was asked.
    pub(crate) fn none() -> Self {
        Self { topic: String::new(), certificates: Certificates::default(), strange: Vec::new() }
    }

    /// Records of the topic that are no certificates, a line each.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.strange.iter().map(|(offset, why)| {
            let topic = &self.topic;
            format!("warning  no certificate that this version can read: {topic}, offset {offset}: {why}   MOOR-6150")
        })
    }
}

/// Reads all certificates of a connector. Blocks.
pub(crate) fn read(reader: &TopicReader, topic: &str, connector: &str) -> Result<Read> {
    let (mut records, mut strange) = (Vec::new(), Vec::new());
    if reader.partitions(topic)?.is_some() {
        let marks = reader.watermarks(topic, 0)?;
        reader.read(topic, &BTreeMap::from([(0, (marks.first, marks.stable))]), READ_LIMIT, &mut |message| {
            match record(message) {
                Ok(record) => records.push(record),
                Err(why) => strange.push((message.offset(), why)),
            }
            Ok(())
        })?;
    }
    Ok(Read { topic: topic.to_owned(), certificates: Certificates::read(connector, records), strange })
}

fn record(message: &Message) -> Result<(CertificateKey, Option<Certificate>), String> {
    let key = decode_key(message.key().unwrap_or_default()).map_err(|error| format!("key: {error}"))?;
    let value = message.value().map(decode).transpose().map_err(|error| error.to_string())?;
    match value {
        Some(found) if found.key() != key => Err("the key names another certificate".to_owned()),
        value => Ok((key, value)),
    }
}

/// Writes certificates and says so; `untold` is given why they could not be written. Blocks.
pub(crate) fn leave(runtime: &Runtime, config: &Config, made: &[Certificate], untold: impl FnOnce(&[Problem])) {
    match write(runtime, config, made) {
        Ok(()) => messages::note(&format!(
            "{} written to {}",
            words::plural(made.len(), "certificate"),
            config.certificate_topic_name
        )),
        Err(Failed::Problems(problems)) => untold(&problems),
        Err(_) => {}
    }
}

/// Writes certificates, and makes their topic where it is missing and may be made.
fn write(runtime: &Runtime, config: &Config, certificates: &[Certificate]) -> Result<(), Failed> {
    let topic = &config.certificate_topic_name;
    let registry = wiring::registry(config)?;
    let ids = runtime.block_on(async {
        let key = registry.register(&format!("{topic}-key"), KEY_SCHEMA).await?;
        Ok::<_, Failed>((key, registry.register(&format!("{topic}-value"), SCHEMA).await?))
    })?;
    let encoded = |c: &Certificate| (certificate::encode_key(&c.key(), ids.0), Some(certificate::encode(c, ids.1)));
    let records: Vec<_> = certificates.iter().map(encoded).collect();
    Ok(TopicWriter::open(&wiring::kafka(config)?)?.keep(topic, &records)?)
}
