//! The calls of a transaction. What their answers mean is decided in `crate::transaction`.

use std::time::Duration;

use rdkafka::bindings as c;

use super::{Client, NativeError, millis};

impl Client {
    /// Fences older producers of the transactional id, ends their transaction, takes a new epoch. Resumable.
    pub(crate) fn init_transactions(&self, limit: Duration) -> Result<(), NativeError> {
        // Safety: the handle lives; the error that comes back is ours.
        unsafe { NativeError::take(c::rd_kafka_init_transactions(self.rk.as_ptr(), millis(limit))) }
    }

    /// Begins a transaction; local.
    pub(crate) fn begin_transaction(&self) -> Result<(), NativeError> {
        // Safety: as above.
        unsafe { NativeError::take(c::rd_kafka_begin_transaction(self.rk.as_ptr())) }
    }

    /// Commits. The limit is what remains of the transaction's own time (-1); a call that ran out of it is repeated.
    pub(crate) fn commit_transaction(&self) -> Result<(), NativeError> {
        // Safety: as above. The crate's own commit loops in steps of 100 ms, this one does not.
        unsafe { NativeError::take(c::rd_kafka_commit_transaction(self.rk.as_ptr(), -1)) }
    }

    /// Aborts; purges what is queued. Resumable.
    pub(crate) fn abort_transaction(&self, limit: Duration) -> Result<(), NativeError> {
        // Safety: as above.
        unsafe { NativeError::take(c::rd_kafka_abort_transaction(self.rk.as_ptr(), millis(limit))) }
    }
}
