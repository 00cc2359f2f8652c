//! Buffers of encoded records, handed back by the committer to the encoder: memory that is mapped anew for each chunk is
//! memory that the kernel clears for each chunk.
//!
//! Invariants: a buffer comes back only when no record in it can be sent any more; few are kept, and no large ones, so
//! that a batch of large documents holds no memory after it.

use std::sync::{Arc, Mutex, PoisonError};

use moorline_pipeline::sink::Encoded;

/// Most buffers that wait: those of one transaction of a snapshot.
const MOST: usize = 4;
/// Bytes of a buffer over which it is let go.
const LARGE: usize = 8 << 20;

/// Empty buffers of one lane.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Encoded>>);

impl Buffers {
    /// An empty one, with room where one was handed back.
    pub(crate) fn take(&self) -> Encoded {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Hands one back, unless something still holds it.
    pub(crate) fn give(&self, used: Arc<Encoded>) {
        let Some(mut encoded) = Arc::into_inner(used).filter(|encoded| encoded.data.capacity() <= LARGE) else {
            return;
        };
        encoded.data.clear();
        encoded.records.clear();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            waiting.push(encoded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_or_large_does_not_come_back() {
        let buffers = Buffers::default();
        let of = |bytes| Arc::new(Encoded { data: Vec::with_capacity(bytes), records: Vec::new() });
        let held = of(100);
        buffers.give(Arc::clone(&held));
        buffers.give(of(LARGE + 1));
        assert_eq!(buffers.take().data.capacity(), 0);
        buffers.give(held);
        assert_eq!(buffers.take().data.capacity(), 100);
        (0..2 * MOST).for_each(|_| buffers.give(of(1)));
        assert_eq!((0..2 * MOST).filter(|_| buffers.take().data.capacity() > 0).count(), MOST);
    }
}
