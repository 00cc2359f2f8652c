//! Where an export goes: a folder in which files appear under their names only when they are whole.
//!
//! A file is written below `.moorline-replay`, brought to disk, and then renamed; so is the journal kept there. What is
//! left of an export that was not finished is this folder, and no `_SUCCESS`. Invariants: nothing that is in the folder
//! already is touched unless it was an export and that was asked for, and then only what the export consists of.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use moorline_pipeline::error::Problem;
use sha2::{Digest as _, Sha256};

use crate::fold::failed;
use crate::manifest::{self, Manifest};

/// Folder of what is not finished.
pub const STAGING: &str = ".moorline-replay";

/// A folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A folder, which need not be there yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is anything in it.
    pub fn is_empty(&self) -> Result<bool, Problem> {
        match fs::read_dir(&self.root) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(failed(&self.root, &error)),
        }
    }

    /// Whether an export in it was finished.
    pub fn is_finished(&self) -> bool {
        self.root.join(manifest::SUCCESS_NAME).exists()
    }

    /// Makes it and the place of what is not finished.
    pub fn prepare(&self) -> Result<(), Problem> {
        let staging = self.staging();
        fs::create_dir_all(&staging).map_err(|error| failed(&staging, &error))
    }

    /// The place of what is not finished.
    pub fn staging(&self) -> PathBuf {
        self.root.join(STAGING)
    }

    /// Gives a staged file its name; `name` has `/` between folders.
    pub fn publish(&self, staged: &Path, name: &str) -> Result<(), Problem> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        let publish = || {
            File::open(staged)?.sync_all()?;
            fs::create_dir_all(folder)?;
            fs::rename(staged, &path)?;
            File::open(folder)?.sync_all()
        };
        publish().map_err(|error| failed(&path, &error))
    }

    /// Writes a small file under its name, whole.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Problem> {
        let staged = self.staging().join("small");
        File::create(&staged).and_then(|mut file| file.write_all(bytes)).map_err(|error| failed(&staged, &error))?;
        self.publish(&staged, name)
    }

    /// Size and SHA-256 of a file; `None` where it is not there.
    pub fn facts(&self, name: &str) -> Result<Option<(u64, String)>, Problem> {
        let path = self.root.join(name);
        match hashed(&path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// Removes the place of what is not finished.
    pub fn tidy(&self) -> Result<(), Problem> {
        remove(fs::remove_dir_all(self.staging()), &self.staging())
    }

    /// Removes the export that is there: `_SUCCESS` first, so that what is half removed does not look whole.
    pub fn clear(&self, folders: &[String]) -> Result<(), Problem> {
        let manifest_path = self.root.join(manifest::NAME);
        let known = fs::read(&manifest_path).ok().and_then(|bytes| Manifest::read(&bytes, "").ok());
        if known.is_none() && !self.staging().exists() {
            return Err(occupied(&self.root, "it holds no export of Moorline's, and nothing else is ever removed"));
        }
        let is_folder = |name: &str| folders.iter().any(|folder| folder == name);
        let mut doomed =
            vec![manifest::SUCCESS_NAME.to_owned(), manifest::NAME.to_owned(), manifest::RUN_NAME.to_owned()];
        doomed.extend(known.iter().flat_map(|m| &m.collections).flat_map(|c| &c.files).map(|file| file.name.clone()));
        for folder in folders {
            let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            doomed.extend(names.filter(|name| name.starts_with("part-")).map(|name| format!("{folder}/{name}")));
        }
        for name in &doomed {
            let path = self.root.join(name);
            remove(fs::remove_file(&path), &path)?;
            if let Some((folder, _)) = name.rsplit_once('/').filter(|(folder, _)| is_folder(folder) || known.is_some())
            {
                // One that holds something else stays.
                let _ = fs::remove_dir(self.root.join(folder));
            }
        }
        self.tidy()
    }
}

fn remove(removed: io::Result<()>, path: &Path) -> Result<(), Problem> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

/// Size and SHA-256.
pub(crate) fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, hex::encode(hash.finalize()))),
            count => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

/// What is there already is not ours to write over.
pub fn occupied(root: &Path, why: &str) -> Problem {
    Problem::new(
        "MOOR-6125",
        "the folder for the export is not empty",
        root.display().to_string(),
        why,
        "name another folder: --out\nor go on with an export that was not finished: --resume\nor replace an export: --overwrite --yes",
    )
}
