"""Records over the limit: left out, cut, put aside, or the end of the run; each said in the anchor, the log and a metric."""

from __future__ import annotations

import json
import re

import pytest

from oracle import fold
from oracle.live import Live

MOST = 20_000
# What a frame takes of it stands with MC615.
LIMIT = MOST - 512


def _reasons(anchor):
    return {reason["reason"]: reason["keys"] for reason in anchor.record["inexact"]}


def _of(records, key):
    """A key's records, as operation and whether there is a value."""
    found = [record for record in records if record.key["_id"] == key]
    return [(fold.operation(record), record.value_bytes is not None) for record in found]


def test_left_out(stack, name, connector):
    items = stack.client[name].items
    items.insert_many([{"_id": number, "s": "small"} for number in range(3)] + [{"_id": 9, "s": "x" * 30_000}])
    settings = {"kafka.message.max.bytes": MOST, "record.oversize.handling": "skip", "listeners": "http://127.0.0.1:0"}
    one = connector(f"{name}.items", **settings)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run)
    items.update_one({"_id": 1}, {"$set": {"s": "y" * 30_000}})
    one.wait_for_anchor(lambda anchor: _reasons(anchor).get("oversize-skipped") == 2, run)
    assert Live(run).value("moorline_skipped_total", collection=f"{name}.items") == 2
    items.update_one({"_id": 1}, {"$set": {"s": "small again"}})
    records = one.wait_for_records(f"{name}.items", 6, run)
    assert run.terminate() == 0
    assert _of(records, 0) == [("r", True)]
    # No record, and no older one that would pass for the newest.
    assert _of(records, 9) == [("d", False)]
    assert _of(records, 1) == [("r", True), ("d", False), ("u", True)]
    # Told once, with the document and what is large in it; the second one within a minute is counted.
    told = [line for line in run.stderr.splitlines() if "MOOR-5701" in line]
    assert len(told) == 1 and f"{name}.items _id " in told[0] and "field /s" in told[0], told
    one.until("anchor")
    # Another run does not forget it, and what is counted is what is there.
    last = one.anchors()[-1]
    assert _reasons(last) == {"oversize-skipped": 2} and not last.record["exact"]
    counts = last.collections[f"{name}.items"]["records"]
    assert (counts["r"], counts["u"], counts["tombstones"], counts["quarantined"]) == (3, 1, 2, 0), counts
    one.call("anchors", "show", "-c", str(one.file), "--check")


@pytest.mark.parametrize("converter", ["avro", "json"])
def test_cut(stack, name, connector, converter):
    """Fields of JSON text only: what has another type stays whole, and where they are not enough the run ends."""
    items = stack.client[name].items
    items.insert_many([{"_id": 0, "a": 1, "b": "s"}, {"_id": 1, "a": {"x": "t"}, "b": "s", "n": {"a": [1]}}])
    items.insert_one({"_id": 2, "a": "text", "b": "s", "n": {"a": "other"}})
    one = connector(f"{name}.items", **{
        "kafka.message.max.bytes": MOST, "record.oversize.handling": "truncate.any", "value.converter": converter,
    })
    one.until("snapshot")
    large = {"_id": 3, "a": {"x": '"é' * 20_000}, "b": "kept", "n": {"a": "€" * 5_000}}
    items.insert_one(large)
    run = one.call("run", "-c", str(one.file), "--until", "anchor")
    assert "MOOR-5702" in run.stderr and f"{name}.items _id " in run.stderr and ": /a " in run.stderr, run.stderr
    cut = [record for record in one.records(f"{name}.items") if record.key["_id"] == 3]
    assert len(cut) == 1
    value, size = cut[0].value, len(cut[0].key_bytes) + len(cut[0].value_bytes)
    assert LIMIT - 50 < size <= LIMIT, size
    assert value["b"] == "kept"
    # Valid JSON, the begin of what stood there, and a sign that there was more.
    whole = json.loads(cut[0].value_bytes) if converter == "json" else None
    text = whole["a"] if whole else json.loads(value["a"])
    assert text.endswith("…") and '{"x":"\\"é\\"é'.startswith(text[:9]), text[:20]
    nested = whole["n"]["a"] if whole else json.loads(value["n"]["a"])
    assert nested.endswith("…") and set(nested[:-1]) == {"€"}, nested[:20]
    header = cut[0].headers["moorline.truncated"]
    assert re.fullmatch(r"/a \d+, /n/a 15002", header), header
    anchor = one.anchors()[-1]
    assert _reasons(anchor) == {"oversize-truncated": 1} and not anchor.record["exact"]
    one.call("anchors", "show", "-c", str(one.file), "--check")

    items.insert_one({"_id": 4, "a": 1, "b": "z" * 30_000})
    run = one.call("run", "-c", str(one.file), "--until", "now", code=None)
    assert run.process.returncode not in (0, None) and "MOOR-3009" in run.stderr and "/b" in run.stderr, run.stderr
    assert all(record.key["_id"] != 4 for record in one.records(f"{name}.items"))


def test_the_end_of_a_run_and_then_put_aside(stack, name, connector):
    """Drift may stop a run and large records not: the two have a key each."""
    items = stack.client[name].items
    items.insert_one({"_id": 0, "s": "small", "n": {"t": "small"}})
    one = connector(f"{name}.items", **{"kafka.message.max.bytes": MOST, "contract.on.drift": "halt"})
    one.until("snapshot")
    items.update_one({"_id": 0}, {"$set": {"n.t": "x" * 30_000}})
    run = one.call("run", "-c", str(one.file), "--until", "now", code=None)
    assert run.process.returncode not in (0, None) and "MOOR-3009" in run.stderr and "/n/t" in run.stderr, run.stderr
    one.write(record__oversize__handling="quarantine")
    one.until("anchor")
    assert _of(one.records(f"{name}.items"), 0) == [("r", True), ("d", False)]
    aside = stack.topics.read(f"{name}.quarantine")
    headers = aside[0].headers
    assert len(aside) == 1 and aside[0].value_bytes is None
    assert (headers["moorline.rule"], headers["moorline.path"]) == ("MC615", "/n/t"), headers
    assert headers["moorline.expected"] == f"at most {LIMIT} bytes"
    assert one.anchors()[-1].collections[f"{name}.items"]["records"]["quarantined"] == 1
