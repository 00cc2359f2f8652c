//! How an `_id` is written: the datum of the field `_id` in the key's record and in the value's, the same bytes in both.
//!
//! Invariants: two `_id`s that the server holds equal have equal bytes, two that it holds apart have different ones,
//! within a kind; an `_id` of another kind is a misfit and never written. Numbers are equal by value whatever their
//! type, in documents and arrays too; all NaN are one number, -0.0 is 0.

use bson::RawDocumentBuf;
use bson::raw::RawBsonRef;

use super::extjson::{self, EARLIEST, LATEST, Style};
use super::model::{KeyKind, Misfit};
use super::number::{KeyNumber, key_number};
use super::plan::misfit::{self, Fault};
use super::plan::walk::{Elements, Malformed, Value, tag};
use super::plan::wire;

/// Appends the datum of an `_id`; on an error `out` is as it was.
///
/// The Avro body of the record `<topic>.Key {_id}` is these bytes and no others.
pub fn encode_key(kind: &KeyKind, id: RawBsonRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let start = out.len();
    of_reference(kind, id, out).map_err(|fault| {
        out.truncate(start);
        *fault
    })
}

/// The text that stands for an `_id` where no key of the collection's kind can: the quarantine's key.
pub fn text(id: RawBsonRef<'_>, out: &mut Vec<u8>) -> Result<(), extjson::Error> {
    with_value(id, |value| extjson::value(Style::Key, value, None, false, out))?
}

pub(crate) fn of_reference(kind: &KeyKind, id: RawBsonRef<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    with_value(id, |value| encode(kind, value, out))?.map_err(|fault| misfit::under(fault, "_id"))
}

/// Runs `then` on the bytes that the value has within a document.
fn with_value<T>(id: RawBsonRef<'_>, then: impl FnOnce(Value) -> T) -> Result<T, Malformed> {
    Ok(match id {
        RawBsonRef::ObjectId(id) => then(Value { tag: tag::OBJECT_ID, bytes: &id.bytes() }),
        RawBsonRef::Int32(n) => then(Value { tag: tag::INT32, bytes: &n.to_le_bytes() }),
        RawBsonRef::Int64(n) => then(Value { tag: tag::INT64, bytes: &n.to_le_bytes() }),
        RawBsonRef::Double(x) => then(Value { tag: tag::DOUBLE, bytes: &x.to_le_bytes() }),
        RawBsonRef::Document(document) => then(Value { tag: tag::DOCUMENT, bytes: document.as_bytes() }),
        other => {
            let mut holder = RawDocumentBuf::new();
            holder.append(bson::raw::cstr!(""), other);
            let (_, inner) = Elements::of(holder.as_bytes())?.next()?.ok_or(Malformed)?;
            then(inner)
        }
    })
}

/// Appends the datum; paths of misfits begin below `_id`; on an error `out` has what was written so far.
pub(crate) fn encode(kind: &KeyKind, id: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    let refused = || Err(misfit::key_type(expected(kind), id.type_name()));
    match (kind, id.tag) {
        (KeyKind::ObjectId, tag::OBJECT_ID) => {
            wire::long(24, out);
            wire::hex(id.bytes, out);
        }
        (KeyKind::String, tag::STRING) => {
            std::str::from_utf8(id.text()).map_err(|_| misfit::invalid_utf8("string"))?;
            wire::bytes(id.text(), out);
        }
        (KeyKind::Long, tag::INT32 | tag::INT64 | tag::DOUBLE | tag::DECIMAL) => match key_number(id) {
            KeyNumber::Integer(n) => wire::long(n, out),
            KeyNumber::Whole(_) | KeyNumber::Double(_) | KeyNumber::Decimal(_) => return refused(),
        },
        (KeyKind::Number, tag::INT32 | tag::INT64 | tag::DOUBLE | tag::DECIMAL) => {
            wire::text(out, |out| {
                number_text(key_number(id), out);
                Ok::<(), Fault>(())
            })?;
        }
        (KeyKind::Uuid, tag::BINARY) => match id.binary()? {
            (4, payload) => match payload.try_into() {
                Ok(uuid) => {
                    wire::long(36, out);
                    wire::uuid(uuid, out);
                }
                Err(_) => return refused(),
            },
            _ => return refused(),
        },
        (KeyKind::Timestamp, tag::DATE) => {
            if !(EARLIEST..=LATEST).contains(&id.eight()) {
                return Err(misfit::out_of_range(id));
            }
            wire::long(id.eight(), out);
        }
        // Another subtype with the same bytes is another _id, and the text would not tell them apart.
        (KeyKind::Base64, tag::BINARY) => match id.binary()? {
            (0, payload) => wire::text(out, |out| {
                extjson::base64(payload, out);
                Ok::<(), Fault>(())
            })?,
            _ => return refused(),
        },
        (KeyKind::Document(fields), tag::DOCUMENT) => document(fields, id, out)?,
        (KeyKind::Any, _) => wire::text(out, |out| extjson::value(Style::Key, id, None, false, out))?,
        _ => return refused(),
    }
    Ok(())
}

/// The declared fields, all of them, in this order, and nothing else: the server holds `{a, b}` and `{b, a}` apart.
fn document(fields: &[(String, KeyKind)], id: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut elements = Elements::of(id.bytes)?;
    for (declared, kind) in fields {
        match elements.next()? {
            Some((name, value)) if name == declared.as_bytes() => {
                encode(kind, value, out).map_err(|fault| misfit::under(fault, declared))?;
            }
            Some(_) => return Err(misfit::under(misfit::key_type("this field here", "another field"), declared)),
            None => return Err(misfit::under(misfit::key_type(expected(kind), "missing"), declared)),
        }
    }
    match elements.next()? {
        None => Ok(()),
        Some((name, value)) => {
            let name = String::from_utf8_lossy(name);
            Err(misfit::under(misfit::key_type("no such field", value.type_name()), &name))
        }
    }
}

/// Digits for whole numbers, a double's shortest text, a decimal's normalised text. The three never meet: a whole number
/// has neither point nor exponent, a double's text has one or is the name of none, a decimal's has a capital `E`. In
/// plain notation the decimal 0.1 and the double 0.1, which the server holds apart, would be one key.
fn number_text(number: KeyNumber, out: &mut Vec<u8>) {
    match number {
        KeyNumber::Integer(n) => extjson::format(format_args!("{n}"), out),
        KeyNumber::Whole(digits) => out.extend_from_slice(digits.as_bytes()),
        KeyNumber::Double(x) if x.is_finite() => extjson::format(format_args!("{x:?}"), out),
        KeyNumber::Double(x) => out.extend_from_slice(extjson::double_name(x).as_bytes()),
        KeyNumber::Decimal(decimal) => out.extend_from_slice(decimal.normalised().as_bytes()),
    }
}

pub(crate) fn expected(kind: &KeyKind) -> &'static str {
    match kind {
        KeyKind::ObjectId => "objectId",
        KeyKind::String => "string",
        KeyKind::Long => "a whole number",
        KeyKind::Number => "a number",
        KeyKind::Uuid => "uuid",
        KeyKind::Timestamp => "date",
        KeyKind::Base64 => "binData of subtype 0",
        KeyKind::Document(_) => "object",
        KeyKind::Any => "any",
    }
}
