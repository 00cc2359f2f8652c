//! The folder of an export: its manifest, and what lies in it besides.
//!
//! Invariants: an export without `_SUCCESS` is none; a file that the manifest does not name is told, unless its name
//! begins with `.` or `_`, which whoever reads such folders passes over.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use moorline_pipeline::error::Problem;

use crate::destination::staged::hashed;
use crate::fold::failed;
use crate::format::FileFormat;
use crate::manifest::{self, File, Manifest};

/// Levels of folders within folders.
const MOST_LEVELS: usize = 16;
/// Files that are named one by one.
const MOST_NAMED: usize = 100;

/// An export that is finished.
#[derive(Clone, Debug)]
pub struct Export {
    root: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Form of its files.
    pub format: FileFormat,
}

impl Export {
    /// Opens the export of a folder.
    ///
    /// # Errors
    /// MOOR-6176 where the folder holds no finished export, MOOR-6128 where its manifest can't be read.
    pub fn open(root: &Path) -> Result<Self, Problem> {
        let path = root.join(manifest::NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(unfinished(root, format!("there is no {}", manifest::NAME)));
            }
            Err(error) => return Err(failed(&path, &error)),
        };
        if !root.join(manifest::SUCCESS_NAME).exists() {
            return Err(unfinished(root, format!("there is no {}: it is written last", manifest::SUCCESS_NAME)));
        }
        let manifest = Manifest::read(&bytes, &path.display().to_string())?;
        let Some(format) = FileFormat::named(&manifest.file_format) else {
            return Err(unfinished(
                root,
                format!("its files are `{}`, which this version has not", manifest.file_format),
            ));
        };
        Ok(Self { root: root.to_owned(), manifest, format })
    }

    /// Where a file is.
    pub fn path(&self, file: &File) -> PathBuf {
        self.root.join(&file.name)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is wrong with a file as a whole: it is not there, or its bytes are others.
    pub fn misfit(&self, file: &File) -> Option<Problem> {
        let why = match hashed(&self.path(file)) {
            Err(error) if error.kind() == ErrorKind::NotFound => "it is not there".to_owned(),
            Err(error) => error.to_string(),
            Ok((bytes, _)) if bytes != file.bytes => {
                format!("it has {bytes} bytes, and the manifest names {}", file.bytes)
            }
            Ok((_, sha256)) if sha256 != file.sha256 => {
                format!("its SHA-256 is {sha256}, and the manifest names {}", file.sha256)
            }
            Ok(_) => return None,
        };
        Some(another(&file.name, "a file is not the one that the manifest names", why))
    }

    /// What the manifest does not name.
    pub fn strangers(&self) -> Vec<Problem> {
        let files = self.manifest.collections.iter().flat_map(|collection| &collection.files);
        let known: BTreeSet<&str> = files.map(|file| file.name.as_str()).collect();
        let mut found = Vec::new();
        self.walk("", 0, &known, &mut found);
        found.sort();
        let why = "whoever reads the folder reads it too";
        found.iter().map(|name| another(name, "a file is in the folder, and not in the manifest", why)).collect()
    }

    fn walk(&self, below: &str, level: usize, known: &BTreeSet<&str>, found: &mut Vec<String>) {
        let entries = fs::read_dir(self.root.join(below)).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(['.', '_']) || found.len() >= MOST_NAMED {
                continue;
            }
            let name = if below.is_empty() { name } else { format!("{below}/{name}") };
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && level < MOST_LEVELS {
                self.walk(&name, level + 1, known, found);
            } else if !known.contains(name.as_str()) {
                found.push(name);
            }
        }
    }
}

fn unfinished(root: &Path, why: String) -> Problem {
    Problem::new(
        "MOOR-6176",
        "the folder holds no export that is finished",
        root.display().to_string(),
        why,
        "name the folder that `moorline replay --out` wrote\n\
         or end the replay: moorline replay with the same flags and --resume\n\
         a copy must have all files, _SUCCESS last",
    )
}

fn another(name: &str, what: &str, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-6177",
        what,
        name,
        why,
        "do not use the folder: copy it again, or replay the anchor into another one",
    )
}
