//! Raw BSON, walked over its bytes: elements as (name, tag, bytes of the value), nothing decoded, nothing copied.
//!
//! Invariants: every length is checked against the document it stands in before a byte is read, so a [`Value`] always
//! has the bytes that its tag asks for; text is not checked to be UTF-8 until it is asked for.

/// Tags of BSON's types.
pub(crate) mod tag {
    pub(crate) const DOUBLE: u8 = 0x01;
    pub(crate) const STRING: u8 = 0x02;
    pub(crate) const DOCUMENT: u8 = 0x03;
    pub(crate) const ARRAY: u8 = 0x04;
    pub(crate) const BINARY: u8 = 0x05;
    pub(crate) const UNDEFINED: u8 = 0x06;
    pub(crate) const OBJECT_ID: u8 = 0x07;
    pub(crate) const BOOLEAN: u8 = 0x08;
    pub(crate) const DATE: u8 = 0x09;
    pub(crate) const NULL: u8 = 0x0a;
    pub(crate) const REGEX: u8 = 0x0b;
    pub(crate) const DB_POINTER: u8 = 0x0c;
    pub(crate) const CODE: u8 = 0x0d;
    pub(crate) const SYMBOL: u8 = 0x0e;
    pub(crate) const CODE_WITH_SCOPE: u8 = 0x0f;
    pub(crate) const INT32: u8 = 0x10;
    pub(crate) const TIMESTAMP: u8 = 0x11;
    pub(crate) const INT64: u8 = 0x12;
    pub(crate) const DECIMAL: u8 = 0x13;
    pub(crate) const MAX_KEY: u8 = 0x7f;
    pub(crate) const MIN_KEY: u8 = 0xff;
}

/// The bytes are no BSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A value: its tag, and bytes that are as long as the tag asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) bytes: &'a [u8],
}

/// Elements of a document, in order.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    document: &'a [u8],
    at: usize,
}

/// Length of the value that `rest` begins with; `rest` ends where the document's elements end.
#[inline]
pub(crate) fn value_len(tag: u8, rest: &[u8]) -> Result<usize, Malformed> {
    let len = match tag {
        tag::DOUBLE | tag::DATE | tag::TIMESTAMP | tag::INT64 => 8,
        tag::STRING | tag::CODE | tag::SYMBOL => {
            let len = 4 + leading_len(rest, 1)?;
            if rest.get(len - 1) != Some(&0) {
                return Err(Malformed);
            }
            len
        }
        tag::DOCUMENT | tag::ARRAY => {
            let len = leading_len(rest, 5)?;
            if rest.get(len - 1) != Some(&0) {
                return Err(Malformed);
            }
            len
        }
        tag::BINARY => 5 + leading_len(rest, 0)?,
        tag::UNDEFINED | tag::NULL | tag::MIN_KEY | tag::MAX_KEY => 0,
        tag::OBJECT_ID => 12,
        tag::BOOLEAN => 1,
        tag::REGEX => {
            let pattern = zero(rest).ok_or(Malformed)?;
            pattern + 2 + zero(&rest[pattern + 1..]).ok_or(Malformed)?
        }
        tag::DB_POINTER => 4 + leading_len(rest, 1)? + 12,
        tag::CODE_WITH_SCOPE => leading_len(rest, 14)?,
        tag::INT32 => 4,
        tag::DECIMAL => 16,
        _ => return Err(Malformed),
    };
    if len <= rest.len() { Ok(len) } else { Err(Malformed) }
}

/// The length that `rest` begins with, at least `least`.
#[inline]
fn leading_len(rest: &[u8], least: usize) -> Result<usize, Malformed> {
    let bytes = rest.first_chunk::<4>().ok_or(Malformed)?;
    let len = usize::try_from(i32::from_le_bytes(*bytes)).map_err(|_| Malformed)?;
    if len >= least { Ok(len) } else { Err(Malformed) }
}

/// Where the next zero byte is.
#[inline]
pub(crate) fn zero(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == 0)
}

/// Whether these are the bytes of a document, seen from outside: its length and its last byte.
#[inline]
pub(crate) fn framed(document: &[u8]) -> Result<(), Malformed> {
    if leading_len(document, 5)? == document.len() && document[document.len() - 1] == 0 {
        Ok(())
    } else {
        Err(Malformed)
    }
}

impl<'a> Elements<'a> {
    /// Of a document's (or array's) bytes.
    pub(crate) fn of(document: &'a [u8]) -> Result<Self, Malformed> {
        framed(document)?;
        Ok(Self { document, at: 4 })
    }

    /// The next element: its name without the zero, its value.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(&'a [u8], Value<'a>)>, Malformed> {
        let rest = &self.document[self.at..self.document.len() - 1];
        let Some((tag, rest)) = rest.split_first() else { return Ok(None) };
        let end = zero(rest).ok_or(Malformed)?;
        let (name, rest) = (&rest[..end], &rest[end + 1..]);
        let len = value_len(*tag, rest)?;
        self.at += 1 + end + 1 + len;
        Ok(Some((name, Value { tag: *tag, bytes: &rest[..len] })))
    }
}

impl<'a> Value<'a> {
    /// Whether it is an array without items.
    pub(crate) fn is_empty_array(self) -> bool {
        self.tag == tag::ARRAY && self.bytes.len() == 5
    }

    /// Bytes of a string, symbol or code, without length and zero.
    #[inline]
    pub(crate) fn text(self) -> &'a [u8] {
        &self.bytes[4..self.bytes.len() - 1]
    }

    /// The eight bytes of a double, date, timestamp or int64 as an integer.
    #[inline]
    pub(crate) fn eight(self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    /// An int32.
    #[inline]
    pub(crate) fn four(self) -> i32 {
        i32::from_le_bytes(self.array())
    }

    /// A double.
    #[inline]
    pub(crate) fn double(self) -> f64 {
        f64::from_le_bytes(self.array())
    }

    /// The first bytes, as many as the tag promises.
    #[inline]
    pub(crate) fn array<const N: usize>(self) -> [u8; N] {
        *self.bytes.first_chunk().expect("a value has the bytes that its tag asks for")
    }

    /// Subtype and payload of a binary; of subtype 2 without its second length, which must be right.
    #[inline]
    pub(crate) fn binary(self) -> Result<(u8, &'a [u8]), Malformed> {
        let (subtype, payload) = (self.bytes[4], &self.bytes[5..]);
        if subtype != 2 {
            return Ok((subtype, payload));
        }
        let inner = payload.get(4..).ok_or(Malformed)?;
        if leading_len(payload, 0)? == inner.len() { Ok((subtype, inner)) } else { Err(Malformed) }
    }

    /// Pattern and options of a regular expression.
    pub(crate) fn regex(self) -> Result<(&'a [u8], &'a [u8]), Malformed> {
        let end = zero(self.bytes).ok_or(Malformed)?;
        Ok((&self.bytes[..end], &self.bytes[end + 1..self.bytes.len() - 1]))
    }

    /// Namespace and ObjectId of a DBPointer.
    pub(crate) fn db_pointer(self) -> Result<(&'a [u8], [u8; 12]), Malformed> {
        let (text, id) = self.bytes.split_last_chunk::<12>().ok_or(Malformed)?;
        if value_len(tag::STRING, text)? != text.len() {
            return Err(Malformed);
        }
        Ok((&text[4..text.len() - 1], *id))
    }

    /// Code and the document of its scope.
    pub(crate) fn code_with_scope(self) -> Result<(&'a [u8], &'a [u8]), Malformed> {
        let inner = &self.bytes[4..];
        let len = value_len(tag::STRING, inner)?;
        let scope = &inner[len..];
        framed(scope)?;
        Ok((&inner[4..len - 1], scope))
    }

    /// Name of the type, as `bson.type` and misfits call it.
    pub(crate) fn type_name(self) -> &'static str {
        match self.tag {
            tag::BINARY if self.bytes.get(4) == Some(&4) => "uuid",
            other => type_name(other),
        }
    }
}

/// Name of a tag's type.
pub(crate) fn type_name(tag: u8) -> &'static str {
    match tag {
        tag::DOUBLE => "double",
        tag::STRING => "string",
        tag::DOCUMENT => "object",
        tag::ARRAY => "array",
        tag::BINARY => "binData",
        tag::UNDEFINED => "undefined",
        tag::OBJECT_ID => "objectId",
        tag::BOOLEAN => "bool",
        tag::DATE => "date",
        tag::NULL => "null",
        tag::REGEX => "regex",
        tag::DB_POINTER => "dbPointer",
        tag::CODE => "javascript",
        tag::SYMBOL => "symbol",
        tag::CODE_WITH_SCOPE => "javascriptWithScope",
        tag::INT32 => "int32",
        tag::TIMESTAMP => "timestamp",
        tag::INT64 => "int64",
        tag::DECIMAL => "decimal128",
        tag::MAX_KEY => "maxKey",
        tag::MIN_KEY => "minKey",
        _ => "unknown",
    }
}
