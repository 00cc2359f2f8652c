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
from .connector import wait_for
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
    known = dict(zip(entry["value_schema_ids"], entry["schema_digests"][1:]))
    digests = [entry["schema_digests"][0], *(known.get(number, entry["schema_digests"][0]) for number in ids)]
    entry.update(topic=topic, topic_id=None, partitions=parts, records=counts, records_digest=digest(counted),
                 value_schema_ids=ids, schema_digests=digests)
    write_anchors(connector, anchors, [sealed(connector, anchor, [entry])])
    return anchors


def sealed(connector, anchor, collections: list[dict] | None = None, **changes) -> dict:
    """An anchor that stands for itself: all collections listed, its id the hash of what is changed too."""
    listed = copy.deepcopy(list(anchor.collections.values()) if collections is None else collections)
    record = dict(copy.deepcopy(anchor.record), full=True, base=None, parent=None, part=0, parts=1, collections=listed)
    record.update(changes)
    record["id"] = anchor_id(record, _schemas(connector)[1])
    return record


def write_anchors(connector, topic: str, records: list[dict]) -> None:
    """Writes anchors as they are given, whatever their ids say, each under its key."""
    fields = (MessageField.KEY, MessageField.VALUE)
    messages = []
    for record in records:
        key = {name: record[name] for name in ("connector", "lane", "id", "part")}
        encoded = [
            AvroSerializer(connector.stack.topics.decoder.registry, json.dumps(schema), conf={"auto.register.schemas": True})(
                value, SerializationContext(topic, field)
            )
            for schema, value, field in zip(_schemas(connector), (key, record), fields)
        ]
        messages.append((*encoded, 0))
    _produce(connector, topic, messages)


def _schemas(connector) -> list[dict]:
    """Of keys and values of the connector's own anchors topic."""
    topics = connector.stack.topics
    raw = topics.read(f"{connector.prefix}.anchors")[0]
    return [topics.decoder.schema(schema_id(part)) for part in (raw.key_bytes, raw.value_bytes)]


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


def made_anew(connector, topic: str, partitions: int, records: list[Record]) -> None:
    """A topic under a name that another one had, with these records."""
    admin = connector.stack.topics.admin
    wait_for(f"{topic} to be gone", lambda: topic not in connector.stack.topics.names(topic), 30)

    def made() -> bool:
        # A name stays taken for a moment behind its topic.
        return admin.create_topics([NewTopic(topic, partitions)])[topic].exception(20) is None

    wait_for(f"{topic} to be made", made, 30)
    _produce(connector, topic, [(record.key_bytes, record.value_bytes, record.partition) for record in records])
