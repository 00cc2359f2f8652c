//! Golden files of what stands in the offsets topic. `MOORLINE_BLESS=1` writes a golden file that is missing; one that is
//! there is never written over: what a release has written, every later one reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bson::raw::RawBsonRef;
use bson::rawdoc;
use moorline_pipeline::anchor::{Counts, Digest, Inexact};
use moorline_pipeline::contract::output::Converter;
use moorline_pipeline::model::{ClusterTime, Id, Namespace, Token};
use moorline_pipeline::offsets::{
    Owner, PartitionProgress, Position, Progress, RangeProgress, Scope, SnapshotProgress, Stored,
};

fn golden(name: &str, now: &[u8]) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/offsets").join(name);
    if !path.exists() && std::env::var_os("MOORLINE_BLESS").is_some() {
        std::fs::write(&path, [now, b"\n"].concat()).unwrap();
    }
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{name}: {error}; bless it with MOORLINE_BLESS=1"));
    text.trim_end().to_owned()
}

fn position() -> Position {
    Position {
        resume: Some(Token::new(&rawdoc! {"_data": "8265A0B1C2000000052B0229296E04", "_typeBits": 7})),
        witness: Some(Token::new(&rawdoc! {"_data": "8265A0B1C1000000012B0229296E04"})),
        frontier: ClusterTime::new(1_705_030_082, 5),
        pipeline: r#"[{"$match":{"ns.coll":"orders"}}]"#.into(),
        history: "674100000000000000000001".into(),
        source_uuids: BTreeMap::from([(Namespace::new("shop", "orders"), [0xAB; 16])]),
        patterns: vec!["shop.orders".into()],
        lane: 1,
        lanes: 2,
        layout: "5c1e".into(),
        inexact_until: Some(ClusterTime::new(1_705_030_090, 3)),
        last_tick: Some(ClusterTime::new(1_705_030_080, 0)),
        last_anchor: Some("k3v9q2hd0w5n8xj4r6t1m7b3ce".into()),
        last_full_anchor: Some("9b0tzd00000000000000000000".into()),
        anchors_since_full: 4,
        next_kind: Some("requested".into()),
        next_label: Some("month-end".into()),
        snapshot_done: true,
    }
}

fn progress() -> Progress {
    let id = |n: i64| Id::new(RawBsonRef::Int64(n));
    let mut digest = Digest::default();
    digest.add_record(b"k", None);
    Progress {
        namespace: Namespace::new("shop", "orders.archive"),
        epoch: [0xAB; 16],
        export: "e-0002".into(),
        export_number: 2,
        export_complete: false,
        topic: "shop.shop.orders.archive".into(),
        topic_id: Some("Zm9v".into()),
        partition_count: 6,
        contract: Some("a91c3e".into()),
        key_schema_id: 111,
        key_schema_digest: "aa".into(),
        key_converter: Converter::Avro,
        value_schemas: BTreeMap::from([(112, "bb".into()), (118, "cc".into())]),
        counts: Counts { r: 1, c: 2, u: 3, d: 4, tombstones: 5, coalesced: 6, quarantined: 7, spilled: 8 },
        digest: Some(digest),
        partitions: BTreeMap::from([
            (0, PartitionProgress { first: 1, begin: 2, end: 3, records: 2 }),
            (11, PartitionProgress { first: 0, begin: 0, end: i64::MAX, records: 9 }),
        ]),
        inexact: vec![Inexact::of("ghosts-possible", &Namespace::new("shop", "orders.archive"))],
        snapshot: Some(SnapshotProgress {
            x: ClusterTime::new(9, 1),
            rows: 10,
            bytes: u64::MAX,
            ranges: vec![
                RangeProgress { lo: None, hi: Some(id(5)), next: None, done: true },
                RangeProgress { lo: Some(id(5)), hi: None, next: Some(Id::new(RawBsonRef::String("é"))), done: false },
            ],
        }),
        versions_day: Some("2026-11-23".into()),
        versions_count: 3,
    }
}

#[test]
fn the_position_is_what_it_was_and_reads_back() {
    let stored = golden("position-1.json", &position().to_value());
    assert_eq!(Position::from_value(stored.as_bytes()).unwrap(), position());
    assert_eq!(String::from_utf8(position().to_value()).unwrap(), stored);
    let bare = Position {
        resume: None,
        witness: None,
        inexact_until: None,
        last_tick: None,
        last_anchor: None,
        last_full_anchor: None,
        next_kind: None,
        next_label: None,
        source_uuids: BTreeMap::new(),
        ..position()
    };
    let stored = golden("position-1-bare.json", &bare.to_value());
    assert_eq!(Position::from_value(stored.as_bytes()).unwrap(), bare);
    assert_eq!(String::from_utf8(bare.to_value()).unwrap(), stored);
}

#[test]
fn the_owner_is_what_it_was_and_reads_back() {
    let owner = Owner { run_id: "r".into(), start: 3, generation: Some(9), since_ms: 1_705_030_082_000 };
    let stored = golden("owner-1.json", &owner.to_value());
    assert_eq!(Owner::from_value(stored.as_bytes()).unwrap(), owner);
    assert_eq!(String::from_utf8(owner.to_value()).unwrap(), stored);
}

#[test]
fn progress_is_what_it_was_and_reads_back() {
    let stored = golden("progress-1.json", &progress().to_value());
    assert_eq!(Progress::from_value(stored.as_bytes()).unwrap(), progress());
    assert_eq!(String::from_utf8(progress().to_value()).unwrap(), stored);
    let text = Progress { key_converter: Converter::Json, ..progress() };
    let stored = golden("progress-1-json-keys.json", &text.to_value());
    assert_eq!(Progress::from_value(stored.as_bytes()).unwrap(), text);
    assert_eq!(String::from_utf8(text.to_value()).unwrap(), stored);
}

#[test]
fn keys_are_what_they_were() {
    let ns = Namespace::new("shop", "orders");
    let two = Scope::of_patterns(&["shop.b".into(), "shop.a".into()]);
    let keys = [
        Scope::All.position_key("shop", "p"),
        Scope::All.owner_key("shop", "p"),
        Scope::All.progress_key("shop", "p", &ns),
        two.position_key("shop \"é", "p"),
    ];
    let now = keys.join(&b'\n');
    assert_eq!(golden("keys-1.txt", &now), String::from_utf8(now).unwrap());
}

#[test]
fn values_are_flat_primitives() {
    for value in [position().to_value(), progress().to_value()] {
        let value: serde_json::Value = serde_json::from_slice(&value).unwrap();
        let fields = value.as_object().unwrap();
        assert!(fields.values().all(|v| v.is_string() || v.is_number() || v.is_boolean()), "{value}");
    }
}

#[test]
fn unknown_fields_are_passed_over_and_unknown_formats_refused() {
    let mut value: serde_json::Value = serde_json::from_slice(&position().to_value()).unwrap();
    value["of_a_later_version"] = true.into();
    assert_eq!(Position::from_value(value.to_string().as_bytes()).unwrap(), position());
    value["format"] = 2.into();
    // A later format may have other fields: it is told as such all the same.
    value.as_object_mut().unwrap().remove("sec");
    let problem = Position::from_value(value.to_string().as_bytes()).unwrap_err();
    assert_eq!(problem.code, "MOOR-3013");
    assert!(problem.why.contains("format 2"), "{problem}");
    for foreign in [r#"{"sec":1,"ord":1,"resume_token":"AAAA"}"#, "[]", "{", ""] {
        assert_eq!(Position::from_value(foreign.as_bytes()).unwrap_err().code, "MOOR-3013");
    }
}

#[test]
fn what_is_stored_is_read_by_scope() {
    let owner = Owner { run_id: "r".into(), start: 3, generation: None, since_ms: 0 };
    let lane = Scope::of_patterns(&["shop.orders".into()]);
    let mut other = progress();
    other.namespace = Namespace::new("shop", "a");
    let read = BTreeMap::from([
        (lane.position_key("shop", "p"), position().to_value()),
        (lane.owner_key("shop", "p"), owner.to_value()),
        (lane.progress_key("shop", "p", &progress().namespace), progress().to_value()),
        (lane.progress_key("shop", "p", &other.namespace), other.to_value()),
        (Scope::All.position_key("shop", "p"), b"not ours".to_vec()),
    ]);
    let stored = Stored::parse(&lane, "shop", "p", &read).unwrap();
    assert_eq!(stored.position, Some(position()));
    assert_eq!(stored.owner, Some(owner));
    assert_eq!(stored.progress, [other, progress()]);
    assert_eq!(Stored::parse(&Scope::All, "shop", "p", &read).unwrap_err().code, "MOOR-3013");
    assert_eq!(Stored::parse(&Scope::All, "other", "p", &read).unwrap(), Stored::default());
}
