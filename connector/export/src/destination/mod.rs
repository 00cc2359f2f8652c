//! Where an export goes: a place in which files appear under their names only when they are whole.
//!
//! * [`Folder`]: a folder of this machine. Object stores are another crate's: nothing here speaks to a network.
//! * [`staged`]: files in the making, hashed while they are written.
//!
//! What an export has begun and not ended is told by its journal below [`STAGING`], and by the lack of `_SUCCESS`.
//! Invariants: nothing that is there already is touched unless it was an export and that was asked for, and then only what
//! the export consists of; a name that leads out of the place is refused, whoever has written it down.

mod folder;
pub(crate) mod staged;

use std::path::{Path, PathBuf};

use moorline_pipeline::error::Problem;

use crate::format::FileFormat;
use crate::manifest::{self, File, Manifest};

pub use folder::Folder;

/// Folder of what is not finished.
pub const STAGING: &str = ".moorline-replay";

/// A place for an export. Names are relative to it, with `/` between folders. Each call ends within a limit of its own.
pub trait Destination: Sync {
    /// How a person names it.
    fn place(&self) -> String;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> Result<bool, Problem>;

    /// Makes what is needed before anything is written, and forgets files in the making that a killed run has left.
    fn prepare(&self) -> Result<(), Problem>;

    /// The folder of this machine for files in the making.
    fn staging(&self) -> PathBuf;

    /// Names of all files below a folder.
    fn names(&self, folder: &str) -> Result<Vec<String>, Problem>;

    /// Bytes of a small file; `None` where it is not there.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Problem>;

    /// Size and hex SHA-256 of a file; `None` where it is not there.
    fn facts(&self, name: &str) -> Result<Option<(u64, String)>, Problem>;

    /// Gives a file that was staged its name, and takes it away from where it was.
    fn publish(&self, staged: &Path, file: &File) -> Result<(), Problem>;

    /// Writes a small file under its name, whole.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Problem>;

    /// Removes a file, and folders that are empty then; one that is not there is as good as removed.
    fn remove(&self, name: &str) -> Result<(), Problem>;

    /// Removes everything below [`STAGING`].
    fn tidy(&self) -> Result<(), Problem>;
}

/// Removes the export that is there: `_SUCCESS` first, so that what is half removed does not look whole, and the manifest
/// last, so that it can be removed by a second try. `folders` are those of collections, for an export that has none yet.
pub fn clear(destination: &dyn Destination, folders: &[String]) -> Result<(), Problem> {
    let place = destination.place();
    let known = destination.read(manifest::NAME)?;
    let known = known.map(|bytes| Manifest::read(&bytes, &format!("{place}/{}", manifest::NAME))).transpose()?;
    if known.is_none() && destination.names(STAGING)?.is_empty() {
        return Err(occupied(&place, "it holds no export of Moorline's, and nothing else is ever removed"));
    }
    let mut doomed = vec![manifest::SUCCESS_NAME.to_owned(), manifest::RUN_NAME.to_owned()];
    doomed.extend(known.iter().flat_map(|m| &m.collections).flat_map(|c| &c.files).map(|file| file.name.clone()));
    for folder in folders {
        checked(folder, &place)?;
        doomed.extend(destination.names(folder)?.into_iter().filter(|name| is_part(name)));
    }
    doomed.push(manifest::NAME.to_owned());
    for name in &doomed {
        destination.remove(checked(name, &place)?)?;
    }
    destination.tidy()
}

/// Whether a file is one of rows, by its name.
fn is_part(name: &str) -> bool {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    let Some((number, extension)) = file.strip_prefix("part-").and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit()) && FileFormat::named(extension).is_some()
}

/// A name that stays below its place.
pub fn checked<'a>(name: &'a str, place: &str) -> Result<&'a str, Problem> {
    if manifest::is_below(name) {
        return Ok(name);
    }
    Err(Problem::new(
        "MOOR-6128",
        "an export names a file that is not its own",
        place,
        format!("the name `{name}` leads out of the export"),
        "what is there was not written by Moorline, or was changed since; name another place: --out",
    ))
}

/// What is there already is not ours to write over.
pub fn occupied(place: &str, why: &str) -> Problem {
    Problem::new(
        "MOOR-6125",
        "the place for the export is not empty",
        place,
        why,
        "name another place: --out\nor go on with an export that was not finished: --resume\nor replace an export: --overwrite --yes",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_an_exports_own_files_are_removed() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("export");
        let folder = Folder::new(&root);
        fs::create_dir_all(root.join("a.b/day=1")).unwrap();
        fs::create_dir_all(outside.path().join("other")).unwrap();
        let kept = ["a.b/part-of-mine.txt", "a.b/part-1.jsonl", "../other/part-00000.jsonl", "../keys"];
        for name in kept.iter().chain(&["a.b/part-00000.jsonl", "a.b/day=1/part-00001.parquet"]) {
            fs::write(root.join(name), "x").unwrap();
        }
        assert_eq!(clear(&folder, &["a.b".to_owned()]).unwrap_err().code, "MOOR-6125");
        folder.put(".moorline-replay/journal/00000.json", b"{}").unwrap();
        assert_eq!(clear(&folder, &["../other".to_owned()]).unwrap_err().code, "MOOR-6128");
        clear(&folder, &["a.b".to_owned()]).unwrap();
        assert!(kept.iter().all(|name| root.join(name).exists()));
        assert_eq!(folder.names("a.b").unwrap(), ["a.b/part-1.jsonl", "a.b/part-of-mine.txt"]);
        assert!(!root.join("a.b/day=1").exists());
        for name in ["../keys", "/etc/hostname", "a/../../keys", "a//b", "."] {
            let text = include_str!("../../tests/golden/manifest-1.json");
            let text = text.replace("shop.orders/part-00000.parquet", name);
            fs::write(root.join(manifest::NAME), text).unwrap();
            assert_eq!(clear(&folder, &[]).unwrap_err().code, "MOOR-6128", "{name}");
        }
        assert!(kept.iter().all(|name| root.join(name).exists()));
    }
}
