//! What happens when something goes wrong, exactly-once, and limits.

use crate::definition::{Definition, Kind, Word, ignored, key, later, not_yet, refused, word};

const TOLERANCES: &[Word] = &[word("none"), word("all")];
const EVENTS: &[Word] = &[
    word("fail"),
    refused("ignore", SKIPPING, QUARANTINE),
    refused("warn", SKIPPING, QUARANTINE),
    refused("skip", SKIPPING, QUARANTINE),
];
const SKIPPING: &str = "nothing is ever skipped: an export with holes is no export";
const QUARANTINE: &str = "errors.tolerance=all, which sends what does not fit to the quarantine topic";
const ONCE: &[Word] = &[word("required"), word("requested")];
const BOUNDARIES: &[Word] = &[word("poll"), later("interval"), later("connector")];
const ON: &[Word] = &[word("true"), later("false")];
const OFF: &[Word] = &[word("false"), later("true")];
const LIMITS: &[Word] = &[word("warn"), later("fail")];

const GIB: i64 = 1 << 30;

pub(super) const KEYS: &[Definition] = &[
    key("errors.tolerance", Kind::Choice(TOLERANCES), "`all`: drift becomes quarantine. It never skips.")
        .default("none"),
    key("errors.retry.timeout", Kind::Number(-1, i64::MAX), "How long what may pass is tried again; -1 for ever.")
        .default("-1")
        .low()
        .only(&["-1"]),
    not_yet("errors.retry.delay.max.ms", "The longest wait between two tries."),
    key("errors.log.enable", Kind::Choice(ON), "Whether errors are logged.").default("true").low().only(&[]),
    key("errors.log.include.messages", Kind::Choice(OFF), "Whether the log shows records.")
        .default("false")
        .low()
        .only(&[]),
    key("errors.max.retries", Kind::Number(-1, i64::MAX), "How often what may pass is tried again; -1 for ever.")
        .default("-1")
        .low()
        .only(&["-1"]),
    not_yet("retriable.restart.connector.wait.ms", "The wait before a task starts again."),
    key("event.processing.failure.handling.mode", Kind::Choice(EVENTS), "What a change does that can't be read.")
        .default("fail")
        .low()
        .only(&[]),
    key("exactly.once.support", Kind::Choice(ONCE), "Exactly-once is always on: `requested` is the same.")
        .default("required")
        .low()
        .only(&[]),
    key("transaction.boundary", Kind::Choice(BOUNDARIES), "What a transaction holds: a batch.")
        .default("poll")
        .low()
        .only(&[]),
    not_yet("transaction.boundary.interval.ms", "The time between transactions under `interval`."),
    key("max.batch.size", Kind::Number(1, 1_000_000), "Events of a batch.").default("8192").like("= (2048)"),
    key(
        "max.queue.size.in.bytes",
        Kind::Bytes(1024, 64 * GIB),
        "Bytes of documents that a lane holds between source and commit; a quarter as much is read ahead, and a quarter \
         held while rows are read. `moorline validate` says what memory that makes.",
    )
        .default("67108864")
        .like("= (0)"),
    ignored("max.queue.size", "what is read ahead is bounded in bytes: max.queue.size.in.bytes"),
    key(
        "poll.interval.ms",
        Kind::Duration(0, 60_000),
        "The least time between two questions for changes while there are few: each answer is a transaction, so that a \
         short time is a low latency, and a long one costs source and broker less.",
    )
    .default("10")
    .like("= (500)"),
    key("guardrail.collections.max", Kind::Number(0, i64::MAX), "Most collections; 0 for no limit.")
        .default("0")
        .low()
        .only(&["0"]),
    key("guardrail.collections.limit.action", Kind::Choice(LIMITS), "What more of them do.")
        .default("warn")
        .low()
        .only(&[]),
];
