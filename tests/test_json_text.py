"""Records as JSON text: read by Python's json, held against the source through the law, beside Avro keys and Avro values."""

from __future__ import annotations

import json
import re
import struct

import pytest
from bson import Binary, Decimal128, ObjectId

from oracle import json_text, law
from oracle.murmur2 import partition
from test_types import FIELDS

JSON = {"key.converter": "json", "value.converter": "json"}


def _rows(count: int):
    """Two kinds of each type; times and doubles that JSON has no form for are among them."""
    rows = [{field: values[at % 2] for field, (values, _) in FIELDS.items()} for at in range(count)]
    return [{**row, "inf": [1.5, float("-inf")][at % 2], "text": '"\\\u2028\n' if at % 2 else ""} for at, row in enumerate(rows)]


@pytest.mark.parametrize("settings", [JSON, {"value.converter": "json"}, {"key.converter": "json", "output.format": "envelope"}],
                         ids=["both", "values", "keys"])
def test_every_type_as_text_is_what_avro_says(stack, name, connector, settings):
    items = stack.client[name].items
    ids = [ObjectId() for _ in range(46)]
    items.insert_many([{"_id": i, **row} for i, row in zip(ids, _rows(40))])
    one = connector(f"{name}.items", **settings)
    one.until("snapshot")
    items.insert_many([{"_id": i, **row} for i, row in zip(ids[40:], _rows(6))])
    items.update_many({"_id": {"$in": ids[:3]}}, {"$set": {"string": "changed"}})
    items.delete_one({"_id": ids[5]})
    one.until("anchor")
    # Counts, digests of what was written, placement by the written keys, and each document of the fold.
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)
    assert report.held_out == 0 and report.documents > 40, report
    assert {op: report.operations[op] for op in "rcu"} == {"r": 40, "c": 6, "u": 3}, report
    records = one.records(f"{name}.items")
    assert {json_text.is_text(record.key_bytes) for record in records} == {"key.converter" in settings}
    texts = {json_text.is_text(record.value_bytes) for record in records if record.value_bytes is not None}
    assert texts == {"value.converter" in settings}
    gone = [record for record in records if record.value_bytes is None]
    assert len(gone) == 1 and gone[0].headers["moorline.op"] == "d"
    one.call("anchors", "show", "-c", str(one.file), "--check")
    if settings is JSON:
        # The forms of the page on types, as literals.
        first = json.loads(next(record.value_bytes for record in records if record.key["_id"] == str(ids[0])))
        wanted = {"_id": str(ids[0]), "date": "1970-01-01T00:00:00.005Z", "decimal": "1.50", "binary": "YQ==", "mixed": "a",
                  "mixed_array": [1, "a", {"b": 1}], "array": [1, None, 2], "uuid": "00000000-0000-0000-0000-000000000005"}
        assert {field: first[field] for field in wanted} == wanted
        assert gone[0].key_bytes == json.dumps({"_id": str(ids[5])}, separators=(",", ":")).encode()
        assert gone[0].partition == partition(gone[0].key_bytes, 3)


def test_tail_and_verbs_read_text_and_drift_stays_drift(stack, name, connector):
    """A contract counts as under Avro: it grows, and what does not fit is held out under the key that was written."""
    items = stack.client[name].items
    items.insert_many([{"_id": n, "n": n, "price": Decimal128("12.50")} for n in range(2)])
    one = connector(f"{name}.items", **JSON, topic__creation__default__partitions=1)
    one.until("snapshot")
    items.insert_one({"_id": 2, "n": 2, "new": {"deep": Binary(struct.pack(">h", 255), 0)}})
    items.update_one({"_id": 1}, {"$set": {"n": "no number"}})
    one.until("anchor")
    records = [json.loads(line) for line in one.call("tail", f"{name}.items", "-c", str(one.file), "-o", "json").stdout.splitlines()]
    assert [(record["key"]["_id"], record["op"]) for record in records[:3]] == [(0, "r"), (1, "r"), (2, "c")]
    assert records[2]["value"]["new"] == {"deep": "AP8="} and "new" not in records[0]["value"]
    assert records[3]["value"] is None and records[3]["key"] == {"_id": 1}, "a tombstone for what is held out"
    diff = one.call("tail", f"{name}.items", "-c", str(one.file), "--diff", "--op", "c").stdout
    assert '"price":null' in diff and "no earlier image" in diff, diff
    quarantined = stack.topics.read(f"{name}.quarantine")
    assert [record.key_bytes for record in quarantined] == [b'{"_id":1}']
    one.call("anchors", "show", "-c", str(one.file), "--check")
    answer = one.call("validate", "-c", str(one.file))
    assert "keys and values are JSON text" in answer.stdout, answer.stdout
    status = one.call("status", "-c", str(one.file))
    assert re.search(rf"{name}\.items +0 +complete +2 +1", status.stdout), status.stdout
    # Without `schemas/`, the contract that has grown comes back from the registry, which has it under Avro's ids.
    before = one.anchors()[-1].collections[f"{name}.items"]
    for file in one.folder.glob("schemas/*"):
        file.unlink()
    items.insert_one({"_id": 3, "n": 3})
    one.until("anchor")
    after = one.anchors()[-1].collections[f"{name}.items"]
    assert after["value_schema_ids"] == before["value_schema_ids"] and len(before["value_schema_ids"]) == 2
    assert json.loads(one.records(f"{name}.items")[-1].value_bytes)["new"] is None


def test_keys_of_another_form_are_refused_and_values_may_change(stack, name, connector):
    items = stack.client[name].items
    items.insert_one({"_id": 1, "n": 1})
    one = connector(f"{name}.items", value__converter="json")
    one.until("snapshot")
    one.write(key__converter="json")
    items.insert_one({"_id": 2, "n": 2})
    run = one.start("--until", "now")
    assert run.wait() == 1 and "MOOR-5802" in run.stderr and "key.converter=avro" in run.stderr, run.stderr
    assert len(one.records(f"{name}.items")) == 1
    one.write(key__converter="avro", value__converter="avro")
    one.until("anchor")
    first, second = sorted(one.records(f"{name}.items"), key=lambda record: record.timestamp)
    assert json_text.is_text(first.value_bytes) and second.value["n"] == 2
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=1)
