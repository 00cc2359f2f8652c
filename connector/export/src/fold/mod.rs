//! The last record of each key, in the order of key bytes, within a budget of memory.
//!
//! ```text
//! records ──> held in memory ──(budget used up)──> run on disk, sorted by key
//!                   └────────────(end)────────────> [`Sorted`]: in memory, or all runs merged
//! ```
//!
//! Invariants: of two records with the same key bytes the one given later counts; what comes out depends on the records
//! alone, not on the budget, nor on how partitions were interleaved; runs are gone when the fold is dropped.

mod run;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::{Path, PathBuf};
use std::vec;

use moorline_pipeline::error::Problem;

pub(crate) use run::failed;
use run::{Reader, Writer};

/// Bytes that an entry takes besides those of its key and value: its place in a table that is half full, its place in
/// the list that is sorted, and what two allocations cost.
const ENTRY: usize = 176;

/// The last record of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// Key bytes.
    pub key: Box<[u8]>,
    /// Value bytes; `None` for a tombstone.
    pub value: Option<Box<[u8]>>,
    /// Where it stands.
    pub partition: i32,
    /// Where it stands.
    pub offset: i64,
}

/// A key's last record while it is folded: the key is the map's.
struct Held {
    value: Option<Box<[u8]>>,
    partition: i32,
    offset: i64,
}

/// Records that are being folded.
pub struct Fold {
    budget: usize,
    used: usize,
    held: HashMap<Box<[u8]>, Held>,
    folder: PathBuf,
    runs: Option<tempfile::TempDir>,
    written: Vec<PathBuf>,
    spilled: u64,
}

impl Fold {
    /// Nothing yet; `budget` in bytes, runs go below `folder`.
    pub fn new(budget: usize, folder: &Path) -> Self {
        Self {
            budget,
            used: 0,
            held: HashMap::new(),
            folder: folder.to_owned(),
            runs: None,
            written: Vec::new(),
            spilled: 0,
        }
    }

    /// Takes a record; records of one key come in their order.
    pub fn add(&mut self, partition: i32, offset: i64, key: &[u8], value: Option<&[u8]>) -> Result<(), Problem> {
        let value: Option<Box<[u8]>> = value.map(Into::into);
        let size = value.as_ref().map_or(0, |value| value.len());
        match self.held.get_mut(key) {
            Some(held) => {
                self.used = self.used + size - held.value.as_ref().map_or(0, |value| value.len());
                *held = Held { value, partition, offset };
            }
            None => {
                self.used += ENTRY + key.len() + size;
                self.held.insert(key.into(), Held { value, partition, offset });
            }
        }
        if self.used > self.budget { self.spill() } else { Ok(()) }
    }

    fn sorted(&mut self) -> Vec<Last> {
        self.used = 0;
        let held = std::mem::take(&mut self.held);
        let last =
            |(key, held): (_, Held)| Last { key, value: held.value, partition: held.partition, offset: held.offset };
        let mut entries: Vec<Last> = held.into_iter().map(last).collect();
        entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        entries
    }

    fn spill(&mut self) -> Result<(), Problem> {
        let entries = self.sorted();
        let folder = match &self.runs {
            Some(folder) => folder.path(),
            None => {
                let made = tempfile::Builder::new().prefix(".moorline-runs-").tempdir_in(&self.folder);
                let made = made.map_err(|error| run::failed(&self.folder, &error))?;
                self.runs.insert(made).path()
            }
        };
        let path = folder.join(format!("run-{:05}", self.written.len()));
        let mut writer = Writer::create(&path)?;
        for entry in &entries {
            writer.write(entry)?;
        }
        self.spilled += writer.finish()?;
        self.written.push(path);
        Ok(())
    }

    /// All keys in order.
    pub fn finish(mut self) -> Result<Sorted, Problem> {
        if self.written.is_empty() {
            return Ok(Sorted { memory: self.sorted().into_iter(), ..Sorted::default() });
        }
        if !self.held.is_empty() {
            self.spill()?;
        }
        let mut merged = Sorted { folder: self.runs.take(), spilled: self.spilled, ..Sorted::default() };
        for (number, path) in self.written.iter().enumerate() {
            merged.readers.push(Reader::open(path)?);
            merged.advance(number)?;
        }
        Ok(merged)
    }
}

/// Keys in order, each once.
#[derive(Default)]
pub struct Sorted {
    memory: vec::IntoIter<Last>,
    readers: Vec<Reader>,
    heads: BinaryHeap<Head>,
    /// Held so that runs live as long as they are read.
    folder: Option<tempfile::TempDir>,
    spilled: u64,
}

/// The next entry of a run: the smallest key first, of equal ones that of the newest run.
struct Head(Last, usize);

impl Head {
    fn rank(&self) -> (Reverse<&[u8]>, usize) {
        (Reverse(&self.0.key), self.1)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}
impl Eq for Head {}
impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl Sorted {
    fn advance(&mut self, run: usize) -> Result<(), Problem> {
        if let Some(entry) = self.readers[run].read()? {
            self.heads.push(Head(entry, run));
        }
        Ok(())
    }

    /// Bytes that were written to disk on the way.
    pub fn spilled(&self) -> u64 {
        self.spilled
    }

    /// The next key's last record; `None` at the end.
    pub fn pull(&mut self) -> Result<Option<Last>, Problem> {
        if self.folder.is_none() {
            return Ok(self.memory.next());
        }
        let Some(Head(newest, run)) = self.heads.pop() else { return Ok(None) };
        self.advance(run)?;
        while self.heads.peek().is_some_and(|head| head.0.key == newest.key) {
            if let Some(Head(_, older)) = self.heads.pop() {
                self.advance(older)?;
            }
        }
        Ok(Some(newest))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_budget_changes_nothing(
            records in prop::collection::vec((any::<u8>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..400),
            budget in 200usize..4000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut wanted: BTreeMap<Vec<u8>, (i64, Option<Vec<u8>>)> = BTreeMap::new();
            let mut fold = Fold::new(budget, folder.path());
            for (offset, (key, value)) in records.iter().enumerate() {
                let key = vec![b'k'; usize::from(key % 3)].into_iter().chain([*key]).collect::<Vec<u8>>();
                fold.add(0, offset as i64, &key, value.as_deref()).unwrap();
                wanted.insert(key, (offset as i64, value.clone()));
            }
            let mut sorted = fold.finish().unwrap();
            let mut found = Vec::new();
            while let Some(last) = sorted.pull().unwrap() {
                found.push((last.key.to_vec(), (last.offset, last.value.map(|value| value.to_vec()))));
            }
            prop_assert_eq!(found, wanted.into_iter().collect::<Vec<_>>());
            drop(sorted);
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
