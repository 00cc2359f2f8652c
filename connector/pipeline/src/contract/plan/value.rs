//! Values by their type: what fits is written, what does not is a misfit and never null in silence.
//!
//! Invariants: nulls inside arrays and maps stay null; a number is written only if the type holds it exactly; a wrong
//! type is refused before anything of it is written, and what was written of a refused document is cut off by [`super`].

use std::collections::HashSet;

use super::compile::{Node, Part, Typed};
use super::excluded::Excluded;
use super::misfit::{self, Fault};
use super::record::Walk;
use super::walk::{Elements, Value, tag};
use super::wire;
use crate::contract::decimal::{Decimal, unscaled_double, unscaled_integer};
use crate::contract::extjson::{self, EARLIEST, LATEST, Style};
use crate::contract::number::whole_number;

/// Types of vectors, the first byte of a binary of subtype 9.
mod dtype {
    pub(super) const INT8: u8 = 0x03;
    pub(super) const FLOAT32: u8 = 0x27;
}

impl Walk<'_> {
    /// Appends a value that is not null; `step` is its name in the document.
    pub(super) fn value(&mut self, typed: &Typed, value: Value, step: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match &typed.node {
            Node::Any { excluded, replaces } => {
                let excluded = excluded.as_deref();
                wire::text(out, |out| extjson::value(Style::Relaxed, value, excluded, *replaces, out))?;
                Ok(())
            }
            Node::Record(record) if value.tag == tag::DOCUMENT => {
                self.within(step, |walk| walk.record(record, value.bytes, out))
            }
            Node::Array(items) if value.tag == tag::ARRAY => self.within(step, |walk| walk.array(items, value, out)),
            Node::Map { values, excluded } if value.tag == tag::DOCUMENT => {
                self.within(step, |walk| walk.map(values, excluded.as_deref(), value, out))
            }
            Node::Ruled(ruled) => ruled.write(value, out),
            Node::List { items, nullable, accepts_scalar } if value.tag == tag::ARRAY || *accepts_scalar => {
                self.within(step, |walk| walk.list(items, *nullable, value, out))
            }
            // The branch before it is that of a record, which a flattened one is not.
            Node::Flat(record) if value.tag == tag::DOCUMENT => {
                out.pop();
                self.within(step, |walk| walk.record(record, value.bytes, out))
            }
            Node::Parts(parts) if typed.accepts.has(value.tag) => write_parts(parts, value, out),
            _ => scalar(typed, value, out),
        }
    }

    fn within<T>(&mut self, step: &[u8], walk: impl FnOnce(&mut Self) -> T) -> T {
        if !self.tracks {
            return walk(self);
        }
        let before = self.spill.enter(step);
        let result = walk(self);
        self.spill.leave(before);
        result
    }

    fn item(&mut self, typed: &Typed, value: Value, step: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        if matches!(value.tag, tag::NULL | tag::UNDEFINED) {
            wire::null(out);
            return Ok(());
        }
        wire::some(out);
        self.value(typed, value, step, out).map_err(misfit::in_item)
    }

    fn array(&mut self, items: &Typed, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut elements = Elements::of(value.bytes)?;
        let (at, mut count) = (out.len(), 0);
        // Places are counted and not read: drivers may name array elements as they like.
        while let Some((_, item)) = elements.next()? {
            let mut step = [0_u8; 20];
            self.item(items, item, decimal_digits(count, &mut step), out)?;
            count += 1;
        }
        close_block(at, count, out);
        Ok(())
    }

    /// An array whose items have no branch, or a value that stands for an array of one.
    fn list(&mut self, items: &Typed, nullable: bool, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        let at = out.len();
        if value.tag != tag::ARRAY {
            if nullable {
                self.item(items, value, b"0", out)?;
            } else {
                self.value(items, value, b"0", out).map_err(misfit::in_item)?;
            }
            close_block(at, 1, out);
            return Ok(());
        }
        if nullable {
            return self.array(items, value, out);
        }
        let mut elements = Elements::of(value.bytes)?;
        let mut count = 0;
        while let Some((_, item)) = elements.next()? {
            if matches!(item.tag, tag::NULL | tag::UNDEFINED) {
                return Err(misfit::in_item(misfit::null_item(item.type_name())));
            }
            let mut step = [0_u8; 20];
            self.value(items, item, decimal_digits(count, &mut step), out).map_err(misfit::in_item)?;
            count += 1;
        }
        close_block(at, count, out);
        Ok(())
    }

    fn map(
        &mut self,
        values: &Typed,
        excluded: Option<&Excluded>,
        value: Value,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut entries = Vec::new();
        let mut elements = Elements::of(value.bytes)?;
        while let Some((name, value)) = elements.next()? {
            if !excluded.and_then(|excluded| excluded.below(name)).is_some_and(Excluded::here) {
                entries.push((name, value));
            }
        }
        let all = entries.len();
        keep_last(&mut entries);
        if all > entries.len() {
            self.duplicates += (all - entries.len()) as u32;
            if self.refuses_duplicates {
                return Err(misfit::duplicate_key());
            }
        }
        let at = out.len();
        for (name, value) in &entries {
            std::str::from_utf8(name).map_err(|_| misfit::in_item(misfit::invalid_utf8("string")))?;
            wire::bytes(name, out);
            self.item(values, *value, name, out)?;
        }
        close_block(at, entries.len() as u64, out);
        Ok(())
    }
}

/// The block's count before what was written since `at`, and the empty block that ends the whole.
fn close_block(at: usize, count: u64, out: &mut Vec<u8>) {
    if count > 0 {
        wire::insert_long(at, count as i64, out);
    }
    wire::long(0, out);
}

/// Of entries with one name the last.
fn keep_last(entries: &mut Vec<(&[u8], Value<'_>)>) {
    let distinct: HashSet<&[u8]> = entries.iter().map(|(name, _)| *name).collect();
    if distinct.len() == entries.len() {
        return;
    }
    let mut seen = HashSet::new();
    entries.reverse();
    entries.retain(|(name, _)| seen.insert(*name));
    entries.reverse();
}

fn decimal_digits(mut n: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            return &digits[from..];
        }
    }
}

/// Appends the record of a value's parts.
fn write_parts(parts: &[Part], value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    let (pattern, options) = if value.tag == tag::REGEX { value.regex()? } else { Default::default() };
    let (time, increment) = if value.tag == tag::TIMESTAMP {
        let both = value.eight() as u64;
        (i64::from((both >> 32) as u32), i64::from(both as u32))
    } else {
        Default::default()
    };
    for part in parts {
        wire::some(out);
        match part {
            Part::Pattern | Part::Options => {
                let text = if matches!(part, Part::Pattern) { pattern } else { options };
                std::str::from_utf8(text).map_err(|_| misfit::invalid_utf8("regex"))?;
                wire::bytes(text, out);
            }
            Part::Time => wire::long(time, out),
            Part::Increment => wire::long(increment, out),
            Part::Nothing => {
                out.pop();
                wire::null(out);
            }
        }
    }
    Ok(())
}

/// Appends a value of a type without inner types, by its type alone.
pub(super) fn scalar(typed: &Typed, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    let refused = || Err(misfit::type_drift(typed.expected(), value));
    if value.tag != tag::BINARY && !typed.accepts.has(value.tag) {
        return refused();
    }
    match (&typed.node, value.tag) {
        (Node::String, _) => return string(typed, value, out),
        (Node::Int | Node::Long, tag::INT32) => wire::long(value.four().into(), out),
        (Node::Long, tag::INT64 | tag::TIMESTAMP) => wire::long(value.eight(), out),
        (Node::Long, tag::DOUBLE) => match whole_number(value.double()) {
            Some(n) => wire::long(n, out),
            None => return refused(),
        },
        (Node::Double, tag::DOUBLE) => out.extend_from_slice(value.bytes),
        (Node::Double, tag::INT32) => out.extend_from_slice(&f64::from(value.four()).to_le_bytes()),
        (Node::Double, tag::INT64) => {
            let double = value.eight() as f64;
            if double as i128 != i128::from(value.eight()) {
                return Err(misfit::precision_loss(value));
            }
            out.extend_from_slice(&double.to_le_bytes());
        }
        // Named in the contract, so rounding was asked for.
        (Node::Double, tag::DECIMAL) => {
            out.extend_from_slice(&Decimal::from_bytes(value.array()).nearest().to_le_bytes());
        }
        (Node::Bytes, tag::OBJECT_ID) => wire::bytes(value.bytes, out),
        (Node::Boolean, tag::BOOLEAN) => out.push(u8::from(value.bytes[0] != 0)),
        (Node::Timestamp, tag::DATE) => {
            if !(EARLIEST..=LATEST).contains(&value.eight()) {
                return Err(misfit::out_of_range(value));
            }
            wire::long(value.eight(), out);
        }
        (Node::Decimal { precision, scale }, _) => {
            let unscaled = match value.tag {
                tag::DECIMAL => Decimal::from_bytes(value.array()).unscaled(*scale, *precision),
                tag::INT32 => unscaled_integer(value.four().into(), *scale, *precision),
                tag::INT64 => unscaled_integer(value.eight(), *scale, *precision),
                tag::DOUBLE => unscaled_double(value.double(), *scale, *precision),
                _ => return refused(),
            };
            wire::decimal(unscaled.ok_or_else(|| misfit::decimal(*precision, *scale, value))?, out);
        }
        (_, tag::BINARY) => return binary(typed, value, out),
        _ => return refused(),
    }
    Ok(())
}

fn string(typed: &Typed, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    let format = |arguments: std::fmt::Arguments, out: &mut Vec<u8>| {
        wire::text(out, |out| {
            extjson::format(arguments, out);
            Ok(())
        })
    };
    match value.tag {
        tag::STRING | tag::SYMBOL | tag::CODE => {
            std::str::from_utf8(value.text()).map_err(|_| misfit::invalid_utf8(value.type_name()))?;
            wire::bytes(value.text(), out);
            Ok(())
        }
        tag::OBJECT_ID => {
            wire::long(24, out);
            wire::hex(value.bytes, out);
            Ok(())
        }
        tag::DECIMAL => {
            wire::bytes(Decimal::from_bytes(value.array()).plain().as_bytes(), out);
            Ok(())
        }
        tag::INT32 => format(format_args!("{}", value.four()), out),
        tag::INT64 => format(format_args!("{}", value.eight()), out),
        // Plain notation, as decimals have it, so that a field has one dialect.
        tag::DOUBLE if value.double().is_finite() => format(format_args!("{}", value.double()), out),
        tag::DOUBLE => format(format_args!("{}", extjson::double_name(value.double())), out),
        tag::BOOLEAN => format(format_args!("{}", value.bytes[0] != 0), out),
        tag::DATE if (EARLIEST..=LATEST).contains(&value.eight()) => wire::text(out, |out| {
            extjson::iso8601(value.eight(), out);
            Ok(())
        }),
        tag::DATE => Err(misfit::out_of_range(value)),
        tag::BINARY => binary(typed, value, out),
        _ => Err(misfit::type_drift(typed.expected(), value)),
    }
}

/// Whether a subtype is bytes to everyone: no UUID, no column of a time series, none that no specification has.
pub(super) fn is_plain_binary(subtype: u8) -> bool {
    matches!(subtype, 0..=3 | 5 | 6 | 8 | 9 | 128..)
}

fn binary(typed: &Typed, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    let refused = || Err(misfit::type_drift(typed.expected(), value));
    let (subtype, payload) = value.binary()?;
    match (&typed.node, subtype) {
        (Node::Uuid | Node::String, 4) if typed.accepts.has_uuid() => match payload.try_into() {
            Ok(uuid) => {
                wire::long(36, out);
                wire::uuid(uuid, out);
            }
            Err(_) => return refused(),
        },
        (Node::Bytes, 4) if typed.accepts.has_uuid() => wire::bytes(payload, out),
        // Vectors keep their two bytes of head: without type and padding count nobody could read them.
        (Node::Bytes, subtype) if is_plain_binary(subtype) && typed.accepts.has(tag::BINARY) => {
            wire::bytes(payload, out);
        }
        (Node::String, subtype) if is_plain_binary(subtype) && typed.accepts.has(tag::BINARY) => {
            wire::text(out, |out| {
                extjson::base64(payload, out);
                Ok::<(), Fault>(())
            })?;
        }
        (Node::FloatVector, 9) => match payload {
            [dtype::FLOAT32, 0, items @ ..] if items.len() % 4 == 0 => {
                open_block(items.len() / 4, out);
                // A float is the same four bytes in BSON and in Avro.
                out.extend_from_slice(items);
                end_block(items, out);
            }
            _ => return refused(),
        },
        (Node::IntVector, 9) => match payload {
            [dtype::INT8, 0, items @ ..] => {
                open_block(items.len(), out);
                items.iter().for_each(|item| wire::long(i64::from(*item as i8), out));
                end_block(items, out);
            }
            _ => return refused(),
        },
        _ => return refused(),
    }
    Ok(())
}

fn open_block(count: usize, out: &mut Vec<u8>) {
    wire::long(count as i64, out);
}

/// The empty block that ends an array; an empty array has none before it.
fn end_block(items: &[u8], out: &mut Vec<u8>) {
    if !items.is_empty() {
        wire::long(0, out);
    }
}
