//! Signals: the first asks for a clean stop, the second ends the process at once.
//!
//! Invariant: a second signal never waits for anything, since it comes from somebody who has waited.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::messages;

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM.
    Terminate,
    /// Ctrl-C.
    Interrupt,
}

impl Signal {
    const fn number(self) -> u8 {
        match self {
            Self::Terminate => 15,
            Self::Interrupt => 2,
        }
    }
}

/// Listens until it is dropped.
pub(crate) struct Signals {
    first: Arc<AtomicU8>,
    task: JoinHandle<()>,
}

impl Signals {
    /// Cancels `stop` at the first signal.
    pub(crate) fn listen(stop: CancellationToken) -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let first = Arc::new(AtomicU8::new(0));
        let noted = Arc::clone(&first);
        let task = tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = terminate.recv() => Signal::Terminate,
                    _ = interrupt.recv() => Signal::Interrupt,
                }
            };
            noted.store(next().await.number(), Ordering::SeqCst);
            messages::note("stopping: what is whole is committed; a second signal ends at once");
            stop.cancel();
            end_at_once(next().await);
        });
        Ok(Self { first, task })
    }

    /// The first signal that came.
    pub(crate) fn heard(&self) -> Option<Signal> {
        let first = self.first.load(Ordering::SeqCst);
        [Signal::Terminate, Signal::Interrupt].into_iter().find(|signal| signal.number() == first)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "a second signal asks for exactly that: nothing is committed or closed")]
fn end_at_once(signal: Signal) {
    std::process::exit(128 + i32::from(signal.number()));
}
