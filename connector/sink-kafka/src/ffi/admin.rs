//! What is asked about one topic: description, creation, configuration, watermarks.
//!
//! Invariant: no call here makes a topic by the way, or removes one; only [`Client::create`] and [`Client::delete`] do.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as c;

use super::{
    Client, Described, NativeError, c_string, code, millis, rd_kafka_event_error, rd_kafka_metadata,
    rd_kafka_query_watermark_offsets, rd_kafka_topic_result_error, text,
};

/// A topic to be made; -1 leaves a number to the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewTopic {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) replication: i32,
    pub(crate) configs: BTreeMap<String, String>,
}

/// What has a configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Configured<'a> {
    Topic(&'a str),
    Broker(i32),
}

/// A queue for one answer, and the answer on it.
pub(super) struct Answer(NonNull<c::rd_kafka_queue_t>, pub(super) *mut c::rd_kafka_event_t);

impl Client {
    /// Runs one request of the admin API, and gives its event.
    pub(super) fn ask(
        &self,
        api: c::rd_kafka_admin_op_t,
        limit: Duration,
        request: impl FnOnce(*const c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
    ) -> Result<Answer, NativeError> {
        // Safety: the handle lives; queue, options and event are ours and are given back, the first and the last by
        // `Answer`'s drop. The request is made with pointers that live over it.
        unsafe {
            let queue = c::rd_kafka_queue_new(self.rk.as_ptr());
            let mut answer = Answer(NonNull::new(queue).expect("librdkafka makes a queue"), ptr::null_mut());
            let options = c::rd_kafka_AdminOptions_new(self.rk.as_ptr(), api);
            let mut words: [c_char; 256] = [0; 256];
            c::rd_kafka_AdminOptions_set_request_timeout(options, millis(limit), words.as_mut_ptr(), 256);
            request(options, queue);
            c::rd_kafka_AdminOptions_destroy(options);
            answer.1 = c::rd_kafka_queue_poll(queue, millis(limit + Duration::from_secs(1)));
            if answer.1.is_null() {
                return Err(NativeError::of(code::TIMED_OUT));
            }
            match rd_kafka_event_error(answer.1) {
                0 => Ok(answer),
                found => Err(NativeError::with(found, text(c::rd_kafka_event_error_string(answer.1)))),
            }
        }
    }

    /// A topic's description; `None` if there is no such topic.
    pub(crate) fn describe(&self, topic: &str, limit: Duration) -> Result<Option<Described>, NativeError> {
        self.describe_all(&[topic.to_owned()], false, limit)?.remove(topic).transpose()
    }

    /// Makes a topic.
    pub(crate) fn create(&self, topic: &NewTopic, limit: Duration) -> Result<(), NativeError> {
        let silent = || Err(NativeError::with(code::STATE, "the broker did not say what became of the topic"));
        self.create_all(std::slice::from_ref(topic), false, limit)?.remove(&topic.name).unwrap_or_else(silent)
    }

    /// Removes a topic.
    pub(crate) fn delete(&self, topic: &str, limit: Duration) -> Result<(), NativeError> {
        let name = c_string(topic)?;
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETETOPICS, limit, |options, queue| {
            // Safety: handle, options and queue live over the call, and so does the request, which is ours.
            unsafe {
                let mut request = c::rd_kafka_DeleteTopic_new(name.as_ptr());
                c::rd_kafka_DeleteTopics(self.rk.as_ptr(), &mut request, 1, options, queue);
                c::rd_kafka_DeleteTopic_destroy(request);
            }
        })?;
        // Safety: the answer lives; its words are copied.
        unsafe {
            let result = c::rd_kafka_event_DeleteTopics_result(answer.1);
            let mut count = 0;
            let topics = c::rd_kafka_DeleteTopics_result_topics(result, &mut count);
            if count == 0 {
                return Err(NativeError::with(code::STATE, "the broker did not say what became of the topic"));
            }
            match rd_kafka_topic_result_error(*topics) {
                0 => Ok(()),
                found => Err(NativeError::with(found, text(c::rd_kafka_topic_result_error_string(*topics)))),
            }
        }
    }

    /// A topic's configuration, with what it inherits.
    pub(crate) fn configs(&self, topic: &str, limit: Duration) -> Result<BTreeMap<String, String>, NativeError> {
        let found = self.configs_all(&[Configured::Topic(topic)], limit)?.remove(topic);
        found.unwrap_or_else(|| Ok(BTreeMap::new()))
    }

    /// The names of all topics with their partition counts.
    pub(crate) fn topics(&self, limit: Duration) -> Result<BTreeMap<String, i32>, NativeError> {
        let mut metadata: *const c::rd_kafka_metadata = ptr::null();
        let mut found = BTreeMap::new();
        // Safety: the handle lives; on success `metadata` is ours, is read as C laid it out, and is destroyed once.
        unsafe {
            let answered = rd_kafka_metadata(self.rk.as_ptr(), 1, ptr::null_mut(), &mut metadata, millis(limit));
            NativeError::check(answered)?;
            for index in 0..usize::try_from((*metadata).topic_cnt).unwrap_or(0) {
                let topic = (*metadata).topics.add(index);
                found.insert(text((*topic).topic), (*topic).partition_cnt);
            }
            c::rd_kafka_metadata_destroy(metadata);
        }
        Ok(found)
    }

    /// First offset and end of a partition. The end is the last stable offset for a client that reads committed
    /// records only, else the high watermark.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32, limit: Duration) -> Result<(i64, i64), NativeError> {
        let name = c_string(topic)?;
        let (mut low, mut high) = (0, 0);
        // Safety: the handle lives; the numbers are written before it returns.
        let answered: c_int = unsafe {
            rd_kafka_query_watermark_offsets(
                self.rk.as_ptr(),
                name.as_ptr(),
                partition,
                &mut low,
                &mut high,
                millis(limit),
            )
        };
        NativeError::check(answered)?;
        Ok((low, high))
    }
}

/// Copies a configuration.
///
/// # Safety
/// `resource` is of an answer that lives.
pub(super) unsafe fn entries(resource: *const c::rd_kafka_ConfigResource_t) -> BTreeMap<String, String> {
    // Safety: as the caller promises.
    unsafe {
        let mut count = 0;
        let entries = c::rd_kafka_ConfigResource_configs(resource, &mut count);
        let each = (0..count).map(|index| *entries.add(index));
        each.map(|entry| (text(c::rd_kafka_ConfigEntry_name(entry)), text(c::rd_kafka_ConfigEntry_value(entry))))
            .collect()
    }
}

/// Copies Kafka's id of a topic; brokers that have none send zeros.
///
/// # Safety
/// `described` is of an answer that lives.
pub(super) unsafe fn topic_id(described: *const c::rd_kafka_TopicDescription_t) -> Option<String> {
    // Safety: as the caller promises.
    unsafe {
        let id = c::rd_kafka_TopicDescription_topic_id(described);
        let known = !id.is_null()
            && (c::rd_kafka_Uuid_most_significant_bits(id) != 0 || c::rd_kafka_Uuid_least_significant_bits(id) != 0);
        known.then(|| text(c::rd_kafka_Uuid_base64str(id)))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Safety: both are ours, given back once.
        unsafe {
            if !self.1.is_null() {
                c::rd_kafka_event_destroy(self.1);
            }
            c::rd_kafka_queue_destroy(self.0.as_ptr());
        }
    }
}
