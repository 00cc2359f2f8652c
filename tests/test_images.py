"""Images of updated documents: each is the document at its image time, and none is invented. (I-IMG-1 to 4)"""

from __future__ import annotations

import random
import time

import pytest

from oracle import fold, law
from oracle.connector import wait_for
from oracle.writer import Writer, load, one_key


def _started(connector, name, *collections, **settings):
    one = connector(",".join(f"{name}.{collection}" for collection in collections), **settings)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run)
    return one, run


def test_images_of_hot_keys_are_the_documents_at_the_cut(stack, name, connector):
    """I-IMG-1: many updates of few keys, read back from the source at each image time."""
    load(stack.mongodb_uri, f"{name}.items", 40, "number")
    one, run = _started(connector, name, "items", max__batch__size=40)
    writers = [Writer(stack.mongodb_uri, {f"{name}.items": "number"}, seed, rate=250, pool=25) for seed in range(3)]
    for writer in writers:
        writer.start()
    time.sleep(4)
    for writer in writers:
        writer.stop()
    assert run.terminate() == 0
    one.until("anchor")
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=5)
    entry = one.anchors()[-1].collections[f"{name}.items"]
    records = law.Export.read(stack.topics, entry).until(entry)
    held = law.check_images(entry, records, stack.topics, stack.source, count=25)
    looked_up = [r for r in records if r.value_bytes and fold.operation(r) == "u"]
    assert held > 20 and len(looked_up) > 50, (held, len(looked_up))
    assert entry["records"]["coalesced"] > 0, "hot keys, and no update was folded into a later one"


@pytest.mark.parametrize("how", ["boundary", "lookup", "post_image"])
def test_the_three_ways_to_an_image(stack, name, connector, how):
    database = stack.client[name]
    database.create_collection("items", changeStreamPreAndPostImages={"enabled": True})
    database.items.insert_one({"_id": 1, "n": 1, "s": "a"})
    one, run = _started(connector, name, "items", capture__mode__full__update__type=how)
    database.items.update_one({"_id": 1}, {"$inc": {"n": 1}})
    one.wait_for_records(f"{name}.items", 2, run)
    database.items.update_one({"_id": 1}, {"$unset": {"s": 1}})
    records = one.wait_for_records(f"{name}.items", 3, run)
    assert run.terminate() == 0
    assert [fold.operation(record) for record in records] == ["r", "u", "u"]
    assert (records[1].value["n"], records[1].value["s"]) == (2, "a")
    assert (records[2].value["n"], records[2].value["s"]) == (2, None)


def test_a_missing_image_is_no_delete(stack, name, connector):
    """I-IMG-2: updates whose document is gone by the time of the look-up, by delete and by drop."""
    database = stack.client[name]
    database.items.insert_many([{"_id": n, "n": 0} for n in range(20)])
    database.dropped.insert_many([{"_id": n, "n": 0} for n in range(20)])
    one, run = _started(connector, name, "items", "dropped")
    for number in range(10):
        database.items.update_one({"_id": number}, {"$inc": {"n": 1}})
        database.items.delete_one({"_id": number})
    database.dropped.update_many({}, {"$inc": {"n": 1}})
    database.dropped.drop()
    database.items.insert_one({"_id": 100, "n": 0})


    def inserted():
        run.must_live()
        found = one.records(f"{name}.items")
        return found if any(record.key["_id"] == 100 for record in found) else None

    records = wait_for("the insert behind them", inserted)
    assert run.alive, run.stderr[-2000:]
    run.terminate()
    deleted = {record.key["_id"] for record in records if record.value_bytes is None}
    assert deleted == set(range(10))
    invented = [record.place for record in one.records(f"{name}.dropped") if record.value_bytes is None]
    assert not invented, f"a drop emits no deletes: {invented}"
    # An anchor behind the drop, by a run that did not see it: the doubt outlives the run that had it.
    one.until("anchor")
    last = one.anchors()[-1]
    entry = last.collections.get(f"{name}.dropped")
    assert entry is None or not entry["exact"], "ghosts are possible, and the anchor says exact"


def test_a_missing_image_that_nothing_explains_stops_the_run(stack, name, connector):
    """I-IMG-2: a document that went without a delete in the stream, as a migrated one does: MOOR-5007, and no tombstone."""
    items = stack.client[name].items
    items.insert_many([{"_id": n, "n": 0} for n in range(5)])
    one, run = _started(connector, name, "items")
    assert run.terminate() == 0
    for number in range(5):
        items.update_one({"_id": number}, {"$inc": {"n": 1}})
        hidden = {"op": "d", "ns": f"{name}.items", "o": {"_id": number}, "fromMigrate": True}
        stack.client.admin.command({"applyOps": [hidden]})
    items.insert_one({"_id": 100, "n": 0})
    assert items.count_documents({}) == 1, "the documents are still there: no fault fired"
    run = one.call("run", "-c", str(one.file), "--until", "now", code=None)
    invented = [record.place for record in one.records(f"{name}.items") if record.value_bytes is None]
    assert not invented, f"no delete was in the stream: {invented}"
    assert run.process.returncode == 1 and "MOOR-5007" in run.stderr, run.stderr[-2000:]


def test_a_drop_between_an_update_and_its_look_up_is_no_delete(stack, name, connector):
    """I-IMG-2: each look-up of its own batch, and all of them after the drop."""
    dropped = stack.client[name].dropped
    dropped.insert_many([{"_id": n, "n": 0} for n in range(20)])
    one, run = _started(connector, name, "dropped", max__batch__size=1)
    assert run.terminate() == 0
    dropped.update_many({}, {"$inc": {"n": 1}})
    dropped.drop()
    one.until("now")
    records = one.records(f"{name}.dropped")
    assert [fold.operation(record) for record in records] == ["r"] * 20, "the drop emits deletes, or images of nothing"
    one.until("anchor")
    entry = one.anchors()[-1].collections[f"{name}.dropped"]
    assert not entry["exact"], "its documents are still live in the topic, and the anchor says exact"


def test_one_key_many_times_in_one_transaction(stack, name, connector):
    """I-IMG-3: delete, insert, update, delete, insert, update of one key at one cluster time."""
    items = stack.client[name].items
    items.insert_many([{"_id": n, "t": "before"} for n in range(3)])
    one, run = _started(connector, name, "items")
    for number in (1, 2, 50):
        one_key(stack.client, items, number, random.Random(number))
    one.wait_for_records(f"{name}.items", 3 + 2 * 5 + 4, run)
    assert run.terminate() == 0
    one.until("anchor")
    by_key = {h[0].key["_id"]: h for h in fold.histories(one.records(f"{name}.items")).values()}
    for number in (1, 2, 50):
        events = [record for record in by_key[number] if fold.operation(record) != "r"]
        ops = [fold.operation(record) for record in events]
        without_updates = [op for op in ops[:-1] if op != "u"]
        assert without_updates == (["d"] if number != 50 else []) + ["c", "d", "c"], ops
        assert ops[-1] == "u" and events[-1].value["t"] == "second", ops
        assert len({fold.stamp(record).cluster_time for record in events}) == 1
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)


def test_one_and_one_point_zero_are_one_key(stack, name, connector):
    """I-IMG-4: replaced in place, and deleted and inserted again."""
    items = stack.client[name].items
    items.insert_many([{"_id": n, "v": "int"} for n in range(5)] + [{"_id": 10.5, "v": "fraction"}])
    one, run = _started(connector, name, "items")
    items.replace_one({"_id": 1}, {"_id": 1.0, "v": "double"})
    items.delete_one({"_id": 2})
    items.insert_one({"_id": 2.0, "v": "double"})
    items.update_one({"_id": 1}, {"$set": {"w": "later"}})
    items.insert_one({"_id": 99, "v": "end"})
    one.wait_for_records(f"{name}.items", 10, run)
    assert run.terminate() == 0
    one.until("anchor")
    live = fold.fold(fold.histories(one.records(f"{name}.items")))
    assert len(live) == 7, [record.key for record in live.values()]
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)
