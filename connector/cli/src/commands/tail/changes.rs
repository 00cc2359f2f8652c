//! What changed between two images of a key.
//!
//! Invariants: images are kept up to a bound in bytes, the longest unused going first; an image before is one that was
//! committed before, in the same partition; where none was seen, none is made up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use moorline_pipeline::error::Result;
use moorline_sink_kafka::TopicReader;
use serde_json::Value;

use super::decode::Decoder;
use super::gather::{Held, Span};

/// The most bytes of images that are kept.
const MOST_BYTES: usize = 64 << 20;
/// Offsets of each partition that are looked through for earlier images of the keys that are shown.
const LOOK_BACK: i64 = 100_000;
/// How long that may take.
const LIMIT: Duration = Duration::from_secs(300);

/// A value at a path that is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// `/a/0/b`; empty for the whole document.
    pub(super) path: String,
    /// `None` where there was nothing.
    pub(super) before: Option<Value>,
    /// `None` where nothing is left.
    pub(super) after: Option<Value>,
}

/// What changed from one image to the next; `after` is `None` where the document is gone.
pub(super) fn between(before: &Value, after: Option<&Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    // Null is "no document": it was deleted before, or is now.
    let before = Some(before).filter(|before| !before.is_null());
    compare("", before, after, &mut changes);
    changes
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (name, value) in old {
                compare(&step(path, name), Some(value), new.get(name), changes);
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                compare(&step(path, name), None, Some(value), changes);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for at in 0..old.len().max(new.len()) {
                compare(&step(path, &at.to_string()), old.get(at), new.get(at), changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => {
            changes.push(Change { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

fn step(path: &str, name: &str) -> String {
    format!("{path}/{name}")
}

/// The last images of keys, by partition and key bytes.
#[derive(Default)]
pub(super) struct Images {
    by_key: HashMap<(i32, Vec<u8>), (u64, Value, usize)>,
    by_use: BTreeMap<u64, (i32, Vec<u8>)>,
    clock: u64,
    bytes: usize,
}

impl Images {
    /// Puts a key's image in the place of the one before, and gives that: null where the document was gone, `None` where
    /// none was seen.
    pub(super) fn replace(&mut self, held: &Held, image: Option<Value>) -> Option<Value> {
        let key = (held.partition, held.key.clone()?);
        let size = key.1.len() + held.value.as_ref().map_or(0, Vec::len) * 4 + 200;
        self.clock += 1;
        let before = self.by_key.insert(key.clone(), (self.clock, image.unwrap_or(Value::Null), size));
        self.by_use.insert(self.clock, key);
        self.bytes += size;
        if let Some((used, _, size)) = &before {
            self.by_use.remove(used);
            self.bytes -= size;
        }
        while self.bytes > MOST_BYTES {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some((_, _, size)) = self.by_key.remove(&oldest) {
                self.bytes -= size;
            }
        }
        before.map(|(_, image, _)| image)
    }
}

/// The image before each of these records, by partition and offset, from the records that stand before them.
pub(super) fn befores(
    reader: &TopicReader,
    topic: &str,
    spans: &[Span],
    records: &[Held],
    decoder: &mut Decoder<'_>,
    images: &mut Images,
) -> Result<HashMap<(i32, i64), Value>> {
    let keys: HashSet<(i32, &[u8])> = records.iter().filter_map(|r| Some((r.partition, r.key.as_deref()?))).collect();
    let shown: HashSet<(i32, i64)> = records.iter().map(|r| (r.partition, r.offset)).collect();
    let mut ranges = BTreeMap::new();
    for span in spans {
        let offsets = records.iter().filter(|r| r.partition == span.partition).map(|r| r.offset);
        let Some((low, high)) = offsets.clone().min().zip(offsets.max()) else { continue };
        ranges.insert(span.partition, (low.saturating_sub(LOOK_BACK).max(span.first), high + 1));
    }
    let mut befores = HashMap::new();
    reader.read(topic, &ranges, LIMIT, &mut |message| {
        // Most records are of other keys, and are not even copied.
        if message.key().is_some_and(|key| keys.contains(&(message.partition(), key))) {
            let held = Held::of(message);
            let image = decoder.record(&held)?.image;
            let before = images.replace(&held, image);
            if let Some(before) = before.filter(|_| shown.contains(&(held.partition, held.offset))) {
                befores.insert((held.partition, held.offset), before);
            }
        }
        Ok(())
    })?;
    Ok(befores)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes(before: Value, after: Option<Value>) -> Vec<(String, Option<Value>, Option<Value>)> {
        let changes = between(&before, after.as_ref()).into_iter();
        changes.map(|change| (change.path, change.before, change.after)).collect()
    }

    #[test]
    fn only_what_changed_is_told_and_where() {
        let before = json!({"_id": 1, "price": 326, "gone": true, "nested": {"a": [1, 2, 3], "b": "x"}});
        let after = json!({"_id": 1, "price": 330, "nested": {"a": [1, 5], "b": "x"}, "new": null});
        assert_eq!(
            changes(before, Some(after)),
            [
                ("/price".to_owned(), Some(json!(326)), Some(json!(330))),
                ("/gone".to_owned(), Some(json!(true)), None),
                ("/nested/a/1".to_owned(), Some(json!(2)), Some(json!(5))),
                ("/nested/a/2".to_owned(), Some(json!(3)), None),
                ("/new".to_owned(), None, Some(json!(null))),
            ]
        );
    }

    #[test]
    fn a_document_that_comes_or_goes_is_one_change() {
        let document = json!({"_id": 1});
        assert_eq!(changes(document.clone(), None), [(String::new(), Some(document.clone()), None)]);
        assert_eq!(changes(Value::Null, Some(document.clone())), [(String::new(), None, Some(document.clone()))]);
        assert_eq!(changes(document.clone(), Some(document)), []);
    }

    #[test]
    fn images_have_a_bound() {
        let held = |key: u32, size: usize| Held {
            partition: 0,
            offset: 0,
            timestamp: None,
            key: Some(key.to_be_bytes().to_vec()),
            value: Some(vec![0; size]),
            headers: Vec::new(),
        };
        let mut images = Images::default();
        assert_eq!(images.replace(&held(1, 10), Some(json!(1))), None);
        assert_eq!(images.replace(&held(1, 10), None), Some(json!(1)));
        assert_eq!(images.replace(&held(1, 10), Some(json!(2))), Some(Value::Null));
        for key in 2..200 {
            images.replace(&held(key, 1 << 20), Some(json!(key)));
            assert!(images.bytes <= MOST_BYTES && images.by_key.len() == images.by_use.len());
        }
        assert_eq!(images.replace(&held(1, 10), None), None, "unused for longest");
        assert_eq!(images.replace(&held(199, 10), None), Some(json!(199)));
    }
}
