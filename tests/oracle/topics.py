"""What stands in the topics, for a reader with `isolation.level=read_committed`.

Transaction markers and aborted records occupy offsets. So a partition is read when its position has reached
`end`, seen either as a record at or past it or as the end-of-partition event, which counts markers too; never
when a number of records was read.

Invariants: bytes are kept as they came, for digests and partitions; values are decoded by confluent-kafka's
AvroDeserializer with the writer's schema from the registry; a read that cannot reach its end fails.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from . import json_text

Ranges = dict[int, tuple[int, int]]


class Incomplete(AssertionError):
    """A range could not be read to its end: an open transaction, or records that are gone."""


@dataclass
class Record:
    """One committed record. `key` and `value` are decoded when they are first asked for."""

    topic: str
    partition: int
    offset: int
    key_bytes: bytes | None
    value_bytes: bytes | None
    headers: dict[str, str]
    timestamp: int
    decoder: "Decoder" = field(repr=False)
    # Of records that are JSON text, which name no schema: the ids that the anchor gives for keys and values.
    text_schemas: tuple[int, list[int]] | None = field(default=None, repr=False)

    @cached_property
    def key(self):
        return self._decoded(MessageField.KEY, self.key_bytes)

    @cached_property
    def value(self):
        return self._decoded(MessageField.VALUE, self.value_bytes)

    def _decoded(self, part: MessageField, data: bytes | None):
        if not json_text.is_text(data):
            return self.decoder.decode(self.topic, part, data)
        found = json_text.parsed(data)
        if self.text_schemas is None:
            return found
        identifier = self.key_schema_id if part == MessageField.KEY else self.value_schema_id
        return json_text.value(found, self.decoder.schema(identifier))

    @cached_property
    def hashed(self) -> int:
        """This record's share of a digest."""
        hasher = hashlib.sha256()
        for part in (self.key_bytes, self.value_bytes):
            if part is None:
                hasher.update(b"\xff\xff\xff\xff")
            else:
                hasher.update(len(part).to_bytes(4, "big"))
                hasher.update(part)
        return int.from_bytes(hasher.digest(), "big")

    @property
    def key_schema_id(self) -> int:
        if json_text.is_text(self.key_bytes) and self.text_schemas:
            return self.text_schemas[0]
        return schema_id(self.key_bytes)

    @property
    def value_schema_id(self) -> int:
        if json_text.is_text(self.value_bytes) and self.text_schemas:
            # The names of a text are those of one schema, whose record it is.
            names = list(json_text.parsed(self.value_bytes))
            known = [number for number in self.text_schemas[1] if json_text.names(self.decoder.schema(number)) == names]
            assert len(known) == 1, f"{self.place}: {names} are those of the schemas {known}"
            return known[0]
        return schema_id(self.value_bytes)

    @property
    def place(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def schema_id(data: bytes) -> int:
    """The registry's id in Confluent's wire format."""
    if len(data) < 5 or data[0] != 0:
        raise AssertionError(f"not in the wire format: {data[:8].hex()}")
    return int.from_bytes(data[1:5], "big")


class Decoder:
    """Avro by the registry's schemas."""

    def __init__(self, registry_url: str):
        self.registry = SchemaRegistryClient({"url": registry_url})
        self.deserializer = AvroDeserializer(self.registry)
        self._schemas: dict[int, dict] = {}

    def decode(self, topic: str, part: MessageField, data: bytes | None):
        return None if data is None else self.deserializer(data, SerializationContext(topic, part))

    def schema(self, identifier: int) -> dict:
        """The registered schema as parsed JSON: parsed, since registries write text anew."""
        if identifier not in self._schemas:
            self._schemas[identifier] = json.loads(self.registry.get_schema(identifier).schema_str)
        return self._schemas[identifier]


class Topics:
    """Reads of a Kafka cluster and its registry."""

    def __init__(self, bootstrap: str, registry_url: str):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.decoder = Decoder(registry_url)
        self._probes: dict[str, Consumer] = {}

    def names(self, prefix: str = "") -> list[str]:
        """All topics whose names begin with `prefix`."""
        return sorted(name for name in self.admin.list_topics(timeout=20).topics if name.startswith(prefix))

    def partitions(self, topic: str) -> list[int]:
        metadata = self.admin.list_topics(topic, timeout=20).topics[topic]
        return [] if metadata.error else sorted(metadata.partitions)

    def consumer(self, isolation: str = "read_committed") -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"oracle-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 20,
                "socket.timeout.ms": 20000,
            }
        )

    def ends(self, topic: str, isolation: str = "read_uncommitted") -> Ranges:
        """First and end offset of each partition; the log's own end unless committed ones are asked for."""
        if isolation not in self._probes:
            # Kept, since asking is done often and quickly, to catch a run in the middle of something.
            self._probes[isolation] = self.consumer(isolation)
        probe = self._probes[isolation]
        return {number: self._watermarks(probe, topic, number) for number in self.partitions(topic)}

    @staticmethod
    def _watermarks(probe: Consumer, topic: str, number: int) -> tuple[int, int]:
        """A partition that was just made may have no leader yet: asked again, with a limit."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return probe.get_watermark_offsets(TopicPartition(topic, number), timeout=20)
            except KafkaException as error:
                settling = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE,
                            KafkaError.UNKNOWN_TOPIC_OR_PART)
                if error.args[0].code() not in settling or time.monotonic() > deadline:
                    raise
                probe.list_topics(topic, timeout=20)

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Takes a partition's first records away, as retention does."""
        place = TopicPartition(topic, partition, offset)
        self.admin.delete_records([place])[place].result(30)

    def committed(self, topic: str) -> Ranges:
        """What is committed by now: up to the first open transaction. For looks at a run that lives or was killed."""
        return self.ends(topic, "read_committed")

    def read(self, topic: str, ranges: Ranges | None = None, timeout: float = 60) -> list[Record]:
        """Committed records of `[first, end)` of each partition; all there is now, if no ranges are given.

        With no ranges the log's end is taken with a read-uncommitted client, so an open transaction is waited
        for (until `timeout`), never silently cut off.
        """
        wanted = self.ends(topic) if ranges is None else ranges
        pending = {number: end for number, (first, end) in wanted.items() if first < end}
        if not pending:
            return []
        consumer = self.consumer()
        records: list[Record] = []
        deadline = time.monotonic() + timeout
        try:
            consumer.assign([TopicPartition(topic, number, wanted[number][0]) for number in pending])
            while pending:
                if time.monotonic() > deadline:
                    raise Incomplete(f"{topic}: {pending} not reached in {timeout} s")
                for message in consumer.consume(2000, 0.03):
                    error = message.error()
                    number = message.partition()
                    if error and error.code() != KafkaError._PARTITION_EOF:
                        raise Incomplete(f"{topic}[{number}]: {error.str()}")
                    end = wanted[number][1]
                    if not error and message.offset() < end:
                        records.append(self._record(message))
                    reached = message.offset() if error else message.offset() + 1
                    if reached >= end:
                        pending.pop(number, None)
        finally:
            consumer.close()
        return records

    def _record(self, message) -> Record:
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or []}
        return Record(
            message.topic(),
            message.partition(),
            message.offset(),
            message.key(),
            message.value(),
            headers,
            message.timestamp()[1],
            self.decoder,
        )


def digest(records) -> bytes:
    """sum256-sha256-v1: order-free and additive over (key bytes, value bytes)."""
    total = sum(record.hashed for record in records)
    return (total % (1 << 256)).to_bytes(32, "big")
