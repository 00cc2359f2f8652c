"""What the clients of others make of the topics: every value of a collection that holds every BSON type.

Four readers that know nothing of the product: Python's confluent-kafka, a Java consumer with Apicurio's deserializer,
a Connect converter (what each sink connector is given), and ClickHouse's engine. Each one's view of the newest record
of each key is held against the source's documents, and each record against what the first of them saw.
"""

from __future__ import annotations

import re
import struct
import uuid
from dataclasses import dataclass

import bson
import pytest
from bson import Int64
from bson.raw_bson import RawBSONDocument
from confluent_kafka import DeserializingConsumer, KafkaError
from confluent_kafka.error import ConsumeError
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

from oracle import keys, law
from oracle.bson_avro import METADATA, Shape, agrees, differences
from oracle.connector import Connector
from oracle.others import Programs, as_clickhouse
from oracle.source import predecessor
from oracle.stack import own_name
from test_types import FIELDS

ROWS, ADDED = 40, 6


def _element(kind: int, name: str, body: bytes) -> bytes:
    return bytes([kind]) + name.encode() + b"\0" + body


def _whole(number: int) -> RawBSONDocument:
    """A document with a value of every type, also of those that the driver no longer writes."""
    fields = {name: row[0][number % 2] for name, row in FIELDS.items()}
    stock = {f"WH-{number * 3 + k}": k for k in range(3)}
    content = bson.encode({"_id": Int64(number), **fields, "stock": stock})[4:-1]
    text = struct.pack("<i", 4) + b"sym\0"
    content += _element(0x0E, "symbol", text) + _element(0x06, "undefined", b"")
    content += _element(0x0C, "pointer", struct.pack("<i", 5) + b"db.c\0" + bytes(12))
    return RawBSONDocument(struct.pack("<i", len(content) + 5) + content + b"\0")


@dataclass
class Exported:
    """A collection whose history is in its topic, and the truth about it."""

    stack: object
    programs: Programs
    name: str
    connector: Connector
    entry: dict
    documents: list[dict]
    records: list

    @property
    def topic(self) -> str:
        return self.entry["topic"]

    def hold(self, who: str, seen: dict[tuple[int, int], tuple[dict, dict | None]]) -> None:
        """Holds a reader's keys and values, by partition and offset, against the source."""
        assert set(seen) == {(record.partition, record.offset) for record in self.records}, f"{who} saw other records"
        newest: dict[str, tuple] = {}
        for record in sorted(self.records, key=lambda record: (record.partition, record.offset)):
            key, value = seen[record.partition, record.offset]
            problems = [] if agrees(key, {"_id": keys.seen(record.key)}) else [f"key {key!r}, not {record.key!r}"]
            if (value is None) != (record.value_bytes is None):
                problems.append("a tombstone is not seen as one")
            elif value is not None:
                wrong = [name for name in METADATA if not agrees(_plain(value.get(name)), _plain(record.value.get(name)))]
                problems += [f"{name}: {value.get(name)!r}, not {record.value.get(name)!r}" for name in wrong]
            law.broken(f"{who} at {record.place}", problems)
            newest[keys.seen(key)] = (value, record)
        live = {key: found for key, found in newest.items() if found[0] is not None}
        decoder = self.stack.topics.decoder
        assert sorted(live) == sorted(document["_id"] for document in self.documents)
        problems = []
        for document in self.documents:
            value, record = live[document["_id"]]
            shape = Shape(decoder.schema(record.value_schema_id))
            problems += [f"{document['_id']}: {line}" for line in differences(value, document, shape)]
        law.broken(f"{who} against the source", problems)


def _plain(value):
    """A form that `agrees` takes on its right-hand side."""
    return str(value) if isinstance(value, uuid.UUID) else value


@pytest.fixture(scope="module")
def exported(stack, tmp_path_factory):
    """One collection, written, exported and changed once for all readers."""
    name = own_name("decoders")
    folder = tmp_path_factory.mktemp("decoders")
    one = Connector(stack, name, folder, f"{name}.items", {})
    items = stack.client[name].items
    try:
        items.insert_many([_whole(number) for number in range(ROWS)])
        one.until("snapshot")
        items.insert_many([_whole(number) for number in range(ROWS, ROWS + ADDED)])
        items.update_many({"_id": {"$lt": 4}}, {"$set": {"string": "changed"}, "$unset": {"double": 1}})
        items.replace_one({"_id": 5}, {"string": "replaced"})
        items.delete_many({"_id": {"$in": [7, 8, ROWS]}})
        one.until("anchor")
        anchor = one.anchors()[-1]
        entry = anchor.collections[f"{name}.items"]
        documents = list(stack.source.documents(f"{name}.items", predecessor(anchor.cut)))
        assert len(documents) == ROWS + ADDED - 3
        records = one.records(f"{name}.items")
        operations = [law.fold.operation(record) for record in records]
        assert {op: operations.count(op) for op in set(operations)} == {"r": 40, "c": 6, "u": 5, "d": 3}, operations
        yield Exported(stack, Programs.fetched(), name, one, entry, documents, records)
    finally:
        one.close()
        stack.clean(name)


def test_a_python_consumer(exported):
    """A stock consumer in a group, subscribed as the README says, and beside it the anchors' topic."""
    registry = SchemaRegistryClient({"url": exported.stack.registry_url})
    settings = {
        "bootstrap.servers": exported.stack.bootstrap,
        "group.id": exported.name,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "key.deserializer": AvroDeserializer(registry),
        "value.deserializer": AvroDeserializer(registry),
    }
    prefix = re.escape(exported.name)
    seen = _consume(settings, f"^{prefix}\\.[^.]+\\..+", len(exported.entry["partitions"]))
    assert {topic for topic, _, _ in seen} == {exported.topic}
    exported.hold("confluent-kafka", {place[1:]: found for place, found in seen.items()})
    anchors = _consume(settings, f"^{prefix}\\.anchors$", 1)
    assert len(anchors) == len(exported.connector.anchors())
    key, value = anchors[max(anchors)]
    assert value["collections"][0]["topic"] == exported.topic, value
    assert (key["connector"], key["id"]) == (exported.name, value["id"]), (key, value)


def _consume(settings: dict, pattern: str, partitions: int) -> dict:
    """Everything of the topics that a subscription finds: keys and values by place."""
    consumer = DeserializingConsumer(settings)
    consumer.subscribe([pattern])
    seen, ended = {}, set()
    try:
        for _ in range(600):
            try:
                message = consumer.poll(0.1)
            except ConsumeError as error:
                # The one error that is none: a partition was read to its end.
                if error.code != KafkaError._PARTITION_EOF:
                    raise
                ended.add((error.kafka_message.topic(), error.kafka_message.partition()))
                continue
            if message is not None:
                seen[message.topic(), message.partition(), message.offset()] = (message.key(), message.value())
            if len(ended) == partitions:
                return seen
    finally:
        consumer.close()
    raise AssertionError(f"{ended} of {partitions} partitions were read to their ends")


def test_a_java_consumer(exported, tmp_path):
    topics = [exported.topic, f"{exported.name}.anchors"]
    lines = exported.programs.java(exported.stack, "serde", tmp_path, topics)
    exported.hold("Apicurio's deserializer", _of(lines, exported.topic))
    anchors = [line["value"] for line in lines if line["topic"] == topics[1]]
    assert [anchor["id"] for anchor in anchors] == [anchor.id for anchor in exported.connector.anchors()]
    # A tombstone has no value for its stamp: it stands in headers.
    tombstones = [line for line in lines if line["topic"] == exported.topic and line["value"] is None]
    assert tombstones and all(line["headers"]["moorline.op"] == "d" for line in tombstones), tombstones


def _of(lines: list[dict], topic: str) -> dict:
    return {(line["partition"], line["offset"]): (line["key"], line["value"]) for line in lines if line["topic"] == topic}


def test_a_connect_sink(exported, tmp_path):
    """Values, and the names by which sinks know dates, UUIDs and JSON."""
    lines = exported.programs.java(exported.stack, "connect", tmp_path, [exported.topic])
    exported.hold("a Connect converter", _of(lines, exported.topic))
    schema = next(line["schema"] for line in lines if line["value"] is not None)
    wanted = {
        "date": "org.apache.kafka.connect.data.Timestamp",
        "uuid": "io.debezium.data.Uuid",
        "mixed": "io.debezium.data.Json",
        "int32": "int64",
        "double": "float64",
        "boolean": "boolean",
        "binary": "bytes",
        "document": "struct",
        "documents": "array",
        "stock": "map",
        "__deleted": "boolean",
    }
    wrong = {name: (schema.get(name), kind) for name, kind in wanted.items() if schema.get(name) != kind}
    assert not wrong, f"found, wanted: {wrong}"


def test_clickhouse(exported, tmp_path):
    """Its AvroConfluent format, by schemas from the registry: the columns that it infers and each value."""
    records = [record for record in exported.records if record.value_bytes is not None]
    columns, rows = exported.programs.clickhouse(exported.stack, [record.value_bytes for record in records], tmp_path)
    assert len(rows) == len(records)
    for name, kind in {"date": "DateTime64(3)", "uuid": "UUID", "double": "Float64", "int32": "Int64"}.items():
        assert columns[name] == f"Nullable({kind})", columns[name]
    assert columns["stock"] == "Map(String, Nullable(Int64))" and columns["array"] == "Array(Nullable(Int64))", columns
    # Its format has no place for keys and tombstones; the wire gave those to the readers above.
    seen = {(record.partition, record.offset): ({"_id": keys.seen(record.key)}, None) for record in exported.records}
    for record, row in zip(records, rows):
        key, _ = seen[record.partition, record.offset]
        value = {name: as_clickhouse(row[name], wanted) for name, wanted in record.value.items()}
        seen[record.partition, record.offset] = (key, value)
    exported.hold("ClickHouse", seen)
