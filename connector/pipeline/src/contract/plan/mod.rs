//! A contract compiled: raw BSON to framed Avro in one walk, without a value tree.
//!
//! [`Plan`] is what the contract decides, shared and never changed; [`Scratch`] is what a thread reuses. Invariants:
//! the order of the value's fields is that of [`super::derive`]: `_id`, the contract's fields, the metadata, `__spill`;
//! the value's `_id` is the key's datum; on a misfit `out` is as it was; no bytes make any of this panic.

mod compile;
pub(crate) mod excluded;
pub(crate) mod misfit;
mod record;
mod ruled;
mod spill;
mod value;
pub(crate) mod walk;
pub(crate) mod wire;

use std::sync::Arc;

use bson::RawDocument;
use bson::raw::RawBsonRef;

use super::key;
use super::model::{Contract, KeyKind, Misfit, Output};
use super::values::{BadText, DuplicateKey};

/// What happens to fields that the contract does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// The document is a misfit, unless all of them are null or, where the output has `__spill`, empty arrays: those
    /// go there, since no type can be given to them.
    Report,
    /// To the map `__spill`; where the output has none, as [`UnknownFields::Report`].
    Spill,
    /// Left out.
    Ignore,
}

/// The metadata fields of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// `c`, `u`, `d` or `r`, as an ASCII byte.
    pub op: u8,
    /// `__deleted`.
    pub deleted: bool,
    /// `__ts_ms`, milliseconds since 1970.
    pub ts_ms: i64,
    /// `__cluster_time`: seconds in the upper half, the place within the second in the lower.
    pub cluster_time: i64,
    /// `__seq`: the place within the cluster time.
    pub seq: i32,
    /// `__image_time`, as `cluster_time`.
    pub image_time: i64,
    /// `__snapshot`.
    pub snapshot: bool,
}

/// What there is to say about a value that was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether `__spill` has entries.
    pub spilled: bool,
    /// Names that came twice, whose last value was taken.
    pub duplicates: u32,
}

/// A compiled contract.
#[derive(Debug)]
pub struct Plan {
    key: KeyKind,
    root: compile::Record,
    key_schema_id: u32,
    value_schema_id: u32,
    unknown: UnknownFields,
    spill: bool,
    missing: bool,
    refuses_duplicates: bool,
    replaces: bool,
}

/// Memory that is reused from document to document; of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    slots: Vec<record::Slot>,
    spill: spill::Spill,
    discarded: Vec<u8>,
}

impl Plan {
    /// Of a contract, for schemas that are registered under these ids.
    pub fn compile(
        contract: &Contract,
        output: &Output,
        key_schema_id: u32,
        value_schema_id: u32,
        unknown: UnknownFields,
    ) -> Self {
        let unknown = if unknown == UnknownFields::Spill && !output.spill { UnknownFields::Report } else { unknown };
        Self {
            key: contract.key.clone(),
            root: compile::contract(contract, output),
            key_schema_id,
            value_schema_id,
            unknown,
            spill: output.spill,
            missing: output.missing,
            refuses_duplicates: output.values.duplicate_key == DuplicateKey::Drift,
            replaces: output.values.string_invalid == BadText::Replace,
        }
    }

    /// Appends the framed key of an `_id`.
    pub fn key(&self, id: RawBsonRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let start = out.len();
        wire::frame(self.key_schema_id, out);
        key::of_reference(&self.key, id, out).map_err(|fault| {
            out.truncate(start);
            *fault
        })
    }

    /// Appends the framed value of a document.
    pub fn value(
        &self,
        document: &RawDocument,
        meta: &Meta,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, Misfit> {
        let start = out.len();
        self.encode(document.as_bytes(), meta, &mut scratch.slots, &mut scratch.spill, out).map_err(|fault| {
            out.truncate(start);
            *fault
        })
    }

    /// Whether a document fits; what [`Plan::value`] would say.
    pub fn fits(&self, document: &RawDocument, scratch: &mut Scratch) -> Result<Outcome, Misfit> {
        let meta = Meta { op: b'r', deleted: false, ts_ms: 0, cluster_time: 0, seq: 0, image_time: 0, snapshot: false };
        let mut out = std::mem::take(&mut scratch.discarded);
        let result = self.value(document, &meta, scratch, &mut out);
        out.clear();
        scratch.discarded = out;
        result
    }

    fn encode(
        &self,
        document: &[u8],
        meta: &Meta,
        slots: &mut Vec<record::Slot>,
        spill: &mut spill::Spill,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, misfit::Fault> {
        slots.clear();
        spill.clear(self.replaces);
        wire::frame(self.value_schema_id, out);
        // Empty arrays are spilled where unknown fields are reported, too, and need their path as much.
        let spills = match self.unknown {
            UnknownFields::Spill => true,
            UnknownFields::Report => self.spill,
            UnknownFields::Ignore => false,
        };
        let mut walk = record::Walk {
            unknown: self.unknown,
            spills: self.spill,
            key: &self.key,
            slots,
            spill,
            duplicates: 0,
            refuses_duplicates: self.refuses_duplicates,
            lists_missing: self.missing,
            tracks: spills || self.missing,
        };
        walk.record(&self.root, document, out)?;
        let mut duplicates = walk.duplicates;
        meta.write(out);
        if self.missing {
            spill.write_missing(out);
        }
        if self.spill {
            let twice = spill.write(out);
            if twice > 0 && self.refuses_duplicates {
                return Err(misfit::duplicate_key());
            }
            duplicates += twice;
        }
        Ok(Outcome { spilled: !spill.is_empty(), duplicates })
    }
}

impl Meta {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[2, 2, self.op, 2, u8::from(self.deleted)]);
        for n in [self.ts_ms, self.cluster_time, self.seq.into(), self.image_time] {
            wire::some(out);
            wire::long(n, out);
        }
        out.extend_from_slice(&[2, u8::from(self.snapshot)]);
    }
}

/// A plan with a thread's own memory.
#[derive(Debug)]
pub struct Encoder {
    plan: Arc<Plan>,
    scratch: Scratch,
}

impl Encoder {
    /// Of a plan that may be shared.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, scratch: Scratch::default() }
    }

    /// See [`Plan::key`].
    pub fn key(&self, id: RawBsonRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
        self.plan.key(id, out)
    }

    /// See [`Plan::value`].
    pub fn value(&mut self, document: &RawDocument, meta: &Meta, out: &mut Vec<u8>) -> Result<Outcome, Misfit> {
        self.plan.value(document, meta, &mut self.scratch, out)
    }

    /// See [`Plan::fits`].
    pub fn fits(&mut self, document: &RawDocument) -> Result<Outcome, Misfit> {
        self.plan.fits(document, &mut self.scratch)
    }
}
