//! A folder of this machine.
//!
//! A file is written below `.moorline-replay/staged`, brought to disk, and then renamed. Invariants: a name is there only
//! when the file's bytes are on disk; what is removed leaves no empty folder of its own behind.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use moorline_pipeline::error::Problem;

use super::{Destination, STAGING, staged};
use crate::fold::failed;
use crate::manifest;

/// Below [`STAGING`]: files in the making.
const STAGED: &str = "staged";

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

    fn rename(&self, staged: &Path, name: &str) -> Result<(), Problem> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        let rename = || {
            File::open(staged)?.sync_all()?;
            fs::create_dir_all(folder)?;
            fs::rename(staged, &path)?;
            File::open(folder)?.sync_all()
        };
        rename().map_err(|error| failed(&path, &error))
    }

    fn walk(&self, name: &str, found: &mut Vec<String>) -> io::Result<()> {
        let entries = match fs::read_dir(self.root.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // What is no text was not named by us.
            let Ok(inner) = entry.file_name().into_string() else { continue };
            let inner = format!("{name}/{inner}");
            if entry.file_type()?.is_dir() { self.walk(&inner, found)? } else { found.push(inner) }
        }
        Ok(())
    }
}

impl Destination for Folder {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn is_empty(&self) -> Result<bool, Problem> {
        match fs::read_dir(&self.root) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(failed(&self.root, &error)),
        }
    }

    fn prepare(&self) -> Result<(), Problem> {
        let staging = self.staging();
        remove(fs::remove_dir_all(&staging), &staging)?;
        fs::create_dir_all(&staging).map_err(|error| failed(&staging, &error))
    }

    fn staging(&self) -> PathBuf {
        self.root.join(STAGING).join(STAGED)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, Problem> {
        let mut found = Vec::new();
        self.walk(folder, &mut found).map_err(|error| failed(&self.root.join(folder), &error))?;
        found.sort_unstable();
        Ok(found)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        let path = self.root.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    fn facts(&self, name: &str) -> Result<Option<(u64, String)>, Problem> {
        let path = self.root.join(name);
        match staged::hashed(&path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    fn publish(&self, staged: &Path, file: &manifest::File) -> Result<(), Problem> {
        self.rename(staged, &file.name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Problem> {
        let folder = self.staging();
        let staged = folder.join("small");
        let write = || {
            fs::create_dir_all(&folder)?;
            File::create(&staged)?.write_all(bytes)
        };
        write().map_err(|error| failed(&staged, &error))?;
        self.rename(&staged, name)
    }

    fn remove(&self, name: &str) -> Result<(), Problem> {
        let path = self.root.join(name);
        remove(fs::remove_file(&path), &path)?;
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            // One that holds something else stays.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn tidy(&self) -> Result<(), Problem> {
        let staging = self.root.join(STAGING);
        remove(fs::remove_dir_all(&staging), &staging)
    }
}

fn remove(removed: io::Result<()>, path: &Path) -> Result<(), Problem> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}
