//! What of an export is finished, so that a run that was stopped is gone on with, also by another machine.
//!
//! Small files beside the export, numbered: first what the journal is of, then each collection as its files have their
//! names. Invariants: a journal is bound to anchors and flags by a hash, and one of another binding is refused; a note is
//! there whole or not at all; what it says is held against the files before it is believed.

use moorline_pipeline::error::Problem;
use serde::{Deserialize, Serialize};

use crate::destination::{Destination, STAGING};
use crate::manifest::Collection;

/// Version of the form.
const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    binding: String,
    folders: Vec<String>,
}

/// A journal that is written to.
pub struct Journal<'a> {
    destination: &'a dyn Destination,
    done: Vec<Collection>,
    next: usize,
}

impl<'a> Journal<'a> {
    /// A new one.
    pub fn begin(destination: &'a dyn Destination, binding: &str, folders: Vec<String>) -> Result<Self, Problem> {
        let mut journal = Self { destination, done: Vec::new(), next: 0 };
        journal.note(&Head { format: FORMAT, binding: binding.to_owned(), folders })?;
        Ok(journal)
    }

    /// The one that is there; `None` where there is none.
    pub fn resume(destination: &'a dyn Destination, binding: &str) -> Result<Option<Self>, Problem> {
        let Some(head) = head(destination)? else { return Ok(None) };
        if head.binding != binding {
            return Err(Problem::new(
                "MOOR-6126",
                "what was begun in this place is another export",
                format!("{}/{}", destination.place(), name(0)),
                "its journal is bound to other anchors or flags, and files of two exports must not be mixed",
                "repeat the anchor's id and the flags of the run that was stopped\nor begin anew: --overwrite --yes",
            ));
        }
        let mut journal = Self { destination, done: Vec::new(), next: 1 };
        while let Some(bytes) = destination.read(&name(journal.next))? {
            journal.next += 1;
            let Ok(collection) = serde_json::from_slice::<Collection>(&bytes) else { continue };
            let mut good = true;
            for known in &collection.files {
                good = good && destination.facts(&known.name)? == Some((known.bytes, known.sha256.clone()));
            }
            if good {
                journal.done.push(collection);
            }
        }
        Ok(Some(journal))
    }

    /// Folders of the export whose journal is there.
    pub fn folders(destination: &dyn Destination) -> Result<Vec<String>, Problem> {
        Ok(head(destination)?.map(|head| head.folders).unwrap_or_default())
    }

    /// What is finished of a collection, where it is.
    pub fn done(&self, namespace: &str) -> Option<&Collection> {
        self.done.iter().rev().find(|collection| collection.namespace == namespace)
    }

    /// Notes that a collection is finished.
    pub fn finished(&mut self, collection: &Collection) -> Result<(), Problem> {
        self.note(collection)
    }

    fn note(&mut self, note: &impl Serialize) -> Result<(), Problem> {
        let bytes = serde_json::to_vec(note).expect("a journal has text keys only");
        self.destination.put(&name(self.next), &bytes)?;
        self.next += 1;
        Ok(())
    }
}

fn name(number: usize) -> String {
    format!("{STAGING}/journal/{number:05}.json")
}

/// What the journal is of; a form that is not ours is as none.
fn head(destination: &dyn Destination) -> Result<Option<Head>, Problem> {
    let bytes = destination.read(&name(0))?;
    let head = bytes.and_then(|bytes| serde_json::from_slice::<Head>(&bytes).ok());
    Ok(head.filter(|head| head.format == FORMAT))
}
