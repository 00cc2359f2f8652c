//! Misfits as they arise: made where the value stands, given their path on the way back up.

use super::walk::{Malformed, Value};
use crate::contract::extjson;
use crate::contract::model::Misfit;
use crate::contract::values::DateRange;

/// Boxed, so that what succeeds does not carry room for what fails.
pub(crate) type Fault = Box<Misfit>;

/// A step of a path that stands for any item of an array or any value of a map.
const ANY_ITEM: &str = "*";

fn fault(rule: &'static str, name: &'static str, expected: impl Into<String>, found: &str) -> Fault {
    Box::new(Misfit { rule, name, path: String::new(), expected: expected.into(), found: found.into() })
}

/// Another type than the contract's.
pub(crate) fn type_drift(expected: impl Into<String>, value: Value) -> Fault {
    fault("MC602", "type-drift", expected, value.type_name())
}

/// A field that the contract does not know.
pub(crate) fn unknown_field(value: Value) -> Fault {
    fault("MC603", "unknown-field", "no such field", value.type_name())
}

/// A promise of the contract that is not kept.
pub(crate) fn missing_required(expected: impl Into<String>, found: &str) -> Fault {
    fault("MC601", "missing-required", expected, found)
}

/// An `_id` that the key cannot hold.
pub(crate) fn key_type(expected: &str, found: &str) -> Fault {
    fault("MC402", "key-type", expected, found)
}

/// A whole number that is no double.
pub(crate) fn precision_loss(value: Value) -> Fault {
    fault("MC605", "precision-loss", "a number that a double holds exactly", value.type_name())
}

/// A number that is not exactly one of the decimal type.
pub(crate) fn decimal(precision: u32, scale: u32, value: Value) -> Fault {
    fault("MC606", "decimal-misfit", format!("decimal({precision},{scale})"), value.type_name())
}

/// A date beyond the years 1 to 9999.
pub(crate) fn out_of_range(value: Value) -> Fault {
    fault("MC608", "value-out-of-range", "0001-01-01..9999-12-31", value.type_name())
}

/// A date beyond the range that was asked for.
pub(crate) fn out_of(range: DateRange, value: Value) -> Fault {
    fault("MC608", "value-out-of-range", range.shown(), value.type_name())
}

/// A value that the policy of its field does not allow.
pub(crate) fn not_allowed(expected: &str, value: Value) -> Fault {
    fault("MC618", "value-not-allowed", expected, value.type_name())
}

/// Null where the contract promises items that are not.
pub(crate) fn null_item(found: &str) -> Fault {
    fault("MC612", "null-item", "items that are not null", found)
}

/// A name that stands twice in one document, where that is not let pass.
pub(crate) fn duplicate_key() -> Fault {
    fault("MC104", "duplicate-key", "each name once", "the name again")
}

/// A datum that can't be followed to its text.
pub(crate) fn without_text(why: &str) -> Fault {
    fault("MC602", "without-text", "a value that has JSON text", why)
}

/// Text that is not UTF-8.
pub(crate) fn invalid_utf8(found: &str) -> Fault {
    fault("MC607", "invalid-utf8", "UTF-8", found)
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        fault("MC602", "malformed", "BSON", "bytes that are not BSON")
    }
}

impl From<extjson::Error> for Fault {
    fn from(error: extjson::Error) -> Self {
        match error {
            extjson::Error::InvalidUtf8 => invalid_utf8("string"),
            extjson::Error::Malformed => Malformed.into(),
            extjson::Error::TooDeep => fault("MC602", "too-deep", "fewer levels", "object"),
        }
    }
}

/// The fault as seen from the record around it, by the field's name.
#[cold]
pub(crate) fn under(mut fault: Fault, name: &str) -> Fault {
    let step = name.replace('~', "~0").replace('/', "~1");
    fault.path.insert_str(0, &step);
    fault.path.insert(0, '/');
    fault
}

/// The fault as seen from the array or map around the item.
#[cold]
pub(crate) fn in_item(fault: Fault) -> Fault {
    under(fault, ANY_ITEM)
}
