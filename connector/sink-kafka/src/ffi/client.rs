//! A client handle, its topics, and the buffers that it may still read.
//!
//! Invariants: a handle outlives its topics and queues (each holds an `Arc` of it); held buffers are dropped after the
//! handle is destroyed, or when each record queued so far has been reported.

use std::ffi::{CStr, c_char};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moorline_pipeline::sink::Encoded;
use rdkafka::bindings as c;

use super::{NativeError, c_string, code, millis, rd_kafka_fatal_error, rd_kafka_flush, rd_kafka_metadata, text};

/// What a handle is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Producer,
    Consumer,
}

/// A handle of librdkafka.
pub(crate) struct Client {
    pub(super) rk: NonNull<c::rd_kafka_t>,
    /// Buffers that queued records point into. Behind one lock with queueing, so that none is released while in use.
    pub(super) held: Mutex<Vec<Arc<Encoded>>>,
    /// Records accepted by librdkafka.
    pub(super) queued: AtomicU64,
    /// Records whose report has been taken and destroyed.
    pub(super) reported: AtomicU64,
}

// Safety: librdkafka's handle may be used from any thread, and by several at once; the other fields are Sync.
unsafe impl Send for Client {}
// Safety: as above.
unsafe impl Sync for Client {}

impl Client {
    /// Makes a handle. Does not connect yet.
    pub(crate) fn open(kind: Kind, settings: &[(String, String)]) -> Result<Arc<Self>, NativeError> {
        let mut words: [c_char; 512] = [0; 512];
        // Safety: `conf` is ours until `rd_kafka_new` takes it; each string lives over its call; `words` is as long as
        // told and is ended with NUL by librdkafka.
        let rk = unsafe {
            let conf = c::rd_kafka_conf_new();
            for (name, value) in settings {
                let set = c_string(name).and_then(|name| Ok((name, c_string(value)?))).and_then(|(name, value)| {
                    let words = words.as_mut_ptr();
                    match c::rd_kafka_conf_set(conf, name.as_ptr(), value.as_ptr(), words, 512) {
                        c::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
                        _ => Err(NativeError::with(code::INVALID_ARG, text(words))),
                    }
                });
                if let Err(error) = set {
                    c::rd_kafka_conf_destroy(conf);
                    return Err(error);
                }
            }
            let reports = if kind == Kind::Producer { c::RD_KAFKA_EVENT_DR } else { 0 };
            c::rd_kafka_conf_set_events(conf, reports | c::RD_KAFKA_EVENT_ERROR | c::RD_KAFKA_EVENT_LOG);
            let kind = match kind {
                Kind::Producer => c::rd_kafka_type_t::RD_KAFKA_PRODUCER,
                Kind::Consumer => c::rd_kafka_type_t::RD_KAFKA_CONSUMER,
            };
            let rk = c::rd_kafka_new(kind, conf, words.as_mut_ptr(), 512);
            let Some(rk) = NonNull::new(rk) else {
                c::rd_kafka_conf_destroy(conf);
                return Err(NativeError::with(code::INVALID_ARG, text(words.as_ptr())));
            };
            // Log lines come as events of the main queue, so that no C callback runs into Rust.
            c::rd_kafka_set_log_queue(rk.as_ptr(), ptr::null_mut());
            rk
        };
        Ok(Arc::new(Self { rk, held: Mutex::new(Vec::new()), queued: AtomicU64::new(0), reported: AtomicU64::new(0) }))
    }

    /// The fatal error that the client is in, if any.
    pub(crate) fn fatal(&self) -> Option<NativeError> {
        let mut words: [c_char; 512] = [0; 512];
        // Safety: the handle lives; `words` is as long as told.
        let found = unsafe { rd_kafka_fatal_error(self.rk.as_ptr(), words.as_mut_ptr(), 512) };
        if found == 0 {
            return None;
        }
        // Safety: librdkafka ended it with NUL.
        let text = unsafe { CStr::from_ptr(words.as_ptr()) }.to_string_lossy().into_owned();
        Some(NativeError { code: found, text, fatal: true, retriable: false })
    }

    /// Sends what is queued without lingering, and waits until all is reported; `false` if the limit passed first.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        // Safety: the handle lives. Reports are taken by the thread that polls the main queue.
        unsafe { rd_kafka_flush(self.rk.as_ptr(), millis(limit)) == 0 }
    }

    /// Gives up what is queued and in flight; the reports say so.
    pub(crate) fn purge(&self) {
        // Safety: the handle lives; non-blocking, so its answer says nothing.
        unsafe {
            let _ = c::rd_kafka_purge(
                self.rk.as_ptr(),
                c::RD_KAFKA_PURGE_F_QUEUE | c::RD_KAFKA_PURGE_F_INFLIGHT | c::RD_KAFKA_PURGE_F_NON_BLOCKING,
            );
        }
    }

    /// Lets go of the buffers if no queued record can point into them any more.
    pub(crate) fn release(&self) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.queued.load(Ordering::Acquire) == self.reported.load(Ordering::Acquire);
        if idle {
            held.clear();
        }
        idle
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Safety: the last `Arc` is gone, so no topic, queue or thread of ours uses the handle; the held buffers are
        // fields and are dropped after this.
        unsafe { c::rd_kafka_destroy(self.rk.as_ptr()) }
    }
}

/// A topic handle.
pub(crate) struct Topic {
    pub(super) rkt: NonNull<c::rd_kafka_topic_t>,
    pub(super) client: Arc<Client>,
    /// Partitions at the last look; 0 before the first.
    pub(super) partitions: AtomicI32,
    name: String,
}

// Safety: as for `Client`: topic handles are locked inside librdkafka.
unsafe impl Send for Topic {}
// Safety: as above.
unsafe impl Sync for Topic {}

impl Topic {
    /// A handle, with nothing known of the topic yet.
    pub(crate) fn open(client: &Arc<Client>, name: &str) -> Result<Self, NativeError> {
        let c_name = c_string(name)?;
        // Safety: handle and name live over the call; no configuration of its own is given.
        let rkt = unsafe { c::rd_kafka_topic_new(client.rk.as_ptr(), c_name.as_ptr(), ptr::null_mut()) };
        match NonNull::new(rkt) {
            Some(rkt) => {
                Ok(Self { rkt, client: Arc::clone(client), partitions: AtomicI32::new(0), name: name.to_owned() })
            }
            None => Err(NativeError::with(code::INVALID_ARG, format!("no handle for topic `{name}`"))),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Partitions at the last look.
    pub(crate) fn partitions(&self) -> i32 {
        self.partitions.load(Ordering::Acquire)
    }

    /// Asks for the topic's metadata. Needed once before records go to a given partition of it in a batch: that path
    /// does not check, and a partition unknown to the client joins the transaction as -1, whose commit hangs.
    pub(crate) fn refresh(&self, limit: Duration) -> Result<i32, NativeError> {
        let mut metadata: *const c::rd_kafka_metadata = ptr::null();
        // Safety: handles live; on success `metadata` is ours, is read only here, and is destroyed once. The error of
        // the topic is read as the number that it is.
        let found = unsafe {
            NativeError::check(rd_kafka_metadata(
                self.client.rk.as_ptr(),
                0,
                self.rkt.as_ptr(),
                &mut metadata,
                millis(limit),
            ))?;
            let found = if (*metadata).topic_cnt < 1 {
                Err(NativeError::of(code::UNKNOWN_TOPIC_OR_PART))
            } else {
                let topic = (*metadata).topics;
                let error = ptr::addr_of!((*topic).err).cast::<i32>().read();
                NativeError::check(error).map(|()| (*topic).partition_cnt)
            };
            c::rd_kafka_metadata_destroy(metadata);
            found?
        };
        self.partitions.store(found, Ordering::Release);
        Ok(found)
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // Safety: ours, and destroyed once; the client lives as long as our `Arc`.
        unsafe { c::rd_kafka_topic_destroy(self.rkt.as_ptr()) }
    }
}
