//! The rows of spec/types.md section 2 that have no inner types.

use serde_json::{Value as Json, json};

use crate::golden::{Golden, Row, any, rows};
use crate::stage::{self, contract, field};
use moorline_pipeline::contract::file;
use moorline_pipeline::contract::model::Type;

fn row(title: &'static str, values: Vec<Json>, ty: Json, accepts: &'static str, decoded: Vec<Json>) -> Row {
    Row { title, values, ty, accepts, decoded, rules: &[] }
}

fn double(text: &str) -> Json {
    json!({"double": text})
}

fn binary(subtype: &str, base64: &str) -> Json {
    json!({"$binary": {"base64": base64, "subType": subtype}})
}

fn decimal(text: &str) -> Json {
    json!({"$numberDecimal": text})
}

#[test]
fn numbers() {
    let x = |text: &str| json!({"$numberDouble": text});
    let mut golden = Golden::new("numbers.json");
    let all = vec![
        row(
            "double",
            vec![json!(1.5), x("-0.0"), x("NaN"), x("Infinity"), x("5e-324")],
            json!("double"),
            "double",
            vec![double("1.5"), double("-0.0"), double("NaN"), double("inf"), double("5e-324")],
        ),
        row(
            "int32 only",
            vec![json!({"$numberInt": "7"}), json!({"$numberInt": "-2147483648"})],
            json!("long"),
            "int32",
            vec![json!(7), json!(-2_147_483_648_i64)],
        ),
        row(
            "int64 only",
            vec![json!({"$numberLong": "9223372036854775807"}), json!({"$numberLong": "-9223372036854775808"})],
            json!("long"),
            "int64",
            vec![json!(i64::MAX), json!(i64::MIN)],
        ),
        row(
            "int32 and int64",
            vec![json!({"$numberInt": "7"}), json!({"$numberLong": "9007199254740993"})],
            json!("long"),
            "int32|int64",
            vec![json!(7), json!(9_007_199_254_740_993_i64)],
        ),
        Row {
            rules: &["MC604"],
            ..row(
                "int and whole doubles",
                vec![json!({"$numberInt": "7"}), x("8.0"), json!({"$numberLong": "9007199254740992"})],
                json!("double"),
                "int32|int64|double",
                vec![double("7.0"), double("8.0"), double("9007199254740992.0")],
            )
        },
        row(
            "int and fractional doubles",
            vec![json!({"$numberInt": "7"}), x("0.1")],
            json!("double"),
            "int32|double",
            vec![double("7.0"), double("0.1")],
        ),
        row(
            "decimal128",
            [
                "1.50",
                "1E+3",
                "12E-5",
                "-0",
                "0.000",
                "NaN",
                "Infinity",
                "-Infinity",
                "9999999999999999999999999999999999",
            ]
            .map(decimal)
            .to_vec(),
            json!("string"),
            "decimal128",
            [
                "1.50",
                "1000",
                "0.00012",
                "-0",
                "0.000",
                "NaN",
                "Infinity",
                "-Infinity",
                "9999999999999999999999999999999999",
            ]
            .map(Json::from)
            .to_vec(),
        ),
        row(
            "decimal128 with int and double",
            vec![
                decimal("1.10"),
                json!({"$numberInt": "7"}),
                x("0.5"),
                x("1e21"),
                json!({"$numberLong": "9007199254740993"}),
            ],
            json!("string"),
            "int32|int64|double|decimal128",
            ["1.10", "7", "0.5", "1000000000000000000000", "9007199254740993"].map(Json::from).to_vec(),
        ),
    ];
    rows(&mut golden, all);
    golden.finish();
}

#[test]
fn text_and_what_is_written_as_text() {
    let mut golden = Golden::new("text.json");
    let id = json!({"$oid": "507f1f77bcf86cd799439011"});
    let all = vec![
        row(
            "string",
            vec![json!("größe \u{1F600}"), json!("")],
            json!("string"),
            "",
            vec![json!("größe \u{1F600}"), json!("")],
        ),
        row("symbol", vec![json!({"$symbol": "s"})], json!("string"), "", vec![json!("s")]),
        row("javascript", vec![json!({"$code": "f()"})], json!("string"), "", vec![json!("f()")]),
        row("objectId", vec![id.clone()], json!("string"), "objectId", vec![json!("507f1f77bcf86cd799439011")]),
        Row {
            rules: &["MC609"],
            ..row(
                "objectId and string",
                vec![id.clone(), json!("x")],
                json!("string"),
                "string|objectId",
                vec![json!("507f1f77bcf86cd799439011"), json!("x")],
            )
        },
        row(
            "javascript with scope",
            vec![json!({"$code": "f", "$scope": {"a": 1}})],
            any(),
            "any",
            vec![json!(r#"{"$code":"f","$scope":{"a":1}}"#)],
        ),
        row(
            "regex",
            vec![json!({"$regularExpression": {"pattern": "^\"a", "options": "im"}})],
            any(),
            "any",
            vec![json!(r#"{"$regularExpression":{"pattern":"^\"a","options":"im"}}"#)],
        ),
        row(
            "dbPointer",
            vec![json!({"$dbPointer": {"$ref": "db.c", "$id": id}})],
            any(),
            "any",
            vec![json!(r#"{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"507f1f77bcf86cd799439011"}}}"#)],
        ),
        row(
            "minKey and maxKey",
            vec![json!({"$minKey": 1}), json!({"$maxKey": 1})],
            any(),
            "any",
            vec![json!(r#"{"$minKey":1}"#), json!(r#"{"$maxKey":1}"#)],
        ),
    ];
    rows(&mut golden, all);
    golden.finish();
}

#[test]
fn booleans_times_and_binary() {
    let mut golden = Golden::new("scalars.json");
    let millis = json!({"type": "long", "logicalType": "timestamp-millis", "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Timestamp"});
    let uuid =
        json!({"type": "string", "logicalType": "uuid", "connect.version": 1, "connect.name": "io.debezium.data.Uuid"});
    let date = |n: i64| json!({"$date": {"$numberLong": n.to_string()}});
    let bytes = |hex: &str| json!({"bytes": hex});
    let all = vec![
        row(
            "boolean",
            vec![json!(true), json!(false), json!(null)],
            json!("boolean"),
            "",
            vec![json!(true), json!(false), json!(null)],
        ),
        row(
            "date",
            vec![date(1_760_000_000_123), date(-62_135_596_800_000), date(253_402_300_799_999)],
            millis,
            "date",
            [1_760_000_000_123_i64, -62_135_596_800_000, 253_402_300_799_999].map(|n| json!({"millis": n})).to_vec(),
        ),
        row(
            "timestamp",
            vec![
                json!({"$timestamp": {"t": 1_760_000_000, "i": 7}}),
                json!({"$timestamp": {"t": 2_147_483_648_u32, "i": 1}}),
            ],
            json!("long"),
            "timestamp",
            vec![json!(1_760_000_000_i64 * 4_294_967_296 + 7), json!(-9_223_372_036_854_775_807_i64)],
        ),
        row(
            "binary 0, 2, 5, 8, 128",
            ["00", "02", "05", "08", "80"].map(|subtype| binary(subtype, "3q2+7w==")).to_vec(),
            json!("bytes"),
            "binData",
            vec![bytes("deadbeef"); 5],
        ),
        row(
            "binary 4, UUID",
            vec![binary("04", "c//SZESzTGmQ6OfRDfwDXQ==")],
            uuid,
            "uuid",
            vec![json!({"uuid": "73ffd264-44b3-4c69-90e8-e7d10dfc035d"})],
        ),
        Row {
            rules: &["MC610"],
            ..row(
                "binary 3, legacy UUID",
                vec![binary("03", "c//SZESzTGmQ6OfRDfwDXQ==")],
                json!("bytes"),
                "binData",
                vec![bytes("73ffd26444b34c6990e8e7d10dfc035d")],
            )
        },
        row("binary 6, encrypted", vec![binary("06", "3q2+7w==")], json!("bytes"), "binData", vec![bytes("deadbeef")]),
        row(
            "binary 9, float32",
            vec![binary("09", "JwAAAMA/AAAAwA=="), binary("09", "JwA=")],
            json!({"type": "array", "items": "float"}),
            "binData",
            vec![json!([{"float": "1.5"}, {"float": "-2.0"}]), json!([])],
        ),
        row(
            "binary 9, int8",
            vec![binary("09", "AwABf4A=")],
            json!({"type": "array", "items": "int"}),
            "binData",
            vec![json!([{"int": 1}, {"int": 127}, {"int": -128}])],
        ),
        row("binary 9, packed bits", vec![binary("09", "EAOg")], json!("bytes"), "binData", vec![bytes("1003a0")]),
    ];
    rows(&mut golden, all);
    golden.finish();
}

#[test]
fn an_encrypted_field_is_tagged_and_the_tag_stays_in_the_file() {
    let sample = [stage::document(json!({"_id": 1, "v": binary("06", "3q2+7w=="), "w": [binary("06", "3q2+7w==")]}))];
    let inferred = stage::infer_all(&sample);
    for name in ["v", "w"] {
        let found = stage::top(&inferred.contract, name).expect("decided");
        assert_eq!(found.properties.get("moorline.tags"), Some(&json!(["encrypted"])), "{name}");
        assert!(stage::registered_field(&inferred.contract, name).get("moorline.tags").is_none());
    }
    let text = file::write(&inferred.contract);
    assert_eq!(file::parse(&text, &stage::namespace()).as_ref(), Ok(&inferred.contract));
}

#[test]
fn decimals_by_contract_are_exact() {
    let mut golden = Golden::new("decimal.json");
    let contract = contract(vec![field("v", Type::Decimal { precision: 12, scale: 2 }, "decimal128")]);
    let ty = json!({"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2, "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Decimal",
        "connect.parameters": {"scale": "2", "connect.decimal.precision": "12"}});
    assert_eq!(stage::registered_field(&contract, "v")["type"], json!(["null", ty]));
    let values = [
        (decimal("1.5"), "150"),
        (decimal("-1.500"), "-150"),
        (decimal("-0"), "0"),
        (decimal("1E+3"), "100000"),
        (decimal("9999999999.99"), "999999999999"),
        (json!({"$numberInt": "-7"}), "-700"),
        (json!({"$numberDouble": "0.25"}), "25"),
    ];
    let documents: Vec<Json> = values.iter().zip(1..).map(|((value, _), n)| json!({"_id": n, "v": value})).collect();
    let decoded = golden.case("decimal(12,2)", &contract, &documents);
    for (record, (value, unscaled)) in decoded.iter().zip(&values) {
        assert_eq!(record["v"], json!({"unscaled": unscaled}), "{value}");
    }
    golden.finish();
}
