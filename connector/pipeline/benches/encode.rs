//! How many documents a second one core encodes: framed key and value, 15 fields, about 586 bytes of BSON.
//!
//! `cargo bench -p moorline-pipeline --bench encode`. Prints the rate of each of several rounds over 1,000 documents
//! that differ, and of the ways that cost more: fields in another order, fields that the contract does not know.

use std::time::{Duration, Instant};

use bson::{Bson, DateTime, RawDocumentBuf, doc, oid::ObjectId};
use moorline_pipeline::contract::model::{Contract, Field, KeyKind, Output, Record, Type};
use moorline_pipeline::contract::plan::{Meta, Plan, Scratch, UnknownFields};
use moorline_pipeline::model::Namespace;

const DOCUMENTS: usize = 1_000;
const ROUND: Duration = Duration::from_millis(1_000);

fn main() {
    let documents: Vec<_> = (0..DOCUMENTS).map(order).collect();
    let bytes: usize = documents.iter().map(|document| document.as_bytes().len()).sum();
    println!("{DOCUMENTS} documents of {} bytes", bytes / DOCUMENTS);
    let known = fields();
    let rate = |title: &str, fields: Vec<Field>, unknown| {
        let rates: Vec<u64> = (0..5).map(|_| measure(&documents, &fields, unknown)).collect();
        let best = rates.iter().max().copied().unwrap_or_default();
        println!("{title}: best {best} documents/s, {} ns each; rounds {rates:?}", 1_000_000_000 / best.max(1));
    };
    rate("fields in the contract's order", known.clone(), UnknownFields::Report);
    rate("fields in reverse order", known.iter().rev().cloned().collect(), UnknownFields::Report);
    rate("five fields spilled", known[5..].to_vec(), UnknownFields::Spill);
}

fn measure(documents: &[RawDocumentBuf], fields: &[Field], unknown: UnknownFields) -> u64 {
    let contract = Contract {
        namespace: Namespace::new("bench", "orders"),
        name: "orders".into(),
        avro_namespace: "bench".into(),
        version: 1,
        key: KeyKind::ObjectId,
        fields: fields.to_vec(),
        excluded: Vec::new(),
        on_drift: None,
        unknown: None,
        properties: serde_json::Map::new(),
        key_properties: serde_json::Map::new(),
    };
    let output = Output { topic: "bench.orders".into(), ..Output::default() };
    let plan = Plan::compile(&contract, &output, 1, 2, unknown);
    let meta = Meta {
        op: b'c',
        deleted: false,
        ts_ms: 1_760_000_000_000,
        cluster_time: 1_760_000_000 << 32,
        seq: 1,
        image_time: 1_760_000_000 << 32,
        snapshot: false,
    };
    let (mut scratch, mut out, mut count) = (Scratch::default(), Vec::new(), 0_u64);
    let begin = Instant::now();
    while begin.elapsed() < ROUND {
        out.clear();
        for document in documents {
            let id = document.get("_id").expect("well formed").expect("an _id");
            plan.key(id, &mut out).expect("the key fits");
            plan.value(document, &meta, &mut scratch, &mut out).expect("the document fits");
        }
        std::hint::black_box(&out);
        count += documents.len() as u64;
    }
    (count as f64 / begin.elapsed().as_secs_f64()) as u64
}

fn order(n: usize) -> RawDocumentBuf {
    let mut id = [0_u8; 12];
    id[..8].copy_from_slice(&(n as u64).to_be_bytes());
    let item = |m: usize| {
        doc! { "sku": format!("SKU-{:06}", n * 7 + m), "qty": (m + 1) as i32, "price": 9.5 * m as f64,
        "title": "A thing that is sold by the dozen" }
    };
    let decimal: bson::Decimal128 = format!("{}.{:02}", 100 + n, n % 100).parse().expect("a decimal");
    let status = ["new", "paid", "shipped"][n % 3];
    let document = doc! {
        "_id": ObjectId::from_bytes(id),
        "order_no": format!("ORD-{n:010}"),
        "status": status,
        "customer": { "id": ObjectId::from_bytes(id), "name": format!("Customer {n}"), "vip": n.is_multiple_of(7) },
        "items": [item(0), item(1)],
        "total": decimal,
        "currency": "EUR",
        "weight_kg": n as f64 / 8.0,
        "placed_at": DateTime::from_millis(1_700_000_000_000 + n as i64),
        "updated_at": DateTime::from_millis(1_700_000_001_000 + n as i64),
        "tags": ["gift", "express"],
        "quantity": n as i32,
        "sequence": n as i64 * 1_000_003,
        "paid": n.is_multiple_of(2),
        "note": if n.is_multiple_of(4) { Bson::Null } else { Bson::String("Leave it at the door, please.".into()) },
    };
    RawDocumentBuf::try_from(&document).expect("a document")
}

fn fields() -> Vec<Field> {
    let record =
        |name: &str, fields| Type::Record(Record { name: name.into(), fields, properties: Default::default() });
    vec![
        field("order_no", Type::String),
        field("status", Type::String),
        field(
            "customer",
            record(
                "customer",
                vec![accepting("id", "objectId"), field("name", Type::String), field("vip", Type::Boolean)],
            ),
        ),
        field(
            "items",
            Type::Array(Box::new(record(
                "items",
                vec![
                    field("sku", Type::String),
                    field("qty", Type::Long),
                    field("price", Type::Double),
                    field("title", Type::String),
                ],
            ))),
        ),
        accepting("total", "decimal128"),
        field("currency", Type::String),
        field("weight_kg", Type::Double),
        field("placed_at", Type::Timestamp),
        field("updated_at", Type::Timestamp),
        field("tags", Type::Array(Box::new(Type::String))),
        field("quantity", Type::Long),
        field("sequence", Type::Long),
        field("paid", Type::Boolean),
        field("note", Type::String),
    ]
}

fn field(name: &str, ty: Type) -> Field {
    Field {
        name: name.into(),
        bson_name: name.into(),
        ty,
        accepts: Vec::new(),
        required: false,
        properties: serde_json::Map::new(),
    }
}

fn accepting(name: &str, accepts: &str) -> Field {
    Field { accepts: vec![accepts.into()], ..field(name, Type::String) }
}
