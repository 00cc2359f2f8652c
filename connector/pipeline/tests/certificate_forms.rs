//! Golden files of the certificate and its key, and the law that a REJECT stays. `MOORLINE_BLESS=1` writes a golden file
//! that is missing; one that is there is never written over.

use std::path::PathBuf;

use moorline_pipeline::anchor::WireError;
use moorline_pipeline::certificate::{
    ACCEPT, Certificate, CertificateKey, Certificates, REJECT, REPLAY, UNSUPPORTED, decode, decode_key, encode,
    encode_key,
};
use moorline_pipeline::model::ClusterTime;
use proptest::prelude::*;

fn golden(name: &str, now: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/certificate").join(name);
    if !path.exists() && std::env::var_os("MOORLINE_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}; bless it with MOORLINE_BLESS=1"))
}

/// A certificate in which every field holds something.
fn certificate() -> Certificate {
    Certificate {
        format: 1,
        connector: "shop \u{e9}\"".into(),
        anchor: "k3v9q2hd0w5n8xj4r6t1m7b3ce".into(),
        cut: ClusterTime::new(4_000_000_000, u32::MAX),
        collection: "shop.orders".into(),
        epoch: "0123abcd-0000-4000-8000-00000000000f".into(),
        export: "e-0007".into(),
        range_from: Some("{\"$oid\":\"000000000000000000000001\"}".into()),
        range_to: Some("{\"$oid\":\"000000000000000000000002\"}".into()),
        method: "source".into(),
        verdict: REJECT.into(),
        documents: Some(9_007_199_254_740_993),
        differing: Some(3),
        records_digest: Some("ab".repeat(32)),
        state_digest: Some("cd".repeat(32)),
        state_algorithm: Some("state-sum256-sha256-v1".into()),
        read_ms: 1_795_435_200_041,
        tool: "moorline 0.1.0 (abc)".into(),
        reason: Some("MOOR-6170: three keys differ".into()),
    }
}

#[test]
fn the_record_and_its_key_are_what_they_were_and_read_back() {
    let certificate = certificate();
    let stored = golden("certificate-1.hex", &hex::encode(encode(&certificate, 7)));
    assert_eq!(decode(&hex::decode(stored.trim()).unwrap()).unwrap(), certificate);
    assert_eq!(hex::encode(encode(&certificate, 7)), stored.trim());
    let stored = golden("key-1.hex", &hex::encode(encode_key(&certificate.key(), 6)));
    assert_eq!(decode_key(&hex::decode(stored.trim()).unwrap()).unwrap(), certificate.key());
    assert_eq!(hex::encode(encode_key(&certificate.key(), 6)), stored.trim());
    let json = serde_json::to_string_pretty(&certificate).unwrap();
    assert_eq!(json, golden("certificate-1.json", &json));
}

#[test]
fn an_unknown_format_is_refused_and_so_are_other_bytes() {
    let other = Certificate { format: 2, ..certificate() };
    assert!(matches!(decode(&encode(&other, 7)), Err(WireError::Format(2))));
    let bytes = encode(&certificate(), 7);
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
}

/// A certificate of one collection: verdict, whole or a range, time.
fn some(verdict: &str, whole: bool, read_ms: i64) -> Certificate {
    let range = |text: &str| (!whole).then(|| text.to_owned());
    Certificate {
        connector: "shop".into(),
        verdict: verdict.into(),
        range_from: range("1"),
        range_to: range("2"),
        read_ms,
        documents: Some(read_ms),
        ..certificate()
    }
}

fn read(all: &[Certificate]) -> Certificates {
    Certificates::read("shop", all.iter().map(|c| (c.key(), Some(c.clone()))))
}

proptest! {
    #[test]
    fn later_agreement_never_erases_a_reject(
        all in prop::collection::vec((prop::sample::select(&[ACCEPT, REJECT, UNSUPPORTED]), any::<bool>()), 0..12),
    ) {
        let all: Vec<Certificate> =
            all.into_iter().enumerate().map(|(at, (verdict, whole))| some(verdict, whole, at as i64)).collect();
        let certificates = read(&all);
        let standing = certificates.standing(&[certificate().anchor.as_str()], "shop.orders");
        let has = |verdict: &str| all.iter().any(|c| c.verdict == verdict && (c.is_whole() || verdict == REJECT));
        if has(REJECT) {
            prop_assert_eq!(standing.word(), Some(REJECT));
        } else if has(ACCEPT) {
            prop_assert_eq!(standing.word(), Some(ACCEPT));
        } else {
            prop_assert!(standing.word() != Some(ACCEPT));
        }
        prop_assert_eq!(standing.documents, all.iter().rev().find(|c| c.is_whole()).and_then(|c| c.documents));
    }
}

#[test]
fn a_replay_counts_documents_and_gives_no_verdict() {
    let anchor = certificate().anchor;
    let replayed = |verdict: &str| Certificate { method: REPLAY.into(), ..some(verdict, true, 9) };
    for verdict in [ACCEPT, REJECT, UNSUPPORTED] {
        let alone = read(&[replayed(verdict)]);
        let standing = alone.standing(&[&anchor], "shop.orders");
        assert_eq!((standing.word(), standing.documents), (None, Some(9)), "{verdict}");
        for held in [ACCEPT, REJECT, UNSUPPORTED] {
            let both = read(&[some(held, true, 1), replayed(verdict)]);
            let standing = both.standing(&[&anchor], "shop.orders");
            assert_eq!((standing.word(), standing.documents), (Some(held), Some(9)), "{held}, then {verdict}");
        }
    }
}

#[test]
fn others_are_left_out_and_a_tombstone_takes_one_away() {
    let one = some(ACCEPT, true, 1);
    let foreign = Certificate { connector: "other".into(), verdict: REJECT.into(), ..one.clone() };
    let records: Vec<(CertificateKey, Option<Certificate>)> =
        vec![(one.key(), Some(one.clone())), (foreign.key(), Some(foreign))];
    let anchor = one.anchor.clone();
    assert_eq!(Certificates::read("shop", records.clone()).standing(&[&anchor], "shop.orders").word(), Some(ACCEPT));
    let gone = records.into_iter().chain([(one.key(), None)]);
    assert_eq!(Certificates::read("shop", gone).standing(&[&anchor], "shop.orders").word(), None);
    assert_eq!(read(&[one]).standing(&["another"], "shop.orders").word(), None);
}
