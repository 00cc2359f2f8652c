"""The positional snapshot: every id once, at its place in the stream, resumed by chunk. (I-SNAP-1 to 4)"""

from __future__ import annotations

import random
import time

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from bson.datetime_ms import DatetimeMS

from oracle import fold, law, values
from oracle.connector import wait_for
from oracle.stack import slow_finds
from oracle.writer import Steady, Writer, load

CHUNK = {"incremental__snapshot__chunk__size": 100}


def _rows(records):
    return [record for record in records if fold.operation(record) == "r"]


def test_ids_of_every_type_are_read_once(stack, name, connector):
    """I-SNAP-2: one collection per kind of id, one with all of them, a collation, a clustered one."""
    database = stack.client[name]
    rng = random.Random(5)
    for kind in values.ID_KINDS:
        load(stack.mongodb_uri, f"{name}.{kind}", 450, kind)
    database.create_collection("collated", collation={"locale": "en", "strength": 2})
    words = {"".join(rng.choices("abcXYZéß", k=6)).lower() + str(n) for n in range(400)}
    database.collated.insert_many([{"_id": word.title() if n % 2 else word} for n, word in enumerate(sorted(words))])
    database.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})
    database.clustered.insert_many([{"_id": n, "v": n} for n in range(350)])
    extremes = [MinKey(), MaxKey(), None, True, False, -1, Int64(2**62), 0.5, float("inf"), Decimal128("1E+100"), "", "z",
                ObjectId(), Binary(b"\xff", 0), DatetimeMS(0), Timestamp(2**32 - 1, 1), {"a": 1}, {}]
    database.extremes.insert_many([{"_id": one, "at": at} for at, one in enumerate(extremes)])
    one = connector(None, database__include__list=name, **CHUNK)
    one.until("snapshot", limit=120)
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=1)
    assert report.folds == len(values.ID_KINDS) + 3 and report.held_out == 0, report
    for collection in database.list_collection_names():
        count = database[collection].count_documents({})
        assert len(_rows(one.records(f"{name}.{collection}"))) == count, collection


def test_writes_before_during_and_after_a_chunk(stack, name, connector):
    """I-SNAP-1, I-SNAP-3: hot keys all over the collection while it is read in small chunks."""
    kinds = {f"{name}.a": "number", f"{name}.b": "objectid"}
    load(stack.mongodb_uri, f"{name}.a", 400, "number")
    load(stack.mongodb_uri, f"{name}.b", 8000, "objectid")
    writers = [Writer(stack.mongodb_uri, kinds, seed, rate=150) for seed in range(2)]
    ids = [document["_id"] for document in stack.client[name].b.find({}, {"_id": 1}).limit(2000)]
    for writer in writers:
        # Ids that are there already, so that deletes and updates meet chunks that are still to come.
        writer.pools[f"{name}.b"] = random.Random(3).sample(ids, 600)
        writer.start()
    one = connector(",".join(kinds), **CHUNK)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run, limit=90)
    time.sleep(1.5)
    for writer in writers:
        writer.stop()
    assert run.terminate() == 0
    one.until("anchor")
    # Each row at its own time: one that shows a later state is put right by the stream, before most cuts.
    for namespace, entry in one.anchors()[-1].collections.items():
        rows = _rows(law.Export.read(stack.topics, entry).until(entry))
        assert law.check_images(entry, rows, stack.topics, stack.source, count=3) > 100, namespace
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=6)
    assert report.operations["r"] > 7000 and report.operations["d"] > 10 and report.folds >= 2, report


def test_a_killed_snapshot_goes_on_by_chunk(stack, name, connector):
    """I-SNAP-4: no row of a finished chunk stands twice, none is missing, also after two kills."""
    total = load(stack.mongodb_uri, f"{name}.items", 40000, make=lambda rng: {"n": rng.randrange(9), "t": "x" * 200})
    # A transaction a chunk: four batches' worth of rows.
    one = connector(f"{name}.items", max__batch__size=25, **CHUNK)
    done = 0
    for _ in range(2):
        run = one.start()

        # Counted, since the topic's end also moves by markers and by what the last kill left open.
        wait_for("rows", lambda: run.must_live() and len(one.records(f"{name}.items")) > done, 60, pause=0.005)
        one.kill(run)
        rows = len(one.records(f"{name}.items"))
        assert done < rows < total, f"not in the middle of the snapshot: {rows} of {total} rows, {done} before"
        done = rows
    one.until("snapshot", limit=180)
    records = one.records(f"{name}.items")
    assert len(records) == len({record.key_bytes for record in records}) == total
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=1)


def test_a_snapshot_alone(stack, name, connector):
    load(stack.mongodb_uri, f"{name}.items", 250)
    one = connector(f"{name}.items", snapshot__mode="initial_only", **CHUNK)
    one.until("snapshot")
    stack.client[name].items.insert_one({"_id": ObjectId(), "s": "later"})
    records = one.records(f"{name}.items")
    assert len(records) == len(_rows(records)) == 250


def test_no_snapshot(stack, name, connector):
    load(stack.mongodb_uri, f"{name}.items", 250)
    one = connector(f"{name}.items", snapshot__mode="no_data")
    one.until("now")
    assert one.records(f"{name}.items") == []
    stack.client[name].items.insert_one({"_id": ObjectId(), "s": "later"})
    one.until("now")
    records = one.records(f"{name}.items")
    assert [fold.operation(record) for record in records] == ["c"]


def test_only_chosen_collections_are_read(stack, name, connector):
    """`snapshot.include.collection.list`: the others are streamed only, and the run's goal does not wait for them."""
    for collection in ("read", "streamed"):
        load(stack.mongodb_uri, f"{name}.{collection}", 120)
    one = connector(None, database__include__list=name, snapshot__include__collection__list=f"{name}\\.re.*", **CHUNK)
    one.until("snapshot")
    stack.client[name].streamed.insert_one({"_id": ObjectId(), "s": "later"})
    one.until("now")
    assert len(_rows(one.records(f"{name}.read"))) == 120
    assert [fold.operation(record) for record in one.records(f"{name}.streamed")] == ["c"]
    complete = {entry["namespace"]: entry["export_complete"] for entry in one.anchors()[-1].collections.values()}
    assert complete == {f"{name}.read": True, f"{name}.streamed": False}, complete


def test_a_snapshot_waits_its_delay(stack, name, connector):
    """`snapshot.delay.ms`: streaming begins at once, rows come later."""
    load(stack.mongodb_uri, f"{name}.items", 120)
    one = connector(f"{name}.items", snapshot__delay__ms="3000", **CHUNK)
    begin = time.time()
    run = one.start()
    wait_for("the lane", lambda: run.must_live() and "lane starts" in run.stderr, 30)
    stack.client[name].items.insert_one({"_id": ObjectId(), "s": "beside"})
    records = one.wait_for_records(f"{name}.items", 1, run)
    assert [fold.operation(record) for record in records] == ["c"], records
    wait_for("the rows", lambda: run.must_live() and len(_rows(one.records(f"{name}.items"))) >= 120, 30)
    assert time.time() - begin > 3
    assert run.terminate() == 0


@pytest.mark.slow
def test_a_snapshot_at_every_start(stack, name, connector):
    """`always`: each start begins a new export, and the law holds in each."""
    load(stack.mongodb_uri, f"{name}.items", 250)
    one = connector(f"{name}.items", snapshot__mode="always", **CHUNK)
    one.until("snapshot")
    stack.client[name].items.delete_many({"b": True})
    one.until("snapshot")
    exports = {entry["export"] for anchor in one.anchors() for entry in anchor.collections.values()}
    assert len(exports) == 2, exports
    left = stack.client[name].items.count_documents({})
    rows = _rows(one.records(f"{name}.items"))
    assert len(rows) == 250 + left
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)


def test_a_capped_collection_without_snapshot_reads(stack, name, connector):
    """The server refuses snapshot reads there: read by majority, said so in the anchors, and exact again afterwards."""
    database = stack.client[name]
    database.create_collection("capped", capped=True, size=64 << 20)
    database.capped.insert_many([{"_id": n, "n": 0} for n in range(900)])
    one = connector(f"{name}.capped")
    # Whether a tick and a change fall between the rows' place and their reading is chance, unless the read is held up.
    touch = Steady(lambda turn: database.capped.update_one({"_id": turn % 900}, {"$set": {"n": turn}}))
    with slow_finds(stack.client, f"{name}.capped", 1100), touch:
        run = one.start()
        wait_for("900 rows", lambda: run.must_live() and len(_rows(one.records(f"{name}.capped"))) == 900, 60)
    database.capped.update_many({}, {"$set": {"n": 0}})
    database.capped.update_many({}, {"$set": {"n": 0}})
    for number in range(0, 900, 3):
        database.capped.update_one({"_id": number}, {"$set": {"n": 1}})
    database.capped.insert_one({"_id": 1000, "n": 2})
    end = time.time()
    exact = one.wait_for_anchor(lambda a: a.record["exact"] and a.record["complete"] and a.cut[0] > end, run)
    assert run.terminate() == 0
    reasons = {reason["reason"] for anchor in one.anchors() for reason in anchor.record["inexact"]}
    assert reasons == {"no-snapshot-reads"}, reasons
    # The checker can't read it at the cut either, so it is held against what was written.
    live = fold.fold(fold.histories(one.records(f"{name}.capped")))
    assert exact.whole and len(live) == 901
    assert {record.key["_id"]: record.value["n"] for record in live.values()} == {
        **{n: int(n % 3 == 0) for n in range(900)}, 1000: 2,
    }
