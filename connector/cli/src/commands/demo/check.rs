//! The topics against what the writer knows: every row once, and the last record of each key is the document.
//!
//! It is told from the records alone, decoded by their registered schemas, and from the documents as they were written;
//! nothing that a run has counted is believed.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bson::{Bson, Document};
use moorline_config::Config;
use moorline_pipeline::avro_text::{AvroText, Style, unframed};
use moorline_pipeline::contract::names;
use moorline_pipeline::error::Result;
use moorline_pipeline::model::Namespace;
use moorline_sink_kafka::{SchemaRegistry, TopicReader};
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

use super::child::broken;
use super::source::Known;
use crate::wiring;

/// How long a topic may take to be read.
const LIMIT: Duration = Duration::from_secs(120);

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Snapshot rows.
    pub(super) rows: u64,
    /// Keys with more than one snapshot row.
    pub(super) doubled: u64,
    /// Other records.
    pub(super) changes: u64,
    /// Documents that the fold and the writer agree on.
    pub(super) equal: u64,
    /// Documents that the fold does not have.
    pub(super) missing: u64,
    /// Documents that only the fold has.
    pub(super) extra: u64,
    /// Documents that are not the same.
    pub(super) wrong: u64,
    /// Documents that stand in quarantine.
    pub(super) held_out: u64,
}

/// Reads topics.
pub(super) struct Checker<'a> {
    pub(super) config: &'a Config,
    pub(super) database: &'a str,
    pub(super) reader: &'a TopicReader,
    pub(super) registry: &'a SchemaRegistry,
    pub(super) runtime: &'a Runtime,
}

/// Keys as they are in bytes, each with its last document as text.
type Fold = HashMap<Vec<u8>, Option<String>>;

/// Takes a record's key and value.
type Visit<'a> = &'a mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<()>;

impl Checker<'_> {
    fn topic(&self, collection: &str) -> String {
        let namespace = Namespace::new(self.database, collection);
        wiring::output(self.config).topic(&namespace)
    }

    /// Offsets that are committed by now: records and markers, quick to ask.
    pub(super) fn committed(&self, collection: &str) -> Result<i64> {
        let topic = self.topic(collection);
        let mut sum = 0;
        for partition in 0..self.reader.partitions(&topic)?.unwrap_or(0) {
            let marks = self.reader.watermarks(&topic, partition)?;
            sum += marks.stable - marks.first;
        }
        Ok(sum)
    }

    /// Rows and changes of a collection that are committed by now.
    pub(super) fn count(&self, collection: &str) -> Result<Counted> {
        let mut counted = Counted::default();
        self.fold(&self.topic(collection), &mut counted)?;
        Ok(counted)
    }

    /// Folds a collection's topic, and compares it with what is known.
    pub(super) fn compare(&self, known: &Known) -> Result<Counted> {
        let mut counted = Counted::default();
        let fold = self.fold(&self.topic(known.name), &mut counted)?;
        let held_out = self.quarantined()?;
        let mut documents: HashMap<String, &Document> =
            known.documents.iter().flatten().map(|document| (id_of(document), document)).collect();
        for (key, text) in fold {
            let Some(text) = text else {
                counted.held_out += u64::from(held_out.contains(&key));
                continue;
            };
            let found = document(&text);
            let id = found.get("_id").map(ToString::to_string).unwrap_or_default();
            match documents.remove(&id) {
                None => counted.extra += 1,
                Some(written) if same(&expected(written), &Value::Object(found)) => counted.equal += 1,
                Some(_) => counted.wrong += 1,
            }
        }
        counted.missing = (documents.len() as u64).saturating_sub(counted.held_out);
        Ok(counted)
    }

    fn fold(&self, topic: &str, counted: &mut Counted) -> Result<Fold> {
        let mut fold = Fold::new();
        let mut schemas: HashMap<u32, AvroText> = HashMap::new();
        let mut rows: HashSet<Vec<u8>> = HashSet::new();
        self.read(topic, &mut |key, value| {
            let text = value.map(|value| self.text(value, &mut schemas)).transpose()?;
            // In a string the quotes would be escaped, so this is the member and nothing else.
            if text.as_deref().is_some_and(|text| text.contains(r#""__op":"r""#)) {
                counted.rows += 1;
                counted.doubled += u64::from(!rows.insert(key.to_vec()));
            } else {
                counted.changes += 1;
            }
            fold.insert(key.to_vec(), text);
            Ok(())
        })?;
        Ok(fold)
    }

    fn quarantined(&self) -> Result<HashSet<Vec<u8>>> {
        let mut keys = HashSet::new();
        self.read(&self.config.quarantine_topic_name, &mut |key, _| {
            keys.insert(key.to_vec());
            Ok(())
        })?;
        Ok(keys)
    }

    fn read(&self, topic: &str, visit: Visit<'_>) -> Result<()> {
        let mut ranges = std::collections::BTreeMap::new();
        for partition in 0..self.reader.partitions(topic)?.unwrap_or(0) {
            let marks = self.reader.watermarks(topic, partition)?;
            ranges.insert(partition, (marks.first, marks.stable));
        }
        self.reader
            .read(topic, &ranges, LIMIT, &mut |message| visit(message.key().unwrap_or_default(), message.value()))
    }

    fn text(&self, value: &[u8], schemas: &mut HashMap<u32, AvroText>) -> Result<String> {
        let unreadable = |why: String| moorline_pipeline::error::Failure::halt(broken("a record of the demo", &why));
        let (id, datum) = unframed(value).ok_or_else(|| unreadable("it has no frame".to_owned()))?;
        let schema = match schemas.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let text = self.runtime.block_on(self.registry.by_id(id))?.unwrap_or_default();
                place.insert(AvroText::new(&text).map_err(|error| unreadable(error.to_string()))?)
            }
        };
        schema.text(datum, Style::HUMAN).map_err(|error| unreadable(error.to_string()))
    }
}

fn id_of(document: &Document) -> String {
    document.get("_id").cloned().unwrap_or(Bson::Null).into_relaxed_extjson().to_string()
}

/// A record's members without metadata, with what was spilled in its place.
fn document(text: &str) -> Map<String, Value> {
    let mut found: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    if let Some(Value::Object(spilled)) = found.remove("__spill") {
        for (path, text) in spilled {
            let value = text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            found.insert(names::field(&path), value);
        }
    }
    found.retain(|name, _| !names::is_reserved(name, names::METADATA_PREFIX));
    found
}

/// A document as its record should read.
fn expected(document: &Document) -> Value {
    let members = document.iter().map(|(name, value)| (names::field(name), value.clone().into_relaxed_extjson()));
    Value::Object(members.collect())
}

/// Equal but for what a typed record can't keep apart: null and missing, 1 and 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other = |(name, value): (&String, &Value)| same(value, other.get(name).unwrap_or(&Value::Null));
            let only_in_other = |(name, value): (&String, &Value)| value.is_null() || one.contains_key(name);
            one.iter().all(in_other) && other.iter().all(only_in_other)
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_and_its_record() {
        let written = doc! {"_id": 1_i64, "US Gross": 3_i32, "a": Bson::Null, "t": 0.5, "s": "x"};
        let text = r#"{"_id":1,"US_Gross":3.0,"t":0.5,"s":null,"__op":"u","__seq":0,"__spill":{"s":"\"x\""}}"#;
        assert!(same(&expected(&written), &Value::Object(document(text))));
        let other = text.replace("0.5", "0.6");
        assert!(!same(&expected(&written), &Value::Object(document(&other))));
        assert_eq!(id_of(&written), "1");
    }

    #[test]
    fn what_is_there_on_one_side_only_is_seen() {
        assert!(!same(&json!({"a": 1}), &json!({})) && !same(&json!({}), &json!({"a": 1})));
        assert!(same(&json!({"a": null}), &json!({"b": null})));
        assert!(!same(&json!([1]), &json!([1, 2])) && !same(&json!("1"), &json!(1)));
    }
}
