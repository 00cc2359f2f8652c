"""`verify --against source`: ACCEPT where the export is the source's state, each defect found and named, and what can't be
proven never accepted. (I-VERIFY-1)"""

from __future__ import annotations

import io
import json
import os
import time
import xml.etree.ElementTree as Xml
from dataclasses import replace

import fastavro
import pytest

from oracle import doctored, fold, state_digest
from oracle.connector import Connector, wait_for
from oracle.stack import OwnStack
from oracle.writer import Writer, load

# Longer where somebody has the time: half an hour beside writers is `MOORLINE_VERIFY_SECONDS=1800`.
SECONDS = float(os.environ.get("MOORLINE_VERIFY_SECONDS", "5"))


def _verify(one: Connector, *arguments: str, code: int = 0) -> dict:
    flags = ("verify", "-c", str(one.file), "--against", "source", "-o", "json")
    return json.loads(one.call(*flags, *arguments, code=code).stdout)


def _codes(report: dict) -> set[str]:
    return {reason["code"] for found in report["ranges"] for reason in found["reasons"]}


@pytest.mark.parametrize("form", ["document", "envelope"])
def test_no_false_alarm_beside_writers(stack, name, connector, form):
    kinds = {f"{name}.a": "number", f"{name}.b": "string", f"{name}.mixed": "mixed"}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 300, kind)
    one = connector(",".join(kinds), output__format=form)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.whole and len(anchor.collections) == 3, run)
    writer = Writer(stack.mongodb_uri, kinds, 3, rate=200)
    writer.start()
    deadline, looks = time.monotonic() + SECONDS, []
    while time.monotonic() < deadline or len(looks) < 3:
        run.must_live()
        report = _verify(one)
        assert report["verdict"] == "ACCEPT" and len(report["ranges"]) == 3, report
        assert all(found["equal"] + found["held_out"] == found["source_documents"] for found in report["ranges"]), report
        looks.append((tuple(report["cut"].values()), sum(found["equal"] for found in report["ranges"])))
    assert sum(writer.stop().values()) > 100
    assert len({cut for cut, _ in looks}) > 1 and all(equal > 300 for _, equal in looks), looks
    for found in report["ranges"]:
        assert found["state_digest"] == _state_digest(stack, one, found), found["namespace"]


def _state_digest(stack, one, found: dict) -> str:
    """The digest of a folded export, by Python and by docs/state-digest.md."""
    cut = (found["cut"]["t"], found["cut"]["i"])
    anchor = next(anchor for anchor in one.anchors() if anchor.covers(cut))
    entry = anchor.collections[found["namespace"]]
    ranges = {part["partition"]: (part["first"], part["end"]) for part in entry["partitions"]}
    last = fold.by_offset(fold.histories(stack.topics.read(entry["topic"], ranges)))
    [identifier] = {record.value_schema_id for record in last.values()}
    schema = stack.topics.decoder.schema(identifier)
    if schema["name"] == "Envelope":
        kinds = [field["type"] for field in schema["fields"] if field["name"] in ("before", "after")]
        schema = next(kind for union in kinds for kind in union if isinstance(kind, dict))
    return state_digest.digest([fold.document(record) for record in last.values()], schema)


def _dropped(records, key):
    return [record for record in records if record.key["_id"] != key]


def _last(records, key):
    return max(at for at, record in enumerate(records) if record.key["_id"] == key)


def _without_last(records, key):
    at = _last(records, key)
    return records[:at] + records[at + 1 :]


def _swapped(records, key, change):
    at = _last(records, key)
    return [*records[:at], change(records[at]), *records[at + 1 :]]


def _ghost(records):
    at = _last(records, "k07")
    twin = records[at]
    made = replace(twin, key_bytes=twin.key_bytes.replace(b"k07", b"zzz"), value_bytes=twin.value_bytes.replace(b"k07", b"zzz"))
    return [*records[: at + 1], made, *records[at + 1 :]]


def _as_text(one, record):
    """The record, with `n` written by a schema in which it is a string."""
    schema = json.loads(json.dumps(one.stack.topics.decoder.schema(record.value_schema_id)))
    field = next(field for field in schema["fields"] if field["name"] == "n")
    field["type"] = ["null", "string"]
    from confluent_kafka.schema_registry import Schema

    identifier = one.stack.topics.decoder.registry.register_schema(f"{one.name}.wrong-value", Schema(json.dumps(schema), "AVRO"))
    out = io.BytesIO(b"\x00" + identifier.to_bytes(4, "big"))
    out.seek(0, 2)
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), {**record.value, "n": str(record.value["n"])})
    return replace(record, value_bytes=out.getvalue())


def test_each_defect_is_found_and_named(stack, name, connector):
    items = stack.client[name].items
    items.insert_many([{"_id": f"k{number:02}", "n": number, "s": f"text {number:02}"} for number in range(20)])
    namespace = f"{name}.items"
    one = connector(namespace)
    one.until("snapshot")
    items.update_one({"_id": "k03"}, {"$set": {"n": 1000}})
    items.delete_one({"_id": "k05"})
    one.until("anchor")
    anchor = one.anchors()[-1]
    assert anchor.whole and _verify(one)["verdict"] == "ACCEPT"
    records = doctored.export(one, anchor, namespace)
    assert any(record.value_bytes is None for record in records)
    cases = {
        "none": (records, None),
        "dropped": (_dropped(records, "k02"), ("missing", "k02", None)),
        "altered": (_swapped(records, "k04", lambda r: doctored.altered(r, b"text 04", b"text 05")), ("differs", "k04", "/s")),
        "stale": (_without_last(records, "k03"), ("differs", "k03", "/n")),
        "tombstone": (_without_last(records, "k05"), ("ghost", "k05", None)),
        "ghost": (_ghost(records), ("ghost", "zzz", None)),
        "type": (_swapped(records, "k06", lambda r: _as_text(one, r)), ("differs", "k06", "/n")),
    }
    for case, (made, expected) in cases.items():
        one.write(anchor__topic__name=doctored.write(one, anchor, namespace, case, made))
        report = _verify(one, code=1 if expected else 0)
        (found,) = report["ranges"]
        if expected is None:
            assert report["verdict"] == "ACCEPT" and found["equal"] == 19, report
            continue
        kind, key, path = expected
        assert report["verdict"] == "REJECT" and _codes(report) == {"MOOR-6170"}, (case, report)
        assert found["difference_count"] == 1, (case, found)
        (difference,) = found["differences"]
        assert difference["kind"] == kind and key in difference["key"], (case, difference)
        assert [field["path"] for field in difference["fields"]] == ([path] if path else []), (case, difference)
    # A record that no anchor counts: the state is the same, and the topic is not what was written.
    doubled = sorted([*records, records[0]], key=lambda record: record.partition)
    one.write(anchor__topic__name=doctored.write(one, anchor, namespace, "doubled", doubled, records))
    junit = one.folder / "verify.xml"
    report = _verify(one, "--junit", str(junit), code=1)
    assert report["verdict"] == "REJECT" and "MOOR-6013" in _codes(report), report
    suite = Xml.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")


def test_what_is_held_out_is_counted_and_another_epoch_proves_nothing(stack, name, connector):
    items = stack.client[name].items
    items.insert_many([{"_id": number, "n": number} for number in range(10)])
    one = connector(f"{name}.items", contract__on__drift="quarantine", contract__unknown="ignore")
    one.until("snapshot")
    items.update_one({"_id": 3}, {"$set": {"n": "no number"}})
    items.update_one({"_id": 4}, {"$set": {"extra": 1}})
    one.until("anchor")
    report = _verify(one)
    (found,) = report["ranges"]
    assert (report["verdict"], found["held_out"], found["equal"]) == ("ACCEPT", 1, 9), report
    assert _verify(one, "--rate-limit", "1000", "--threads", "1", "--collection", f"{name}.items")["verdict"] == "ACCEPT"
    # A budget that holds no key is no proof.
    small = _verify(one, "--memory-bytes", "100", code=5)
    assert small["verdict"] == "UNSUPPORTED" and _codes(small) == {"MOOR-6174"}, small
    items.drop()
    items.insert_many([{"_id": number, "n": number} for number in range(10)])
    report = _verify(one, code=5)
    assert report["verdict"] == "UNSUPPORTED" and _codes(report) == {"MOOR-6172"}, report


def test_i_verify_1_outside_of_the_window_and_without_a_source(tmp_path):
    own = OwnStack(1, "--set", "mongo.minSnapshotHistoryWindowInSeconds=5")
    try:
        own.stack.client.shop.items.insert_many([{"_id": number} for number in range(10)])
        one = Connector(own.stack, "window", tmp_path, "shop.items", {})
        one.until("snapshot")
        cut = one.anchors()[-1].cut
        wait_for("the window to pass", lambda: own.stack.source.cluster_time()[0] > cut[0] + 5, 60)
        report = _verify(one, code=5)
        assert report["verdict"] == "UNSUPPORTED" and _codes(report) == {"MOOR-6171"}, report
        assert report["ranges"][0]["source_documents"] == 0
        accepted = wait_for("a verification within the window", lambda: _within(one), 60)
        wait_for("the window to pass", lambda: own.stack.source.cluster_time()[0] > accepted["cut"]["t"] + 5, 60)
        report = _verify(one, "--at", accepted["anchor"])
        (found,) = report["ranges"]
        assert report["verdict"] == "ACCEPT" and found["source_documents"] == 0 and found["export_documents"] == 10, report
        earlier = found["certificate"]
        assert (earlier["method"], earlier["verdict"], earlier["anchor"]) == ("source", "ACCEPT", accepted["anchor"])
        own.signal("mongo0", "KILL")
        began = time.monotonic()
        run = one.call("verify", "-c", str(one.file), "--against", "source", code=3)
        assert time.monotonic() - began < 30 and "MOOR-2001" in run.stderr, run.stderr
    finally:
        own.down()


def _within(one: Connector) -> dict | None:
    """The report on a cut that was just made, where it could still be read at the source."""
    one.until("anchor")
    run = one.command("verify", "-c", str(one.file), "--against", "source", "-o", "json")
    code = run.wait(60)
    assert code in (0, 5), run.stderr
    return json.loads(run.stdout) if code == 0 else None


def test_certificates_stand_beside_anchors_and_a_reject_stays(stack, name, connector):
    load(stack.mongodb_uri, f"{name}.a", 50, "number")
    one = connector(f"{name}.a")
    one.until("snapshot")
    report = _verify(one)
    listed = lambda: json.loads(one.call("anchors", "list", "-c", str(one.file), "-o", "json").stdout)["cuts"]  # noqa: E731
    of_cut = lambda: next(cut for cut in listed() if cut["id"] == report["anchor"])  # noqa: E731
    assert (of_cut()["verdict"], of_cut()["documents"]) == ("ACCEPT", 50)
    shown = json.loads(one.call("anchors", "show", "-c", str(one.file), "--at", report["anchor"], "-o", "json").stdout)
    (collection,) = shown["collections"]
    (made,) = collection["certificates"]
    assert (made["method"], made["verdict"], made["differing"], made["epoch"]) == ("source", "ACCEPT", 0, collection["epoch"])
    table = one.call("anchors", "list", "-c", str(one.file)).stdout
    assert "VERDICT" in table and "ACCEPT" in table
