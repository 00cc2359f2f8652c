//! What is asked about brokers and many topics at once: descriptions, configurations, creation and its trial.
//!
//! Invariant: nothing is made or changed but by [`Client::create_all`] without `trial`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, c_int};
use std::time::Duration;

use rdkafka::bindings as c;

use super::admin::Configured;
use super::{
    Client, NativeError, NewTopic, c_string, code, rd_kafka_ConfigResource_error, rd_kafka_topic_result_error, text,
};

/// Answers by name: an error of one stands in its place.
pub(crate) type Each<T> = BTreeMap<String, Result<T, NativeError>>;

/// A topic that exists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    pub(crate) id: Option<String>,
    pub(crate) partitions: i32,
    /// The fewest copies that a partition has.
    pub(crate) replication: i32,
    /// Numbers of the operations that we may do; `None` where no authorizer says.
    pub(crate) operations: Option<BTreeSet<i32>>,
}

impl Client {
    /// The numbers of the cluster's brokers.
    pub(crate) fn brokers(&self, limit: Duration) -> Result<Vec<i32>, NativeError> {
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER, limit, |options, queue| {
            // Safety: handle and options live over the call.
            unsafe { c::rd_kafka_DescribeCluster(self.rk.as_ptr(), options, queue) }
        })?;
        // Safety: the answer lives to the end of the block, and everything read of it is copied.
        unsafe {
            let result = c::rd_kafka_event_DescribeCluster_result(answer.1);
            let mut count = 0;
            let nodes = c::rd_kafka_DescribeCluster_result_nodes(result, &mut count);
            Ok((0..count).map(|index| c::rd_kafka_Node_id(*nodes.add(index))).collect())
        }
    }

    /// Those of the topics that exist; an error of one topic stands in its place.
    pub(crate) fn describe_all(
        &self,
        names: &[String],
        with_operations: bool,
        limit: Duration,
    ) -> Result<Each<Described>, NativeError> {
        let mut found = BTreeMap::new();
        if names.is_empty() {
            return Ok(found);
        }
        let held = names.iter().map(|name| c_string(name)).collect::<Result<Vec<CString>, _>>()?;
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, limit, |options, queue| {
            let mut names: Vec<_> = held.iter().map(|name| name.as_ptr()).collect();
            // Safety: handle, names and options live over the call; the collection is given back.
            unsafe {
                if with_operations {
                    let refused = c::rd_kafka_AdminOptions_set_include_authorized_operations(options.cast_mut(), 1);
                    drop(NativeError::take(refused));
                }
                let topics = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
                c::rd_kafka_DescribeTopics(self.rk.as_ptr(), topics, options, queue);
                c::rd_kafka_TopicCollection_destroy(topics);
            }
        })?;
        // Safety: as above. An error object of a description belongs to it, so it is read without being taken.
        unsafe {
            let result = c::rd_kafka_event_DescribeTopics_result(answer.1);
            let mut count = 0;
            let topics = c::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            for index in 0..count {
                let described = *topics.add(index);
                let name = text(c::rd_kafka_TopicDescription_name(described));
                let error = c::rd_kafka_TopicDescription_error(described);
                match if error.is_null() { 0 } else { super::rd_kafka_error_code(error) } {
                    0 => drop(found.insert(name, Ok(topic(described)))),
                    code::UNKNOWN_TOPIC_OR_PART => {}
                    other => {
                        let words = text(c::rd_kafka_error_string(error));
                        found.insert(name, Err(NativeError::with(other, words)));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Makes topics, or, as a trial, asks what would become of them: the broker's own judgement of each.
    pub(crate) fn create_all(
        &self,
        wanted: &[NewTopic],
        trial: bool,
        limit: Duration,
    ) -> Result<Each<()>, NativeError> {
        let mut found = BTreeMap::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        let mut made = Vec::with_capacity(wanted.len());
        for topic in wanted {
            made.push(Made::of(topic)?);
        }
        let mut refused = 0;
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS, limit, |options, queue| {
            let mut topics: Vec<_> = made.iter().map(|made| made.0).collect();
            let mut words = [0; 256];
            // Safety: options, requests and handle live over the calls. A trial without its option is not asked: it
            // would make the topics.
            unsafe {
                let trial = c_int::from(trial);
                let set =
                    c::rd_kafka_AdminOptions_set_validate_only(options.cast_mut(), trial, words.as_mut_ptr(), 256);
                refused = set as c_int;
                if refused == 0 {
                    c::rd_kafka_CreateTopics(self.rk.as_ptr(), topics.as_mut_ptr(), topics.len(), options, queue);
                }
            }
        });
        NativeError::check(refused)?;
        let answer = answer?;
        // Safety: the answer lives; its words are copied.
        unsafe {
            let result = c::rd_kafka_event_CreateTopics_result(answer.1);
            let mut count = 0;
            let topics = c::rd_kafka_CreateTopics_result_topics(result, &mut count);
            for index in 0..count {
                let topic = *topics.add(index);
                let outcome = match rd_kafka_topic_result_error(topic) {
                    0 => Ok(()),
                    found => Err(NativeError::with(found, text(c::rd_kafka_topic_result_error_string(topic)))),
                };
                found.insert(text(c::rd_kafka_topic_result_name(topic)), outcome);
            }
        }
        Ok(found)
    }

    /// Configurations of topics, or of a broker by its number; an error of one stands in its place.
    pub(crate) fn configs_all(
        &self,
        configured: &[Configured<'_>],
        limit: Duration,
    ) -> Result<Each<BTreeMap<String, String>>, NativeError> {
        let mut found = BTreeMap::new();
        if configured.is_empty() {
            return Ok(found);
        }
        let held: Vec<(c::rd_kafka_ResourceType_t, CString)> = configured
            .iter()
            .map(|one| match one {
                Configured::Topic(name) => Ok((c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, c_string(name)?)),
                Configured::Broker(id) => {
                    Ok((c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_BROKER, c_string(&id.to_string())?))
                }
            })
            .collect::<Result<_, NativeError>>()?;
        let answer = self.ask(c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, limit, |options, queue| {
            // Safety: handle, names and options live over the call; the resources are given back.
            unsafe {
                let made = held.iter().map(|(kind, name)| c::rd_kafka_ConfigResource_new(*kind, name.as_ptr()));
                let mut made: Vec<_> = made.collect();
                c::rd_kafka_DescribeConfigs(self.rk.as_ptr(), made.as_mut_ptr(), made.len(), options, queue);
                made.into_iter().for_each(|resource| c::rd_kafka_ConfigResource_destroy(resource));
            }
        })?;
        // Safety: the answer lives; names and values are copied.
        unsafe {
            let result = c::rd_kafka_event_DescribeConfigs_result(answer.1);
            let mut count = 0;
            let resources = c::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
            for index in 0..count {
                let resource = *resources.add(index);
                let name = text(c::rd_kafka_ConfigResource_name(resource));
                let outcome = match rd_kafka_ConfigResource_error(resource) {
                    0 => Ok(super::admin::entries(resource)),
                    other => Err(NativeError::with(other, text(c::rd_kafka_ConfigResource_error_string(resource)))),
                };
                found.insert(name, outcome);
            }
        }
        Ok(found)
    }
}

/// A request for a topic, given back once.
struct Made(*mut c::rd_kafka_NewTopic_t);

impl Made {
    fn of(topic: &NewTopic) -> Result<Self, NativeError> {
        let name = c_string(&topic.name)?;
        let mut words = [0; 256];
        // Safety: the strings live over the calls and are copied; `words` is as long as told.
        unsafe {
            let (partitions, copies) = (topic.partitions, topic.replication);
            let made = c::rd_kafka_NewTopic_new(name.as_ptr(), partitions, copies, words.as_mut_ptr(), 256);
            if made.is_null() {
                return Err(NativeError::with(code::INVALID_ARG, text(words.as_ptr())));
            }
            let made = Self(made);
            for (key, value) in &topic.configs {
                let (key, value) = (c_string(key)?, c_string(value)?);
                c::rd_kafka_NewTopic_set_config(made.0, key.as_ptr(), value.as_ptr());
            }
            Ok(made)
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Safety: ours, and destroyed once.
        unsafe { c::rd_kafka_NewTopic_destroy(self.0) }
    }
}

/// Copies a description.
///
/// # Safety
/// `described` is a description of an answer that lives.
unsafe fn topic(described: *const c::rd_kafka_TopicDescription_t) -> Described {
    // Safety: as the caller promises; everything is copied.
    unsafe {
        let mut partitions = 0;
        let list = c::rd_kafka_TopicDescription_partitions(described, &mut partitions);
        let copies = (0..partitions).map(|index| {
            let mut copies = 0;
            c::rd_kafka_TopicPartitionInfo_replicas(*list.add(index), &mut copies);
            i32::try_from(copies).unwrap_or(i32::MAX)
        });
        let replication = copies.min().unwrap_or(0);
        let mut count = 0;
        let allowed = c::rd_kafka_TopicDescription_authorized_operations(described, &mut count);
        Described {
            id: super::admin::topic_id(described),
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            replication,
            operations: operations(allowed, count),
        }
    }
}

/// Copies operations; null is "not told".
///
/// # Safety
/// `list` is null or has `count` entries.
unsafe fn operations(list: *const c::rd_kafka_AclOperation_t, count: usize) -> Option<BTreeSet<i32>> {
    // Safety: read as the numbers that they are, since a broker may name one that this librdkafka has no name for.
    (!list.is_null()).then(|| (0..count).map(|index| unsafe { list.cast::<i32>().add(index).read() }).collect())
}
