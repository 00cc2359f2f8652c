//! Queueing records without copying their values.
//!
//! Invariants: the batch that a record points into is held by the client before the record is queued; a key is always
//! copied by librdkafka, a value never; of one call a prefix is accepted and the rest refused.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use moorline_pipeline::sink::{Encoded, Headers};
use rdkafka::bindings as c;

use super::{Client, NativeError, Topic, code};

/// Reported where a record was accepted behind one that was refused: order is lost, the transaction must go.
const NO_OVERTAKING: &str = "a record was queued although one before it was refused";

/// The messages of a call, kept for the next one so that they are not allocated anew.
#[derive(Default)]
pub(crate) struct Scratch(Vec<c::rd_kafka_message_t>);

// Safety: the pointers in it are used within `produce_run` only, which fills it anew.
unsafe impl Send for Scratch {}

/// A record on its own; its value is copied.
pub(crate) struct Single<'a> {
    pub(crate) partition: i32,
    pub(crate) key: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Option<&'a Headers>,
}

impl Client {
    /// Queues records of one topic, given by their indexes in the batch. The number accepted, which is a prefix, and
    /// why the next one was refused.
    pub(crate) fn produce_run(
        &self,
        topic: &Topic,
        slot: usize,
        batch: &Arc<Encoded>,
        records: &[u32],
        scratch: &mut Scratch,
    ) -> (usize, Option<NativeError>) {
        let messages = &mut scratch.0;
        messages.clear();
        for index in records {
            let record = &batch.records[*index as usize];
            if record.partition < 0 || record.partition >= topic.partitions() {
                return (0, Some(NativeError::of(code::UNKNOWN_PARTITION)));
            }
            let key = &batch.data[record.key.clone()];
            let value = record.value.clone().map(|range| &batch.data[range]);
            messages.push(c::rd_kafka_message_t {
                err: c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                rkt: ptr::null_mut(),
                partition: record.partition,
                payload: value.map_or(ptr::null_mut(), |value| value.as_ptr().cast_mut().cast()),
                len: value.map_or(0, <[u8]>::len),
                key: key.as_ptr().cast_mut().cast(),
                key_len: key.len(),
                offset: 0,
                _private: slot as *mut c_void,
            });
        }
        let count = messages.len().min(c_int::MAX as usize);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.last().is_some_and(|last| Arc::ptr_eq(last, batch)) {
            held.push(Arc::clone(batch));
        }
        // Safety: handles live. Keys are copied in the call; values point into `batch`, which is immutable behind its
        // `Arc` and held until its records are reported (`Client::release`). Flags: no copy, no free, own partitions.
        let accepted = unsafe {
            c::rd_kafka_produce_batch(
                topic.rkt.as_ptr(),
                -1,
                c::RD_KAFKA_MSG_F_PARTITION,
                messages.as_mut_ptr(),
                count as c_int,
            )
        };
        let accepted = usize::try_from(accepted).unwrap_or(0);
        self.queued.fetch_add(accepted as u64, Ordering::AcqRel);
        drop(held);
        if accepted == count {
            return (accepted, None);
        }
        let refused = |message: &c::rd_kafka_message_t| {
            // Safety: a field of a live message, read as the number that C wrote there.
            unsafe { ptr::addr_of!(message.err).cast::<i32>().read() }
        };
        let first = messages.iter().position(|message| refused(message) != 0).unwrap_or(count);
        let error = messages.get(first).map_or(code::STATE, refused);
        // An order that is broken is told apart from a full queue, which can be waited for.
        if first != accepted && error == code::QUEUE_FULL {
            return (accepted, Some(NativeError::with(code::STATE, NO_OVERTAKING)));
        }
        (accepted, Some(NativeError::of(error)))
    }

    /// Queues one record, with its headers; everything is copied.
    pub(crate) fn produce_one(&self, topic: &Topic, slot: usize, record: &Single<'_>) -> Result<(), NativeError> {
        if record.partition < 0 || record.partition >= topic.partitions() {
            return Err(NativeError::of(code::UNKNOWN_PARTITION));
        }
        let memory = |bytes: Option<&[u8]>| c::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
            ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
            size: bytes.map_or(0, <[u8]>::len),
        };
        let argument = |vtype, u| c::rd_kafka_vu_t { vtype, u };
        use c::rd_kafka_vtype_t as V;
        use c::rd_kafka_vu_s__bindgen_ty_1 as U;
        let mut arguments = vec![
            argument(V::RD_KAFKA_VTYPE_RKT, U { rkt: topic.rkt.as_ptr() }),
            argument(V::RD_KAFKA_VTYPE_PARTITION, U { i32_: record.partition }),
            argument(V::RD_KAFKA_VTYPE_MSGFLAGS, U { i: c::RD_KAFKA_MSG_F_COPY }),
            argument(V::RD_KAFKA_VTYPE_KEY, U { mem: memory(Some(record.key)) }),
            argument(V::RD_KAFKA_VTYPE_VALUE, U { mem: memory(record.value) }),
            argument(V::RD_KAFKA_VTYPE_OPAQUE, U { ptr: slot as *mut c_void }),
        ];
        let headers = record.headers.map(native);
        if let Some(headers) = headers {
            arguments.push(argument(V::RD_KAFKA_VTYPE_HEADERS, U { headers }));
        }
        // Safety: handles and slices live over the call, which copies key and value. It takes the headers only if it
        // succeeds; else they are ours still and are destroyed.
        unsafe {
            let produced =
                NativeError::take(c::rd_kafka_produceva(self.rk.as_ptr(), arguments.as_ptr(), arguments.len()));
            if produced.is_ok() {
                self.queued.fetch_add(1, Ordering::AcqRel);
            } else if let Some(headers) = headers {
                c::rd_kafka_headers_destroy(headers);
            }
            produced
        }
    }
}

/// Headers as librdkafka keeps them; the caller owns the result.
fn native(headers: &Headers) -> *mut c::rd_kafka_headers_t {
    // Safety: name and value are given with their lengths and are copied.
    unsafe {
        let made = c::rd_kafka_headers_new(headers.len());
        for (name, value) in headers {
            c::rd_kafka_header_add(
                made,
                name.as_ptr().cast::<c_char>(),
                name.len() as isize,
                value.as_ptr().cast(),
                value.len() as isize,
            );
        }
        made
    }
}
