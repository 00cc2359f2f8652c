//! From an error of librdkafka to a [`Failure`]: what happens next, and what a person is told.
//!
//! Invariants: one table decides; what cannot get better by itself halts, what is not known to be harmless rebuilds.

use moorline_pipeline::error::{Failure, Next, Problem};

use crate::ffi::{NativeError, code};

/// Whether another producer has the transactional id, or the coordinator has ended the transaction: both look alike.
pub(crate) fn fenced(found: i32) -> bool {
    matches!(found, code::FENCED | code::PRODUCER_FENCED | code::INVALID_PRODUCER_EPOCH)
}

/// Whether a connection was lost or could not be made.
pub(crate) fn transport(found: i32) -> bool {
    matches!(
        found,
        code::TRANSPORT | code::ALL_BROKERS_DOWN | code::RESOLVE | code::TIMED_OUT | code::SSL | code::AUTHENTICATION
    )
}

/// Whether a partition has no leader yet, or another than the client believes: it asks again by itself.
pub(crate) fn leaderless(found: i32) -> bool {
    matches!(found, code::LEADER_NOT_AVAILABLE | code::NOT_LEADER_FOR_PARTITION)
}

fn refused(found: i32) -> bool {
    matches!(
        found,
        code::TOPIC_AUTHORIZATION_FAILED
            | code::GROUP_AUTHORIZATION_FAILED
            | code::CLUSTER_AUTHORIZATION_FAILED
            | code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | code::SASL_AUTHENTICATION_FAILED
            | code::UNSUPPORTED_SASL_MECHANISM
            | code::AUTHENTICATION
    )
}

/// A key of the client that librdkafka does not take.
pub(crate) fn configuration(error: &NativeError, place: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-3003",
        "a `kafka.*` key cannot be used",
        format!("Kafka client for {place}"),
        error.text.clone(),
        "correct or remove the key; the keys are librdkafka's, with its names and values",
    ))
}

/// What any request may end with. `next` is for what is not settled by the error itself.
pub(crate) fn request(error: &NativeError, what: &str, place: &str, next: Next) -> Failure {
    let found = error.code;
    if fenced(found) {
        return taken_over(error, place);
    }
    if refused(found) {
        return Failure::halt(Problem::new(
            "MOOR-3002",
            format!("Kafka refuses {what}"),
            place,
            error.to_string(),
            "grant, for the user of `kafka.sasl.username` (or the certificate's principal):\n\
             Write and Describe on TransactionalId of each lane\n\
             Write, Describe and Create on the data, anchors and quarantine topics\n\
             Read, Write, Describe and Create on the offsets topic\n\
             IdempotentWrite on the cluster, where brokers are older than 2.8",
        ));
    }
    if found == code::INVALID_TRANSACTION_TIMEOUT {
        return Failure::halt(Problem::new(
            "MOOR-3006",
            "`kafka.transaction.timeout.ms` is over the broker's maximum",
            place,
            error.to_string(),
            "lower `kafka.transaction.timeout.ms`, or raise `transaction.max.timeout.ms` on the brokers",
        ));
    }
    if matches!(found, code::MSG_SIZE_TOO_LARGE | code::RECORD_LIST_TOO_LARGE) {
        return too_large(place, 0, error);
    }
    if transport(found) || leaderless(found) || error.retriable {
        return unreachable(error, what, place, next);
    }
    unsettled(what, place, error)
}

/// No broker answered in time.
pub(crate) fn unreachable(error: &NativeError, what: &str, place: &str, next: Next) -> Failure {
    Failure::new(
        next,
        Problem::new(
            "MOOR-3001",
            format!("no broker answered: {what}"),
            place,
            error.to_string(),
            "check `bootstrap.servers`, the brokers' `advertised.listeners`, and `kafka.security.protocol`",
        ),
    )
}

/// The state of the transaction is not known, or it is lost.
pub(crate) fn unsettled(what: &str, place: &str, error: &NativeError) -> Failure {
    Failure::new(
        Next::Rebuild,
        Problem::new(
            "MOOR-3010",
            format!("a transaction did not come to its end: {what}"),
            place,
            error.to_string(),
            "nothing: the producer is made anew and the offsets topic says what is durable\n\
             if this repeats, look at the brokers' logs, and raise `kafka.transaction.timeout.ms` for slow brokers",
        ),
    )
}

/// Another producer, or the coordinator's time-out.
pub(crate) fn taken_over(error: &NativeError, place: &str) -> Failure {
    Failure::new(
        Next::Rebuild,
        Problem::new(
            "MOOR-7003",
            format!("another producer took over {place}, or its transaction timed out"),
            place,
            error.to_string(),
            "nothing, if a rebalance just happened: the owner record decides who goes on\n\
             otherwise give the second `moorline run` another name",
        ),
    )
}

/// A record that was not delivered.
pub(crate) fn undelivered(error: &NativeError, place: &str, bytes: usize) -> Failure {
    match error.code {
        code::MSG_SIZE_TOO_LARGE | code::RECORD_LIST_TOO_LARGE => too_large(place, bytes, error),
        found if fenced(found) => taken_over(error, place),
        found if refused(found) => request(error, "to write", place, Next::Halt),
        _ => Failure::new(
            Next::Rebuild,
            Problem::new(
                "MOOR-3008",
                "records were not delivered",
                place,
                error.to_string(),
                "nothing, if a broker was away: the batch is sent again from its position\n\
                 if this repeats, check the topic's `min.insync.replicas` and the brokers' logs",
            ),
        ),
    }
}

fn too_large(place: &str, bytes: usize, error: &NativeError) -> Failure {
    let size = if bytes == 0 { String::new() } else { format!(" of {bytes} bytes") };
    Failure::halt(Problem::new(
        "MOOR-3009",
        format!("a record{size} is over the limit"),
        place,
        error.to_string(),
        "raise `max.message.bytes` of the topic and `kafka.message.max.bytes`, or exclude the large field,\n\
         or record.oversize.handling=quarantine   (the task stopped at this change; nothing was skipped)",
    ))
}

/// A record for a partition that the topic does not have.
pub(crate) fn no_partition(topic: &str, partition: i32, count: i32) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-3011",
        format!("topic `{topic}` has no partition {partition}"),
        topic,
        format!("it has {count} partitions, fewer than when the connector first wrote to it: it was made anew"),
        "make the topic again with its old number of partitions, and start once with snapshot.mode=always\n\
         or begin a new export: another name and topic.prefix",
    ))
}
