"""A copy of one collection's export with a defect in it, under an anchor that fits the copy: what only the source can tell.

Invariant: topic, counts, digest and id agree with each other, unless the defect is that they do not.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace

from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from .anchor_id import anchor_id
from .topics import Record, digest, schema_id


def export(connector, anchor, namespace: str) -> list[Record]:
    """The records of a collection up to an anchor, each partition in its order."""
    entry = anchor.collections[namespace]
    ranges = {part["partition"]: (part["first"], part["end"]) for part in entry["partitions"]}
    records = connector.stack.topics.read(entry["topic"], ranges)
    return sorted(records, key=lambda record: (record.partition, record.offset))


def write(connector, anchor, namespace: str, suffix: str, records: list[Record], counted: list[Record] | None = None):
    """Writes records as a topic, and an anchor over it that counts `counted` of them; gives the anchors topic's name."""
    topics = connector.stack.topics
    topic, anchors = f"{connector.name}.{suffix}", f"{connector.name}.{suffix}.anchors"
    entry = copy.deepcopy(anchor.collections[namespace])
    made = topics.admin.create_topics([NewTopic(topic, entry["partition_count"]), NewTopic(anchors, 1)])
    for future in made.values():
        future.result(20)
    _produce(connector, topic, [(record.key_bytes, record.value_bytes, record.partition) for record in records])
    counted = records if counted is None else counted
    values = [record for record in counted if record.value_bytes is not None]
    tombstones = len(counted) - len(values)
    counts = dict(entry["records"], r=len(values), c=0, u=0, d=tombstones, tombstones=tombstones)
    ids = sorted({schema_id(record.value_bytes) for record in values})
    parts = []
    for number in sorted({record.partition for record in records}):
        of = lambda each: sum(record.partition == number for record in each)  # noqa: E731
        parts.append({"partition": number, "first": 0, "begin": 0, "end": of(records), "records": of(counted)})
    digests = [entry["schema_digests"][0]] * (len(ids) + 1)
    entry.update(topic=topic, topic_id=None, partitions=parts, records=counts, records_digest=digest(counted),
                 value_schema_ids=ids, schema_digests=digests)
    raw = topics.read(f"{connector.prefix}.anchors")[0]
    schemas = [topics.decoder.schema(schema_id(part)) for part in (raw.key_bytes, raw.value_bytes)]
    record = dict(anchor.record, full=True, base=None, parent=None, collections=[entry])
    record["id"] = anchor_id(record, schemas[1])
    key = {name: record[name] for name in ("connector", "lane", "id", "part")}
    conf = {"auto.register.schemas": True}
    fields = (MessageField.KEY, MessageField.VALUE)
    encoded = [
        AvroSerializer(topics.decoder.registry, json.dumps(schema), conf=conf)(value, SerializationContext(anchors, field))
        for schema, value, field in zip(schemas, (key, record), fields)
    ]
    _produce(connector, anchors, [(*encoded, 0)])
    return anchors


def altered(record: Record, old: bytes, new: bytes) -> Record:
    """A record in whose value some bytes are others, of the same number."""
    assert record.value_bytes.count(old) == 1 and len(old) == len(new), record.value_bytes
    return replace(record, value_bytes=record.value_bytes.replace(old, new))


def _produce(connector, topic: str, messages: list[tuple]) -> None:
    producer = Producer({"bootstrap.servers": connector.stack.bootstrap, "enable.idempotence": True})
    failed = []
    for key, value, partition in messages:
        producer.produce(topic, key=key, value=value, partition=partition,
                         on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(30) == 0 and not failed, failed
