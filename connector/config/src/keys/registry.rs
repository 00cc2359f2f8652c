//! The schema registry, under our names and under those of Connect's converters.

use super::source::STORES;
use crate::definition::{Definition, Kind, Word, ignored, key, later, not_yet, refuse, refused, word};

const CONVERTERS: &[Word] = &[
    word("avro"),
    word("io.confluent.connect.avro.AvroConverter"),
    word("io.apicurio.registry.utils.converter.AvroConverter"),
    word("json"),
    word("org.apache.kafka.connect.json.JsonConverter"),
    later("io.confluent.connect.json.JsonSchemaConverter"),
    later("io.confluent.connect.protobuf.ProtobufConverter"),
    refused(
        "org.apache.kafka.connect.storage.StringConverter",
        "it writes what Java prints of a value, which no reader can rely on",
        "key.converter=json or value.converter=json, which is text; or take the key out",
    ),
];
const STRATEGIES: &[Word] = &[
    word("topic"),
    word("io.confluent.kafka.serializers.subject.TopicNameStrategy"),
    later("record"),
    later("io.confluent.kafka.serializers.subject.RecordNameStrategy"),
    later("topic-record"),
    later("io.confluent.kafka.serializers.subject.TopicRecordNameStrategy"),
];
const BASIC: &[Word] = &[word("USER_INFO"), later("URL"), later("SASL_INHERIT")];
const BEARER: &[Word] =
    &[word("STATIC_TOKEN"), later("OAUTHBEARER"), later("SASL_OAUTHBEARER_INHERIT"), later("CUSTOM")];
const SCHEMAS: &str = "the schema stands in the registry, of Avro and of JSON text alike, and never around a record";
const OFF: &[Word] = &[word("false"), later("true")];

pub(super) const KEYS: &[Definition] = &[
    key(
        "schema.registry.url",
        Kind::Urls,
        "Base URLs of the registry, with commas, tried in order; Apicurio's ends in `/apis/ccompat/v7`.",
    )
    .required("http://localhost:8081")
    .like("`value.converter.schema.registry.url`"),
    key("schema.registry.basic.auth.user.info", Kind::Secret, "`user:password`.")
        .aliases(&["basic.auth.user.info"])
        .like("`value.converter.basic.auth.user.info`"),
    key("schema.registry.basic.auth.credentials.source", Kind::Choice(BASIC), "Where those come from.")
        .default("USER_INFO")
        .aliases(&["basic.auth.credentials.source"])
        .low()
        .only(&[]),
    key("schema.registry.bearer.auth.token", Kind::Secret, "A fixed token.")
        .aliases(&["bearer.auth.token"])
        .like("`value.converter.bearer.auth.token`"),
    key("schema.registry.bearer.auth.credentials.source", Kind::Choice(BEARER), "Where the token comes from.")
        .default("STATIC_TOKEN")
        .aliases(&["bearer.auth.credentials.source"])
        .low()
        .only(&[]),
    not_yet("schema.registry.bearer.auth.*", "Tokens that are fetched."),
    key(
        "schema.registry.ssl.truststore.location",
        Kind::Path,
        "A PEM file with certificates to trust beside the system's.",
    ),
    key("schema.registry.ssl.truststore.type", Kind::Choice(STORES), "The form of that file.")
        .default("PEM")
        .low()
        .only(&[]),
    key("schema.registry.ssl.keystore.location", Kind::Path, "A PEM file with the client's certificate and its key."),
    key("schema.registry.ssl.keystore.type", Kind::Choice(STORES), "The form of that file.")
        .default("PEM")
        .low()
        .only(&[]),
    not_yet("schema.registry.ssl.*", "Passwords of those files, and the rest of Java's TLS keys."),
    key(
        "key.converter",
        Kind::Choice(CONVERTERS),
        "The form of keys in data topics: Avro in Confluent's wire format, or `json`, text for a person's eyes \
         (docs/types.md). It stays as it is once there are records: the same document would have another key.",
    )
    .default("avro")
    .low(),
    key("value.converter", Kind::Choice(CONVERTERS), "The form of values in data topics: the same choice.")
        .default("avro")
        .low(),
    key("auto.register.schemas", Kind::Boolean, "Whether schemas are registered; else they must be there.")
        .derived("`true` with `contract.mode=infer`, `false` with `pinned`"),
    key("use.latest.version", Kind::Choice(OFF), "Whether the newest registered schema is taken.")
        .default("false")
        .low()
        .only(&[]),
    key("key.subject.name.strategy", Kind::Choice(STRATEGIES), "How subjects are named: `<topic>-key`.")
        .default("topic")
        .low()
        .only(&[]),
    key("value.subject.name.strategy", Kind::Choice(STRATEGIES), "How subjects are named: `<topic>-value`.")
        .default("topic")
        .low()
        .only(&[]),
    ignored("key.converter.schemas.enable", SCHEMAS),
    ignored("value.converter.schemas.enable", SCHEMAS),
    refuse(
        "key.converter.apicurio.registry.url",
        "Apicurio is used by its interface that is compatible with Confluent's",
        "schema.registry.url=http://host:8080/apis/ccompat/v7",
    ),
    refuse(
        "value.converter.apicurio.registry.url",
        "Apicurio is used by its interface that is compatible with Confluent's",
        "schema.registry.url=http://host:8080/apis/ccompat/v7",
    ),
    not_yet(
        "key.converter.*",
        "Further keys of Connect's converters. Those of the registry are taken, with this prefix too.",
    ),
    not_yet(
        "value.converter.*",
        "Further keys of Connect's converters. Those of the registry are taken, with this prefix too.",
    ),
];
