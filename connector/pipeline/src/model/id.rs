//! `_id`s as values that can be kept, hashed and sent back to the server, and never ordered by us.
//!
//! Invariant I-IMG-4: numbers that the server holds equal (`1`, `1L`, `1.0`, `Decimal128("1")`) have one [`Id::canonical`].

use bson::raw::RawBsonRef;
use bson::{RawDocument, RawDocumentBuf};

use crate::contract::plan::walk::{Elements, tag};

/// Bytes of `{"_id": value}` beside the value's: length, tag, name, the zero at the end.
const FRAME: usize = 10;

/// An owned `_id`: the one-field document `{"_id": value}` in BSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(Box<[u8]>);

impl Id {
    /// Of a value.
    pub fn new(value: RawBsonRef<'_>) -> Self {
        let mut doc = RawDocumentBuf::new();
        doc.append(bson::raw::cstr!("_id"), value);
        Self(doc.into_bytes().into())
    }
    /// Of a value's tag and bytes, as they stand in a document.
    pub(crate) fn of_bytes(tag: u8, value: &[u8]) -> Self {
        let len = value.len() + FRAME;
        let mut doc = Vec::with_capacity(len);
        doc.extend_from_slice(&(len as i32).to_le_bytes());
        doc.push(tag);
        doc.extend_from_slice(b"_id\0");
        doc.extend_from_slice(value);
        doc.push(0);
        Self(doc.into_boxed_slice())
    }
    /// Tag of the value, and its bytes as they stand in a document.
    pub fn value_bytes(&self) -> (u8, &[u8]) {
        (self.0[4], &self.0[FRAME - 1..self.0.len() - 1])
    }
    /// Of stored bytes; `None` if they are not a document that has an `_id`.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        RawDocument::from_bytes(bytes).ok()?.get("_id").ok()??;
        Some(Self(bytes.into()))
    }
    /// The bytes of `{"_id": value}`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    /// The document `{"_id": value}`.
    pub fn as_raw(&self) -> &RawDocument {
        RawDocument::from_bytes(&self.0).expect("an id is made of a document only")
    }
    /// The value.
    pub fn value(&self) -> RawBsonRef<'_> {
        self.as_raw().get("_id").ok().flatten().expect("an id is made of a document with _id only")
    }
}

/// Appends bytes to `out` that are equal for two values exactly when the server's unique index holds them equal
/// (collations aside): numbers by value whatever their type, everything else by type and bytes.
pub fn canonical(value: RawBsonRef<'_>, out: &mut Vec<u8>) {
    match value {
        RawBsonRef::Int32(n) => canonical_integer(i64::from(n), out),
        RawBsonRef::Int64(n) => canonical_integer(n, out),
        RawBsonRef::Double(x) => canonical_double(x, out),
        RawBsonRef::Decimal128(d) => match crate::contract::decimal::Decimal::from_bytes(d.bytes()).to_number() {
            Some(crate::contract::decimal::Number::Integer(n)) => canonical_integer(n, out),
            Some(crate::contract::decimal::Number::Double(x)) => canonical_double(x, out),
            None => {
                let text = crate::contract::decimal::Decimal::from_bytes(d.bytes()).normalised();
                // At most 40 letters. The length keeps the text apart from whatever follows it in a document.
                out.push(b'D');
                out.push(text.len() as u8);
                out.extend_from_slice(text.as_bytes());
            }
        },
        RawBsonRef::Document(doc) => {
            out.push(b'{');
            for element in doc.iter_elements().flatten() {
                out.extend_from_slice(element.key().as_str().as_bytes());
                out.push(0);
                if let Ok(inner) = element.value() {
                    canonical(inner, out);
                }
            }
            out.push(b'}');
        }
        RawBsonRef::Array(items) => {
            out.push(b'[');
            for item in items.into_iter().flatten() {
                canonical(item, out);
            }
            out.push(b']');
        }
        other => {
            let id = Id::new(other);
            let (tag, bytes) = id.value_bytes();
            by_type(tag, bytes, out);
        }
    }
}

/// [`canonical`] of a document's `_id`; false where it has none.
pub fn canonical_id(document: &RawDocument, out: &mut Vec<u8>) -> bool {
    let mut elements = Elements::of(document.as_bytes()).ok();
    while let Some(Ok(Some((name, value)))) = elements.as_mut().map(Elements::next) {
        if name == b"_id" && canonical_bytes(value.tag, value.bytes, out) {
            return true;
        }
        if name == b"_id" {
            break;
        }
    }
    document.get("_id").ok().flatten().is_some_and(|id| {
        canonical(id, out);
        true
    })
}

/// [`canonical`] of a value's tag and bytes, where these alone decide; false, and nothing appended, for numbers and what
/// may hold numbers.
pub(crate) fn canonical_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let decides = !matches!(tag, tag::INT32 | tag::INT64 | tag::DOUBLE | tag::DECIMAL | tag::DOCUMENT | tag::ARRAY);
    if decides {
        by_type(tag, bytes, out);
    }
    decides
}

fn by_type(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn canonical_integer(n: i64, out: &mut Vec<u8>) {
    out.push(b'I');
    out.extend_from_slice(&n.to_be_bytes());
}

fn canonical_double(x: f64, out: &mut Vec<u8>) {
    // Below 2^63 every whole double is an i64; above it no i64 equals it.
    if x.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) {
        canonical_integer(x as i64, out);
    } else {
        out.push(b'F');
        let bits = if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
        out.extend_from_slice(&bits.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use bson::{Decimal128, rawdoc};

    use super::*;

    fn text(document: &RawDocument) -> Vec<u8> {
        let mut out = Vec::new();
        canonical(RawBsonRef::Document(document), &mut out);
        out
    }

    #[test]
    fn bytes_alone_give_the_same_as_values() {
        let document = rawdoc! { "a": "text", "b": bson::oid::ObjectId::from_bytes([7; 12]), "c": bson::RawBson::Null,
        "d": bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![9; 16] }, "e": true };
        for element in document.iter() {
            let (_, value) = element.unwrap();
            let (mut of_value, mut of_bytes) = (Vec::new(), Vec::new());
            canonical(value, &mut of_value);
            let id = Id::new(value);
            let (tag, bytes) = id.value_bytes();
            assert!(canonical_bytes(tag, bytes, &mut of_bytes));
            assert_eq!((of_value, Id::of_bytes(tag, bytes)), (of_bytes, id));
        }
    }

    #[test]
    fn i_img_4_numbers_are_equal_at_any_depth_and_nothing_else_is() {
        let decimal = |text: &str| text.parse::<Decimal128>().unwrap();
        assert_eq!(text(&rawdoc! { "a": [1] }), text(&rawdoc! { "a": [1.0] }));
        assert_eq!(text(&rawdoc! { "a": { "b": 1_i64 } }), text(&rawdoc! { "a": { "b": decimal("1.0") } }));
        assert_ne!(text(&rawdoc! { "a": [1, [2]] }), text(&rawdoc! { "a": [1, 2] }));
        assert_ne!(text(&rawdoc! { "a": decimal("1E-2"), "3": 1 }), text(&rawdoc! { "a": decimal("1E-23"), "": 1 }));
    }
}
