//! A contract compiled: raw BSON to framed Avro in one walk, without a value tree.
//!
//! [`Plan`] is what the contract decides, shared and never changed; [`Scratch`] is what a thread reuses. Invariants:
//! the order of the value's fields is that of [`super::derive`]: `_id`, the contract's fields, the metadata, `__spill`;
//! an envelope has that record, without metadata, as `before` and `after`;
//! the value's `_id` is the key's datum; on a misfit `out` is as it was; no bytes make any of this panic.

mod change;
mod compile;
mod encoder;
mod envelope;
pub(crate) mod excluded;
pub(crate) mod misfit;
mod record;
mod ruled;
mod spill;
mod value;
pub(crate) mod walk;
pub(crate) mod wire;

use bson::RawDocument;
use bson::raw::RawBsonRef;

use super::key;
use super::model::{Contract, KeyKind, Misfit, Output};
use super::output::Form;
use super::output::metadata::{self, Column, Fact};
use super::values::{BadText, DuplicateKey};
pub use change::{Change, Place, Session, Written};
pub use encoder::{Encoder, Texts};

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
    shape: Shape,
    constants: envelope::Constants,
}

/// What stands around or behind the document.
#[derive(Debug)]
enum Shape {
    /// The usual metadata, written at one go.
    Usual,
    /// These facts.
    Chosen(Vec<Fact>),
    /// An envelope.
    Envelope,
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
            shape: match &output.form {
                Form::Envelope => Shape::Envelope,
                Form::Document(columns) if *columns == metadata::usual() => Shape::Usual,
                Form::Document(columns) => Shape::Chosen(columns.iter().map(|column| column.fact).collect()),
            },
            constants: envelope::Constants::new(&contract.namespace, &output.origin.version, &output.origin.name),
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

    /// Appends the framed value of a document of which nothing else is known.
    pub fn value(
        &self,
        document: &RawDocument,
        meta: &Meta,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, Misfit> {
        let change = Change::of(RawBsonRef::Null, meta, Some(document));
        let start = out.len();
        wire::frame(self.value_schema_id, out);
        self.flat(Some(document), &change, self.unknown, scratch, out).map_err(|fault| {
            out.truncate(start);
            *fault
        })
    }

    /// Appends the framed value of a change. Without a document after it, a flat value is that of the document before,
    /// or, where there is none that fits, the `_id` and else nothing but metadata.
    pub fn change(&self, change: &Change<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<Written, Misfit> {
        let start = out.len();
        wire::frame(self.value_schema_id, out);
        let written = match self.shape {
            Shape::Envelope => self.envelope(change, scratch, out),
            Shape::Usual | Shape::Chosen(_) => self.state(change, scratch, out),
        };
        written.map_err(|fault| {
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

    /// A flat value of the state after, or of the last one.
    fn state(&self, change: &Change<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<Written, misfit::Fault> {
        let start = out.len();
        if let Some(after) = change.after {
            let outcome = self.flat(Some(after), change, self.unknown, scratch, out)?;
            return Ok(Written { spilled: outcome.spilled, before: None });
        }
        let mut misfit = None;
        if let Some(before) = change.before {
            match self.flat(Some(before), change, self.of_past(), scratch, out) {
                Ok(outcome) => return Ok(Written { spilled: outcome.spilled, before: None }),
                Err(fault) => misfit = Some(*fault),
            }
            out.truncate(start);
        }
        self.flat(None, change, self.unknown, scratch, out)?;
        Ok(Written { spilled: false, before: misfit })
    }

    /// An envelope. A document before the change that does not fit is left out and told: it is what the change mends.
    fn envelope(
        &self,
        change: &Change<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<Written, misfit::Fault> {
        let mut written = Written::default();
        let start = out.len();
        match change.before {
            Some(before) => {
                wire::some(out);
                if let Err(fault) = self.document(before, self.of_past(), scratch, out) {
                    written.before = Some(*fault);
                    out.truncate(start);
                    wire::null(out);
                }
            }
            None => wire::null(out),
        }
        match change.after {
            Some(after) => {
                wire::some(out);
                written.spilled = self.document(after, self.unknown, scratch, out)?.spilled;
            }
            None => wire::null(out),
        }
        envelope::delta(change, self.root.excluded.as_deref(), self.replaces, out)?;
        self.constants.source(change, out);
        envelope::Constants::tail(change, out);
        Ok(written)
    }

    /// Unknown fields of a document that is gone never widen anything.
    fn of_past(&self) -> UnknownFields {
        if self.spill { UnknownFields::Spill } else { self.unknown }
    }

    /// The record of a document without metadata.
    fn document(
        &self,
        document: &RawDocument,
        unknown: UnknownFields,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, misfit::Fault> {
        let duplicates = self.walk(document, unknown, scratch, out)?;
        self.end(duplicates, scratch, out)
    }

    /// The record of a document, or of an `_id` alone, with its metadata.
    fn flat(
        &self,
        document: Option<&RawDocument>,
        change: &Change<'_>,
        unknown: UnknownFields,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, misfit::Fault> {
        let duplicates = match document {
            Some(document) => self.walk(document, unknown, scratch, out)?,
            None => {
                key::of_reference(&self.key, change.id, out)?;
                let width: usize = self.root.fields.iter().map(|member| member.nulls).sum();
                out.resize(out.len() + width, 0);
                0
            }
        };
        match &self.shape {
            Shape::Usual => change.meta.write(out),
            Shape::Chosen(facts) => facts.iter().for_each(|fact| self.constants.fact(*fact, change, out)),
            Shape::Envelope => {}
        }
        if document.is_some() {
            return self.end(duplicates, scratch, out);
        }
        // Neither what is missing nor what is spilled can be told of a document that is not there.
        out.resize(out.len() + usize::from(self.missing) + usize::from(self.spill), 0);
        Ok(Outcome::default())
    }

    fn walk(
        &self,
        document: &RawDocument,
        unknown: UnknownFields,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<u32, misfit::Fault> {
        let Scratch { slots, spill, .. } = scratch;
        slots.clear();
        spill.clear(self.replaces);
        // Empty arrays are spilled where unknown fields are reported, too, and need their path as much.
        let spills = match unknown {
            UnknownFields::Spill => true,
            UnknownFields::Report => self.spill,
            UnknownFields::Ignore => false,
        };
        let mut walk = record::Walk {
            unknown,
            spills: self.spill,
            key: &self.key,
            slots,
            spill,
            duplicates: 0,
            refuses_duplicates: self.refuses_duplicates,
            lists_missing: self.missing,
            tracks: spills || self.missing,
        };
        walk.record(&self.root, document.as_bytes(), out)?;
        Ok(walk.duplicates)
    }

    /// What stands behind document and metadata: what is missing, what is spilled.
    fn end(&self, duplicates: u32, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<Outcome, misfit::Fault> {
        let mut duplicates = duplicates;
        let spill = &mut scratch.spill;
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

/// The text of a fact in a header; `None` where the fact is null.
pub fn header(column: &Column, change: &Change<'_>, contract: &Contract, output: &Output) -> Option<Vec<u8>> {
    envelope::header(column.fact, change, &contract.namespace, &output.origin.version, &output.origin.name)
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
