//! Values under a rule that is not the default: what a configuration or a contract asks for beyond keeping and drifting.
//!
//! Invariants: rules are bound when the plan is compiled, and a value is written by its type as soon as no rule is left
//! to apply; null by rule takes back the branch that stands before the value, and where no branch can say null the
//! document drifts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Map, Value as Json};

use super::compile::{Node, Typed};
use super::misfit::{self, Fault};
use super::value;
use super::walk::{Value, tag};
use super::wire;
use crate::contract::decimal::{Decimal, rounded_double};
use crate::contract::extjson;
use crate::contract::forms::{Binaries, LegacyUuids};
use crate::contract::iso8601;
use crate::contract::values::{BadText, NonFinite, Nul, OutOfRange, Rounding, Values};

/// The subtype of binary that old drivers wrote UUIDs as.
const LEGACY: u8 = 3;

/// A type with its rules.
#[derive(Debug)]
pub(super) struct Ruled {
    plain: Typed,
    rules: Rules,
}

/// Rules of one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    values: Values,
    binary: Binaries,
    legacy: LegacyUuids,
    nullable: bool,
}

impl Rules {
    pub(super) fn over(self, plain: Typed) -> Ruled {
        Ruled { plain, rules: self }
    }
}

impl Ruled {
    /// The rules of a type, if there are any that the type itself does not know.
    pub(super) fn of(plain: &Typed, properties: &Map<String, Json>, values: Values, nullable: bool) -> Option<Rules> {
        let rules = Rules { values, binary: Binaries::of(properties), legacy: LegacyUuids::of(properties), nullable };
        let default = Values::default();
        let dates = values.date_range != default.date_range || values.date_out_of_range != default.date_out_of_range;
        let accepts = plain.accepts;
        let applies = match plain.node {
            Node::Double => values.double_nonfinite != NonFinite::Keep,
            Node::Long => accepts.has(tag::DATE),
            Node::Timestamp => dates || values.iso8601 || accepts.has(tag::TIMESTAMP),
            Node::String => {
                values.string_nul != Nul::Keep
                    || values.string_invalid != BadText::Drift
                    || (accepts.has(tag::BINARY) && rules.binary != Binaries::Base64)
                    || (accepts.has(tag::DATE) && dates)
                    || rules.legacy != LegacyUuids::Bytes
            }
            Node::Uuid => rules.legacy != LegacyUuids::Bytes,
            Node::Decimal { .. } => {
                values.decimal_rounding != Rounding::Unnecessary || values.decimal_nonfinite == NonFinite::Null
            }
            _ => false,
        };
        applies.then_some(rules)
    }

    /// Appends a value that is not null.
    pub(super) fn write(&self, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Self { plain, rules } = self;
        let values = &rules.values;
        if value.tag != tag::BINARY && !plain.accepts.has(value.tag) {
            return Err(misfit::type_drift(plain.expected(), value));
        }
        match (&plain.node, value.tag) {
            (Node::Double, tag::DOUBLE | tag::DECIMAL) => {
                let double = match value.tag {
                    tag::DOUBLE => value.double(),
                    _ => Decimal::from_bytes(value.array()).nearest(),
                };
                match values.double_nonfinite {
                    NonFinite::Null if !double.is_finite() => return rules.null(value, out),
                    NonFinite::Drift if !double.is_finite() => {
                        return Err(misfit::not_allowed("a finite number", value));
                    }
                    _ => out.extend_from_slice(&double.to_le_bytes()),
                }
            }
            (Node::Long | Node::Timestamp, tag::DATE) => return rules.date(value.eight(), value, out, put_long),
            (Node::Timestamp, tag::TIMESTAMP) => {
                let seconds = i64::from((value.eight() as u64 >> 32) as u32);
                return rules.date(seconds * 1000, value, out, put_long);
            }
            (Node::Timestamp, tag::STRING) => {
                let text = std::str::from_utf8(value.text()).map_err(|_| misfit::invalid_utf8("string"))?;
                let Some(millis) = iso8601::instant(text.trim()) else {
                    return Err(misfit::type_drift("date, or its text in ISO 8601", value));
                };
                return rules.date(millis, value, out, put_long);
            }
            (Node::String, tag::STRING | tag::SYMBOL | tag::CODE) => return rules.text(value, out),
            (Node::String, tag::DATE) => return rules.date(value.eight(), value, out, put_text),
            (Node::String | Node::Uuid, tag::BINARY) => return self.binary(value, out),
            (Node::Decimal { precision, scale }, tag::DECIMAL | tag::DOUBLE) => {
                return rules.decimal(*precision, *scale, value, out);
            }
            _ => return value::scalar(plain, value, out),
        }
        Ok(())
    }

    fn binary(&self, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Self { plain, rules } = self;
        let (subtype, payload) = value.binary()?;
        if subtype == LEGACY && rules.legacy != LegacyUuids::Bytes {
            let Ok(stored) = payload.try_into() else {
                return Err(misfit::type_drift("a UUID of 16 bytes", value));
            };
            wire::long(36, out);
            wire::uuid(&rules.legacy.ordered(stored), out);
            return Ok(());
        }
        let is_text = matches!(plain.node, Node::String) && plain.accepts.has(tag::BINARY);
        match rules.binary {
            Binaries::Hex if is_text && value::is_plain_binary(subtype) => {
                wire::long(payload.len() as i64 * 2, out);
                wire::hex(payload, out);
            }
            Binaries::Base64UrlSafe if is_text && value::is_plain_binary(subtype) => {
                wire::long(payload.len().div_ceil(3) as i64 * 4, out);
                let at = out.len();
                out.resize(at + payload.len().div_ceil(3) * 4, 0);
                URL_SAFE.encode_slice(payload, &mut out[at..]).expect("the buffer is as long as the text");
            }
            _ => return value::scalar(plain, value, out),
        }
        Ok(())
    }
}

impl Rules {
    /// Null, where a branch can say so: the branch of the value is there already.
    fn null(&self, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        if !self.nullable {
            return Err(misfit::null_item(value.type_name()));
        }
        out.pop();
        wire::null(out);
        Ok(())
    }

    fn date(&self, millis: i64, value: Value, out: &mut Vec<u8>, put: fn(i64, &mut Vec<u8>)) -> Result<(), Fault> {
        let range = self.values.date_range;
        let millis = match self.values.date_out_of_range {
            _ if range.has(millis) => millis,
            OutOfRange::Keep => millis,
            OutOfRange::Clamp => millis.clamp(range.first, range.last),
            OutOfRange::Null => return self.null(value, out),
            OutOfRange::Drift => return Err(misfit::out_of(range, value)),
        };
        put(millis, out);
        Ok(())
    }

    fn text(&self, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut bytes = Cow::Borrowed(value.text());
        if std::str::from_utf8(&bytes).is_err() {
            if self.values.string_invalid == BadText::Drift {
                return Err(misfit::invalid_utf8(value.type_name()));
            }
            bytes = Cow::Owned(String::from_utf8_lossy(&bytes).into_owned().into_bytes());
        }
        if self.values.string_nul != Nul::Keep && bytes.contains(&0) {
            if self.values.string_nul == Nul::Drift {
                return Err(misfit::not_allowed("a string without NUL characters", value));
            }
            bytes.to_mut().retain(|byte| *byte != 0);
        }
        wire::bytes(&bytes, out);
        Ok(())
    }

    fn decimal(&self, precision: u32, scale: u32, value: Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        let rounds = self.values.decimal_rounding == Rounding::HalfEven;
        let (finite, unscaled) = if value.tag == tag::DECIMAL {
            let decimal = Decimal::from_bytes(value.array());
            let unscaled = if rounds { decimal.rounded(scale, precision) } else { decimal.unscaled(scale, precision) };
            (matches!(decimal, Decimal::Finite { .. }), unscaled)
        } else {
            let double = value.double();
            let unscaled = if rounds {
                rounded_double(double, scale, precision)
            } else {
                crate::contract::decimal::unscaled_double(double, scale, precision)
            };
            (double.is_finite(), unscaled)
        };
        match unscaled {
            Some(unscaled) => wire::decimal(unscaled, out),
            None if !finite && self.values.decimal_nonfinite == NonFinite::Null => return self.null(value, out),
            None => return Err(misfit::decimal(precision, scale, value)),
        }
        Ok(())
    }
}

fn put_long(millis: i64, out: &mut Vec<u8>) {
    wire::long(millis, out);
}

fn put_text(millis: i64, out: &mut Vec<u8>) {
    let at = out.len();
    extjson::iso8601(millis, out);
    wire::insert_long(at, (out.len() - at) as i64, out);
}
