//! What is wrong with contract files: every kind of problem, with the rule and the line that it has.

use moorline_pipeline::contract::file::{self, FileProblem};
use moorline_pipeline::contract::model::{Drift, KeyKind, Type, Unknown};
use moorline_pipeline::model::Namespace;

use crate::stage::{namespace, top};

/// What is no contract at all, and a property of ours that does not exist, have codes of their own.
const SHAPE: &str = "no contract";
const PROPERTY: &str = "no property";

/// Rules as they are, the two codes by their names above: which numbers they have is for the pages of errors to say.
fn coded(problem: &FileProblem) -> &'static str {
    let code = |text: &str| file::parse(text, &namespace()).expect_err(text)[0].code;
    let (shape, property) =
        (code("[]"), code(&with_field(r#"{"name": "v", "type": ["null", "long"], "moorline.oops": 1}"#)));
    assert!(shape != property && shape.starts_with("MOOR-4") && property.starts_with("MOOR-4"));
    match problem.code {
        code if code == shape => SHAPE,
        code if code == property => PROPERTY,
        rule => rule,
    }
}

fn problems(text: &str) -> Vec<FileProblem> {
    file::parse(text, &namespace()).expect_err(text)
}

/// A file whose field `v` stands on line 3.
fn with_field(field: &str) -> String {
    let id = r#"{"name": "_id", "type": "long", "bson.type": "int32|int64"}"#;
    format!(
        "{{\"type\": \"record\", \"name\": \"orders\", \"namespace\": \"shop\", \"fields\": [\n  {id},\n  {field}]}}\n"
    )
}

#[test]
fn fields_that_no_contract_may_have() {
    for (code, field) in [
        ("MC301", r#"{"name": "v", "type": "long"}"#),
        ("MC211", r#"{"name": "v", "type": ["null", "long", "string"], "default": null}"#),
        ("MC211", r#"{"name": "v", "type": ["long"], "default": null}"#),
        ("MC211", r#"{"name": "v", "type": [], "default": null}"#),
        ("MC211", r#"{"name": "v", "type": ["null", ["null", "long"]], "default": null}"#),
        ("MC212", r#"{"name": "v", "type": ["long", "null"], "default": null}"#),
        ("MC212", r#"{"name": "v", "type": ["null", "long"], "default": 0}"#),
        (
            "MC213",
            r#"{"name": "v", "type": ["null", {"type": "enum", "name": "e", "symbols": ["A"]}], "default": null}"#,
        ),
        ("MC201", r#"{"name": "v", "type": ["null", "int"], "default": null}"#),
        ("MC201", r#"{"name": "v", "type": ["null", "float"], "default": null}"#),
        ("MC306", r#"{"name": "v", "type": ["null", {"type": "map", "values": "long"}], "default": null}"#),
        (
            "MC504",
            r#"{"name": "v", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 39}], "default": null}"#,
        ),
        (
            "MC504",
            r#"{"name": "v", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}], "default": null}"#,
        ),
        (
            "MC504",
            r#"{"name": "v", "type": ["null", {"type": "bytes", "logicalType": "decimal", "scale": 3}], "default": null}"#,
        ),
        (
            "MC504",
            r#"{"name": "v", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": "2"}], "default": null}"#,
        ),
        ("MC507", r#"{"name": "v", "type": ["null", {"type": "record", "name": "r", "fields": []}], "default": null}"#),
        (
            "MC210",
            r#"{"name": "v", "type": ["null", {"type": "long", "logicalType": "timestamp-millis", "connect.name": "x"}], "default": null}"#,
        ),
        ("MC106", r#"{"name": "__op", "type": ["null", "long"], "default": null}"#),
        ("MC106", r#"{"name": "__spill", "type": ["null", "long"], "default": null}"#),
        (
            "MC106",
            r#"{"name": "v", "type": ["null", {"type": "record", "name": "Value", "fields": [{"name": "a", "type": ["null", "long"]}]}]}"#,
        ),
        ("MC104", r#"{"name": "_id", "type": ["null", "long"], "default": null, "bson.name": "id"}"#),
        ("MC104", r#"{"name": "v", "type": ["null", "long"], "default": null, "bson.name": "_id"}"#),
        (
            "MC104",
            r#"{"name": "v", "type": ["null", {"type": "record", "name": "orders", "fields": [{"name": "a", "type": ["null", "long"]}]}]}"#,
        ),
        (
            SHAPE,
            r#"{"name": "v", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}], "default": null}"#,
        ),
        (SHAPE, r#"{"name": "v", "type": ["null", {"type": "long", "doc": "lost"}], "default": null}"#),
        (SHAPE, r#"{"name": "v-w", "type": ["null", "long"], "default": null}"#),
        (SHAPE, r#"{"name": "v", "default": null}"#),
        (SHAPE, r#"{"type": ["null", "long"], "default": null}"#),
        (SHAPE, r#""v""#),
        (SHAPE, r#"{"name": "v", "type": ["null", 7], "default": null}"#),
        (SHAPE, r#"{"name": "v", "type": ["null", "long"], "bson.name": 7}"#),
        (SHAPE, r#"{"name": "v", "type": ["null", "long"], "bson.type": "int23"}"#),
        (SHAPE, r#"{"name": "v", "type": ["null", "long"], "moorline.required": "yes"}"#),
        (SHAPE, r#"{"name": "v", "name": "w", "type": ["null", "long"]}"#),
        (SHAPE, r#"{"name": "v", "type": ["null", "long"], "moorline.tags": ["a"], "moorline.tags": ["b"]}"#),
        (PROPERTY, r#"{"name": "v", "type": ["null", "long"], "moorline.requierd": true}"#),
        (
            PROPERTY,
            r#"{"name": "v", "type": ["null", {"type": "record", "name": "r", "moorline.key": true, "fields": [{"name": "a", "type": ["null", "long"]}]}]}"#,
        ),
    ] {
        let found = problems(&with_field(field));
        assert_eq!(found.iter().map(coded).collect::<Vec<_>>(), [code], "{field}: {found:#?}");
        assert_eq!(found[0].line, 3, "{field}: {found:?}");
        assert!(!found[0].what.is_empty() && !found[0].fix.is_empty() && !found[0].what.contains('\n'), "{found:?}");
    }
}

#[test]
fn two_fields_that_meet_are_told_on_the_second() {
    let field =
        |name: &str, bson: &str| format!(r#"{{"name": "{name}", "type": ["null", "long"], "bson.name": "{bson}"}}"#);
    for (first, second) in [(field("a", "x"), field("a", "y")), (field("a", "x"), field("b", "x"))] {
        let found = problems(&with_field(&format!("{first},\n  {second}")));
        assert_eq!(
            found.iter().map(|problem| (coded(problem), problem.line)).collect::<Vec<_>>(),
            [("MC104", 4)],
            "{found:?}"
        );
    }
    let record = |field: &str| {
        format!(
            r#"{{"name": "{field}", "type": ["null", {{"type": "record", "name": "r", "fields": [{{"name": "a", "type": ["null", "long"]}}]}}]}}"#
        )
    };
    let found = problems(&with_field(&format!("{},\n  {}", record("a"), record("b"))));
    assert_eq!(
        found.iter().map(|problem| (coded(problem), problem.line)).collect::<Vec<_>>(),
        [("MC104", 4)],
        "{found:?}"
    );
}

#[test]
fn the_key_and_the_file_itself() {
    let file = |members: &str, id: &str| format!("{{\"type\": \"record\",\n{members}\n\"fields\": [\n{id}]}}");
    let id = r#"{"name": "_id", "type": "string", "bson.type": "objectId"}"#;
    for (code, line, text) in [
        ("MC403", 3, file("", r#"{"name": "a", "type": ["null", "long"]}"#)),
        ("MC403", 3, file("", "")),
        ("MC402", 4, file("", r#"{"name": "_id", "type": "double"}"#)),
        ("MC402", 4, file("", r#"{"name": "_id", "type": ["null", "string"]}"#)),
        ("MC402", 4, file("", r#"{"name": "_id", "type": "string", "bson.type": "regex"}"#)),
        ("MC402", 4, file("", r#"{"name": "_id", "type": {"type": "string"}}"#)),
        ("MC507", 4, file("", r#"{"name": "_id", "type": {"type": "record", "name": "Id", "fields": []}}"#)),
        (PROPERTY, 4, file("", r#"{"name": "_id", "type": "string", "moorline.required": true}"#)),
        (PROPERTY, 2, file(r#""moorline.on.drfit": "halt","#, id)),
        (SHAPE, 2, file(r#""moorline.on.drift": "ignore","#, id)),
        (SHAPE, 2, file(r#""moorline.unknown": "evolve","#, id)),
        (SHAPE, 2, file(r#""moorline.contract": 0,"#, id)),
        (SHAPE, 2, file(r#""moorline.contract": "3","#, id)),
        (SHAPE, 2, file(r#""moorline.collection": "shop.customers","#, id)),
        (SHAPE, 2, file(r#""moorline.excluded": "a","#, id)),
        (SHAPE, 2, file(r#""moorline.excluded": [1],"#, id)),
        (SHAPE, 2, file(r#""name": "or-ders","#, id)),
        (SHAPE, 2, file(r#""namespace": "shop-eu","#, id)),
        ("MC106", 2, file(r#""name": "Key","#, id)),
        (SHAPE, 3, file("\"doc\": \"a\",\n\"doc\": \"b\",", id)),
        (SHAPE, 1, "\"string\"".to_owned()),
        (SHAPE, 1, "[]".to_owned()),
        (SHAPE, 2, "{\"type\": \"record\",\n  nonsense}".to_owned()),
        (SHAPE, 1, String::new()),
    ] {
        let found = problems(&text);
        let found: Vec<_> = found.iter().map(|problem| (coded(problem), problem.line)).collect();
        assert_eq!(found, [(code, line)], "{text}");
    }
}

#[test]
fn every_problem_is_found_and_in_the_order_of_the_lines() {
    let text = "{\"type\": \"record\",\n\"moorline.oops\": 1,\n\"fields\": [\n{\"name\": \"_id\", \"type\": \"double\"},\n\
                {\"name\": \"a\", \"type\": \"long\"},\n{\"name\": \"b\",\n \"type\": [\"null\", {\"type\": \"record\", \"name\": \"r\", \
                \"fields\": [\n{\"name\": \"x\", \"type\": [\"null\", \"int\"]},\n{\"name\": \"y\", \"type\": [\"null\", \"long\"],\n\
                \"moorline.oops\": 2}]}]}]}";
    let found: Vec<_> = problems(text).iter().map(|problem| (coded(problem), problem.line)).collect();
    assert_eq!(found, [(PROPERTY, 2), ("MC402", 4), ("MC301", 5), ("MC201", 8), (PROPERTY, 10)]);
}

#[test]
fn columns_point_at_the_value() {
    let text = with_field(r#"{"name": "v", "type": ["null", "int"], "default": null}"#);
    let problem = &problems(&text)[0];
    let line = text.lines().nth(2).expect("three lines");
    let column = problem.column.expect("a column") as usize;
    assert!(line[column - 1..].starts_with("\"int\""), "{column} of {line}");
}

/// The example of spec/contracts.md, shortened: every family of properties.
#[test]
fn what_a_person_writes_is_read_and_kept() {
    let text = r#"{
      "type": "record", "name": "orders", "namespace": "shop", "doc": "One row per order.",
      "moorline.contract": 3, "moorline.collection": "shop.orders", "moorline.owner": "team-checkout@example.com",
      "moorline.consumers": ["iceberg:lake.orders"], "moorline.on.drift": "quarantine",
      "moorline.compatibility": "FULL_TRANSITIVE", "moorline.unknown": "spill", "moorline.excluded": ["__v", "internal.audit"],
      "moorline.ignore": [{"rule": "MC602", "path": "/coupon", "until": "2027-01-31", "reason": "campaign"}],
      "fields": [
        {"name": "_id", "type": "string", "bson.type": "objectId", "moorline.key": true},
        {"name": "status", "type": ["null", "string"], "default": null, "moorline.required": true,
         "moorline.allowed": ["new", "paid"], "moorline.on.drift": "warn"},
        {"name": "customer", "default": null, "type": ["null", {"type": "record", "name": "orders_customer", "fields": [
          {"name": "id", "type": ["null", "string"], "default": null, "bson.type": "objectId", "moorline.required": true},
          {"name": "email", "type": ["null", "string"], "default": null, "moorline.tags": ["PII"], "moorline.mask": "hmac-sha256"},
          {"name": "first_name", "type": ["null", "string"], "default": null, "bson.name": "first-name"}]}]},
        {"name": "total", "default": null, "bson.type": "decimal128|double", "moorline.required": true,
         "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}]},
        {"name": "placed_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null},
        {"name": "stock", "type": ["null", {"type": "map", "values": ["null", "long"]}], "default": null, "moorline.map.keys": "^WH"},
        {"name": "device", "type": ["null", {"type": "string", "logicalType": "uuid"}], "default": null},
        {"name": "free", "type": ["null", "string"], "default": null, "bson.type": "any"},
        {"name": "attributes", "default": null, "bson.type": "any", "doc": "Free form.",
         "type": ["null", {"type": "string", "connect.version": 1, "connect.name": "io.debezium.data.Json"}]}
      ]}"#;
    let contract = file::parse(text, &namespace()).expect("a contract");
    assert_eq!((contract.version, &contract.key), (3, &KeyKind::ObjectId));
    assert_eq!((contract.on_drift, contract.unknown), (Some(Drift::Quarantine), Some(Unknown::Spill)));
    assert_eq!(contract.excluded, ["__v", "internal.audit"]);
    let ty = |name: &str| &top(&contract, name).expect("read").ty;
    assert_eq!(ty("total"), &Type::Decimal { precision: 12, scale: 2 });
    assert_eq!((ty("placed_at"), ty("device")), (&Type::Timestamp, &Type::Uuid));
    // Connect's hints may be left out: `bson.type` says what it is.
    assert_eq!((ty("attributes"), ty("free")), (&Type::Any, &Type::Any));
    assert!(top(&contract, "status").expect("read").required);
    let kept = ["doc", "moorline.owner", "moorline.consumers", "moorline.compatibility", "moorline.ignore"];
    assert!(kept.iter().all(|name| contract.properties.contains_key(*name)));
    assert_eq!(file::parse(&file::write(&contract), &namespace()), Ok(contract));
}

#[test]
fn names_of_files() {
    for (db, coll, name) in [
        ("shop", "orders", "shop.orders.avsc"),
        ("shop", "größe/x y", "shop.gr%C3%B6%C3%9Fe%2Fx%20y.avsc"),
        ("a%b", "c", "a%25b.c.avsc"),
    ] {
        assert_eq!(file::file_name(&Namespace::new(db, coll)), name);
    }
}
