//! Golden files of the marker that ends a replay into a topic, and of its key. `MOORLINE_BLESS=1` writes a golden file that
//! is missing; one that is there is never written over.

use std::path::PathBuf;

use moorline_pipeline::anchor::WireError;
use moorline_pipeline::marker::{
    MarkedPartition, ReplayMarker, ReplayMarkerKey, decode, decode_key, encode, encode_key,
};
use moorline_pipeline::model::ClusterTime;

fn golden(name: &str, now: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/marker").join(name);
    if !path.exists() && std::env::var_os("MOORLINE_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}; bless it with MOORLINE_BLESS=1"))
}

/// A marker in which every field holds something.
fn marker() -> ReplayMarker {
    ReplayMarker {
        format: 1,
        topic: "copies.orders".into(),
        connector: "shop \u{e9}\"".into(),
        mode: "difference".into(),
        anchors: vec!["k3v9q2hd0w5n8xj4r6t1m7b3ce".into(), "9sqetkrjcvzfs9fbtet80xv9k2".into()],
        cut: ClusterTime::new(4_000_000_000, u32::MAX),
        from_anchors: vec!["w9vnsvdwq2theb88549n76v2ma".into()],
        from_cut: Some(ClusterTime::new(3_999_999_999, 7)),
        history: "6741e2".into(),
        collection: "shop.orders".into(),
        epoch: "0123abcd-0000-4000-8000-00000000000f".into(),
        export: "e-0007".into(),
        exact: false,
        complete: true,
        inexact: vec!["gap".into()],
        source_topic: "shop.shop.orders".into(),
        source_topic_id: Some("pJ3mYXo7Q2-0".into()),
        source_records: 9_007_199_254_740_993,
        source_digest: "ab".repeat(32),
        records: 412_330,
        tombstones: 985,
        records_digest: "cd".repeat(32),
        digest_algorithm: "sum256-sha256-v1".into(),
        partitions: vec![
            MarkedPartition { partition: 0, records: 412_329 },
            MarkedPartition { partition: 5, records: 1 },
        ],
        state_digest: Some("ef".repeat(32)),
        state_algorithm: Some("state-sum256-sha256-v1".into()),
        tool: "moorline 0.1.0 (abc)".into(),
    }
}

#[test]
fn the_marker_and_its_key_are_what_they_were_and_read_back() {
    let marker = marker();
    let stored = golden("marker-1.hex", &hex::encode(encode(&marker, 7)));
    assert_eq!(decode(&hex::decode(stored.trim()).unwrap()).unwrap(), marker);
    assert_eq!(hex::encode(encode(&marker, 7)), stored.trim());
    let key = ReplayMarkerKey { topic: marker.topic.clone() };
    let stored = golden("key-1.hex", &hex::encode(encode_key(&key, 6)));
    assert_eq!(decode_key(&hex::decode(stored.trim()).unwrap()).unwrap(), key);
    assert_eq!(hex::encode(encode_key(&key, 6)), stored.trim());
    let json = serde_json::to_string_pretty(&marker).unwrap();
    assert_eq!(json, golden("marker-1.json", &json));
}

#[test]
fn an_unknown_format_is_refused_and_so_are_other_bytes() {
    let other = ReplayMarker { format: 2, ..marker() };
    assert!(matches!(decode(&encode(&other, 7)), Err(WireError::Format(2))));
    let bytes = encode(&marker(), 7);
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
}
