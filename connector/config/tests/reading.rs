//! Reading a file: each kind of mistake with its line, all at once; both forms; placeholders; secrets.

use std::time::Duration;

use moorline_config::{Checked, Drift, Lookup, Mistake, Reference, SnapshotMode, codes, read};

const GOOD: &str = "\
bootstrap.servers=localhost:1
group.id=g
schema.registry.url=http://localhost:1
name=shop
connector.class=moorline.mongodb
mongodb.connection.string=mongodb://localhost:1/?replicaSet=rs0
topic.prefix=shop
collection.include.list=shop.orders
";
/// The line of the first key after those.
const NEXT: usize = 9;

struct Known;

impl Lookup for Known {
    fn look_up(&self, reference: &Reference) -> Result<String, String> {
        match reference {
            Reference::Variable(name) if name == "PASSWORD" => Ok("hunter2".to_owned()),
            Reference::Variable(name) if name == "PREFIX" => Ok("eu".to_owned()),
            Reference::Variable(name) if name == "NUMBER" => Ok("hunter2".to_owned()),
            _ => Err("it is not there".to_owned()),
        }
    }
}

fn good(more: &str) -> Checked {
    let text = format!("{GOOD}{more}");
    read(&text, "c.properties", &Known).unwrap_or_else(|mistakes| panic!("{more}: {mistakes:#?}"))
}

fn bad(more: &str) -> Vec<Mistake> {
    let text = format!("{GOOD}{more}");
    read(&text, "c.properties", &Known).err().unwrap_or_else(|| panic!("{more} was taken"))
}

/// The one mistake of a file with this key more.
fn one(more: &str) -> Mistake {
    let mut mistakes = bad(more);
    assert_eq!(mistakes.len(), 1, "{more}: {mistakes:#?}");
    let mistake = mistakes.remove(0);
    assert!(mistake.place.starts_with("c.properties:"), "{mistake}");
    assert!(!mistake.why.is_empty() && !mistake.fix.is_empty() && !mistake.fix[0].is_empty(), "{mistake}");
    for text in [&mistake.what, &mistake.why].into_iter().chain(&mistake.fix) {
        assert!(!text.contains('\n'), "{mistake}");
    }
    mistake
}

#[test]
fn all_mistakes_at_once_in_the_order_of_lines() {
    let more =
        "tasks.max=many\ncolection.include.list=a\\\\.b\nanchor.interval.ms=1500\nmax.batch.size=-1\nsnapshot.mode=x\n";
    let mistakes = bad(more);
    let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
    let expected: Vec<String> = (NEXT..NEXT + 5).map(|line| format!("c.properties:{line}")).collect();
    assert_eq!(places, expected);
    assert_eq!(mistakes[1].fix, ["did you mean `collection.include.list`?"]);
}

#[test]
fn one_code_for_each_kind() {
    for (more, code, word) in [
        ("no.such.key=1", codes::UNKNOWN_KEY, "no.such.key"),
        ("topic.creation.enabel=true", codes::UNKNOWN_KEY, "topic.creation.enabel"),
        ("tasks.max=65", codes::BAD_VALUE, "`65`"),
        ("tasks.max=", codes::BAD_VALUE, "tasks.max"),
        ("snapshot.gate.max.ms=10s", codes::BAD_VALUE, "`10s`"),
        ("anchor.interval.ms=7000", codes::BAD_VALUE, "`7000`"),
        ("field.metadata.prefix=1_", codes::BAD_VALUE, "`1_`"),
        ("topic.delimiter=/", codes::BAD_VALUE, "`/`"),
        ("anchor.topic.name=a/b", codes::BAD_VALUE, "`a/b`"),
        ("kafka.message.max.bytes=big", codes::BAD_VALUE, "message.max.bytes"),
        ("topic.creation.default.partitions=0", codes::BAD_VALUE, "`0`"),
        ("collection.exclude.list=shop.(a", codes::BAD_VALUE, "collection.exclude.list"),
        ("signal.data.collection=x", codes::NOT_YET, "not yet"),
        ("message.key.mode=document_key", codes::NOT_YET, "not yet take `document_key`"),
        ("output.format=mongo-kafka", codes::NOT_YET, "not yet take `mongo-kafka`"),
        ("add.fields=op,opp", codes::BAD_VALUE, "`opp`"),
        ("add.fields=source.op", codes::BAD_VALUE, "`source.op`"),
        ("add.headers=op,ts_ms:op", codes::BAD_VALUE, "twice"),
        ("snapshot.mode=when_needed", codes::NOT_YET, "not yet take `when_needed`"),
        ("snapshot.fetch.size=5", codes::NOT_YET, "not yet take `5`"),
        ("date.range=1900-01-01", codes::BAD_VALUE, "`date.range` cannot be"),
        ("flatten.struct.delimiter=.", codes::BAD_VALUE, "`flatten.struct.delimiter` cannot be"),
        ("value.converter=io.confluent.connect.json.JsonSchemaConverter", codes::NOT_YET, "value.converter"),
        ("key.converter=org.apache.kafka.connect.storage.StringConverter", codes::REFUSED, "key.converter"),
        ("value.converter.enhanced.avro.schema.support=true", codes::NOT_YET, "enhanced"),
        ("config.providers=env,vault", codes::NOT_YET, "not yet take `vault`"),
        ("producer.override.buffer.memory=1", codes::NOT_YET, "buffer.memory"),
        ("name=again", codes::GIVEN_TWICE, "`name`"),
        ("value.converter.schema.registry.url=http://other:1", codes::GIVEN_TWICE, "schema.registry.url"),
        ("mongodb.authentication.class=x.Y", codes::REFUSED, "mongodb.authentication.class"),
        ("mongodb.ssl.invalid.hostname.allowed=true", codes::REFUSED, "`true`"),
        ("snapshot.mode=custom", codes::REFUSED, "`custom`"),
        ("kafka.partitioner=random", codes::REFUSED, "kafka.partitioner"),
        ("producer.override.acks=1", codes::REFUSED, "acks"),
        ("producer.security.protocol=SSL", codes::REFUSED, "producer.security.protocol"),
        ("schema.registry.ssl.keystore.type=jks", codes::REFUSED, "`jks`"),
        ("errors.tolerance=all\ncontract.on.drift=halt", codes::CONTRADICTION, "contract.on.drift"),
        ("tombstones.on.delete=false", codes::CONTRADICTION, "leaves nothing"),
        ("output.format=envelope\ndelete.tombstone.handling.mode=drop", codes::CONTRADICTION, "flat values"),
        ("output.format=envelope\nadd.fields=op", codes::CONTRADICTION, "add.fields"),
        ("output.format=envelope\ncapture.coalesce.updates=true", codes::CONTRADICTION, "capture.coalesce.updates"),
        ("provide.transaction.metadata=true\ncapture.coalesce.updates=true", codes::CONTRADICTION, "coalesce"),
        ("capture.mode=change_streams", codes::CONTRADICTION, "deltas only"),
        ("mongodb.ssl.truststore=ca.pem", codes::CONTRADICTION, "TLS is off"),
        ("mongodb.password=x", codes::CONTRADICTION, "no user"),
        ("anchor.topic.name=t\nquarantine.topic.name=t", codes::CONTRADICTION, "one topic"),
        ("topic.creation.big.partitions=3", codes::CONTRADICTION, "no group"),
        ("topic.creation.groups=big", codes::MISSING_KEY, "topic.creation.big.include"),
        ("a=\\u12", codes::UNREADABLE, "can't be read"),
        ("transforms=u\ntransforms.u.type=io.x.ExtractNewDocumentState", codes::TRANSFORM, "ExtractNewDocumentState"),
        ("client.id=${env:NONE}", codes::PLACEHOLDER, "${env:NONE}"),
        ("client.id=${vault:a:b}", codes::PLACEHOLDER, "vault"),
    ] {
        let mistake = one(more);
        assert_eq!(mistake.code, code, "{mistake}");
        assert!(mistake.what.contains(word), "{mistake}");
    }
}

#[test]
fn what_is_missing_or_of_another_connector() {
    let text = GOOD.replace("topic.prefix=shop\n", "");
    let mistakes = read(&text, "c", &Known).unwrap_err();
    assert_eq!((mistakes.len(), mistakes[0].code), (1, codes::MISSING_KEY));
    assert!(mistakes[0].to_string().contains("topic.prefix"));
    assert_eq!(read("", "c", &Known).unwrap_err().len(), 7);
    let text = GOOD.replace("moorline.mongodb", "io.debezium.connector.mongodb.MongoDbConnector");
    let mistakes = read(&text, "c", &Known).unwrap_err();
    assert_eq!((mistakes.len(), mistakes[0].code), (1, codes::REFUSED));
    let text = GOOD.replace("=shop\n", "=\n");
    assert!(read(&text, "c", &Known).unwrap_err().iter().all(|mistake| mistake.code == codes::MISSING_KEY));
}

#[test]
fn json_in_both_forms_gives_the_same() {
    let mut flat = serde_json::Map::new();
    for line in GOOD.lines() {
        let (key, value) = line.split_once('=').unwrap();
        flat.insert(key.to_owned(), value.into());
    }
    flat.insert("tasks.max".to_owned(), 2.into());
    flat.insert("topic.creation.enable".to_owned(), false.into());
    let one = read(&serde_json::to_string_pretty(&flat).unwrap(), "c.json", &Known).unwrap();
    let mut inner = flat.clone();
    inner.remove("name");
    let wrapped = serde_json::json!({"name": "shop", "config": inner}).to_string();
    let two = read(&wrapped, "c.json", &Known).unwrap();
    assert_eq!((one.config.tasks_max, one.config.topic_creation_enable), (2, false));
    assert_eq!(one.digest, two.digest);
    assert_eq!(one.digest, good("tasks.max=2\ntopic.creation.enable=false").digest);
    flat.insert("capture.mode".to_owned(), serde_json::json!({"full": {"update": {"type": "lookup"}}}));
    let mistakes = read(&serde_json::Value::Object(flat).to_string(), "c.json", &Known).unwrap_err();
    assert_eq!((mistakes.len(), mistakes[0].code), (1, codes::NESTED_OBJECT));
    assert!(mistakes[0].fix[0].contains("\"capture.mode.full.update.type\""), "{}", mistakes[0]);
}

#[test]
fn keys_of_the_framework_are_accepted_with_one_warning() {
    let more =
        "predicates=p\npredicates.p.type=x\npredicates.p.y=z\nkey.converter.schemas.enable=false\nmax.queue.size=9\n";
    let warnings = good(more).warnings;
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
    assert!(warnings.iter().all(|warning| warning.code == codes::IGNORED));
    let more = "key.converter=io.confluent.connect.avro.AvroConverter\n\
                value.converter.schema.registry.url=http://localhost:1\nextended.headers.enabled=false\n";
    assert!(good(more).warnings.is_empty());
    assert!(good("key.converter=json\nvalue.converter=json\n").warnings.is_empty());
    let class = good("value.converter=org.apache.kafka.connect.json.JsonConverter\n");
    assert!(class.config.value_converter.is_json() && !class.config.key_converter.is_json());
    assert_eq!(class.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [codes::DOUBTFUL]);
    assert!(good("heartbeat.interval.ms=10000\n").warnings.is_empty());
    assert_eq!(good("heartbeat.interval.ms=5000\noffset.flush.interval.ms=500\n").warnings.len(), 2);
    let heartbeats = |lines: &str| {
        let checked = good(lines);
        (checked.config.topic_heartbeat_name, checked.warnings.len())
    };
    let topic = |name: &str| Some(name.to_owned());
    assert_eq!(heartbeats("heartbeat.interval.ms=5000\ntopic.heartbeat.name=alive\n"), (topic("alive"), 0));
    let prefix = good("").config.topic_prefix;
    assert_eq!(heartbeats("topic.heartbeat.prefix=__beat\n"), (topic(&format!("__beat.{prefix}")), 0));
    assert_eq!(heartbeats("topic.heartbeat.prefix=__beat\ntopic.heartbeat.name=alive\n"), (topic("alive"), 0));
    assert_eq!(heartbeats("heartbeat.interval.ms=0\ntopic.heartbeat.name=alive\n"), (None, 1));
    assert_eq!(heartbeats(""), (None, 0));
    let doubtful = good("collection.exclude.list=orders,shop\\\\.(?!x).*\n").warnings;
    assert_eq!(doubtful.iter().map(|warning| warning.code).collect::<Vec<_>>(), [codes::DOUBTFUL; 2]);
}

#[test]
fn open_keys_and_keys_that_follow_from_others() {
    let config = good(
        "kafka.security.protocol=SASL_SSL\nproducer.override.linger.ms=7\n\
         producer.override.sasl.jaas.config=x.PlainLoginModule required username=\"u\" password=\"hunter2\";\n\
         producer.override.compression.type=zstd\nkafka.transaction.timeout.ms=4000\n\
         contract.shop.orders.on.drift=halt\nerrors.tolerance=all\n\
         topic.creation.default.retention.ms=5\ntopic.creation.groups=big\ntopic.creation.big.include=shop\\\\..*\n\
         topic.creation.big.partitions=6\ntopic.creation.big.segment.ms=9\noffsets.storage.topic=mine\n",
    )
    .config;
    let kafka: Vec<(&str, &str)> = config.kafka.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let expected = [
        ("linger.ms", "7"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.password", "hunter2"),
        ("sasl.username", "u"),
        ("security.protocol", "SASL_SSL"),
    ];
    assert_eq!(kafka, expected);
    assert_eq!(config.kafka_compression_type.name(), "zstd");
    assert_eq!(config.kafka_transaction_timeout_ms, Duration::from_secs(4));
    assert_eq!(config.contract_on_drift_of["shop.orders"], Drift::Halt);
    assert_eq!(config.contract_on_drift, Drift::Quarantine);
    assert_eq!(config.topic_creation_default.configs["retention.ms"], "5");
    let group = &config.topic_creation_groups[0];
    assert_eq!((group.name.as_str(), group.include[0].as_str()), ("big", "shop\\..*"));
    assert_eq!((group.rule.partitions, group.rule.configs["segment.ms"].as_str()), (Some(6), "9"));
    assert_eq!(config.offset_storage_topic, "mine");
    let renamed =
        good("topic.rename.shop.orders=sales\ntopic.rename.regex=(.*)x\ntopic.rename.replacement=$1y\n").config;
    assert_eq!(renamed.topic_renames.of["shop.orders"], "sales");
    let pattern = renamed.topic_renames.pattern.unwrap();
    assert_eq!(pattern.regex.replace("ax", pattern.replacement), "ay");
    let pinned = good("contract.mode=pinned\n").config;
    assert_eq!((pinned.contract_on_drift, pinned.auto_register_schemas), (Drift::Quarantine, false));
    assert_eq!(good("snapshot.mode=no_data\n").config.snapshot_mode, SnapshotMode::NoData);
    assert_eq!(good("capture.start.op.time=4294967298\n").config.capture_start_op_time, Some((1 << 32) | 2));
}

#[test]
fn no_secret_is_ever_shown() {
    let uri = "mongodb.connection.string=mongodb://me:hunter2@h:1/?replicaSet=rs0";
    let more = "mongodb.user=me\nmongodb.password=${env:PASSWORD}\nkafka.sasl.password=hunter2\n\
                schema.registry.basic.auth.user.info=u:hunter2\nclient.id=${env:PASSWORD}\n";
    let with = GOOD.replace("mongodb.connection.string=mongodb://localhost:1/?replicaSet=rs0", uri);
    let checked = read(&format!("{with}{more}"), "c", &Known).unwrap();
    let mut config = checked.config.clone();
    // What came by a placeholder into a key that is no secret is as public as that key is.
    config.client_id.clear();
    assert!(!format!("{config:?}").contains("hunter2"));
    for text in [
        "mongodb.password=hunter2\n",
        "mongodb.connection.string=me:hunter2@h",
        "schema.registry.url=http://me:hunter2@h",
        "snapshot.mode=${env:PASSWORD}\ntasks.max=${env:NUMBER}",
        "schema.registry.basic.auth.user.info=hunter2",
        "unknown.password=hunter2\nunknown=hunter2",
        "producer.override.sasl.jaas.config=hunter2",
        "kafka.message.max.bytes=hunter2",
        "mongodb.ssl.keystore.password=hunter2",
        "collection.include.list=(${env:PASSWORD}",
        "{\"name\": \"x\", \"mongodb.password\": hunter2}",
        "{\"name\": \"x\", \"mongodb.password\": {\"x\": \"hunter2\"}}",
        "{\"name\": \"x\", \"mongodb.password\": [\"hunter2\"]}",
        "topic.prefix=${env:PASSWORD}/\nquarantine.topic.name=${env:PASSWORD}\nanchor.topic.name=${env:PASSWORD}",
    ] {
        let mistakes = read(text, "c", &Known).unwrap_err();
        assert!(!format!("{mistakes:?}").contains("hunter2"), "{text}: {mistakes:#?}");
    }
}

#[test]
fn the_digest_is_of_what_counts_and_of_no_secret() {
    let plain = good("").digest;
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, good("snapshot.mode=initial\n").digest);
    assert_eq!(
        good("mongodb.user=u\nmongodb.password=a\n").digest,
        good("mongodb.user=u\nmongodb.password=b\n").digest
    );
    assert_ne!(plain, good("snapshot.mode=always\n").digest);
    assert_ne!(plain, good("kafka.linger.ms=1\n").digest);
    let uri = |user: &str| GOOD.replace("mongodb://localhost", &format!("mongodb://{user}localhost"));
    assert_eq!(read(&uri("u:p@"), "c", &Known).unwrap().digest, plain);
    assert_ne!(good("topic.delimiter=_\n").digest, plain);
    assert_eq!(good("client.id=${env:PREFIX}-1\n").config.client_id, "eu-1");
}
