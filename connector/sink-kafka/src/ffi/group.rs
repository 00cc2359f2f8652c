//! Offsets that a group has committed, without joining it.
//!
//! Invariant: an answer is waited for on a queue of the call's own, so that a coordinator that is away holds nobody past
//! the limit.

use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as c;

use super::{
    Client, NativeError, c_string, code, millis, rd_kafka_commit_queue, rd_kafka_committed, rd_kafka_event_error,
};

/// A list of one partition.
struct One(NonNull<c::rd_kafka_topic_partition_list_t>);

impl One {
    fn of(topic: &str, partition: i32, offset: i64) -> Result<Self, NativeError> {
        let name = c_string(topic)?;
        // Safety: the list is ours until `drop`; the name is copied.
        unsafe {
            let list = c::rd_kafka_topic_partition_list_new(1);
            let entry = c::rd_kafka_topic_partition_list_add(list, name.as_ptr(), partition);
            (*entry).offset = offset;
            Ok(Self(NonNull::new(list).expect("librdkafka makes a list")))
        }
    }

    /// Its offset, and its error as the number that C wrote.
    fn entry(&self) -> (i64, i32) {
        // Safety: the list is ours and has one entry.
        unsafe {
            let entry = (*self.0.as_ptr()).elems;
            ((*entry).offset, ptr::addr_of!((*entry).err).cast::<i32>().read())
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        // Safety: ours, given back once.
        unsafe { c::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

impl Client {
    /// The offset that this client's group has committed for a partition; `None` if it has committed none.
    pub(crate) fn committed(&self, topic: &str, partition: i32, limit: Duration) -> Result<Option<i64>, NativeError> {
        let list = One::of(topic, partition, i64::from(c::RD_KAFKA_OFFSET_INVALID))?;
        // Safety: handle and list live over the call.
        NativeError::check(unsafe { rd_kafka_committed(self.rk.as_ptr(), list.0.as_ptr(), millis(limit)) })?;
        let (offset, error) = list.entry();
        NativeError::check(error)?;
        Ok((offset >= 0).then_some(offset))
    }

    /// Commits an offset for this client's group.
    pub(crate) fn commit(&self, topic: &str, partition: i32, offset: i64, limit: Duration) -> Result<(), NativeError> {
        let list = One::of(topic, partition, offset)?;
        // Safety: handle, list and queue live over the calls; librdkafka copies the list, and drops an answer for a
        // queue that is gone. The event is ours and is given back.
        unsafe {
            let queue = c::rd_kafka_queue_new(self.rk.as_ptr());
            let sent =
                rd_kafka_commit_queue(self.rk.as_ptr(), list.0.as_ptr(), queue, ptr::null_mut(), ptr::null_mut());
            let answer = NativeError::check(sent).and_then(|()| {
                let event = c::rd_kafka_queue_poll(queue, millis(limit));
                if event.is_null() {
                    return Err(NativeError::of(code::TIMED_OUT));
                }
                let found = rd_kafka_event_error(event);
                c::rd_kafka_event_destroy(event);
                NativeError::check(found)
            });
            c::rd_kafka_queue_destroy(queue);
            answer
        }
    }
}
