//! What records look like.

use crate::definition::{Definition, Kind, Word, key, later, later_since, refuse, refused, word};

const PROFILES: &[Word] = &[
    word("none"),
    later("jdbc"),
    later("iceberg"),
    later("files"),
    later("clickhouse"),
    later("flink-upsert"),
    later("flink-debezium"),
    later("materialize"),
    later("risingwave"),
    later("snowflake"),
    later("bigquery"),
    later("debezium"),
];
const FORMATS: &[Word] = &[word("document"), word("envelope"), later("debezium-mongodb"), later("mongo-kafka")];
const DELETES: &[Word] = &[word("tombstone"), word("drop"), word("rewrite"), word("rewrite-with-tombstone")];
const ADJUSTMENTS: &[Word] = &[
    word("avro"),
    word("avro_unicode"),
    refused("none", "names that Avro does not allow cannot be registered", "take the key out, or write avro"),
];
const MESSAGE_KEYS: &[Word] = &[
    word("id"),
    later_since(
        "document_key",
        "a document's key differs from its `_id` in a sharded collection only, and there snapshots and look-ups go by `_id` \
         still: a key of more would promise that two documents of one `_id` are kept apart, and they would not be",
    ),
];
const TIMESTAMPS: &[Word] = &[word("write"), later("source")];
const OVERSIZE: &[Word] = &[word("halt"), word("quarantine"), word("truncate.any"), word("skip")];
const NESTED: &[Word] = &[word("struct"), word("json"), word("flatten")];

pub(super) const KEYS: &[Definition] = &[
    key("output.profile", Kind::Choice(PROFILES), "What a kind of sink needs, in one word.")
        .default("none")
        .ours()
        .low()
        .only(&[]),
    key(
        "output.format",
        Kind::Choice(FORMATS),
        "The form of values: `document` is the state after the change, flat; `envelope` is Debezium's, with typed \
         documents before and after, one record for each change.",
    )
    .default("document")
    .ours()
    .only(&[]),
    key(
        "delete.tombstone.handling.mode",
        Kind::Choice(DELETES),
        "What a delete becomes under `document`: a record without a value, a row with `__deleted`, both, or nothing \
         (`drop`, which no anchor calls exact). An envelope always tells of it.",
    )
    .default("tombstone"),
    key("tombstones.on.delete", Kind::Boolean, "Whether a record without a value follows a delete's own record.")
        .default("true")
        .low(),
    key(
        "field.metadata.prefix",
        Kind::AvroName,
        "Begins the names of metadata fields (`__op`, ...): a letter or `_`, then letters, digits and `_`.",
    )
    .default("__")
    .like("`add.fields.prefix`")
    .low(),
    key(
        "add.fields",
        Kind::List,
        "Metadata fields of a value under `document`, named as for Debezium's transform: `op`, `db`, `source.ts_ms`, \
         `transaction.id`, `op:operation`.",
    )
    .default("op,deleted,ts_ms,cluster_time,seq,image_time,snapshot")
    .like("=")
    .low(),
    key("add.headers", Kind::List, "The same in headers, as text, in every form; `none` for none.")
        .default("none")
        .like("=")
        .low(),
    key(
        "schema.name.adjustment.mode",
        Kind::Choice(ADJUSTMENTS),
        "How a topic's name becomes the namespace of its records: what Avro does not allow becomes `_`, or `_uxxxx`.",
    )
    .default("avro")
    .like("= (none)")
    .low(),
    key(
        "field.name.adjustment.mode",
        Kind::Choice(ADJUSTMENTS),
        "The same for the names of new fields; under `avro_unicode` no two names become one, and `_` becomes `_u005f`.",
    )
    .default("avro")
    .like("= (none)")
    .low(),
    key(
        "nested.handling.mode",
        Kind::Choice(NESTED),
        "What documents in documents become: records; `json`: they, dictionaries and arrays are JSON text; `flatten`: \
         columns, where arrays and dictionaries stay. Contracts stay nested.",
    )
    .default("struct")
    .like("`flatten.struct`")
    .low(),
    key("flatten.struct.delimiter", Kind::Text, "What joins names under `flatten`: letters, digits, `_`.")
        .default("_")
        .low(),
    key("message.key.mode", Kind::Choice(MESSAGE_KEYS), "What a record's key is made of.")
        .default("id")
        .ours()
        .low()
        .only(&[]),
    refuse(
        "message.key.columns",
        "the key decides which record replaces which, and only `_id` is unique in MongoDB",
        "message.key.mode=id, which is the default",
    ),
    key("record.timestamp", Kind::Choice(TIMESTAMPS), "The time that a record carries: of its writing.")
        .default("write")
        .ours()
        .low()
        .only(&[]),
    key(
        "record.oversize.handling",
        Kind::Choice(OVERSIZE),
        "What a record over `kafka.message.max.bytes` does: stop the connector; go to quarantine without its value; have \
         its JSON texts (fields of type `any`) cut, and stop where that is not enough; or be left out. Anchors say of the \
         last two that they are inexact.",
    )
    .default("halt")
    .ours(),
    key(
        "provide.transaction.metadata",
        Kind::Boolean,
        "Records that say where transactions of the source begin and end, and each record's place in its own; needs \
         `capture.coalesce.updates=false`.",
    )
    .default("false")
    .low(),
    key("topic.transaction", Kind::Topic, "The end of that topic's name, behind `topic.prefix`.")
        .default("transaction")
        .low(),
    key("extended.headers.enabled", Kind::Boolean, "Debezium's context headers.")
        .default("false")
        .like("= (true)")
        .low(),
];
