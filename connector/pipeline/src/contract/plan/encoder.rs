//! A plan with a thread's own memory, and what its data become where they are not written as Avro.
//!
//! Text is made of the Avro datum, by the schema that is registered for it: so it says what a reader of Avro is told, and
//! what does not fit the contract fits no text either. Invariants: a datum has one text, and two data of a key's schema
//! never have the same one; on a misfit `out` is as it was; no memory outlives a datum that was large.

use std::sync::Arc;

use bson::RawDocument;
use bson::raw::RawBsonRef;

use super::misfit;
use super::{Change, Meta, Outcome, Plan, Scratch, Written};
use crate::avro_text::{AvroText, Style, Unreadable, unframed};
use crate::contract::derive;
use crate::contract::model::{Contract, Misfit, Output};
use crate::contract::output::Converter;

/// Bytes that are kept from one datum to the next.
const MOST_KEPT: usize = 1 << 20;

/// What writes keys and values as JSON text; `None` where they are Avro.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    key: Option<Arc<AvroText>>,
    value: Option<Arc<AvroText>>,
}

impl Texts {
    /// Of the schemas that a contract gives this output. Fails where one is deeper or larger than can be followed.
    pub fn of(contract: &Contract, output: &Output) -> Result<Self, Unreadable> {
        let text = |converter: Converter, schema: fn(&Contract, &Output) -> String| match converter {
            Converter::Avro => Ok(None),
            Converter::Json => AvroText::new(&schema(contract, output)).map(|text| Some(Arc::new(text))),
        };
        Ok(Self {
            key: text(output.converters.key, derive::key_schema)?,
            value: text(output.converters.value, derive::value_schema)?,
        })
    }
}

/// A plan with a thread's own memory.
#[derive(Debug)]
pub struct Encoder {
    plan: Arc<Plan>,
    scratch: Scratch,
    texts: Texts,
    /// The datum of which text is made.
    avro: Vec<u8>,
}

impl Encoder {
    /// Of a plan that may be shared; writes Avro.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self::with_texts(plan, Texts::default())
    }

    /// The same, writing what `texts` has as text; they must be of the plan's contract and output.
    pub fn with_texts(plan: Arc<Plan>, texts: Texts) -> Self {
        Self { plan, scratch: Scratch::default(), texts, avro: Vec::new() }
    }

    /// See [`Plan::key`]; as text it has no frame.
    pub fn key(&mut self, id: RawBsonRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let Self { plan, texts, avro, .. } = self;
        let Some(text) = &texts.key else { return plan.key(id, out) };
        written(text, avro, out, |avro| plan.key(id, avro))
    }

    /// See [`Plan::value`]; as text it has no frame.
    pub fn value(&mut self, document: &RawDocument, meta: &Meta, out: &mut Vec<u8>) -> Result<Outcome, Misfit> {
        let Self { plan, scratch, texts, avro } = self;
        let Some(text) = &texts.value else { return plan.value(document, meta, scratch, out) };
        written(text, avro, out, |avro| plan.value(document, meta, scratch, avro))
    }

    /// See [`Plan::change`]; as text it has no frame.
    pub fn change(&mut self, change: &Change<'_>, out: &mut Vec<u8>) -> Result<Written, Misfit> {
        let Self { plan, scratch, texts, avro } = self;
        let Some(text) = &texts.value else { return plan.change(change, scratch, out) };
        written(text, avro, out, |avro| plan.change(change, scratch, avro))
    }

    /// See [`Plan::fits`].
    pub fn fits(&mut self, document: &RawDocument) -> Result<Outcome, Misfit> {
        self.plan.fits(document, &mut self.scratch)
    }
}

/// Appends the text of what `make` writes, framed, into the buffer.
fn written<T>(
    text: &AvroText,
    avro: &mut Vec<u8>,
    out: &mut Vec<u8>,
    make: impl FnOnce(&mut Vec<u8>) -> Result<T, Misfit>,
) -> Result<T, Misfit> {
    avro.clear();
    let made = make(avro).and_then(|made| {
        // The plan has framed it just now, so there is a datum.
        let (_, datum) = unframed(avro).unwrap_or_default();
        let written = text.write(datum, Style::HUMAN, out);
        written.map(|()| made).map_err(|malformed| *misfit::without_text(malformed.why))
    });
    if avro.capacity() > MOST_KEPT {
        *avro = Vec::new();
    }
    made
}
