//! What is made of a row, whether a file or the topic gave it: its identity, its hash, its part of the state's digest.
//!
//! Invariant: the same row gives the same, from whichever side it came.

use moorline_pipeline::error::Problem;
use sha2::{Digest as _, Sha256};

use super::RowHash;
use crate::canonical::{Canonical, is_metadata};
use crate::datum::Datum;
use crate::decode::Resolver;
use crate::encode;
use crate::format::jsonl;
use crate::manifest::{Collection, Mode};
use crate::schema::Schema;

/// The field that a key consists of.
const KEY: &str = "_id";
/// Where a record of a log stands.
const PLACE: [&str; 2] = ["__partition", "__offset"];
/// A prefix that no field has: all fields count.
const NO_PREFIX: &str = "\0";

/// Makes it.
pub(super) struct Reading {
    pub(super) schema: Schema,
    own: Resolver,
    whole: Canonical,
    /// Where facts of the change are no part of the state.
    state: Option<Canonical>,
    key: Option<Key>,
    place: Option<[usize; 2]>,
}

/// How a row's key bytes are made.
struct Key {
    place: usize,
    schema: Schema,
    frame: [u8; 5],
}

/// What a row is.
pub(super) struct Seen {
    /// Where a record of a log stands.
    place: Option<Vec<u8>>,
    /// Key bytes, where rows tell them.
    pub(super) key: Option<Vec<u8>>,
    /// Over all fields.
    pub(super) hash: RowHash,
    /// Over what is of the state.
    pub(super) state: RowHash,
}

impl Seen {
    /// What no two rows share: the place in a log, key bytes, else the hash.
    pub(super) fn identity(&self) -> &[u8] {
        self.place.as_deref().or(self.key.as_deref()).unwrap_or(&self.hash)
    }
}

impl Reading {
    /// Of a collection's rows.
    pub(super) fn new(mode: Mode, collection: &Collection) -> Result<Self, Problem> {
        let schema = Schema::parse(&collection.schema.to_string())?;
        let own = Resolver::new(&schema, &schema)?;
        let prefix = collection.metadata_prefix.as_str();
        let facts = schema.record().fields.iter().any(|field| is_metadata(&field.name, prefix));
        let place = PLACE.map(|name| schema.position(name));
        Ok(Self {
            own,
            whole: Canonical::new(&schema, NO_PREFIX),
            state: facts.then(|| Canonical::new(&schema, prefix)),
            key: key(&schema, collection),
            place: if let (Mode::Log, [Some(one), Some(two)]) = (mode, place) { Some([one, two]) } else { None },
            schema,
        })
    }

    /// Whether the order of rows can be told by their keys.
    pub(super) fn has_keys(&self) -> bool {
        self.key.is_some()
    }

    /// Whether rows are records of a log, which stand in the order of their places.
    pub(super) fn has_places(&self) -> bool {
        self.place.is_some()
    }

    /// A row of its bytes.
    pub(super) fn row<'a>(&'a self, bytes: &'a [u8]) -> Result<Datum<'a>, Problem> {
        self.own.read(bytes)
    }

    /// What it is.
    pub(super) fn see(&self, row: &Datum<'_>) -> Seen {
        let mut form = Vec::with_capacity(512);
        self.whole.write(row, &mut form);
        let hash: RowHash = Sha256::digest(&form).into();
        let state = match &self.state {
            None => hash,
            Some(canonical) => {
                form.clear();
                canonical.write(row, &mut form);
                Sha256::digest(&form).into()
            }
        };
        Seen { place: self.place.map(|place| self.stands(row, place)), key: self.key(row), hash, state }
    }

    /// The key bytes of a row; `None` where rows do not tell them.
    fn key(&self, row: &Datum<'_>) -> Option<Vec<u8>> {
        let (Some(key), Datum::Record(fields)) = (&self.key, row) else { return None };
        let mut out = key.frame.to_vec();
        encode::row(&Datum::Record(vec![fields.get(key.place)?.clone()]), &key.schema, &mut out);
        Some(out)
    }

    fn stands(&self, row: &Datum<'_>, place: [usize; 2]) -> Vec<u8> {
        let Datum::Record(fields) = row else { return Vec::new() };
        let number = |at: usize| match fields.get(at) {
            Some(Datum::Int(number)) => i64::from(*number),
            Some(Datum::Long(number)) => *number,
            _ => -1,
        };
        // With the sign turned over, bytes have the order of the numbers.
        place.iter().flat_map(|at| (number(*at) as u64 ^ 1 << 63).to_be_bytes()).collect()
    }

    /// A row for people.
    pub(super) fn json(&self, bytes: &[u8]) -> serde_json::Value {
        let row = self.row(bytes).ok().map(|row| jsonl::line(&row, &self.schema));
        row.and_then(|line| serde_json::from_str(&line).ok()).unwrap_or_default()
    }

    /// What names a row to people.
    pub(super) fn name(&self, bytes: &[u8]) -> String {
        let row = self.json(bytes);
        if self.place.is_some() {
            return format!("partition {}, offset {}", row[PLACE[0]], row[PLACE[1]]);
        }
        match row.get(KEY) {
            Some(id) => serde_json::json!({KEY: id}).to_string(),
            None => row.to_string().chars().take(200).collect(),
        }
    }
}

/// How keys are made, where the keys that the manifest names are made so.
fn key(schema: &Schema, collection: &Collection) -> Option<Key> {
    let (place, key) = (schema.position(KEY)?, schema.key(KEY)?);
    let resolver = Resolver::new(&key, &key).ok()?;
    let mut frame = [0; 5];
    frame[1..].copy_from_slice(&collection.key_schema_id.to_be_bytes());
    let told = collection.files.iter().flat_map(|file| [&file.first_key, &file.last_key]);
    let fits = |text: &String| {
        let bytes = hex::decode(text).unwrap_or_default();
        bytes.strip_prefix(&frame).is_some_and(|datum| resolver.read(datum).is_ok())
    };
    let all_fit = told.into_iter().all(fits);
    all_fit.then_some(Key { place, schema: key, frame })
}

/// A key of its bytes, for people.
pub(super) fn name_of_key(schema: &str, key: &[u8]) -> String {
    let read = || {
        let schema = Schema::parse(schema).ok()?;
        let resolver = Resolver::new(&schema, &schema).ok()?;
        let row = resolver.read(key.get(5..)?).ok()?;
        Some(jsonl::line(&row, &schema))
    };
    read().unwrap_or_else(|| hex::encode(key))
}
