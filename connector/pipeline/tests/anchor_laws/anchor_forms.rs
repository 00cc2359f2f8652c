//! Golden files of the anchor and its key, ids, parts. `MOORLINE_BLESS=1` writes a golden file that is missing; one that
//! is there is never written over: what a release has written, every later one reads.

use std::path::PathBuf;

use moorline_pipeline::anchor::{
    Anchor, AnchorKey, CollectionCut, Counts, Gap, Inexact, Lineage, PartitionCut, WireError, decode, decode_key,
    encode, encode_key, id, parts,
};
use moorline_pipeline::model::ClusterTime;

fn golden(name: &str, now: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anchor").join(name);
    if !path.exists() && std::env::var_os("MOORLINE_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}; bless it with MOORLINE_BLESS=1"))
}

fn collection(number: i32) -> CollectionCut {
    CollectionCut {
        namespace: format!("shop.c{number}"),
        epoch: "0123abcd-0000-4000-8000-00000000000f".into(),
        topic: format!("shop.shop.c{number}"),
        topic_id: Some("Zm9vYmFyYmF6cXV4cXV1eA".into()),
        partition_count: 6,
        export: "e-0007".into(),
        export_complete: true,
        exact: false,
        scope: None,
        contract: Some("a91c3e".into()),
        key_schema_id: 111,
        value_schema_ids: vec![112, 118],
        schema_digests: vec!["aa".into(), "bb".into(), "cc".into()],
        records: Counts {
            r: 398_114,
            c: 15_201,
            u: 88_410,
            d: 985,
            tombstones: 985,
            coalesced: 12,
            quarantined: 1,
            spilled: 2,
        },
        records_digest: Some((0..32).collect()),
        digest_algorithm: Some("sum256-sha256-v1".into()),
        partitions: vec![
            PartitionCut { partition: 0, first: 0, begin: 84_400, end: 84_411, records: 84_392 },
            PartitionCut {
                partition: 5,
                first: 3,
                begin: 9_007_199_254_740_993,
                end: 9_007_199_254_740_994,
                records: 1,
            },
        ],
    }
}

/// An anchor in which every field holds something.
fn anchor() -> Anchor {
    let mut anchor = Anchor {
        format: 1,
        id: String::new(),
        connector: "shop \u{e9}\u{1F600}\"\u{1}".into(),
        lane: 1,
        lanes: 2,
        layout: "5c1e".into(),
        kind: "gap".into(),
        cut: ClusterTime::new(1_795_435_200, 0),
        covers_from: ClusterTime::new(1_795_435_190, 0),
        cut_ms: 1_795_435_200_000,
        part: 0,
        parts: 1,
        exact: false,
        complete: true,
        inexact: vec![
            Inexact { reason: "gap".into(), namespace: None, keys: None, until: None },
            Inexact {
                reason: "late-lookup".into(),
                namespace: Some("shop.c0".into()),
                keys: Some(20),
                until: Some(ClusterTime::new(4_000_000_000, u32::MAX)),
            },
        ],
        history: "674100000000000000000001".into(),
        position_format: "mongodb-resume-token-v1".into(),
        position: vec![5, 0, 0, 0, 0],
        parent: Some("w2j8rr00000000000000000000".into()),
        base: None,
        full: true,
        collections: vec![collection(0)],
        gap: Some(Gap {
            from: ClusterTime::new(1_795_430_000, 4),
            to: ClusterTime::new(1_795_435_100, 1),
            policy: "accept".into(),
            accepted_by: Some("someone".into()),
        }),
        rollback_to: Some("9b0tzd00000000000000000000".into()),
        label: Some("month-end-2026-11".into()),
        lineage: Lineage {
            version: "0.1.0 (abc)".into(),
            config: "cf".into(),
            source: "rs0/localhost:27017".into(),
            server: "7.0.14".into(),
            worker: "worker-1".into(),
            run_id: None,
        },
        written_ms: 1_795_435_200_041,
    };
    anchor.id = id::id(&anchor);
    anchor
}

#[test]
fn the_record_is_what_it_was_and_reads_back() {
    let anchor = anchor();
    let stored = golden("anchor-1.hex", &hex::encode(encode(&anchor, 7)));
    let bytes = hex::decode(stored.trim()).unwrap();
    assert_eq!(decode(&bytes).unwrap(), anchor);
    assert_eq!(hex::encode(encode(&anchor, 7)), stored.trim());
    let json = serde_json::to_string_pretty(&anchor).unwrap();
    let stored = golden("anchor-1.json", &json);
    assert_eq!(serde_json::from_str::<Anchor>(&stored).unwrap(), anchor);
    assert_eq!(json, stored);
}

#[test]
fn the_key_is_what_it_was_and_reads_back() {
    let key = AnchorKey { part: 3, ..anchor().key() };
    let stored = golden("key-1.hex", &hex::encode(encode_key(&key, 6)));
    assert_eq!(decode_key(&hex::decode(stored.trim()).unwrap()).unwrap(), key);
    assert_eq!(hex::encode(encode_key(&key, 6)), stored.trim());
}

#[test]
fn the_id_hashes_what_it_did() {
    let stored = golden("content-1.json", &id::content(&anchor()));
    assert_eq!(id::content(&anchor()), stored.trim_end_matches('\n'));
    assert_eq!(anchor().id, golden("id-1.txt", &anchor().id).trim());
}

#[test]
fn an_unknown_format_is_refused_and_so_are_other_bytes() {
    let mut other = anchor();
    other.format = 2;
    assert!(matches!(decode(&encode(&other, 7)), Err(WireError::Format(2))));
    assert!(matches!(decode(b"{}"), Err(WireError::Frame)));
    let mut bytes = encode(&anchor(), 7);
    bytes.push(0);
    assert!(matches!(decode(&bytes), Err(WireError::Body(_))));
    bytes.truncate(40);
    assert!(decode(&bytes).is_err());
}

#[test]
fn any_change_gives_another_id_but_parts_do_not() {
    let anchor = anchor();
    let mut changed = anchor.clone();
    changed.collections[0].partitions[1].end += 1;
    assert_ne!(id::id(&changed), anchor.id);
    changed = anchor.clone();
    changed.collections[0].records_digest = None;
    assert_ne!(id::id(&changed), anchor.id);
    changed = anchor.clone();
    changed.position = vec![5, 0, 0, 0, 1];
    assert_ne!(id::id(&changed), anchor.id);
    changed = anchor.clone();
    (changed.part, changed.parts) = (2, 3);
    assert_eq!(id::id(&changed), anchor.id);
}

#[test]
fn a_large_anchor_is_split_by_collection_and_joined_again() {
    let mut whole = anchor();
    whole.collections = (0..200).map(collection).collect();
    whole.id = id::id(&whole);
    let limit = 8 * 1024;
    let mut split = parts::split(&whole, limit);
    assert!(split.len() > 3 && split.iter().all(|p| encode(p, 7).len() <= limit && p.parts as usize == split.len()));
    assert_eq!(parts::split(&whole, parts::LIMIT), [whole.clone()]);
    split.rotate_left(2);
    assert_eq!(parts::join(split.clone()).as_ref(), Some(&whole));
    let twice = [split.clone(), split[..1].to_vec()].concat();
    assert_eq!(parts::join(twice).as_ref(), Some(&whole));
    for missing in 0..split.len() {
        let mut some = split.clone();
        some.remove(missing);
        assert_eq!(parts::join(some), None, "part {missing} is missing");
    }
}

#[test]
fn sizes_are_what_the_specification_says() {
    let sized = |collections: i32, partitions: i32| {
        let mut anchor = anchor();
        let of = |n| {
            let mut c = collection(n);
            c.schema_digests = vec!["ab".repeat(32); 2];
            c.value_schema_ids = vec![112];
            c.contract = Some("ab".repeat(32));
            c.partitions = (0..partitions)
                .map(|partition| PartitionCut { partition, first: 0, begin: 84_400, end: 84_411, records: 84_392 })
                .collect();
            c
        };
        anchor.collections = (0..collections).map(of).collect();
        encode(&anchor, 7).len()
    };
    assert!(sized(0, 0) < 600);
    assert!(sized(200, 6) < 120_000, "{}", sized(200, 6));
}
