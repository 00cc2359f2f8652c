//! Archives of anchors: files of their own, written whole before anything is taken out of the topic, read without Kafka.
//!
//! Invariants: a file that is there is never written over; what was written is on disk and was read back before it is
//! called written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use moorline_export::select::topics as schemas;
use moorline_pipeline::anchor::archive::Archive;
use moorline_pipeline::anchor::cuts::Cut;
use moorline_pipeline::anchor::log::Log;
use moorline_pipeline::anchor::{Anchor, check};
use moorline_pipeline::error::{Failure, Problem, Result};

use super::fetch::Read;

/// Reads archives as one.
pub(super) fn read(paths: &[PathBuf]) -> Result<(Archive, Read)> {
    let mut whole: Option<Archive> = None;
    for path in paths {
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error.to_string()))?;
        let one = Archive::from_bytes(&bytes).map_err(|error| unreadable(path, &error.to_string()))?;
        match &mut whole {
            None => whole = Some(one),
            Some(held) if held.connector == one.connector => held.join(one),
            Some(held) => {
                let why = format!("it is of connector {}, the one before it of {}", one.connector, held.connector);
                return Err(unreadable(path, &why));
            }
        }
    }
    let archive = whole.unwrap_or_default();
    let (log, strange) = archive.log();
    if strange > 0 {
        let path = paths.first().cloned().unwrap_or_default();
        return Err(unreadable(&path, &format!("{strange} of its records are no anchors that this version can read")));
    }
    let bytes = archive.records.iter().map(|kept| (kept.key.len() + kept.value.len()) as u64).sum();
    let read = Read::of_archive(archive.topic.clone(), archive.connector.clone(), log, bytes);
    Ok((archive, read))
}

/// Writes an archive to a new file. It has its name only when it is whole, and was read back.
pub(super) fn write(path: &Path, archive: &Archive) -> Result<u64> {
    if path.exists() {
        return Err(unwritten(path, "there is such a file already, and an archive is never written over"));
    }
    let mut name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let bytes = archive.to_bytes();
    let to_disk = || -> io::Result<Vec<u8>> {
        let mut file = File::create(&partial)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::read(&partial)
    };
    let failed = |error: io::Error| unwritten(path, &error.to_string());
    let again = to_disk().map_err(failed)?;
    if Archive::from_bytes(&again).as_ref() != Ok(archive) {
        return Err(unwritten(path, "what was read back is not what was written"));
    }
    // A link fails where another process has made the file meanwhile, which a rename would replace.
    fs::hard_link(&partial, path).and_then(|()| fs::remove_file(&partial)).map_err(failed)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        OpenOptions::new().read(true).open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(bytes.len() as u64)
}

/// What an archive proves of a cut.
#[derive(Debug)]
pub(super) struct Proof {
    /// Anchors whose content hashes to their id, bases included.
    pub(super) anchors: usize,
    /// Schemas that have the digest which the anchors name.
    pub(super) schemas: usize,
    pub(super) findings: Vec<Problem>,
}

/// Proves a cut: each anchor, and the base that it builds on, by its id; each schema by its digest.
pub(super) fn prove(archive: &Archive, log: &Log, cut: &Cut<'_>, merged: &[Anchor]) -> Proof {
    let mut proof = Proof { anchors: 0, schemas: 0, findings: Vec::new() };
    let bases = cut.anchors.iter().filter_map(|anchor| log.get(anchor.base.as_deref()?));
    for anchor in cut.anchors.iter().copied().chain(bases) {
        // What lies between the anchors of an archive is still in the topic, or in another archive.
        let found = check::anchor(log, anchor, i64::MAX);
        proof.anchors += usize::from(found.is_empty());
        proof.findings.extend(found);
    }
    for collection in merged.iter().flat_map(|anchor| &anchor.collections) {
        if collection.value_schema_ids.is_empty() {
            continue;
        }
        let ids = schemas::schema_ids(collection);
        let texts: Vec<Option<String>> = ids.iter().map(|id| archive.schemas.get(id).cloned()).collect();
        match schemas::check_schemas(collection, &texts) {
            Ok(()) => proof.schemas += ids.len(),
            Err(problem) => proof.findings.push(problem),
        }
    }
    proof
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-6152",
        "this is no archive of anchors that can be read",
        path.display().to_string(),
        why,
        "name a file that `moorline anchors prune --archive` has written, as it has written it",
    ))
}

fn unwritten(path: &Path, why: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-6151",
        "the archive of anchors can't be written, so nothing is pruned",
        path.display().to_string(),
        why,
        "name another file, in a folder that this user may write to and that has room",
    ))
}
