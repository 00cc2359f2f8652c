//! The bytes of a lane between source and commit: what is read or handed on holds its part of `max.queue.size.in.bytes`
//! until its transaction is durable or given up.
//!
//! Invariants: nobody waits for room while a transaction of theirs is still open, since only a commit gives room; what
//! is larger than the whole takes all of it, and so passes alone; nothing outlives its lane's attempt.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much one permit stands for.
const UNIT: usize = 1024;
/// What an event or a row takes beside its bytes: its parsed form, its record, and librdkafka's message.
pub(crate) const OVERHEAD: usize = 512;

/// The whole of it.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: Arc<Semaphore>,
    most: u32,
}

/// A part that is held; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held(OwnedSemaphorePermit);

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let most = permits(bytes).min(u32::MAX >> 4);
        Self { left: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// Takes a part if there is room.
    pub(crate) fn try_hold(&self, bytes: usize) -> Option<Held> {
        Arc::clone(&self.left).try_acquire_many_owned(self.part(bytes)).ok().map(Held)
    }

    /// Waits for room and takes a part. Cancel-safe.
    pub(crate) async fn hold(&self, bytes: usize) -> Held {
        let part = Arc::clone(&self.left).acquire_many_owned(self.part(bytes)).await;
        Held(part.expect("the semaphore is never closed"))
    }

    /// Waits until there is room, and takes nothing.
    pub(crate) async fn room(&self, bytes: usize) {
        drop(self.hold(bytes).await);
    }

    fn part(&self, bytes: usize) -> u32 {
        permits(bytes).min(self.most)
    }
}

impl Held {
    /// What was made of it is larger: what is missing is taken as by [`Held::resize`].
    pub(crate) fn grow(&mut self, budget: &Budget, bytes: usize) {
        if budget.part(bytes) as usize > self.0.num_permits() {
            self.resize(budget, bytes);
        }
    }

    /// What it was taken for has turned out to be of another size. What is missing is taken as far as there is room: it
    /// is in memory already.
    pub(crate) fn resize(&mut self, budget: &Budget, bytes: usize) {
        let (now, part) = (self.0.num_permits(), budget.part(bytes) as usize);
        if part < now {
            drop(self.0.split(now - part));
        } else if part > now {
            let missing = (part - now).min(budget.left.available_permits());
            // Another may have been quicker.
            if let Ok(more) = Arc::clone(&budget.left).try_acquire_many_owned(missing as u32) {
                self.0.merge(more);
            }
        }
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_given_back_and_corrected() {
        let budget = Budget::new(100 * UNIT);
        let mut large = budget.try_hold(80 * UNIT).unwrap();
        assert!(budget.try_hold(21 * UNIT).is_none());
        large.resize(&budget, 30 * UNIT);
        let other = budget.try_hold(60 * UNIT).unwrap();
        large.resize(&budget, 50 * UNIT);
        assert_eq!(budget.left.available_permits(), 0, "it takes what there is");
        drop(other);
        large.grow(&budget, 10 * UNIT);
        assert_eq!(budget.left.available_permits(), 60, "what is smaller gives nothing back");
        large.grow(&budget, 70 * UNIT);
        assert_eq!(budget.left.available_permits(), 30);
        drop(large);
        let all = budget.try_hold(usize::MAX).expect("what is larger than the whole passes alone");
        assert!(budget.try_hold(1).is_none());
        drop(all);
        assert_eq!(budget.left.available_permits(), 100);
    }
}
