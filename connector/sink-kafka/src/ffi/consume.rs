//! Reading partitions without a consumer group: no group to be allowed, nothing committed.
//!
//! Invariants: a message lives as long as it is held; an end of partition tells the offset at which it stands.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as c;

use super::{Client, Events, NativeError, Topic, code, millis, rd_kafka_last_error, text};

/// Reads partitions of topics into one queue.
pub(crate) struct Fetcher {
    queue: NonNull<c::rd_kafka_queue_t>,
    reading: HashMap<(String, i32), Topic>,
    events: Events,
    client: Arc<Client>,
}

// Safety: queues are locked inside librdkafka.
unsafe impl Send for Fetcher {}

/// What a fetch gives.
pub(crate) enum Fetched {
    Message(Message),
    /// The partition's end, for the client's isolation, stands at this offset, and everything before it was given.
    End {
        partition: i32,
        offset: i64,
    },
    Error {
        partition: i32,
        error: NativeError,
    },
}

impl Fetcher {
    /// Reads nothing yet.
    pub(crate) fn new(client: &Arc<Client>) -> Self {
        // Safety: the handle lives; the queue is ours.
        let queue = unsafe { c::rd_kafka_queue_new(client.rk.as_ptr()) };
        let queue = NonNull::new(queue).expect("librdkafka makes a queue");
        Self { queue, reading: HashMap::new(), events: Events::of(client), client: Arc::clone(client) }
    }

    /// Begins to read a partition at an offset.
    pub(crate) fn start(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), NativeError> {
        let handle = Topic::open(&self.client, topic)?;
        // Safety: handle and queue live until `stop`, which drop calls for each that was started.
        let started =
            unsafe { c::rd_kafka_consume_start_queue(handle.rkt.as_ptr(), partition, offset, self.queue.as_ptr()) };
        if started == -1 {
            // Safety: the last error of this thread.
            return Err(NativeError::of(unsafe { rd_kafka_last_error() }));
        }
        self.reading.insert((topic.to_owned(), partition), handle);
        Ok(())
    }

    /// Reads a partition no more.
    pub(crate) fn stop(&mut self, topic: &str, partition: i32) {
        if let Some(handle) = self.reading.remove(&(topic.to_owned(), partition)) {
            // Safety: it was started with this handle.
            unsafe { c::rd_kafka_consume_stop(handle.rkt.as_ptr(), partition) };
        }
    }

    /// The next message, end or error, waited for up to the limit. Errors of the client go to `client_error`.
    pub(crate) fn next(&mut self, limit: Duration, client_event: &mut dyn FnMut(super::Event)) -> Option<Fetched> {
        // Safety: the queue is ours; a message that is given is ours.
        let raw = unsafe { c::rd_kafka_consume_queue(self.queue.as_ptr(), millis(limit)) };
        let Some(raw) = NonNull::new(raw) else {
            while self.events.poll(Duration::ZERO, client_event) {}
            return None;
        };
        let message = Message { raw };
        // Safety: the message lives; its error is read as the number that C wrote.
        let (found, partition, offset) = unsafe {
            let raw = raw.as_ptr();
            (ptr::addr_of!((*raw).err).cast::<i32>().read(), (*raw).partition, (*raw).offset)
        };
        Some(match found {
            0 => Fetched::Message(message),
            code::PARTITION_EOF => Fetched::End { partition, offset },
            found => {
                // Safety: the payload of an error is its text, with its length.
                let words = unsafe { bytes((*raw.as_ptr()).payload, (*raw.as_ptr()).len) };
                let words = String::from_utf8_lossy(words.unwrap_or_default()).into_owned();
                Fetched::Error { partition, error: NativeError::with(found, words) }
            }
        })
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        for ((_, partition), handle) in self.reading.drain() {
            // Safety: each was started with this handle.
            unsafe { c::rd_kafka_consume_stop(handle.rkt.as_ptr(), partition) };
        }
        // Safety: ours, given back once; the client lives as long as our `Arc`.
        unsafe { c::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// A record that was read.
pub struct Message {
    raw: NonNull<c::rd_kafka_message_t>,
}

// Safety: a message is owned and only read.
unsafe impl Send for Message {}

impl Message {
    fn raw(&self) -> &c::rd_kafka_message_t {
        // Safety: owned and alive until drop; `err` is 0 here, as `Fetcher::next` has checked.
        unsafe { self.raw.as_ref() }
    }
    /// The partition.
    pub fn partition(&self) -> i32 {
        self.raw().partition
    }
    /// The offset.
    pub fn offset(&self) -> i64 {
        self.raw().offset
    }
    /// Milliseconds since 1970; `None` if the broker gave none.
    pub fn timestamp(&self) -> Option<i64> {
        let mut kind = c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // Safety: the message lives.
        let at = unsafe { c::rd_kafka_message_timestamp(self.raw.as_ptr(), &mut kind) };
        (at >= 0).then_some(at)
    }
    /// The key.
    pub fn key(&self) -> Option<&[u8]> {
        // Safety: the message lives as long as the borrow.
        unsafe { bytes(self.raw().key, self.raw().key_len) }
    }
    /// The value; `None` for a tombstone.
    pub fn value(&self) -> Option<&[u8]> {
        // Safety: as above.
        unsafe { bytes(self.raw().payload, self.raw().len) }
    }
    /// The headers, in order.
    pub fn headers(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        // Safety: headers belong to the message, which lives; names end with NUL, values come with their length.
        unsafe {
            let mut headers = ptr::null_mut();
            if c::rd_kafka_message_headers(self.raw.as_ptr(), &mut headers) as i32 != 0 {
                return found;
            }
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            while c::rd_kafka_header_get_all(headers, found.len(), &mut name, &mut value, &mut size) as i32 == 0 {
                found.push((text(name), bytes(value.cast_mut(), size).map(<[u8]>::to_vec)));
            }
        }
        found
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // Safety: owned, destroyed once.
        unsafe { c::rd_kafka_message_destroy(self.raw.as_ptr()) }
    }
}

/// Bytes at a pointer; null is none.
///
/// # Safety
/// `pointer` is null or `length` bytes that outlive the result.
unsafe fn bytes<'a>(pointer: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // Safety: as the caller promises.
    (!pointer.is_null()).then(|| unsafe { slice::from_raw_parts(pointer.cast::<u8>(), length) })
}
