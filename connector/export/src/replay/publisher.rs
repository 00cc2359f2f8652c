//! Files on their way to their names, on a thread of its own: bringing one to disk or sending it takes as long as writing
//! the next one.
//!
//! Invariants: while one file is on its way at most one is written and one waits, which bounds what staging takes; names
//! are given in the order of files; the first problem ends both sides, and is the one that is told.

use std::panic;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{Scope, ScopedJoinHandle};

use moorline_pipeline::error::Problem;

use super::faults;
use crate::destination::Destination;
use crate::destination::staged::Staged;
use crate::manifest::File;

/// The thread, as the one who writes files knows it.
pub(super) struct Publisher<'scope> {
    files: SyncSender<(Staged, File)>,
    thread: Option<ScopedJoinHandle<'scope, Result<Vec<File>, Problem>>>,
}

impl<'scope> Publisher<'scope> {
    pub(super) fn start<'env>(scope: &'scope Scope<'scope, 'env>, destination: &'env dyn Destination) -> Self {
        // Nothing is queued: who brings a file waits until the one before has its name.
        let (files, waiting) = mpsc::sync_channel::<(Staged, File)>(0);
        let thread = scope.spawn(move || {
            let mut published = Vec::new();
            for (staged, file) in waiting {
                destination.publish(staged.path(), &file)?;
                faults::pass("file.published");
                published.push(file);
            }
            Ok(published)
        });
        Self { files, thread: Some(thread) }
    }

    /// Gives a file its name soon.
    pub(super) fn publish(&mut self, staged: Staged, file: File) -> Result<(), Problem> {
        match self.files.send((staged, file)) {
            Ok(()) => Ok(()),
            // Nobody takes it: what went wrong is told by the thread's end.
            Err(_) => Self::ended(self.thread.take()).map(drop),
        }
    }

    /// All files, once each has its name.
    pub(super) fn finish(self) -> Result<Vec<File>, Problem> {
        let Self { files, thread } = self;
        drop(files);
        Self::ended(thread)
    }

    fn ended(thread: Option<ScopedJoinHandle<'scope, Result<Vec<File>, Problem>>>) -> Result<Vec<File>, Problem> {
        let Some(thread) = thread else { return Ok(Vec::new()) };
        thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }
}
