"""The patterns change between two runs: what comes in has its past, what goes out is in no anchor, nothing is lost."""

from __future__ import annotations

from bson import ObjectId

from oracle import fold, law
from oracle.writer import load


def test_a_collection_that_is_added_has_its_past(stack, name, connector):
    """It was there before: no stream has its documents, so it is read, and its export is complete only then."""
    first, second = (f"{name}.{collection}" for collection in ("first", "second"))
    load(stack.mongodb_uri, first, 60)
    load(stack.mongodb_uri, second, 60)
    one = connector(first)
    one.until("snapshot")
    # The last event before the end is one that both patterns let through, the next one only the later.
    stack.client[name].first.insert_one({"_id": ObjectId(), "s": "streamed"})
    one.until("now")
    stack.client[name].second.insert_one({"_id": ObjectId(), "s": "unseen"})
    one.write(collection__include__list=f"{first},{second}")
    one.finish()
    # What came after the stored position stands in the stream, and among the rows, which are read later.
    assert fold.operations(one.records(second)) == {"r": 61, "c": 1}
    assert fold.operations(one.records(first)) == {"r": 60, "c": 1}
    cut = one.anchors()[-1].collections
    assert {namespace: entry["export_complete"] for namespace, entry in cut.items()} == {first: True, second: True}
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)
    assert report.documents >= 60 + 60, report


def test_a_collection_that_is_left_out_and_taken_in_again(stack, name, connector):
    """Out: its token may be the stored one, and no anchor speaks of it. In again: a new export, whole from its rows on."""
    kept, left = (f"{name}.{collection}" for collection in ("kept", "left"))
    load(stack.mongodb_uri, kept, 40)
    ids = [document["_id"] for document in stack.client[name].kept.find({}, {"_id": 1})]
    stack.client[name].left.insert_many([{"_id": one, "n": 0} for one in ids])
    one = connector(f"{kept},{left}")
    one.until("snapshot")
    stack.client[name].left.update_one({"_id": ids[0]}, {"$set": {"n": 1}})
    one.until("now")
    assert set(one.anchors()[-1].collections) == {kept, left}

    one.write(collection__include__list=kept)
    stack.client[name].left.delete_many({"_id": {"$in": ids[:10]}})
    stack.client[name].left.update_many({}, {"$set": {"n": 2}})
    stack.client[name].kept.update_one({"_id": ids[1]}, {"$set": {"s": "streamed"}})
    for _ in range(2):
        one.until("now")
        one.until("anchor")
        assert set(one.anchors()[-1].collections) == {kept}, "an anchor speaks of what is not captured"
    kinds = [anchor.record["kind"] for anchor in one.anchors()]
    assert kinds.count("layout") == 1, kinds
    assert fold.operations(one.records(kept)) == {"r": 40, "u": 1}
    assert len(one.records(left)) == 41

    one.write(collection__include__list=f"{kept},{left}")
    one.finish()
    entry = one.anchors()[-1].collections[left]
    assert (entry["export"], entry["export_complete"]) == ("e-0002", True), entry
    rows = law.Export.read(stack.topics, entry).until(entry)
    assert fold.operations(rows) == {"r": 30}
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)
