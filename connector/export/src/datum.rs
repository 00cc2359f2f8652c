//! A value of a row, as it was read: texts and bytes stand where they were read from.
//!
//! Invariant: a datum that a resolver gave has exactly the form of the reader's schema, so that whoever walks it along
//! that schema meets no other kind; null stands where the schema has a union.

/// A value along a [`Schema`](crate::schema::Schema).
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    /// Null, or a field that is known of no row.
    Null,
    /// A truth.
    Boolean(bool),
    /// 32 bits; days where it is a date, milliseconds where a time.
    Int(i32),
    /// 64 bits; in the unit of its logical type.
    Long(i64),
    /// Single precision.
    Float(f32),
    /// Double precision.
    Double(f64),
    /// Bytes, fixed ones too; two's complement with the most significant byte first where it is a decimal.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// An enum's symbol.
    Enum(&'a str),
    /// Fields in the schema's order.
    Record(Vec<Datum<'a>>),
    /// Items.
    Array(Vec<Datum<'a>>),
    /// Entries as they were read: of two with one key, the last counts.
    Map(Vec<(&'a str, Datum<'a>)>),
}
