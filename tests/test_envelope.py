"""Envelopes on real servers: each change told once, with what stood before it, its delta and its transaction."""

from __future__ import annotations

import random

import pytest

from oracle import envelope, fold, law
from oracle.capture import Capture
from oracle.writer import Writer, load, one_key


def _captured(stack, name, *collections):
    for collection in collections:
        stack.client[name].create_collection(collection, changeStreamPreAndPostImages={"enabled": True})


def _started(connector, name, *collections, **settings):
    settings.setdefault("output__format", "envelope")
    one = connector(",".join(f"{name}.{collection}" for collection in collections), **settings)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run)
    return one, run


PRE_IMAGES = "change_streams_update_full_with_pre_image"


@pytest.mark.parametrize("how", ["boundary", "post_image"])
def test_every_change_is_told_once(stack, name, connector, how):
    """A snapshot, then random histories: the law holds over envelopes, and each event has its record."""
    _captured(stack, name, "items", "others")
    load(stack.mongodb_uri, f"{name}.items", 60, "number")
    settings = {"capture__mode": PRE_IMAGES, "capture__mode__full__update__type": how, "max__batch__size": 40}
    one, run = _started(connector, name, "items", "others", provide__transaction__metadata=True, **settings)
    capture = Capture(stack.mongodb_uri, name, before=True)
    kinds = {f"{name}.items": "number", f"{name}.others": "number"}
    writers = [Writer(stack.mongodb_uri, kinds, seed, rate=120, pool=25) for seed in range(2)]
    for writer in writers:
        writer.start()
    one.wait_for_records(f"{name}.items", 400, run)
    for writer in writers:
        writer.stop()
    assert run.terminate() == 0
    one.until("anchor")
    events = capture.stop(stack.source)
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)
    assert report.folds and min(report.operations.get(op, 0) for op in "rcud") > 0, report
    told = []
    for collection in ("items", "others"):
        records = one.records(f"{name}.{collection}")
        law.broken(collection, envelope.compare(events, f"{name}.{collection}", records, stack.topics, images=True))
        told += records
    topic = stack.topics.read(f"{name}.transaction")
    law.broken("transactions", envelope.transactions(told, topic))
    assert len(topic) > 4, "no transaction was made"


def test_a_delete_is_an_envelope_and_then_a_tombstone(stack, name, connector):
    _captured(stack, name, "kept")
    database = stack.client[name]
    database.plain.insert_one({"_id": 1, "n": 1})
    database.kept.insert_one({"_id": 1, "n": 1})
    one, run = _started(connector, name, "plain", "kept", capture__mode=PRE_IMAGES)
    for collection in ("plain", "kept"):
        database[collection].delete_one({"_id": 1})
        records = one.wait_for_records(f"{name}.{collection}", 3, run)
        assert [fold.operation(r) for r in records] == ["r", "d", "d"]
        row, gone, tombstone = records
        assert row.value["source"]["snapshot"] == "incremental" and row.value["after"] == {"_id": 1, "n": 1, "__spill": None}
        assert gone.value["after"] is None and gone.value["updateDescription"] is None
        assert gone.value["before"] == (None if collection == "plain" else row.value["after"])
        assert tombstone.value_bytes is None and fold.stamp(tombstone) == fold.stamp(gone)
        assert tombstone.partition == gone.partition and tombstone.offset == gone.offset + 1
    assert run.terminate() == 0
    # Only the one that keeps none is warned of.
    assert run.stderr.count("MOOR-2006") == 1 and f"{name}.plain" in run.stderr


def test_without_tombstones_an_envelope_is_all_there_is_of_a_delete(stack, name, connector):
    database = stack.client[name]
    database.items.insert_many([{"_id": n, "n": n} for n in range(3)])
    one, run = _started(connector, name, "items", tombstones__on__delete=False)
    database.items.delete_one({"_id": 1})
    records = one.wait_for_records(f"{name}.items", 4, run)
    database.items.replace_one({"_id": 2}, {"_id": 2, "n": 5})
    one.wait_for_records(f"{name}.items", 5, run)
    assert run.terminate() == 0
    one.until("anchor")
    assert all(record.value_bytes for record in records) and set(envelope.live(one.records(f"{name}.items"))) == {0, 2}
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)


def test_one_key_many_times_in_one_transaction(stack, name, connector):
    """I-IMG-3: each event of it is told, and only the last update has a document that was looked up."""
    items = stack.client[name].items
    items.insert_many([{"_id": n, "t": "before"} for n in range(3)])
    one, run = _started(connector, name, "items")
    one_key(stack.client, items, 1, random.Random(1))
    # delete, insert, update, delete, insert, update; a delete is two records
    records = one.wait_for_records(f"{name}.items", 3 + 8, run)
    assert run.terminate() == 0
    one.until("anchor")
    events = [r for r in records if r.key["_id"] == 1 and r.value_bytes and fold.operation(r) != "r"]
    assert [fold.operation(r) for r in events] == ["d", "c", "u", "d", "c", "u"]
    assert [r.value["after"] is None for r in events] == [True, False, True, True, False, False]
    assert events[2].value["updateDescription"] is not None, "an update without a document still has its delta"
    assert events[-1].value["after"]["t"] == "second"
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)


def test_deltas_alone_are_told_and_never_called_exact(stack, name, connector):
    items = stack.client[name].items
    items.insert_one({"_id": 1, "n": 1, "gone": 2, "list": [1, 2, 3]})
    one, run = _started(connector, name, "items", capture__mode="change_streams")
    items.update_one({"_id": 1}, {"$set": {"n": 2}, "$unset": {"gone": 1}})
    items.update_one({"_id": 1}, [{"$set": {"list": {"$slice": ["$list", 2]}}}])
    records = one.wait_for_records(f"{name}.items", 3, run)
    assert run.terminate() == 0
    one.until("anchor")
    first, second = (record.value for record in records[1:])
    assert first["after"] is None and first["before"] is None
    assert first["updateDescription"] == {"removedFields": ["gone"], "updatedFields": '{"n":2}', "truncatedArrays": None}
    assert second["updateDescription"]["truncatedArrays"] == [{"field": "list", "size": 2}]
    entry = one.anchors()[-1].collections[f"{name}.items"]
    assert not entry["exact"], "an update without a document, and the anchor says exact"
