//! The choices among types, from the words of the configuration to the pipeline's own.
//!
//! Invariant: a word for a word; nothing is decided here but what a person who looks is proposed.

use moorline_config::{
    BinaryMode, Config, DateOutOfRange, DecimalMode, DecimalNonFinite, DecimalRounding, DoubleNonFinite, DuplicateKey,
    Integers, InvalidUtf8, ItemsNullable, MissingFields, NameAdjustment, NestedMode, Numbers, StringNul, UuidLegacy,
};
use moorline_pipeline::contract::forms::{Binaries, Decimals, Forms, LegacyUuids, Nested};
use moorline_pipeline::contract::infer::Options;
use moorline_pipeline::contract::model::Output;
use moorline_pipeline::contract::names::Adjustment;
use moorline_pipeline::contract::values::{self, BadText, DateRange, NonFinite, Nul, OutOfRange, Rounding, Values};

/// Whether somebody sees a contract before it counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// `contract infer`: what is proposed may be corrected.
    Person,
    /// A connector at run time: what is guessed too small is drift for ever.
    Nobody,
}

/// Names and forms of new fields.
pub(crate) fn options(config: &Config, looks: Looks) -> Options {
    let types = &config.types;
    let decimals = types.decimal_handling_mode.unwrap_or(match looks {
        Looks::Person => DecimalMode::Precise,
        Looks::Nobody => DecimalMode::String,
    });
    Options {
        metadata_prefix: config.field_metadata_prefix.clone(),
        adjustment: adjustment(types.field_name_adjustment_mode),
        forms: Forms {
            decimals: match decimals {
                DecimalMode::String => Decimals::Text,
                DecimalMode::Precise => Decimals::Precise,
                DecimalMode::Double => Decimals::Double,
            },
            binaries: match types.binary_handling_mode {
                BinaryMode::Bytes => Binaries::Bytes,
                BinaryMode::Base64 => Binaries::Base64,
                BinaryMode::Base64UrlSafe => Binaries::Base64UrlSafe,
                BinaryMode::Hex => Binaries::Hex,
            },
            legacy_uuids: match types.uuid_legacy {
                UuidLegacy::Bytes => LegacyUuids::Bytes,
                UuidLegacy::Java => LegacyUuids::Java,
                UuidLegacy::CSharp => LegacyUuids::CSharp,
                UuidLegacy::Python => LegacyUuids::Python,
            },
            exact_integers: types.integers == Integers::Exact,
            integral_numbers: types.numbers == Numbers::Integral,
            nullable_items: types.array_items_nullable == ItemsNullable::Always,
            accept_scalar: types.array_accept_scalar,
        },
        ..Options::default()
    }
}

/// What an output has beside what depends on the collection.
pub(crate) fn output(config: &Config) -> Output {
    let types = &config.types;
    Output {
        metadata_prefix: config.field_metadata_prefix.clone(),
        missing: types.missing_fields == MissingFields::List,
        nested: match types.nested_handling_mode {
            NestedMode::Struct => Nested::Struct,
            NestedMode::Json => Nested::Json,
            NestedMode::Flatten => Nested::Flatten(types.flatten_struct_delimiter.clone()),
        },
        adjustment: adjustment(types.schema_name_adjustment_mode),
        values: values(config),
        ..Output::default()
    }
}

fn values(config: &Config) -> Values {
    let types = &config.types;
    let default = Values::default();
    Values {
        double_nonfinite: match types.double_nonfinite {
            DoubleNonFinite::Keep => NonFinite::Keep,
            DoubleNonFinite::Null => NonFinite::Null,
            DoubleNonFinite::Drift => NonFinite::Drift,
        },
        decimal_nonfinite: match types.decimal_nonfinite {
            DecimalNonFinite::Drift => NonFinite::Drift,
            DecimalNonFinite::Null => NonFinite::Null,
        },
        decimal_rounding: match types.decimal_rounding {
            DecimalRounding::Unnecessary => Rounding::Unnecessary,
            DecimalRounding::HalfEven => Rounding::HalfEven,
        },
        // The configuration has checked that it is a range.
        date_range: DateRange::parse(&types.date_range).unwrap_or(default.date_range),
        date_out_of_range: match types.date_out_of_range {
            DateOutOfRange::Drift => OutOfRange::Drift,
            DateOutOfRange::Clamp => OutOfRange::Clamp,
            DateOutOfRange::Null => OutOfRange::Null,
            DateOutOfRange::Keep => OutOfRange::Keep,
        },
        string_nul: match types.string_nul {
            StringNul::Keep => Nul::Keep,
            StringNul::Strip => Nul::Strip,
            StringNul::Drift => Nul::Drift,
        },
        string_invalid: match types.string_invalid_utf8 {
            InvalidUtf8::Drift => BadText::Drift,
            InvalidUtf8::Replace => BadText::Replace,
        },
        array_accept_scalar: types.array_accept_scalar,
        duplicate_key: match types.duplicate_key {
            DuplicateKey::Last => values::DuplicateKey::Last,
            DuplicateKey::Drift => values::DuplicateKey::Drift,
        },
        ..default
    }
}

fn adjustment(mode: NameAdjustment) -> Adjustment {
    match mode {
        NameAdjustment::Avro => Adjustment::Avro,
        NameAdjustment::AvroUnicode => Adjustment::Unicode,
    }
}
