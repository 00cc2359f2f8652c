//! The manifest's form is a promise: what stands in the golden files is read and written again, byte by byte, and holds
//! to the schema that is published.

use moorline_export::manifest::{Cut, File, Manifest, Mode, Range};
use moorline_pipeline::anchor::{Counts, Inexact};
use moorline_pipeline::model::ClusterTime;
use serde_json::{Value, json};

const GOLDEN: &str = include_str!("golden/manifest-1.json");
/// With rows in folders.
const FOLDERS: &str = include_str!("golden/manifest-1-folders.json");
const SCHEMA: &str = include_str!("../../../schemas/replay-manifest.schema.json");

fn example() -> Manifest {
    let cut = ClusterTime::new(1_795_435_200, 0);
    Manifest {
        format: 1,
        connector: "shop".into(),
        mode: Mode::State,
        file_format: "parquet".into(),
        partition_by: Vec::new(),
        at: Cut {
            cut,
            time: "2026-11-23T12:00:00Z".into(),
            layout: "5c1e".into(),
            anchors: vec!["k3v9q2hd0w5n8xj4r6t1m7b3ce".into()],
            label: Some("month-end".into()),
        },
        from: None,
        history: "6741e2".into(),
        exact: false,
        complete: true,
        inexact: vec![Inexact {
            reason: "filtered".into(),
            namespace: Some("shop.orders".into()),
            keys: None,
            until: Some(cut),
        }],
        state_digest_algorithm: Some("state-sum256-sha256-v1".into()),
        collections: vec![moorline_export::manifest::Collection {
            namespace: "shop.orders".into(),
            epoch: "0b1c".into(),
            export: "e-0007".into(),
            exact: false,
            complete: true,
            scope: None,
            topic: "shop.shop.orders".into(),
            topic_id: Some("AAAA".into()),
            key_schema_id: 3,
            value_schema_ids: vec![4, 9],
            schema_digests: vec!["aa".into(), "bb".into(), "cc".into()],
            schema: json!({"type": "record", "name": "orders", "fields": [{"name": "_id", "type": "string"}]}),
            metadata_prefix: "__".into(),
            counts: Counts { r: 3, u: 1, ..Counts::default() },
            records: 4,
            records_digest: Some("00".repeat(32)),
            partitions: vec![Range { partition: 0, first: 2, end: 8, records: 4 }],
            rows: 3,
            deletes: 0,
            state_digest: Some("11".repeat(32)),
            files: vec![File {
                name: "shop.orders/part-00000.parquet".into(),
                rows: 3,
                bytes: 812,
                sha256: "22".repeat(32),
                first_key: "0001".into(),
                last_key: "0003".into(),
            }],
        }],
    }
}

#[test]
fn what_was_written_once_is_read_for_ever() {
    if std::env::var_os("MOORLINE_WRITE_GOLDEN").is_some() {
        std::fs::write("tests/golden/manifest-1.json", example().to_bytes()).unwrap();
        return;
    }
    assert_eq!(String::from_utf8(example().to_bytes()).unwrap(), GOLDEN);
    assert_eq!(Manifest::read(GOLDEN.as_bytes(), "here").unwrap(), example());
}

#[test]
fn an_export_in_folders_is_read_too() {
    let mut parted = example();
    parted.partition_by = vec!["status".into(), "placed_at:day".into()];
    parted.collections[0].files[0].name = "shop.orders/status=a%2Fb/placed_at_day=2026-11-23/part-00000.parquet".into();
    assert_eq!(String::from_utf8(parted.to_bytes()).unwrap(), FOLDERS);
    assert_eq!(Manifest::read(FOLDERS.as_bytes(), "here").unwrap(), parted);
}

#[test]
fn the_published_schema_names_each_field_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let golden: Value = serde_json::from_str(FOLDERS).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let shape = |pointer: &str| names(schema.pointer(&format!("{pointer}/properties")).unwrap());
    assert_eq!(names(&golden), shape(""));
    assert_eq!(names(&golden["at"]), shape("/$defs/cut"));
    assert_eq!(names(&golden["inexact"][0]), shape("/$defs/inexact"));
    let collection = &golden["collections"][0];
    assert_eq!(names(collection), shape("/$defs/collection"));
    assert_eq!(names(&collection["counts"]), shape("/$defs/counts"));
    assert_eq!(names(&collection["partitions"][0]), shape("/$defs/range"));
    assert_eq!(names(&collection["files"][0]), shape("/$defs/file"));
}

#[test]
fn what_is_no_manifest_of_ours_is_refused() {
    let altered = |from: &str, to: &str| Manifest::read(GOLDEN.replacen(from, to, 1).as_bytes(), "here").map(|_| ());
    for (from, to) in [
        ("\"format\": 1", "\"format\": 2"),
        ("\"format\": 1,", ""),
        ("\"rows\": 3", "\"rows\": -3"),
        ("shop.orders/part", "../part"),
        ("shop.orders/part", "/part"),
        ("{", "["),
    ] {
        assert_eq!(altered(from, to).unwrap_err().code, "MOOR-6128", "{from} -> {to}");
    }
}
