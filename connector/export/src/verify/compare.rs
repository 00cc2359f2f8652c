//! The rows of an export, by key, against the source's rows as they come.
//!
//! The export is folded first: its last record of a key counts. Then each row of the source takes its key out, and what
//! is left stands in the export alone. Invariants: of a key no more is kept than its bytes and the row's hash, within a
//! budget; suspects are counted without end and kept up to a bound.

use std::collections::HashMap;

use crate::state::StateDigest;

/// SHA-256 of a row's canonical form.
pub type RowHash = [u8; 32];

/// Bytes of an entry beside its key: the hash, pointers, the table's own.
const ENTRY: usize = 88;

/// What does not agree at first sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuspectKind {
    /// The source has it, the export does not.
    Missing,
    /// Both have it, with other values.
    Differs,
    /// The export has it, the source does not.
    Ghost,
}

/// A key that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The key's bytes.
    pub key: Box<[u8]>,
    /// In what way.
    pub kind: SuspectKind,
}

/// The folded export does not fit the budget of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// A comparison under way.
#[derive(Debug)]
pub struct Comparison {
    rows: HashMap<Box<[u8]>, RowHash>,
    bytes: usize,
    most_bytes: usize,
    most_suspects: usize,
    /// Rows of the folded export.
    pub export_rows: u64,
    /// Rows of the source.
    pub source_rows: u64,
    /// Rows that are the same.
    pub equal: u64,
    /// All suspects, also those that are not kept.
    pub suspect_count: u64,
    suspects: Vec<Suspect>,
}

impl Comparison {
    /// `most_bytes` for the export's keys, `most_suspects` to be named.
    pub fn new(most_bytes: usize, most_suspects: usize) -> Self {
        Self {
            rows: HashMap::new(),
            bytes: 0,
            most_bytes,
            most_suspects,
            export_rows: 0,
            source_rows: 0,
            equal: 0,
            suspect_count: 0,
            suspects: Vec::new(),
        }
    }

    /// The export's next record of a key, in the order of its partition; `None` for one that ends the key.
    pub fn record(&mut self, key: &[u8], row: Option<RowHash>) -> Result<(), TooLarge> {
        let Some(row) = row else {
            if self.rows.remove(key).is_some() {
                self.bytes -= key.len() + ENTRY;
            }
            return Ok(());
        };
        if let Some(held) = self.rows.get_mut(key) {
            *held = row;
            return Ok(());
        }
        self.bytes += key.len() + ENTRY;
        if self.bytes > self.most_bytes {
            return Err(TooLarge);
        }
        self.rows.insert(key.into(), row);
        Ok(())
    }

    /// The export is read to its end: the digest of its state.
    pub fn folded(&mut self) -> StateDigest {
        self.export_rows = self.rows.len() as u64;
        let mut digest = StateDigest::default();
        self.rows.values().for_each(|row| digest.add_hash(row));
        digest
    }

    /// A row of the source; `None` where no record can be made of it, so that the export must not have it either: it
    /// is suspect until it is found among what was held out. Says whether the key is suspect, and kept as such.
    pub fn source_row(&mut self, key: &[u8], row: Option<RowHash>) -> bool {
        self.source_rows += 1;
        match (self.rows.remove(key), row) {
            (Some(held), Some(row)) if held == row => {
                self.equal += 1;
                false
            }
            (Some(_), _) => self.suspect(key.into(), SuspectKind::Differs),
            (None, _) => self.suspect(key.into(), SuspectKind::Missing),
        }
    }

    /// The source is read to its end: what is left stands in the export alone.
    pub fn end(&mut self) -> &[Suspect] {
        for key in std::mem::take(&mut self.rows).into_keys() {
            self.suspect(key, SuspectKind::Ghost);
        }
        self.suspects.sort_by(|one, other| (one.kind, &one.key).cmp(&(other.kind, &other.key)));
        &self.suspects
    }

    fn suspect(&mut self, key: Box<[u8]>, kind: SuspectKind) -> bool {
        self.suspect_count += 1;
        let kept = self.suspects.len() < self.most_suspects;
        if kept {
            self.suspects.push(Suspect { key, kind });
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspects(comparison: &mut Comparison) -> Vec<(u8, SuspectKind)> {
        comparison.end().iter().map(|suspect| (suspect.key[0], suspect.kind)).collect()
    }

    #[test]
    fn each_kind_of_difference_is_found_and_equal_rows_are_not_kept() {
        let mut comparison = Comparison::new(1 << 20, 10);
        for key in 0..6_u8 {
            comparison.record(&[key], Some([key; 32])).unwrap();
        }
        comparison.record(&[1], Some([9; 32])).unwrap();
        comparison.record(&[2], None).unwrap();
        comparison.folded();
        for key in [0, 1, 2, 3, 4] {
            comparison.source_row(&[key], (key != 3).then_some([key; 32]));
        }
        let found = suspects(&mut comparison);
        let expected =
            [(2, SuspectKind::Missing), (1, SuspectKind::Differs), (3, SuspectKind::Differs), (5, SuspectKind::Ghost)];
        assert_eq!(found, expected);
        assert_eq!((comparison.export_rows, comparison.source_rows, comparison.equal), (5, 5, 2));
    }

    #[test]
    fn memory_and_names_are_bounded_and_the_count_is_not() {
        let mut comparison = Comparison::new(2 * (1 + ENTRY), 1);
        comparison.record(&[1], Some([0; 32])).unwrap();
        comparison.record(&[1], Some([1; 32])).unwrap();
        comparison.record(&[2], Some([1; 32])).unwrap();
        assert_eq!(comparison.record(&[3], Some([1; 32])), Err(TooLarge));
        assert_eq!((suspects(&mut comparison).len(), comparison.suspect_count), (1, 2));
    }

    #[test]
    fn a_key_that_comes_twice_from_the_source_is_suspect() {
        let mut comparison = Comparison::new(1 << 20, 10);
        comparison.record(&[1], Some([1; 32])).unwrap();
        comparison.folded();
        comparison.source_row(&[1], Some([1; 32]));
        comparison.source_row(&[1], Some([1; 32]));
        assert_eq!(suspects(&mut comparison), [(1, SuspectKind::Missing)]);
    }
}
