//! The one place with `unsafe`: a thin, safe face of librdkafka, over `rdkafka::bindings`.
//!
//! Invariants: nothing of C leaves this module; a buffer that librdkafka may still read is kept alive by its
//! [`Client`] until its records are reported or the client is gone; every call has a time limit.
//!
//! Why not the crate's own types: its commit costs 100 ms, its producers copy each record, its admin client drops the
//! broker's words, and its consumer neither works without a group nor tells the offset of an end of partition.

mod admin;
mod client;
mod consume;
mod events;
mod examine;
mod group;
mod names;
mod produce;
mod transaction;

pub(crate) use admin::{Configured, NewTopic};
pub(crate) use client::{Client, Kind, Topic};
pub use consume::Message;
pub(crate) use consume::{Fetched, Fetcher};
pub(crate) use events::{Event, Events};
pub(crate) use examine::Described;
pub use names::names_by_files_and_dns;
pub(crate) use produce::{Scratch, Single};

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::time::Duration;

use rdkafka::bindings as c;

/// librdkafka's and the broker's error codes that decide something here.
pub(crate) mod code {
    pub(crate) const TRANSPORT: i32 = -195;
    pub(crate) const RESOLVE: i32 = -193;
    pub(crate) const PARTITION_EOF: i32 = -191;
    pub(crate) const UNKNOWN_PARTITION: i32 = -190;
    pub(crate) const ALL_BROKERS_DOWN: i32 = -187;
    pub(crate) const INVALID_ARG: i32 = -186;
    pub(crate) const TIMED_OUT: i32 = -185;
    pub(crate) const QUEUE_FULL: i32 = -184;
    pub(crate) const SSL: i32 = -181;
    pub(crate) const STATE: i32 = -172;
    pub(crate) const AUTHENTICATION: i32 = -169;
    pub(crate) const FATAL: i32 = -150;
    pub(crate) const FENCED: i32 = -144;
    pub(crate) const AUTO_OFFSET_RESET: i32 = -140;
    pub(crate) const OFFSET_OUT_OF_RANGE: i32 = 1;
    pub(crate) const UNKNOWN_TOPIC_OR_PART: i32 = 3;
    pub(crate) const LEADER_NOT_AVAILABLE: i32 = 5;
    pub(crate) const NOT_LEADER_FOR_PARTITION: i32 = 6;
    pub(crate) const MSG_SIZE_TOO_LARGE: i32 = 10;
    pub(crate) const RECORD_LIST_TOO_LARGE: i32 = 18;
    pub(crate) const TOPIC_AUTHORIZATION_FAILED: i32 = 29;
    pub(crate) const GROUP_AUTHORIZATION_FAILED: i32 = 30;
    pub(crate) const CLUSTER_AUTHORIZATION_FAILED: i32 = 31;
    pub(crate) const UNSUPPORTED_SASL_MECHANISM: i32 = 33;
    pub(crate) const TOPIC_ALREADY_EXISTS: i32 = 36;
    pub(crate) const INVALID_REPLICATION_FACTOR: i32 = 38;
    pub(crate) const INVALID_PRODUCER_EPOCH: i32 = 47;
    pub(crate) const INVALID_TRANSACTION_TIMEOUT: i32 = 50;
    pub(crate) const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i32 = 53;
    pub(crate) const SASL_AUTHENTICATION_FAILED: i32 = 58;
    pub(crate) const PRODUCER_FENCED: i32 = 90;
}

// The bindings give these codes as Rust enums, but a broker may send a code that this librdkafka has no name for, and
// an enum with an unknown value is undefined behaviour: here they are what C knows them as.
unsafe extern "C" {
    fn rd_kafka_err2name(err: c_int) -> *const c_char;
    fn rd_kafka_err2str(err: c_int) -> *const c_char;
    fn rd_kafka_error_code(error: *const c::rd_kafka_error_t) -> c_int;
    fn rd_kafka_event_error(event: *mut c::rd_kafka_event_t) -> c_int;
    fn rd_kafka_fatal_error(rk: *mut c::rd_kafka_t, text: *mut c_char, size: usize) -> c_int;
    fn rd_kafka_topic_result_error(result: *const c::rd_kafka_topic_result_t) -> c_int;
    fn rd_kafka_ConfigResource_error(resource: *const c::rd_kafka_ConfigResource_t) -> c_int;
    fn rd_kafka_metadata(
        rk: *mut c::rd_kafka_t,
        all_topics: c_int,
        only: *mut c::rd_kafka_topic_t,
        metadata: *mut *const c::rd_kafka_metadata,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_query_watermark_offsets(
        rk: *mut c::rd_kafka_t,
        topic: *const c_char,
        partition: i32,
        low: *mut i64,
        high: *mut i64,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_committed(
        rk: *mut c::rd_kafka_t,
        partitions: *mut c::rd_kafka_topic_partition_list_t,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_commit_queue(
        rk: *mut c::rd_kafka_t,
        offsets: *const c::rd_kafka_topic_partition_list_t,
        queue: *mut c::rd_kafka_queue_t,
        callback: *mut c_void,
        opaque: *mut c_void,
    ) -> c_int;
    fn rd_kafka_flush(rk: *mut c::rd_kafka_t, timeout_ms: c_int) -> c_int;
    fn rd_kafka_last_error() -> c_int;
}

/// An error of librdkafka, copied out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NativeError {
    /// The code, of [`code`] or another.
    pub(crate) code: i32,
    /// What librdkafka or the broker says.
    pub(crate) text: String,
    /// The client can do nothing any more.
    pub(crate) fatal: bool,
    /// The same call may be repeated.
    pub(crate) retriable: bool,
}

impl NativeError {
    /// An error known by its code only.
    pub(crate) fn of(code: i32) -> Self {
        // Safety: both functions answer every number with a static string.
        let text = unsafe { text(rd_kafka_err2str(code)) };
        Self { code, text, ..Self::default() }
    }
    /// An error with words.
    pub(crate) fn with(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), ..Self::default() }
    }
    /// The code's name, for example `_TIMED_OUT`.
    pub(crate) fn name(&self) -> String {
        // Safety: as in `of`.
        unsafe { text(rd_kafka_err2name(self.code)) }
    }
    /// `Ok` for code 0.
    fn check(code: c_int) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self::of(code)) }
    }
    /// Takes over an error object; null is none.
    ///
    /// # Safety
    /// `error` is null or an error that the caller owns.
    unsafe fn take(error: *mut c::rd_kafka_error_t) -> Result<(), Self> {
        if error.is_null() {
            return Ok(());
        }
        // Safety: not null, ours, and destroyed once, after the text has been copied.
        unsafe {
            let taken = Self {
                code: rd_kafka_error_code(error),
                text: text(c::rd_kafka_error_string(error)),
                fatal: c::rd_kafka_error_is_fatal(error) != 0,
                retriable: c::rd_kafka_error_is_retriable(error) != 0,
            };
            c::rd_kafka_error_destroy(error);
            Err(taken)
        }
    }
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.name())
    }
}

/// Copies a C string; null is empty.
///
/// # Safety
/// `pointer` is null or a string with a NUL at its end.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // Safety: as the caller promises.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// A C string of a name or value of ours; one with a NUL in it cannot be meant.
fn c_string(value: &str) -> Result<CString, NativeError> {
    CString::new(value).map_err(|_| NativeError::with(code::INVALID_ARG, "a name or value holds a NUL byte"))
}

/// A time limit as librdkafka takes it.
fn millis(limit: Duration) -> c_int {
    c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX)
}
