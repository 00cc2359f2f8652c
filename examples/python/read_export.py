"""Reads one collection's export up to an anchor, and ends with an error if it is not all there.

    python read_export.py BOOTSTRAP REGISTRY PREFIX NAMESPACE [ANCHOR]

ANCHOR is an id or its beginning; without it the newest anchor is taken at which the export is complete and exact.
Needs `confluent-kafka[avro]`. Prints one line of JSON: the anchor, the records read, the documents that they leave.
"""

import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

LIMIT = 60.0  # seconds in which the next record must come


def consumer(bootstrap, **more):
    return Consumer({
        **more,
        "bootstrap.servers": bootstrap,
        "group.id": "read-export",          # named, never joined: partitions are assigned
        "enable.auto.commit": False,
        "isolation.level": "read_committed",  # aborted records are no part of an export
        "auto.offset.reset": "earliest",      # where retention took the first records, the count says how many are gone
    })


def read(bootstrap, topic, ranges):
    """The records of `ranges` {partition: (first, end)}: seek to `first`, stop when the position is at least `end`."""
    open_ends = {partition: end for partition, (first, end) in ranges.items() if first < end}
    if not open_ends:
        return
    source = consumer(bootstrap)
    try:
        source.assign([TopicPartition(topic, partition, ranges[partition][0]) for partition in open_ends])
        deadline = time.monotonic() + LIMIT
        while open_ends:
            message = source.poll(0.2)
            if message is not None:
                if message.error():
                    raise SystemExit(f"{topic}: {message.error()}")
                deadline = time.monotonic() + LIMIT
                end = open_ends.get(message.partition())
                if end is not None and message.offset() < end:
                    yield message
            # An offset may be a transaction's marker, which is never given: so the position is compared, for "at least".
            for place in source.position([TopicPartition(topic, partition) for partition in open_ends]):
                if place.offset >= open_ends[place.partition]:
                    del open_ends[place.partition]
            if time.monotonic() > deadline:
                raise SystemExit(f"{topic}: the ends {open_ends} were not reached")
    finally:
        source.close()


def to_the_end(bootstrap, topic):
    """All committed records of a topic's one partition, to the end that is there now."""
    source = consumer(bootstrap, **{"enable.partition.eof": True})
    try:
        source.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while (message := source.poll(LIMIT)) is not None:
            if message.error() is None:
                yield message
            elif message.error().code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise SystemExit(f"{topic}: {message.error()}")
        raise SystemExit(f"{topic}: nothing came in {LIMIT} s")
    finally:
        source.close()


def anchors(bootstrap, topic, deserialize):
    """All anchors in order, by id: those in several parts joined."""
    found = {}
    for message in to_the_end(bootstrap, topic):
        if message.value() is None:
            continue  # pruned
        anchor = deserialize(message.value(), None)
        if anchor["format"] != 1:
            raise SystemExit(f"anchors of format {anchor['format']} are unknown here")
        if anchor["id"] in found:
            found[anchor["id"]]["collections"] += anchor["collections"]
        else:
            found[anchor["id"]] = anchor
    return found


def collection(found, anchor, namespace):
    """The collection's whole entry: a difference lists what moved since its base."""
    entry = next((c for c in anchor["collections"] if c["namespace"] == namespace), None)
    if anchor["full"]:
        return entry
    base = found.get(anchor["base"])
    before = base and next((c for c in base["collections"] if c["namespace"] == namespace), None)
    if entry is None or before is None or before["export"] != entry["export"]:
        return entry or before
    partitions = {p["partition"]: p for p in before["partitions"]}
    partitions.update({p["partition"]: p for p in entry["partitions"]})
    return {**entry, "partitions": list(partitions.values())}


def main(bootstrap, registry, prefix, namespace, wanted=""):
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    found = anchors(bootstrap, f"{prefix}.anchors", deserialize)
    for anchor in reversed(found.values()):
        entry = collection(found, anchor, namespace)
        if anchor["id"].startswith(wanted) and entry and entry["export_complete"] and entry["exact"]:
            break
    else:
        raise SystemExit(f"no anchor {wanted or 'at all'} holds {namespace} complete and exact")

    state, counts = {}, {}
    ranges = {p["partition"]: (p["first"], p["end"]) for p in entry["partitions"]}
    for message in read(bootstrap, entry["topic"], ranges):
        counts[message.partition()] = counts.get(message.partition(), 0) + 1
        value = message.value() and deserialize(message.value(), None)
        if value is None or value.get("__deleted"):
            state.pop(message.key(), None)
        else:
            state[message.key()] = value

    for part in entry["partitions"]:
        count = counts.get(part["partition"], 0)
        if count != part["records"]:
            raise SystemExit(f"{entry['topic']}-{part['partition']}: {count} records, the anchor counts {part['records']}")
    print(json.dumps({"anchor": anchor["id"], "records": sum(counts.values()), "documents": len(state)}))


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
