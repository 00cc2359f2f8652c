//! Records of the anchors topic as bytes: Confluent's frame around Avro.
//!
//! Invariants: what is written can be read back without loss; an unknown `format` is refused, never guessed at.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::{Anchor, AnchorKey, FORMAT};

static VALUE: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(super::SCHEMA).expect("anchor.avsc is a schema"));
static KEY: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse_str(super::KEY_SCHEMA).expect("anchor-key.avsc is a schema"));

/// Bytes of the frame: a zero and the schema's id.
const FRAME: usize = 5;

/// Why bytes are not an anchor.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Too short, or the first byte is not zero.
    #[error("not in Confluent's wire format: a zero byte and a schema id are missing")]
    Frame,
    /// The body is not what the schema says.
    #[error("not the Avro record that was expected: {0}")]
    Body(String),
    /// Written by another version.
    #[error("format {0} is not known to this version, which reads format {FORMAT}")]
    Format(i32),
}

/// An anchor's value as it stands in the topic.
pub fn encode(anchor: &Anchor, schema_id: u32) -> Vec<u8> {
    framed(&VALUE, anchor, schema_id)
}

/// A key as it stands in the topic.
pub fn encode_key(key: &AnchorKey, schema_id: u32) -> Vec<u8> {
    framed(&KEY, key, schema_id)
}

/// The anchor of a value.
pub fn decode(bytes: &[u8]) -> Result<Anchor, WireError> {
    unframed_of(&VALUE, bytes, FORMAT)
}

/// The key of a record.
pub fn decode_key(bytes: &[u8]) -> Result<AnchorKey, WireError> {
    unframed(&KEY, bytes)
}

/// The format of a record. It is the first field, so it can be told even where the rest has another shape.
fn format_of(bytes: &[u8]) -> Result<i32, WireError> {
    bytes.get(FRAME..).and_then(small_integer).ok_or(WireError::Frame)
}

/// The Avro int at the head of `bytes`, where it is a small one.
fn small_integer(bytes: &[u8]) -> Option<i32> {
    let mut raw = 0_u32;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        raw |= u32::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((raw >> 1) as i32 ^ -((raw & 1) as i32));
        }
    }
    None
}

pub(crate) fn framed<T: Serialize>(schema: &Schema, value: &T, schema_id: u32) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&schema_id.to_be_bytes());
    let writer = GenericDatumWriter::builder(schema).human_readable(false).build().expect("a schema that was parsed");
    writer.write_ser(&mut bytes, value).expect("the record has the schema's fields");
    bytes
}

pub(crate) fn unframed<T: DeserializeOwned>(schema: &Schema, bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() < FRAME || bytes[0] != 0 {
        return Err(WireError::Frame);
    }
    let reader = GenericDatumReader::builder(schema).human_readable(false).build().expect("a schema that was parsed");
    let mut body = &bytes[FRAME..];
    let value = reader.read_deser(&mut body).map_err(|error| WireError::Body(error.to_string()))?;
    if body.is_empty() { Ok(value) } else { Err(WireError::Body(format!("{} bytes too many", body.len()))) }
}

/// The same of a record whose first field is its format, where it is the one that is known.
pub(crate) fn unframed_of<T: DeserializeOwned>(schema: &Schema, bytes: &[u8], known: i32) -> Result<T, WireError> {
    let format = format_of(bytes)?;
    if format == known { unframed(schema, bytes) } else { Err(WireError::Format(format)) }
}

/// Bytes: as they are in Avro, in base64 where people read.
pub(super) mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    pub(in crate::anchor) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            STANDARD.encode(bytes).serialize(serializer)
        } else {
            serializer.serialize_bytes(bytes)
        }
    }

    pub(in crate::anchor) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        if deserializer.is_human_readable() {
            return STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom);
        }
        deserializer.deserialize_byte_buf(Visitor)
    }

    pub(super) struct Visitor;

    impl serde::de::Visitor<'_> for Visitor {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }
        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
        fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}

/// Optional bytes, in the same two forms.
pub(super) mod optional_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    struct Plain<'a>(&'a [u8]);

    impl Serialize for Plain<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            super::bytes::serialize(self.0, serializer)
        }
    }

    struct Owned(Vec<u8>);

    impl<'de> Deserialize<'de> for Owned {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            super::bytes::deserialize(deserializer).map(Self)
        }
    }

    pub(in crate::anchor) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(Plain).serialize(serializer)
    }

    pub(in crate::anchor) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Owned>::deserialize(deserializer)?.map(|owned| owned.0))
    }
}
