//! The archive's form is a promise: its golden file is never edited, and is read back whole.

use std::path::PathBuf;

use moorline_pipeline::anchor::archive::{Archive, ArchiveError, Kept};
use moorline_pipeline::anchor::{Ledger, id};

use crate::lane::{Durable, History, facts};

fn archive() -> Archive {
    let (mut history, mut durable) = (History::new(5), Durable::default());
    let mut ledger = Ledger::restore(facts(0, 1, 4), None, vec![]);
    while durable.anchors.len() < 6 {
        durable.commit(history.batch().through(&mut ledger).records);
    }
    let records = durable.anchors.into_iter().enumerate();
    Archive {
        connector: "shop".into(),
        topic: "shop.anchors".into(),
        schemas: [(6, "\"string\"".to_owned()), (110, "\"long\"".to_owned())].into(),
        records: records.map(|(n, (key, value))| Kept { key, value: value.unwrap(), pruned: n > 0 }).collect(),
    }
}

#[test]
fn the_archive_is_what_it_was_and_reads_back() {
    let (archive, path) = (archive(), "tests/golden/anchor/archive-1.jsonl");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if !path.exists() && std::env::var_os("MOORLINE_BLESS").is_some() {
        std::fs::write(&path, archive.to_bytes()).unwrap();
    }
    let golden = std::fs::read(path).unwrap();
    assert_eq!(archive.to_bytes(), golden, "what a release has written, every later one writes and reads");
    let read = Archive::from_bytes(&golden).unwrap();
    assert_eq!(read, archive);
    let (log, strange) = read.log();
    assert_eq!((log.anchors().len(), strange), (6, 0));
    for anchor in log.anchors() {
        assert_eq!(id::id(anchor), anchor.id);
        log.merged(anchor).unwrap();
    }
}

#[test]
fn what_is_not_whole_is_refused() {
    let bytes = archive().to_bytes();
    for cut in 0..bytes.len() {
        assert!(Archive::from_bytes(&bytes[..cut]).is_err(), "cut off at {cut}");
    }
    for at in (0..bytes.len()).step_by(7) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(Archive::from_bytes(&altered).is_err(), "altered at {at}");
    }
    let newer = String::from_utf8(bytes).unwrap().replacen("\"format\":1", "\"format\":2", 1);
    assert_eq!(Archive::from_bytes(newer.as_bytes()), Err(ArchiveError::Format(2)));
}

#[test]
fn two_archives_are_one_without_doubles() {
    let whole = archive();
    let (mut one, mut other) = (whole.clone(), whole.clone());
    one.records.truncate(4);
    one.records[3].pruned = false;
    other.records.drain(..2);
    one.join(other);
    assert_eq!(one, whole);
}
