//! Golden file of envelopes: the schema, each kind of change with its bytes, and the records that go beside data.

use bson::rawdoc;
use moorline_pipeline::contract::derive;
use moorline_pipeline::contract::merge;
use moorline_pipeline::contract::model::{Contract, Output, Type};
use moorline_pipeline::contract::output::metadata::Column;
use moorline_pipeline::contract::output::transaction::{self, Boundary};
use moorline_pipeline::contract::output::{Form, Origin};
use moorline_pipeline::contract::plan::{Change, Meta, Place, Plan, Scratch, Session, UnknownFields, Written};
use serde_json::{Value as Json, json};

use crate::golden::{compare, readable};
use crate::oracle::unframed;
use crate::stage::{self, KEY_ID, META, VALUE_ID, contract, field, namespace, output};

fn orders() -> Contract {
    let mut contract = contract(vec![field("n", Type::Long, ""), field("s", Type::String, "")]);
    contract.excluded = vec!["secret".into(), "open.secret".into()];
    contract
}

fn envelope() -> Output {
    let origin = Origin { version: "1.2.3".into(), name: "eu-1".into() };
    Output { form: Form::Envelope, origin, ..output() }
}

fn encode(output: &Output, change: &Change<'_>) -> (Vec<u8>, Written) {
    let plan = Plan::compile(&orders(), output, KEY_ID, VALUE_ID, UnknownFields::Report);
    let mut out = Vec::new();
    let written = plan.change(change, &mut Scratch::default(), &mut out).expect("it fits");
    (out, written)
}

#[test]
fn envelopes() {
    let (before, after) = (rawdoc! {"_id": 7, "n": 1, "s": "a"}, rawdoc! {"_id": 7, "n": 2});
    let old = rawdoc! {"_id": 7, "n": "no number"};
    let delta = rawdoc! {
        "updatedFields": {"n": 2, "secret": 1, "open": {"secret": 1, "x": 2}, "list.0.y": 1.5},
        "removedFields": ["s", "secret"],
        "truncatedArrays": [{"field": "list", "newSize": 3}],
        "disambiguatedPaths": {},
    };
    let id = after.get("_id").unwrap().unwrap();
    let meta = |op, snapshot| Meta { op, deleted: op == b'd', snapshot, ..META };
    let (row, create, update, delete) = (meta(b'r', true), meta(b'c', false), meta(b'u', false), meta(b'd', false));
    let row = Meta { cluster_time: 1_759_999_999 << 32 | 0xFFFF_FFFF, seq: i32::MAX, ..row };
    let session = Session { lsid: "{\"id\": 1}", txn_number: 5, id: "{\"id\": 1}:5" };
    let processed_ms = 1_760_000_000_456;
    let of = |meta| Change { processed_ms, ..Change::of(id, meta, None) };
    let place = Place { total_order: 3, data_collection_order: 2 };
    let cases = [
        ("row", Change { after: Some(&after), ..of(&row) }),
        ("insert", Change { after: Some(&after), ..of(&create) }),
        ("update", Change { before: Some(&before), after: Some(&after), delta: Some(&delta), ..of(&update) }),
        ("delta alone", Change { delta: Some(&delta), ..of(&update) }),
        ("replace", Change { before: Some(&before), after: Some(&after), ..of(&update) }),
        ("delete", Change { before: Some(&before), ..of(&delete) }),
        ("delete without a document", of(&delete)),
        (
            "in a transaction",
            Change { after: Some(&after), session: Some(session), transaction: Some(place), ..of(&create) },
        ),
        ("before does not fit", Change { before: Some(&old), after: Some(&after), ..of(&update) }),
    ];
    let (output, contract) = (envelope(), orders());
    let schema = derive::value_schema(&contract, &output);
    let mut text = format!("{{\"value_schema\": {schema},\n \"records\": [");
    for (place, (title, change)) in cases.iter().enumerate() {
        let (bytes, written) = encode(&output, change);
        let decoded = readable(&unframed(&schema, VALUE_ID, &bytes));
        assert_eq!(written.before.is_some(), *title == "before does not fit");
        let seen = decoded.to_string();
        assert!(!seen.contains("secret"), "{title}: what is excluded came to light: {seen}");
        let comma = if place > 0 { "," } else { "" };
        text.push_str(&format!(
            "{comma}\n  {{\"case\": {}, \"decoded\": {decoded},\n   \"value\": \"{}\"}}",
            json!(title),
            hex::encode(&bytes)
        ));
    }
    text.push_str("]}\n");
    compare("envelope.json", &text);
    let key = derive::key_schema(&contract, &output);
    let back = merge::from_registered(&schema, &key, &namespace(), &output).expect("ours");
    assert_eq!(derive::value_schema(&back, &output), schema, "a restart without files finds the same schema");
    let flat = derive::value_schema(&contract, &stage::output());
    assert!(merge::from_registered(&flat, &key, &namespace(), &output).is_err(), "another form is not ours");
}

#[test]
fn flat_values_of_deletes_and_of_chosen_metadata() {
    let before = rawdoc! {"_id": 7, "n": 1, "s": "a", "unknown": 3};
    let id = before.get("_id").unwrap().unwrap();
    let meta = Meta { op: b'd', deleted: true, snapshot: false, ..META };
    let session = Session { lsid: "l", txn_number: 5, id: "l:5" };
    let place = Place { total_order: 3, data_collection_order: 2 };
    let change = Change { session: Some(session), transaction: Some(place), ..Change::of(id, &meta, None) };
    let with = Change { before: Some(&before), ..change };
    let names = [
        "deleted",
        "op:operation",
        "source.snapshot",
        "name",
        "db",
        "source.collection",
        "ord",
        "lsid",
        "txnNumber",
        "transaction.id",
        "total_order",
        "wallTime",
        "ts_ns",
        "version",
        "sequence",
    ];
    let columns: Vec<Column> = names.iter().map(|name| Column::parse(name).expect("known")).collect();
    let chosen = Output { form: Form::Document(columns), ..envelope() };
    let mut text = String::from("{");
    for (place, (title, output, change)) in [
        ("the _id alone", output(), &change),
        ("the document before", output(), &with),
        ("chosen metadata", chosen, &change),
    ]
    .into_iter()
    .enumerate()
    {
        let schema = derive::value_schema(&orders(), &output);
        let (bytes, _) = encode(&output, change);
        let decoded = readable(&unframed(&schema, VALUE_ID, &bytes));
        assert_eq!(decoded["_id"], json!(7));
        assert_eq!(decoded["__spill"]["map"]["unknown"], if place == 1 { json!("3") } else { Json::Null });
        let comma = if place > 0 { "," } else { "" };
        text.push_str(&format!(
            "{comma}\n \"{title}\": {{\"decoded\": {decoded},\n  \"value\": \"{}\"}}",
            hex::encode(&bytes)
        ));
    }
    text.push_str("\n}\n");
    compare("deletes.json", &text);
}

#[test]
fn transactions_and_heartbeats() {
    let counts = [("shop.a".to_owned(), 2), ("shop.b".to_owned(), 1)];
    let (key, value) = (transaction::key_schema(), transaction::value_schema());
    let (beat_key, beat) = (transaction::heartbeat_key_schema(), transaction::heartbeat_value_schema());
    let records = [
        ("transaction key", &key, transaction::key("l:5", KEY_ID), KEY_ID),
        ("begin", &value, transaction::value("l:5", &Boundary::Begin, META.ts_ms, VALUE_ID), VALUE_ID),
        ("end", &value, transaction::value("l:5", &Boundary::End(&counts), META.ts_ms, VALUE_ID), VALUE_ID),
        ("heartbeat key", &beat_key, transaction::heartbeat_key("eu-1", KEY_ID), KEY_ID),
        ("heartbeat", &beat, transaction::heartbeat_value(META.ts_ms, VALUE_ID), VALUE_ID),
    ];
    let mut text = String::from("{");
    for (place, (title, schema, bytes, id)) in records.iter().enumerate() {
        let decoded = readable(&unframed(schema, *id, bytes));
        let comma = if place > 0 { "," } else { "" };
        text.push_str(&format!(
            "{comma}\n \"{title}\": {{\"schema\": {schema},\n  \"decoded\": {decoded}, \"bytes\": \"{}\"}}",
            hex::encode(bytes)
        ));
    }
    text.push_str("\n}\n");
    compare("beside.json", &text);
}
