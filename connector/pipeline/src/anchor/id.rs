//! The id of an anchor: a hash of everything else in it.
//!
//! Invariants: equal ids mean equal content; the id does not depend on how the anchor was split into parts, nor on the
//! order in which fields were read. The rule: RFC 8785 JSON of all fields but `id`, `part` and `parts`, longs as text,
//! ints as numbers, bytes in base64, absent values as null; SHA-256; the first 26 characters of its lower-case
//! Crockford base32.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::record::Anchor;
use crate::jcs;

/// Characters of an id.
pub const LENGTH: usize = 26;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Fields that are 32-bit in the schema, and so numbers; all other numbers are longs, and so text.
const INTS: [&str; 7] =
    ["format", "lane", "lanes", "partition_count", "key_schema_id", "value_schema_ids", "partition"];

/// The id that an anchor must have, over the collections of all its parts.
pub fn id(anchor: &Anchor) -> String {
    let hash = Sha256::digest(content(anchor).as_bytes());
    base32(&hash, LENGTH)
}

/// What the id hashes.
pub fn content(anchor: &Anchor) -> String {
    let mut value = serde_json::to_value(anchor).expect("an anchor has text keys only");
    let fields = value.as_object_mut().expect("an anchor is an object");
    for left_out in ["id", "part", "parts"] {
        fields.shift_remove(left_out);
    }
    longs_as_text("", &mut value);
    jcs::canonical(&value)
}

fn longs_as_text(field: &str, value: &mut Value) {
    match value {
        Value::Number(number) if !INTS.contains(&field) => *value = Value::String(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(|item| longs_as_text(field, item)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, inner)| longs_as_text(name, inner)),
        _ => {}
    }
}

/// The first `length` characters of Crockford's base32, five bits each from the left.
fn base32(bytes: &[u8], length: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0);
    (0..length)
        .map(|at| {
            let five = (0..5).fold(0, |acc, offset| acc << 1 | usize::from(bit(at * 5 + offset)));
            char::from(ALPHABET[five])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_crockfords() {
        assert_eq!(base32(&[0, 0, 0, 0, 0], 8), "00000000");
        assert_eq!(base32(&[0xFF; 5], 8), "zzzzzzzz");
        // 00001 00010 00011 00100 00101 00110 00111 01000
        assert_eq!(base32(&[0x08, 0x86, 0x42, 0x98, 0xE8], 8), "12345678");
        assert_eq!(base32(&[0xAB; 32], LENGTH).len(), LENGTH);
    }
}
