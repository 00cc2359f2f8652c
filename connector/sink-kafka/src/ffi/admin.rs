//! What is asked about topics: description, creation, configuration, watermarks.
//!
//! Invariant: no call here makes a topic by the way; only [`Client::create`] does.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as c;

use super::{
    Client, NativeError, c_string, code, millis, rd_kafka_ConfigResource_error, rd_kafka_event_error,
    rd_kafka_metadata, rd_kafka_query_watermark_offsets, rd_kafka_topic_result_error, text,
};

/// A topic as the broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// Kafka's id, in its own base 64; `None` from brokers that have none.
    pub(crate) id: Option<String>,
    pub(crate) partitions: i32,
}

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
    pub(crate) fn describe(&self, topic: &str, limit: Duration) -> Result<Option<Description>, NativeError> {
        let name = c_string(topic)?;
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, limit, |options, queue| {
            let mut names = [name.as_ptr()];
            // Safety: handle, names and options live over the call; the collection is given back.
            unsafe {
                let topics = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1);
                c::rd_kafka_DescribeTopics(self.rk.as_ptr(), topics, options, queue);
                c::rd_kafka_TopicCollection_destroy(topics);
            }
        })?;
        // Safety: the answer lives to the end of the block, and everything read of it is copied. An error object of a
        // description belongs to it, so it is read without being taken.
        unsafe {
            let result = c::rd_kafka_event_DescribeTopics_result(answer.1);
            let mut count = 0;
            let topics = c::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            if topics.is_null() || count == 0 {
                return Ok(None);
            }
            let described = *topics;
            let error = c::rd_kafka_TopicDescription_error(described);
            let found = if error.is_null() { 0 } else { super::rd_kafka_error_code(error) };
            match found {
                0 => {}
                code::UNKNOWN_TOPIC_OR_PART => return Ok(None),
                found => return Err(NativeError::with(found, text(c::rd_kafka_error_string(error)))),
            }
            let mut partitions = 0;
            c::rd_kafka_TopicDescription_partitions(described, &mut partitions);
            let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
            Ok(Some(Description { id: topic_id(described), partitions }))
        }
    }

    /// Makes a topic.
    pub(crate) fn create(&self, topic: &NewTopic, limit: Duration) -> Result<(), NativeError> {
        let name = c_string(&topic.name)?;
        let mut configs = Vec::with_capacity(topic.configs.len());
        for (key, value) in &topic.configs {
            configs.push((c_string(key)?, c_string(value)?));
        }
        let mut words: [c_char; 256] = [0; 256];
        // Safety: strings live over the calls; the request is ours and is given back by `NewTopic_destroy`.
        let made = unsafe {
            c::rd_kafka_NewTopic_new(
                name.as_ptr(),
                topic.partitions,
                topic.replication,
                words.as_mut_ptr(),
                words.len(),
            )
        };
        if made.is_null() {
            // Safety: librdkafka ended it with NUL.
            return Err(NativeError::with(code::INVALID_ARG, unsafe { text(words.as_ptr()) }));
        }
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS, limit, |options, queue| {
            let mut topics = [made];
            // Safety: as above.
            unsafe {
                for (key, value) in &configs {
                    c::rd_kafka_NewTopic_set_config(made, key.as_ptr(), value.as_ptr());
                }
                c::rd_kafka_CreateTopics(self.rk.as_ptr(), topics.as_mut_ptr(), 1, options, queue);
            }
        });
        // Safety: the request has been copied by librdkafka.
        unsafe { c::rd_kafka_NewTopic_destroy(made) };
        let answer = answer?;
        // Safety: the answer lives; its words are copied.
        unsafe {
            let result = c::rd_kafka_event_CreateTopics_result(answer.1);
            let mut count = 0;
            let topics = c::rd_kafka_CreateTopics_result_topics(result, &mut count);
            if topics.is_null() || count == 0 {
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
        let name = c_string(topic)?;
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, limit, |options, queue| {
            // Safety: handle, name and options live over the call; the resource is given back.
            unsafe {
                let kind = c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
                let resource = c::rd_kafka_ConfigResource_new(kind, name.as_ptr());
                let mut resources = [resource];
                c::rd_kafka_DescribeConfigs(self.rk.as_ptr(), resources.as_mut_ptr(), 1, options, queue);
                c::rd_kafka_ConfigResource_destroy(resource);
            }
        })?;
        // Safety: the answer lives; names and values are copied.
        unsafe {
            let result = c::rd_kafka_event_DescribeConfigs_result(answer.1);
            let mut count = 0;
            let resources = c::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
            if resources.is_null() || count == 0 {
                return Ok(BTreeMap::new());
            }
            match rd_kafka_ConfigResource_error(*resources) {
                0 => Ok(entries(*resources)),
                error => Err(NativeError::with(error, text(c::rd_kafka_ConfigResource_error_string(*resources)))),
            }
        }
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
