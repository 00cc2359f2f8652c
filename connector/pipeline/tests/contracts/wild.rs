//! Arbitrary documents: all types, nesting, odd names, numbers at their limits, and bytes that are no BSON at all.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, RawDocumentBuf, Timestamp};
use moorline_pipeline::contract::model::{Contract, Drift, Field, KeyKind, Record, Type, Unknown};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use crate::laws_key::KINDS;
use crate::stage;

const NAMES: [&str; 18] = [
    "a", "b", "c", "a.b", "a_b", "a-b", "", "_", "$oid", "$ref", "$id", "ref", "1st", "größe", "__op", "__v", "a~/b",
    "_id",
];

pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned), 1 => "[^\\x00]{0,4}"]
}

pub(crate) fn double() -> impl Strategy<Value = f64> {
    let special = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        0.1,
        1e16,
        1e300,
        9_007_199_254_740_992.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        5e-324,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
    ];
    prop_oneof![prop::sample::select(special), any::<f64>(), any::<i32>().prop_map(f64::from)]
}

pub(crate) fn int64() -> impl Strategy<Value = i64> {
    let special = vec![0, 1, -1, i64::MAX, i64::MIN, 1 << 53, (1 << 53) + 1, 1 << 60, -(1 << 53) - 1];
    prop_oneof![prop::sample::select(special), any::<i64>(), -10_i64..10]
}

pub(crate) fn decimal() -> impl Strategy<Value = Decimal128> {
    let text = prop::sample::select(vec![
        "0",
        "-0",
        "0E+5",
        "1",
        "1.0",
        "1E0",
        "0.1",
        "0.50",
        "1E+23",
        "1E+6144",
        "1E-6176",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "9999999999999999999999999999999999",
        "NaN",
        "Infinity",
        "-Infinity",
        "0.1000000000000000055511151231257827",
    ]);
    let small = (any::<i32>(), -40_i32..40).prop_map(|(n, e)| format!("{n}E{e}"));
    prop_oneof![
        text.prop_map(str::to_owned).prop_map(|text| text.parse().expect("a decimal")),
        small.prop_map(|text| text.parse().expect("a decimal")),
        // Patterns that are not canonical have no text in every library, so only the canonical ones are drawn here.
        (any::<u64>(), 0_u128..12_000, any::<bool>()).prop_map(|(coefficient, exponent, negative)| {
            let bits = u128::from(coefficient) | exponent << 113 | u128::from(negative) << 127;
            Decimal128::from_bytes(bits.to_le_bytes())
        }),
    ]
}

fn binary() -> impl Strategy<Value = Bson> {
    let subtype = prop::sample::select(vec![0_u8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 77, 128, 255]);
    let payload = prop_oneof![
        vec(any::<u8>(), 0..6),
        vec(any::<u8>(), 16),
        vec(any::<u8>(), 0..4).prop_map(|items| [&[3, 0], items.as_slice()].concat()),
        vec(any::<f32>(), 0..3).prop_map(|items| items.iter().fold(vec![0x27, 0], |all, x| [
            all.as_slice(),
            &x.to_le_bytes()
        ]
        .concat())),
        Just(vec![0x10, 3, 0xa0]),
    ];
    (subtype, payload)
        .prop_map(|(subtype, bytes)| Bson::Binary(Binary { subtype: BinarySubtype::from(subtype), bytes }))
}

pub(crate) fn leaf() -> impl Strategy<Value = Bson> {
    let id = any::<[u8; 12]>().prop_map(ObjectId::from_bytes);
    let date = prop_oneof![any::<i64>(), -100_000_000_000_000_i64..400_000_000_000_000, Just(0)];
    let far = json!({"$dbPointer": {"$ref": "d.c", "$id": {"$oid": "507f1f77bcf86cd799439011"}}});
    let odd = vec![
        stage::value(far),
        stage::value(json!({"$code": "f", "$scope": {"a": 1}})),
        stage::value(json!({"$regularExpression": {"pattern": "^\"é", "options": "im"}})),
        Bson::MinKey,
        Bson::MaxKey,
        Bson::Undefined,
    ];
    prop_oneof![
        3 => double().prop_map(Bson::Double),
        3 => any::<i32>().prop_map(Bson::Int32),
        3 => int64().prop_map(Bson::Int64),
        2 => decimal().prop_map(Bson::Decimal128),
        3 => ".{0,5}".prop_map(Bson::String),
        2 => id.prop_map(Bson::ObjectId),
        2 => any::<bool>().prop_map(Bson::Boolean),
        2 => date.prop_map(|millis| Bson::DateTime(DateTime::from_millis(millis))),
        1 => any::<(u32, u32)>().prop_map(|(time, increment)| Bson::Timestamp(Timestamp { time, increment })),
        2 => binary(),
        1 => ".{0,3}".prop_map(Bson::Symbol),
        1 => ".{0,3}".prop_map(Bson::JavaScriptCode),
        1 => prop::sample::select(odd),
        2 => Just(Bson::Null),
    ]
}

pub(crate) fn bson() -> impl Strategy<Value = Bson> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Bson::Array),
            vec((name(), inner), 0..4).prop_map(|members| Bson::Document(members.into_iter().collect())),
        ]
    })
}

/// A document whose `_id` is a whole number.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    (int64(), vec((name(), bson()), 0..6)).prop_map(|(id, members)| {
        let mut document: Document = members.into_iter().filter(|(name, _)| name != "_id").collect();
        document.insert("_id", id);
        document
    })
}

pub(crate) fn documents(most: usize) -> impl Strategy<Value = Vec<RawDocumentBuf>> {
    vec(document().prop_map(|document| stage::raw(&document)), 1..most)
}

/// A document of which some bytes are others, but for those that frame it.
pub(crate) fn broken() -> impl Strategy<Value = RawDocumentBuf> {
    (document(), vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)).prop_map(|(document, changes)| {
        let mut bytes = stage::raw(&document).into_bytes();
        let inner = 4..bytes.len() - 1;
        for (at, byte) in changes {
            if !inner.is_empty() {
                bytes[inner.start + at.index(inner.len())] = byte;
            }
        }
        RawDocumentBuf::from_bytes(bytes).expect("framed")
    })
}

fn scalar_type() -> impl Strategy<Value = (Type, Vec<String>)> {
    let some =
        |ty: Type, accepts: &str| (ty, accepts.split('|').filter(|a| !a.is_empty()).map(str::to_owned).collect());
    prop::sample::select(vec![
        some(Type::Boolean, ""),
        some(Type::Long, "int32|int64"),
        some(Type::Long, "timestamp"),
        some(Type::Double, "int32|double"),
        some(Type::String, ""),
        some(Type::String, "string|objectId"),
        some(Type::String, "decimal128|int32"),
        some(Type::Uuid, "uuid"),
        some(Type::Bytes, "binData"),
        some(Type::Timestamp, "date"),
        some(Type::Decimal { precision: 12, scale: 2 }, "decimal128"),
        some(Type::Any, "any"),
        some(Type::FloatVector, "binData"),
        some(Type::IntVector, ""),
    ])
}

/// A type, whose records have names that do not matter yet.
fn any_type() -> impl Strategy<Value = (Type, Vec<String>)> {
    scalar_type().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(ty, accepts)| (Type::Array(Box::new(ty)), accepts)),
            inner.clone().prop_map(|(ty, accepts)| (Type::Map(Box::new(ty)), accepts)),
            vec((name(), inner, any::<bool>()), 1..4).prop_map(|members| {
                (
                    Type::Record(Record {
                        name: String::new(),
                        fields: fields(members),
                        properties: Default::default(),
                    }),
                    vec![],
                )
            }),
        ]
    })
}

fn fields(members: Vec<(String, (Type, Vec<String>), bool)>) -> Vec<Field> {
    let mut out: Vec<Field> = Vec::new();
    for (bson_name, (ty, accepts), required) in members {
        if bson_name == "_id" || out.iter().any(|field| field.bson_name == bson_name) {
            continue;
        }
        let properties = if required { json!({"doc": "a \"word\"\n", "moorline.tags": ["PII"]}) } else { json!({}) };
        let name = if out.is_empty() { moorline_pipeline::contract::names::field(&bson_name) } else { String::new() };
        let name =
            if name.is_empty() || name == "_id" || name.starts_with("__") { format!("f{}", out.len()) } else { name };
        let properties = properties.as_object().expect("an object").clone();
        out.push(Field { name, bson_name, ty, accepts, required, properties });
    }
    out
}

/// Gives every record a name of its own.
fn name_records(fields: &mut [Field], next: &mut usize) {
    for field in fields {
        let mut ty = &mut field.ty;
        while let Type::Array(inner) | Type::Map(inner) = ty {
            ty = inner;
        }
        if let Type::Record(record) = ty {
            record.name = format!("record_{next}");
            *next += 1;
            if record.fields.is_empty() {
                record.fields.push(stage::field("only", Type::Long, ""));
            }
            name_records(&mut record.fields, next);
        }
    }
}

fn key_kind() -> impl Strategy<Value = KeyKind> {
    let plain = prop::sample::select(KINDS.to_vec());
    plain.prop_recursive(2, 6, 3, |inner| {
        vec((name(), inner), 1..4).prop_map(|mut parts| {
            let mut seen = std::collections::BTreeSet::new();
            parts.retain(|(name, _)| seen.insert(name.clone()));
            KeyKind::Document(parts)
        })
    })
}

/// A contract of any shape that a file may have.
pub(crate) fn contract() -> impl Strategy<Value = Contract> {
    let drift = prop::sample::select(vec![Drift::Evolve, Drift::Spill, Drift::Quarantine, Drift::Halt]);
    let unknown = prop::sample::select(vec![Unknown::Drift, Unknown::Spill, Unknown::Ignore]);
    let members = vec((name(), any_type(), any::<bool>()), 0..6);
    (key_kind(), members, option::of(drift), option::of(unknown), vec(name(), 0..3), 1_u32..9).prop_map(
        |(key, members, on_drift, unknown, excluded, version)| {
            let mut fields = fields(members);
            name_records(&mut fields, &mut 0);
            let properties =
                json!({"doc": "One row.", "moorline.owner": "a@b.c", "moorline.ignore": [{"rule": "MC602"}]});
            let key_properties = json!({"doc": "the key"});
            Contract {
                version,
                key,
                excluded,
                on_drift,
                unknown,
                properties: properties.as_object().expect("an object").clone(),
                key_properties: key_properties.as_object().expect("an object").clone(),
                ..stage::contract(fields)
            }
        },
    )
}
