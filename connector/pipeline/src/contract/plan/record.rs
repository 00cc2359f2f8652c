//! Documents to records: one pass that notes where each field's value stands, one that writes them in the contract's
//! order.
//!
//! Invariants: the name expected next is tried first, by its bytes; a name that comes twice is counted and its last
//! value taken; a name that the contract does not know goes where the policy says, unless it is excluded; a value is
//! looked at only after the whole document was walked, so malformed bytes are found before anything is believed.

use super::UnknownFields;
use super::compile::Record;
use super::excluded::Excluded;
use super::misfit::{self, Fault};
use super::spill::Spill;
use super::walk::{Malformed, Value, framed, tag, value_len, zero};
use super::wire;
use crate::contract::key;
use crate::contract::model::KeyKind;

/// Where a field's value stands in its document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    tag: u8,
    start: u32,
    len: u32,
}

impl Slot {
    /// Zero is no tag.
    const MISSING: Self = Self { tag: 0, start: 0, len: 0 };

    fn value(self, document: &[u8]) -> Option<Value<'_>> {
        let start = self.start as usize;
        (self.tag != 0).then(|| Value { tag: self.tag, bytes: &document[start..start + self.len as usize] })
    }
}

/// One document on its way.
pub(super) struct Walk<'w> {
    pub(super) unknown: UnknownFields,
    /// Whether the output has `__spill`.
    pub(super) spills: bool,
    pub(super) key: &'w KeyKind,
    pub(super) slots: &'w mut Vec<Slot>,
    pub(super) spill: &'w mut Spill,
    pub(super) duplicates: u32,
    /// Whether a name that comes twice makes the document drift.
    pub(super) refuses_duplicates: bool,
    /// Whether the fields that a document lacks are listed.
    pub(super) lists_missing: bool,
    /// Whether the path is kept on the way down: for what is spilled, and for what is missing.
    pub(super) tracks: bool,
}

impl Walk<'_> {
    /// Appends the record of a document.
    pub(super) fn record(&mut self, record: &Record, document: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        framed(document)?;
        let base = self.slots.len();
        self.slots.resize(base + record.names.len(), Slot::MISSING);
        self.scan(record, document, base)?;
        if record.keyed == 1 {
            self.key(self.slots[base].value(document), out)?;
        }
        for (place, member) in record.fields.iter().enumerate() {
            match self.slots[base + record.keyed + place].value(document) {
                Some(value) if value.tag != tag::NULL && value.tag != tag::UNDEFINED => {
                    wire::some(out);
                    self.value(&member.typed, value, member_step(record, place), out)
                        .map_err(|fault| misfit::under(fault, &member.name))?;
                }
                nothing => self.absent(record, place, nothing, out)?,
            }
        }
        self.slots.truncate(base);
        Ok(())
    }

    /// Notes where values stand.
    fn scan(&mut self, record: &Record, document: &[u8], base: usize) -> Result<(), Fault> {
        let content = &document[..document.len() - 1];
        let (mut at, mut next) = (4, 0);
        while let Some((tag, rest)) = content[at..].split_first() {
            let (place, name) = match record.names.get(next) {
                Some(name) if rest.starts_with(name) => (Some(next), &name[..name.len() - 1]),
                _ => {
                    let name = &rest[..zero(rest).ok_or(Malformed)?];
                    (record.place(name, next), name)
                }
            };
            let start = at + 1 + name.len() + 1;
            let len = value_len(*tag, &content[start..])?;
            at = start + len;
            let Some(place) = place else {
                self.unknown(record, name, Value { tag: *tag, bytes: &content[start..at] })?;
                continue;
            };
            next = place + 1;
            if place >= record.keyed && record.fields[place - record.keyed].hidden {
                continue;
            }
            let slot = &mut self.slots[base + place];
            if slot.tag != 0 {
                self.duplicates += 1;
                if self.refuses_duplicates {
                    return Err(misfit::under(misfit::duplicate_key(), &String::from_utf8_lossy(name)));
                }
            }
            *slot = Slot { tag: *tag, start: start as u32, len: len as u32 };
        }
        Ok(())
    }

    fn absent(&mut self, record: &Record, place: usize, value: Option<Value>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let member = &record.fields[place];
        if member.undefined
            && let Some(undefined) = value.filter(|value| value.tag == tag::UNDEFINED)
        {
            wire::some(out);
            return self.value(&member.typed, undefined, member_step(record, place), out);
        }
        if member.required {
            let found = value.map_or("missing", Value::type_name);
            return Err(misfit::under(misfit::missing_required(member.typed.expected(), found), &member.name));
        }
        if self.lists_missing && value.is_none() && !member.hidden {
            self.spill.miss(member_step(record, place)).map_err(|fault| misfit::under(fault, &member.name))?;
        }
        for _ in 0..member.nulls {
            wire::null(out);
        }
        Ok(())
    }

    #[cold]
    fn unknown(&mut self, record: &Record, name: &[u8], value: Value) -> Result<(), Fault> {
        let below = record.excluded.as_deref().and_then(|excluded| excluded.below(name));
        if below.is_some_and(Excluded::here) {
            return Ok(());
        }
        let named = |fault| misfit::under(fault, &String::from_utf8_lossy(name));
        match self.unknown {
            UnknownFields::Ignore => Ok(()),
            UnknownFields::Spill => self.spill.take(name, value, below).map_err(named),
            // Null says no more than a missing field does, and there is no type to give it.
            UnknownFields::Report if matches!(value.tag, tag::NULL | tag::UNDEFINED) => Ok(()),
            // An empty array has no type to give either, but says more than nothing.
            UnknownFields::Report if self.spills && value.is_empty_array() => {
                self.spill.take(name, value, below).map_err(named)
            }
            UnknownFields::Report => Err(named(misfit::unknown_field(value))),
        }
    }

    fn key(&mut self, id: Option<Value>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match id {
            Some(id) => key::encode(self.key, id, out),
            None => Err(misfit::key_type(key::expected(self.key), "missing")),
        }
        .map_err(|fault| misfit::under(fault, "_id"))
    }
}

/// Name in documents of a field, for paths of what is spilled.
fn member_step(record: &Record, place: usize) -> &[u8] {
    let name = &record.names[record.keyed + place];
    &name[..name.len() - 1]
}

impl Record {
    /// The place of a name that is not the one expected: a field or two may be missing, or all be in another order.
    fn place(&self, name: &[u8], expected: usize) -> Option<usize> {
        let near = self.names.iter().enumerate().skip(expected + 1).take(2);
        near.filter(|(_, other)| other[..other.len() - 1] == *name)
            .map(|(place, _)| place)
            .next()
            .or_else(|| self.places.get(name).copied())
    }
}
