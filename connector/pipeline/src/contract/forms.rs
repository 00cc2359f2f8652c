//! Forms: where a BSON type has more than one Avro type, which one a *new* field gets.
//!
//! Invariants: a form is chosen once, when a field enters a contract, and from then on stands in the contract, which
//! alone decides; what the Avro type does not tell is a `bson.*` property, which is registered, so that whoever reads
//! the topic can go back to the document. What a type does with single values is [`super::values`].

use serde_json::{Map, Value as Json, json};

/// `decimal.handling.mode`: what decimal128 becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decimals {
    /// Plain text, exact whatever comes.
    #[default]
    Text,
    /// `decimal(p,s)` with room over what the sample has; text where the sample has none that fits.
    Precise,
    /// A double, rounded.
    Double,
}

/// `binary.handling.mode`: what binary becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binaries {
    /// `bytes`.
    #[default]
    Bytes,
    /// Text, base64 with padding.
    Base64,
    /// Text, base64 with `-` and `_`, with padding.
    Base64UrlSafe,
    /// Text, lower-case hexadecimal digits.
    Hex,
}

/// `uuid.legacy`: in which order the driver that wrote binary subtype 3 put its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LegacyUuids {
    /// Unknown: they stay binary.
    #[default]
    Bytes,
    /// Java's old driver: each half of eight bytes backwards.
    Java,
    /// C#'s old driver: the first three groups backwards.
    CSharp,
    /// Python's old driver: as they are written.
    Python,
}

/// `nested.handling.mode`: what documents within the document become in the output; the contract stays nested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Nested {
    /// Records.
    #[default]
    Struct,
    /// Documents and arrays are Extended JSON text.
    Json,
    /// Their fields stand beside the others, names joined by this; arrays and dictionaries stay.
    Flatten(String),
}

/// Which forms new fields get; the defaults are those of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms {
    /// Decimal128.
    pub decimals: Decimals,
    /// Binary, but for UUIDs of subtype 4 and vectors.
    pub binaries: Binaries,
    /// Binary subtype 3.
    pub legacy_uuids: LegacyUuids,
    /// `integers=exact`: int32 alone is an `int`.
    pub exact_integers: bool,
    /// `numbers=integral`: whole numbers and whole doubles are a `long` that refuses fractions.
    pub integral_numbers: bool,
    /// `array.items.nullable`: `always`, or not where the sample has no null item.
    pub nullable_items: bool,
    /// `array.accept.scalar`: one or many is an array.
    pub accept_scalar: bool,
}

impl Default for Forms {
    fn default() -> Self {
        Self {
            decimals: Decimals::default(),
            binaries: Binaries::default(),
            legacy_uuids: LegacyUuids::default(),
            exact_integers: false,
            integral_numbers: false,
            nullable_items: true,
            accept_scalar: false,
        }
    }
}

/// Property of a text field: how binary is written in it.
pub(crate) const BINARY: &str = "bson.binary";
/// Property of a UUID field: the order of bytes of subtype 3.
pub(crate) const LEGACY: &str = "bson.uuid.legacy";

const BINARIES: [(&str, Binaries); 3] =
    [("base64", Binaries::Base64), ("base64-url-safe", Binaries::Base64UrlSafe), ("hex", Binaries::Hex)];
const ORDERS: [(&str, LegacyUuids); 3] =
    [("java", LegacyUuids::Java), ("csharp", LegacyUuids::CSharp), ("python", LegacyUuids::Python)];

impl Binaries {
    /// Of a field's properties; text is base64 where nothing else is said.
    pub(crate) fn of(properties: &Map<String, Json>) -> Self {
        named(properties, BINARY, &BINARIES).unwrap_or(Self::Base64)
    }

    /// The property that says it.
    pub(crate) fn property(self) -> Option<(String, Json)> {
        property(self, BINARY, &BINARIES)
    }
}

impl LegacyUuids {
    /// Of a field's properties.
    pub(crate) fn of(properties: &Map<String, Json>) -> Self {
        named(properties, LEGACY, &ORDERS).unwrap_or(Self::Bytes)
    }

    /// The property that says it.
    pub(crate) fn property(self) -> Option<(String, Json)> {
        property(self, LEGACY, &ORDERS)
    }

    /// The UUID in the order of its text.
    pub(crate) fn ordered(self, mut bytes: [u8; 16]) -> [u8; 16] {
        match self {
            Self::Bytes | Self::Python => {}
            Self::Java => bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse),
            Self::CSharp => {
                bytes[..4].reverse();
                bytes[4..6].reverse();
                bytes[6..8].reverse();
            }
        }
        bytes
    }
}

/// The words that a property of this name may have; `None` where the name is not one of ours.
pub(crate) fn words(name: &str) -> Option<Vec<&'static str>> {
    match name {
        BINARY => Some(BINARIES.iter().map(|(word, _)| *word).collect()),
        LEGACY => Some(ORDERS.iter().map(|(word, _)| *word).collect()),
        _ => None,
    }
}

fn named<T: Copy>(properties: &Map<String, Json>, name: &str, words: &[(&str, T)]) -> Option<T> {
    let word = properties.get(name)?;
    words.iter().find(|(known, _)| word == known).map(|(_, found)| *found)
}

fn property<T: Copy + PartialEq>(value: T, name: &str, words: &[(&str, T)]) -> Option<(String, Json)> {
    words.iter().find(|(_, known)| *known == value).map(|(word, _)| (name.to_owned(), json!(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_orders_of_one_uuid() {
        // 00112233-4455-6677-8899-aabbccddeeff as each driver stored it.
        let text: [u8; 16] = std::array::from_fn(|n| n as u8 * 0x11);
        let java = [0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88];
        let csharp = [0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        for (order, stored) in [(LegacyUuids::Java, java), (LegacyUuids::CSharp, csharp), (LegacyUuids::Python, text)] {
            assert_eq!(order.ordered(stored), text, "{order:?}");
        }
    }
}
