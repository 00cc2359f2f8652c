//! What of an export is finished, so that a run that was killed is gone on with.
//!
//! Lines of JSON: first what the journal is of, then each collection as its files have their names. Invariants: a
//! journal is bound to anchors and flags by a hash, and one of another binding is refused; a line that was cut short by
//! the end of its process never counts; what a line says is held against the files before it is believed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use moorline_pipeline::error::Problem;
use serde::{Deserialize, Serialize};

use crate::destination::Folder;
use crate::fold::failed;
use crate::manifest::Collection;

/// Version of the form.
const FORMAT: u32 = 1;
const NAME: &str = "journal.jsonl";

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    binding: String,
    folders: Vec<String>,
}

/// A journal that is written to.
pub struct Journal {
    file: File,
    path: PathBuf,
    done: Vec<Collection>,
}

impl Journal {
    /// A new one.
    pub fn begin(folder: &Folder, binding: &str, folders: Vec<String>) -> Result<Self, Problem> {
        let path = folder.staging().join(NAME);
        let head = Head { format: FORMAT, binding: binding.to_owned(), folders };
        let file = File::create(&path).map_err(|error| failed(&path, &error))?;
        let mut journal = Self { file, path, done: Vec::new() };
        journal.line(&head)?;
        Ok(journal)
    }

    /// The one that is there; `None` where there is none.
    pub fn resume(folder: &Folder, binding: &str) -> Result<Option<Self>, Problem> {
        let path = folder.staging().join(NAME);
        let Some((head, done, whole)) = read(&path)? else { return Ok(None) };
        if head.binding != binding {
            return Err(Problem::new(
                "MOOR-6126",
                "what was begun in this folder is another export",
                path.display().to_string(),
                "its journal is bound to other anchors or flags, and files of two exports must not be mixed",
                "repeat the anchor's id and the flags of the run that was stopped\nor begin anew: --overwrite --yes",
            ));
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(|error| failed(&path, &error))?;
        // Half a line would make the next one unreadable.
        file.set_len(whole).map_err(|error| failed(&path, &error))?;
        let mut valid = Vec::new();
        for collection in done {
            let mut good = true;
            for known in &collection.files {
                good &= folder.facts(&known.name)? == Some((known.bytes, known.sha256.clone()));
            }
            if good {
                valid.push(collection);
            }
        }
        Ok(Some(Self { file, path, done: valid }))
    }

    /// Folders of the export whose journal is there.
    pub fn folders(folder: &Folder) -> Vec<String> {
        let found = read(&folder.staging().join(NAME)).ok().flatten();
        found.map(|(head, _, _)| head.folders).unwrap_or_default()
    }

    /// What is finished of a collection, where it is.
    pub fn done(&self, namespace: &str) -> Option<&Collection> {
        self.done.iter().rev().find(|collection| collection.namespace == namespace)
    }

    /// Notes that a collection is finished.
    pub fn finished(&mut self, collection: &Collection) -> Result<(), Problem> {
        self.line(collection)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), Problem> {
        let mut bytes = serde_json::to_vec(line).expect("a journal has text keys only");
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(|error| failed(&self.path, &error))
    }
}

type Found = (Head, Vec<Collection>, u64);

fn read(path: &Path) -> Result<Option<Found>, Problem> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    let mut lines = text.split_inclusive('\n').take_while(|line| line.ends_with('\n'));
    let Some(first) = lines.next() else { return Ok(None) };
    let Ok(head) = serde_json::from_str::<Head>(first) else { return Ok(None) };
    if head.format != FORMAT {
        return Ok(None);
    }
    let (mut done, mut whole) = (Vec::new(), first.len());
    for line in lines {
        let Ok(collection) = serde_json::from_str(line) else { break };
        done.push(collection);
        whole += line.len();
    }
    Ok(Some((head, done, whole as u64)))
}
