"""What one would write to have a topic as Parquet: `replay_by_hand.py TOPIC FILE`; the servers as the environment says.

confluent-kafka reads, fastavro decodes, a dictionary folds, pyarrow writes. One schema, no anchor, no check of anything: `cargo xtask bench`
holds `moorline replay` beside it.
"""

import io
import json
import os
import struct
import sys

import fastavro
import pyarrow
import pyarrow.parquet
import requests
from confluent_kafka import Consumer, TopicPartition

topic, out = sys.argv[1:]
consumer = Consumer(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"],
        "group.id": "by-hand",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": False,
    }
)
numbers = consumer.list_topics(topic, 30).topics[topic].partitions
ends = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), 30)[1] for n in numbers}
consumer.assign([TopicPartition(topic, n, 0) for n in numbers])

schemas = {}


def decoded(frame: bytes):
    """The row of a value in the registry's wire format."""
    (schema_id,) = struct.unpack(">I", frame[1:5])
    if schema_id not in schemas:
        told = requests.get(f"{os.environ['SCHEMA_REGISTRY_URL']}/schemas/ids/{schema_id}", timeout=30).json()["schema"]
        schemas[schema_id] = fastavro.parse_schema(json.loads(told))
    return fastavro.schemaless_reader(io.BytesIO(frame[5:]), schemas[schema_id])


rows = {}
waiting = set(numbers)
while waiting:
    for message in consumer.consume(10_000, 1):
        rows[message.key()] = message.value()
    for place in consumer.position([TopicPartition(topic, n) for n in waiting]):
        if place.offset >= ends[place.partition]:
            waiting.discard(place.partition)
consumer.close()

writer, batch, documents = None, [], 0


def write():
    """Appends the batch."""
    global writer, batch, documents
    table = pyarrow.Table.from_pylist(batch) if writer is None else pyarrow.Table.from_pylist(batch, schema=writer.schema)
    writer = writer or pyarrow.parquet.ParquetWriter(out, table.schema, compression="zstd")
    writer.write_table(table)
    documents += len(batch)
    batch = []


for key in sorted(rows):
    if rows[key] is not None:
        batch.append(decoded(rows[key]))
    if len(batch) == 50_000:
        write()
if batch:
    write()
writer.close()
print(json.dumps({"documents": documents, "bytes": os.path.getsize(out)}))
