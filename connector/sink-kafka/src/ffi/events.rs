//! The main queue of a client: delivery reports, errors and log lines, taken by whoever polls it.
//!
//! Invariant: a report counts as taken only after the visitor has seen each of its records.

use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::bindings as c;

use super::{Client, NativeError, millis, rd_kafka_event_error, text};

/// What a queue gives.
#[derive(Debug)]
pub(crate) enum Event {
    /// A record was delivered, or was not.
    Report {
        /// The number that was given with the record.
        slot: usize,
        partition: i32,
        /// Negative if unknown.
        offset: i64,
        /// 0 if delivered.
        code: i32,
        /// Bytes of the value.
        bytes: usize,
    },
    /// The last report of a run has been seen.
    EndOfReports,
    /// An error of the client or of a broker.
    Error(NativeError),
    /// A log line.
    Log { level: i32, facility: String, line: String },
}

/// The main queue.
pub(crate) struct Events {
    queue: NonNull<c::rd_kafka_queue_t>,
    client: Arc<Client>,
}

// Safety: queues are locked inside librdkafka.
unsafe impl Send for Events {}
// Safety: as above.
unsafe impl Sync for Events {}

impl Events {
    /// The main queue of a client.
    pub(crate) fn of(client: &Arc<Client>) -> Self {
        // Safety: the handle lives; a handle always has a main queue, and this reference to it is ours.
        let queue = unsafe { c::rd_kafka_queue_get_main(client.rk.as_ptr()) };
        let queue = NonNull::new(queue).expect("every client of librdkafka has a main queue");
        Self { queue, client: Arc::clone(client) }
    }

    /// Events that wait.
    pub(crate) fn waiting(&self) -> usize {
        // Safety: the queue is ours.
        unsafe { c::rd_kafka_queue_length(self.queue.as_ptr()) }
    }

    /// Ends a poll of another thread early.
    pub(crate) fn wake(&self) {
        // Safety: the queue is ours.
        unsafe { c::rd_kafka_queue_yield(self.queue.as_ptr()) }
    }

    /// Takes one event, waiting for it up to the limit; `false` if there was none.
    pub(crate) fn poll(&self, limit: Duration, visit: &mut dyn FnMut(Event)) -> bool {
        // Safety: the queue is ours; the event is ours until destroyed below, and what is read of it is copied.
        unsafe {
            let event = c::rd_kafka_queue_poll(self.queue.as_ptr(), millis(limit));
            if event.is_null() {
                return false;
            }
            match c::rd_kafka_event_type(event) {
                c::RD_KAFKA_EVENT_DR => {
                    let taken = reports(event, visit);
                    visit(Event::EndOfReports);
                    c::rd_kafka_event_destroy(event);
                    // Only now has librdkafka let go of the records' buffers.
                    self.client.reported.fetch_add(taken, Ordering::AcqRel);
                    return true;
                }
                c::RD_KAFKA_EVENT_ERROR => visit(Event::Error(NativeError {
                    code: rd_kafka_event_error(event),
                    text: text(c::rd_kafka_event_error_string(event)),
                    fatal: c::rd_kafka_event_error_is_fatal(event) != 0,
                    retriable: false,
                })),
                c::RD_KAFKA_EVENT_LOG => {
                    let (mut facility, mut line): (*const c_char, *const c_char) = (ptr::null(), ptr::null());
                    let mut level: c_int = 0;
                    if c::rd_kafka_event_log(event, &mut facility, &mut line, &mut level) == 0 {
                        visit(Event::Log { level, facility: text(facility), line: text(line) });
                    }
                }
                _ => {}
            }
            c::rd_kafka_event_destroy(event);
        }
        true
    }
}

/// Visits each report of an event; their number.
///
/// # Safety
/// `event` is a live event of delivery reports.
unsafe fn reports(event: *mut c::rd_kafka_event_t, visit: &mut dyn FnMut(Event)) -> u64 {
    let mut taken = 0;
    loop {
        // Safety: as the caller promises; messages live as long as their event.
        unsafe {
            let message = c::rd_kafka_event_message_next(event);
            if message.is_null() {
                return taken;
            }
            taken += 1;
            visit(Event::Report {
                slot: (*message)._private as usize,
                partition: (*message).partition,
                offset: (*message).offset,
                code: ptr::addr_of!((*message).err).cast::<i32>().read(),
                bytes: (*message).len,
            });
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // Safety: our reference, given back once; the client lives as long as our `Arc`.
        unsafe { c::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}
