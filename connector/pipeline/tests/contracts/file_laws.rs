//! Files and registries give back what went in: any contract through its file, its schemas through what rewrites them.

use moorline_pipeline::contract::model::{Contract, Field, Type};
use moorline_pipeline::contract::{derive, file, merge};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::stage::{contract, field, infer_all, namespace, output};
use crate::wild;

/// Schemas derived from what comes back of these.
fn again(value: &Json, key: &Json) -> (String, String) {
    let back = merge::from_registered(&value.to_string(), &key.to_string(), &namespace(), &output());
    let back = back.unwrap_or_else(|problem| panic!("{problem}: {value}"));
    (derive::value_schema(&back, &output()), derive::key_schema(&back, &output()))
}

fn schemas(contract: &Contract) -> (Json, Json) {
    let json = |text: String| serde_json::from_str(&text).expect("JSON");
    (json(derive::value_schema(contract, &output())), json(derive::key_schema(contract, &output())))
}

/// Every record by its full name, in one of the two ways in which Avro writes it.
fn full_names(schema: &mut Json, namespace: &str, in_name: bool) {
    match schema {
        Json::Object(members) => {
            if members.get("type").is_some_and(|ty| ty == "record") {
                let name = members["name"].as_str().expect("a name").to_owned();
                if in_name {
                    members.shift_remove("namespace");
                    members.insert("name".into(), json!(format!("{namespace}.{name}")));
                } else {
                    members.insert("namespace".into(), json!(namespace));
                }
            }
            members.values_mut().for_each(|member| full_names(member, namespace, in_name));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| full_names(item, namespace, in_name)),
        _ => {}
    }
}

/// Members in another order, bare types as objects: what parsers in other languages write.
fn spread(schema: &Json) -> Json {
    match schema {
        Json::Object(members) => {
            let mut all: Vec<_> = members.iter().map(|(name, value)| (name.clone(), value)).collect();
            all.sort_by(|a, b| b.0.cmp(&a.0));
            let out = all.into_iter().map(|(name, value)| {
                let value = match (name.as_str(), value) {
                    ("items" | "values", Json::String(ty)) if !matches!(ty.as_str(), "float" | "int") => {
                        json!({"type": ty})
                    }
                    (_, value) => spread(value),
                };
                (name, value)
            });
            Json::Object(out.collect::<Map<_, _>>())
        }
        Json::Array(items) if items.first().is_some_and(|first| first == "null") => items
            .iter()
            .map(|item| if item.is_string() && item != "null" { json!({"type": item}) } else { spread(item) })
            .collect(),
        Json::Array(items) => items.iter().map(spread).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_gives_the_contract_back(contract in wild::contract()) {
        let text = file::write(&contract);
        prop_assert_eq!(file::parse(&text, &namespace()), Ok(contract.clone()), "{}", text);
        prop_assert_eq!(file::write(&contract), text);
    }

    #[test]
    fn a_registry_gives_the_schemas_back(contract in wild::contract()) {
        let (value, key) = schemas(&contract);
        let expected = (value.to_string(), key.to_string());
        prop_assert!(!expected.0.contains("moorline.") && !expected.1.contains("moorline."));
        prop_assert_eq!(&again(&value, &key), &expected);
        prop_assert_eq!(&again(&spread(&value), &spread(&key)), &expected);
        for in_name in [true, false] {
            let (mut value, mut key) = (value.clone(), key.clone());
            full_names(&mut value, "eu_1.shop.orders", in_name);
            full_names(&mut key, "eu_1.shop.orders", in_name);
            prop_assert_eq!(&again(&value, &key), &expected);
        }
        for schema in [&value, &key] {
            let parsed = apache_avro::Schema::parse(schema);
            prop_assert!(parsed.is_ok(), "{:?} {}", parsed, schema);
        }
    }

    /// This library drops what it does not know on types, Connect's names among them; `bson.type` is enough.
    #[test]
    fn a_parser_that_drops_hints_does_no_harm(contract in wild::contract()) {
        let (value, key) = schemas(&contract);
        let rewritten = |schema: &Json| {
            serde_json::to_value(apache_avro::Schema::parse(schema).expect("Avro")).expect("JSON")
        };
        // Not so the key: any difference is another key, so there the hints must be as we wrote them.
        prop_assert_eq!(again(&rewritten(&value), &key), (value.to_string(), key.to_string()));
    }

    #[test]
    fn merging_with_what_is_registered_changes_nothing(documents in wild::documents(5)) {
        let contract = infer_all(&documents).contract;
        let (value, key) = schemas(&contract);
        let registered = merge::from_registered(&value.to_string(), &key.to_string(), &namespace(), &output());
        let registered = registered.expect("ours");
        prop_assert_eq!(merge::merge(contract.clone(), registered), contract);
    }
}

#[test]
fn a_merge_takes_what_evolution_added_and_keeps_what_a_person_wrote() {
    let written = Field { required: true, properties: doc("by hand"), ..field("n", Type::Long, "int32") };
    let file =
        Contract { excluded: vec!["secret".into()], ..contract(vec![written, field("mine", Type::Boolean, "")]) };
    let added = vec![
        field("n", Type::Double, "int32|double"),
        field("new", Type::String, ""),
        field("secret", Type::String, ""),
    ];
    let merged = merge::merge(file.clone(), contract(added));
    let names: Vec<&str> = merged.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["n", "new", "mine"]);
    let n = &merged.fields[0];
    assert_eq!((&n.ty, n.required, &n.properties), (&Type::Double, true, &doc("by hand")));
    assert_eq!(n.accepts, ["int32", "double"]);
    assert_eq!(merged.excluded, file.excluded);
}

#[test]
fn what_is_not_ours_is_refused() {
    let (value, key) = schemas(&contract(vec![field("a", Type::Long, "")]));
    let refused = |value: &Json, key: &Json| {
        merge::from_registered(&value.to_string(), &key.to_string(), &namespace(), &output()).is_err()
    };
    assert!(!refused(&value, &key));
    let changed = |schema: &Json, change: fn(&mut Json)| {
        let mut schema = schema.clone();
        change(&mut schema);
        schema
    };
    assert!(refused(&json!("string"), &key) && refused(&value, &json!("string")));
    assert!(refused(&changed(&value, |value| value["name"] = json!("Other")), &key));
    assert!(refused(&changed(&value, |value| value["fields"][1]["type"] = json!("long")), &key));
    assert!(refused(&changed(&value, |value| value["fields"][1]["type"] = json!(["null", "int"])), &key));
    assert!(refused(&changed(&value, |value| value["fields"] = json!([])), &key));
    // Any difference of the key's schema is another key (MC401), documentation included.
    assert!(refused(&value, &changed(&key, |key| key["fields"][0]["doc"] = json!("x"))));
    assert!(refused(&value, &changed(&key, |key| key["fields"][0]["type"] = json!(["null", "long"]))));
}

fn doc(text: &str) -> Map<String, Json> {
    [("doc".to_owned(), json!(text))].into_iter().collect()
}
