"""A stand-in for the product, for the tests of the checker: it streams one collection, by the published rules, and
can be told to break one of them.

It knows inserts, replaces and deletes only, so an event's own document is its image, and a run is short: a history
is written, then streamed tick by tick, each tick one Kafka transaction that its anchor closes.

Invariant: without a fault the law holds for what it wrote; with one, exactly that rule is broken.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from pymongo import MongoClient

from .anchor_id import anchor_id, canonical
from .murmur2 import partition
from .topics import Record, Topics, digest

HERE = Path(__file__).parent
PARTITIONS = 3
LONG = ["null", "long"]
METADATA = [
    ("__op", ["null", "string"]), ("__deleted", ["null", "boolean"]), ("__ts_ms", LONG), ("__cluster_time", LONG),
    ("__seq", ["null", "int"]), ("__image_time", LONG), ("__snapshot", ["null", "boolean"]),
]

FAULTS = (
    "lost-record", "lost-record-counted", "doubled-record", "stale-order", "wrong-value", "wrong-count",
    "wrong-operation-count", "wrong-digest", "wrong-end", "wrong-schema-digest", "missing-tick", "overlapping-tick",
    "altered-anchor", "wrong-parent", "wrong-partition", "late-record", "resurrected-key", "missing-stamp",
)


@dataclass
class History:
    """Events of one collection, in stream order."""

    namespace: str
    epoch: str
    events: list[dict]


def write_history(uri: str, database: str, seconds: float = 4.2) -> History:
    """Writes for a while and gives the events. One history serves many runs of the stand-in."""
    rng = random.Random(11)
    with MongoClient(uri) as client:
        collection = client[database].create_collection("items")
        info = next(client[database].list_collections(filter={"name": "items"}))["info"]
        epoch = str(uuid.UUID(bytes=bytes(info["uuid"])))
        with collection.watch(max_await_time_ms=200) as stream:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                number = rng.randrange(40)
                if rng.random() < 0.75:
                    document = {"n": rng.randrange(99), "s-": f"t{rng.random()}"}
                    collection.replace_one({"_id": number}, document, upsert=True)
                else:
                    collection.delete_one({"_id": number})
                time.sleep(0.005)
            collection.insert_one({"_id": 1000})
            events: list[dict] = []
            while not events or events[-1]["documentKey"]["_id"] != 1000:
                event = stream.try_next()
                if event is not None:
                    events.append(event)
    return History(f"{database}.items", epoch, events)


class Fake:
    """One run over one collection with ids of type long."""

    def __init__(self, topics: Topics, prefix: str, history: "History", fault: str | None = None):
        self.topics, self.prefix, self.history, self.fault = topics, prefix, history, fault
        self.namespace, self.epoch = history.namespace, history.epoch
        self.topic = f"{prefix}.{self.namespace}"
        name = self.topic.replace("-", "_").rsplit(".", 1)[0]
        fields = [{"name": "_id", "type": "long", "bson.type": "int32"}]
        key = {"type": "record", "name": "Key", "namespace": f"{name}.items", "fields": fields}
        body = fields + [
            {"name": "n", "type": LONG, "default": None, "bson.type": "int32"},
            {"name": "s_", "type": ["null", "string"], "default": None, "bson.type": "string", "bson.name": "s-"},
            *({"name": field, "type": kind, "default": None} for field, kind in METADATA),
        ]
        value = {"type": "record", "name": "Value", "namespace": f"{name}.items", "fields": body}
        self.schemas = {
            "key": json.dumps(key), "value": json.dumps(value),
            "anchor_key": (HERE / "anchor_key.avsc").read_text(), "anchor": (HERE / "anchor.avsc").read_text(),
        }
        registry = topics.decoder.registry
        self.serializers = {what: AvroSerializer(registry, text) for what, text in self.schemas.items()}
        self.ids = {
            part: registry.register_schema(f"{self.topic}-{part}", Schema(self.schemas[part], "AVRO"))
            for part in ("key", "value")
        }
        self.sent: list[Record] = []
        self.parts: dict[int, dict] = {}
        self.counts = dict.fromkeys(["r", "c", "u", "d", "tombstones", "coalesced", "quarantined", "spilled"], 0)
        self.parent: str | None = None

    def run(self) -> None:
        """Streams a history into topics and anchors."""
        events = self.history.events
        futures = self.topics.admin.create_topics([NewTopic(self.topic, PARTITIONS, 1), NewTopic(f"{self.prefix}.anchors", 1, 1)])
        for future in futures.values():
            future.result(20)
        self.producer = Producer(
            {"bootstrap.servers": self.topics.bootstrap, "transactional.id": self.prefix, "linger.ms": 0}
        )
        self.producer.init_transactions(20)
        first, last = events[0]["clusterTime"].time, events[-1]["clusterTime"].time
        ticks = list(range(first + 1, last + 2))
        middle = ticks[len(ticks) // 2]
        for tick in ticks:
            batch = [event for event in events if event["clusterTime"].time == tick - 1]
            self.tick(tick, batch, tick == middle)

    def tick(self, tick: int, events: list[dict], faulty: bool) -> None:
        fault = self.fault if faulty else None
        begins = {number: part["end"] for number, part in self.parts.items()}
        messages, previous, seq = [], None, 0
        for event in events:
            seq = seq + 1 if event["clusterTime"] == previous else 0
            previous = event["clusterTime"]
            messages.append(self.message(event, seq))
        self.look_up(tick, messages)
        messages = self.disturb(messages, fault)
        self.producer.begin_transaction()
        for message in messages:
            self.produce(message, fault)
        self.producer.flush(20)
        if fault != "missing-tick":
            self.anchor(tick, begins, fault)
        self.producer.flush(20)
        self.producer.commit_transaction(20)

    def message(self, event: dict, seq: int) -> dict:
        time_ = event["clusterTime"].time << 32 | event["clusterTime"].inc
        deleted = event["operationType"] == "delete"
        op = {"insert": "c", "delete": "d"}.get(event["operationType"], "u")
        document = event.get("fullDocument") or {}
        value = {
            "_id": event["documentKey"]["_id"], "n": document.get("n"), "s_": document.get("s-"), "__op": op,
            "__deleted": False, "__ts_ms": 0, "__cluster_time": time_, "__seq": seq, "__image_time": time_,
            "__snapshot": False,
        }
        return {"id": event["documentKey"]["_id"], "value": None if deleted else value, "time": time_, "seq": seq, "op": op}

    @staticmethod
    def look_up(tick: int, messages: list[dict]) -> None:
        """A key's last update of the tick carries the image at the cut, as a boundary look-up gives it."""
        last = {message["id"]: message for message in messages}
        for message in last.values():
            if message["op"] == "u":
                message["value"]["__image_time"] = (tick - 1) << 32 | 0xFFFFFFFF

    def disturb(self, messages: list[dict], fault: str | None) -> list[dict]:
        """Faults in what is sent."""
        keys = [message["id"] for message in messages]
        last = {message["id"]: at for at, message in enumerate(messages)}
        live = [at for at in sorted(last.values()) if messages[at]["value"] is not None]
        match fault:
            case "lost-record" | "lost-record-counted":
                lost = messages.pop(live[-1])
                if fault == "lost-record-counted":
                    self.counts[lost["op"]] += 1
            case "doubled-record":
                messages.append(dict(messages[live[-1]]))
            case "stale-order":
                at = next(at for at in range(len(keys) - 1, -1, -1) if keys[at] in keys[:at])
                before = len(keys[:at]) - 1 - keys[:at][::-1].index(keys[at])
                messages[at], messages[before] = messages[before], messages[at]
            case "wrong-value":
                # One that was looked up, since those are held against the source at their image times.
                values = {at: messages[at]["value"] for at in live}
                at = next(at for at in reversed(live) if values[at]["__image_time"] != values[at]["__cluster_time"])
                messages[at] = {**messages[at], "value": {**values[at], "n": (values[at]["n"] or 0) + 1}}
            case "late-record":
                value = messages[live[-1]]["value"]
                late = ((value["__cluster_time"] >> 32) + 1) << 32
                messages[live[-1]] = {**messages[live[-1]], "value": {**value, "__cluster_time": late, "__image_time": late}}
            case "resurrected-key":
                gone = next(at for at in sorted(last.values()) if messages[at]["value"] is None)
                messages.pop(gone)
        return messages

    def produce(self, message: dict, fault: str | None) -> None:
        key = self.serializers["key"]({"_id": message["id"]}, SerializationContext(self.topic, MessageField.KEY))
        value, headers = None, {}
        if message["value"] is not None:
            value = self.serializers["value"](message["value"], SerializationContext(self.topic, MessageField.VALUE))
        else:
            headers = {"op": "d", "image_time": message["time"], "cluster_time": message["time"], "seq": message["seq"]}
            if fault == "missing-stamp":
                headers.pop("image_time")
        number = partition(key, PARTITIONS)
        if fault == "wrong-partition":
            number = (number + 1) % PARTITIONS
        headers = {f"moorline.{name}": str(text).encode() for name, text in headers.items()}
        self.producer.produce(
            self.topic, key=key, value=value, partition=number, headers=headers, on_delivery=self.delivered
        )
        self.counts[message["op"]] += message["op"] in ("c", "u", "d")
        self.counts["tombstones"] += value is None

    def delivered(self, error, message) -> None:
        assert error is None, error
        if message.topic() != self.topic:
            return
        record = Record(self.topic, message.partition(), message.offset(), message.key(), message.value(), {}, 0, None)
        self.sent.append(record)
        part = self.parts.setdefault(
            record.partition, {"partition": record.partition, "first": record.offset, "records": 0}
        )
        part["end"] = record.offset + 1
        part["records"] += 1

    def anchor(self, tick: int, begins: dict[int, int], fault: str | None) -> None:
        shift = -1 if fault == "overlapping-tick" else 0
        parts = [
            {**self.parts[number], "begin": begins.get(number, self.parts[number]["first"])} for number in sorted(self.parts)
        ]
        entry = {
            "namespace": self.namespace, "epoch": self.epoch, "topic": self.topic, "partition_count": PARTITIONS,
            "export": "e1", "export_complete": True, "exact": True, "key_schema_id": self.ids["key"],
            "value_schema_ids": [self.ids["value"]],
            "schema_digests": [hashlib.sha256(canonical(json.loads(self.schemas[p]))).hexdigest() for p in ("key", "value")],
            "records": dict(self.counts), "records_digest": digest(self.sent), "digest_algorithm": "sum256-sha256-v1",
            "partitions": parts, "topic_id": None, "scope": None, "contract": None,
        }
        match fault:
            case "wrong-count":
                entry["partitions"][0]["records"] -= 1
            case "wrong-operation-count":
                entry["records"]["c"] += 1
            case "wrong-digest":
                entry["records_digest"] = digest(self.sent[1:])
            case "wrong-end":
                entry["partitions"][0]["end"] += 1
            case "wrong-schema-digest":
                entry["schema_digests"][1] = "00" * 32
        cut = {"t": tick, "i": 0}
        record = {
            "format": 1, "id": "", "connector": "fake", "lane": 0, "lanes": 1, "layout": "one", "kind": "tick", "cut": cut,
            "covers_from": {"t": tick + shift, "i": 0}, "cut_ms": tick * 1000, "part": 0, "parts": 1, "exact": True,
            "complete": True, "inexact": [], "history": "weak:rs0", "position_format": "mongodb-resume-token-v1",
            "position": b"", "parent": self.parent if fault != "wrong-parent" else "0" * 26, "base": None, "full": True,
            "collections": [entry], "gap": None, "rollback_to": None, "label": None, "written_ms": 0,
            "lineage": {"version": "0", "config": "", "source": "", "server": "", "worker": "", "run_id": None},
        }
        record["id"] = anchor_id(record, json.loads(self.schemas["anchor"]))
        if fault == "altered-anchor":
            record["lineage"]["version"] = "1"
        topic = f"{self.prefix}.anchors"
        key = {"connector": "fake", "lane": 0, "id": record["id"], "part": 0}
        self.producer.produce(
            topic, partition=0,
            key=self.serializers["anchor_key"](key, SerializationContext(topic, MessageField.KEY)),
            value=self.serializers["anchor"](record, SerializationContext(topic, MessageField.VALUE)),
        )
        self.parent = record["id"]


__all__ = ["FAULTS", "Fake", "History", "write_history"]
