//! The map `__spill`: what the contract does not know, path to relaxed Extended JSON text; and the list `__missing`: what
//! the contract knows and the document does not have.
//!
//! A path is the names in the document joined by dots, with the places of array items, as the server writes paths.
//! Invariants: entries are written in the order of their paths' bytes; of two with one path the last is written.

use std::ops::Range;

use super::excluded::Excluded;
use super::misfit::{self, Fault};
use super::walk::Value;
use super::wire;
use crate::contract::extjson::{self, Style};

/// Entries gathered while a document is walked.
#[derive(Debug, Default)]
pub(super) struct Spill {
    bytes: Vec<u8>,
    entries: Vec<(Range<usize>, Range<usize>)>,
    missing: Vec<Range<usize>>,
    /// Whether text that is not UTF-8 is replaced.
    replaces: bool,
    path: Vec<u8>,
    /// Steps of the path: a step may be an empty name.
    depth: usize,
}

impl Spill {
    /// Forgets all but the allocations; what comes next replaces text that is not UTF-8, or refuses it.
    pub(super) fn clear(&mut self, replaces: bool) {
        self.replaces = replaces;
        self.bytes.clear();
        self.entries.clear();
        self.missing.clear();
        self.path.clear();
        self.depth = 0;
    }

    /// One step down; give what it returns to [`Self::leave`].
    pub(super) fn enter(&mut self, step: &[u8]) -> usize {
        let before = self.path.len();
        if self.depth > 0 {
            self.path.push(b'.');
        }
        self.depth += 1;
        self.path.extend_from_slice(step);
        before
    }

    /// Back up.
    pub(super) fn leave(&mut self, before: usize) {
        self.path.truncate(before);
        self.depth -= 1;
    }

    /// Takes a value under its name in the present record.
    pub(super) fn take(&mut self, name: &[u8], value: Value, excluded: Option<&Excluded>) -> Result<(), Fault> {
        std::str::from_utf8(name).map_err(|_| misfit::invalid_utf8("string"))?;
        let before = self.enter(name);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&self.path);
        self.leave(before);
        let middle = self.bytes.len();
        extjson::value(Style::Relaxed, value, excluded, self.replaces, &mut self.bytes)?;
        self.entries.push((start..middle, middle..self.bytes.len()));
        Ok(())
    }

    /// Notes that the present record lacks a field.
    pub(super) fn miss(&mut self, name: &[u8]) -> Result<(), Fault> {
        let before = self.enter(name);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&self.path);
        self.missing.push(start..self.bytes.len());
        self.leave(before);
        // The steps of dictionaries come from the document, which may hold any bytes.
        std::str::from_utf8(&self.bytes[start..]).map_err(|_| misfit::invalid_utf8("string"))?;
        Ok(())
    }

    /// Writes the union's branch and the list of what is missing, empty where nothing is.
    pub(super) fn write_missing(&self, out: &mut Vec<u8>) {
        wire::some(out);
        if !self.missing.is_empty() {
            wire::long(self.missing.len() as i64, out);
            for path in &self.missing {
                wire::bytes(&self.bytes[path.clone()], out);
            }
        }
        wire::long(0, out);
    }

    /// Writes the union's branch and the map; returns how many entries there were in excess of paths.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> u32 {
        if self.entries.is_empty() {
            wire::null(out);
            return 0;
        }
        // A stable sort: equal paths stay in the order of the document, so the last one is the one to keep.
        self.entries.sort_by(|a, b| self.bytes[a.0.clone()].cmp(&self.bytes[b.0.clone()]));
        let is_last = |place: usize| {
            let path = |at: usize| self.entries.get(at).map(|entry| &self.bytes[entry.0.clone()]);
            path(place) != path(place + 1)
        };
        let kept: Vec<usize> = (0..self.entries.len()).filter(|place| is_last(*place)).collect();
        wire::some(out);
        wire::long(kept.len() as i64, out);
        for place in &kept {
            let (path, text) = &self.entries[*place];
            wire::bytes(&self.bytes[path.clone()], out);
            wire::bytes(&self.bytes[text.clone()], out);
        }
        wire::long(0, out);
        (self.entries.len() - kept.len()) as u32
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
