"""What else records may look like: deletes in each mode, metadata of choice, headers."""

from __future__ import annotations

import pytest

from oracle import fold, law


def _started(connector, name, *collections, **settings):
    one = connector(",".join(f"{name}.{collection}" for collection in collections), **settings)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run)
    return one, run


@pytest.mark.parametrize(
    "mode, values, tombstones",
    [("tombstone", 0, 1), ("drop", 0, 0), ("rewrite", 1, 0), ("rewrite-with-tombstone", 1, 1)],
)
def test_a_delete_in_each_mode(stack, name, connector, mode, values, tombstones):
    database = stack.client[name]
    database.create_collection("kept", changeStreamPreAndPostImages={"enabled": True})
    for collection in ("kept", "plain"):
        database[collection].insert_many([{"_id": n, "n": n, "s": "text"} for n in range(3)])
    settings = {"delete.tombstone.handling.mode": mode, "capture.mode": "change_streams_update_full_with_pre_image"}
    one, run = _started(connector, name, "kept", "plain", **settings)
    for collection in ("kept", "plain"):
        database[collection].delete_one({"_id": 1})
        database[collection].insert_one({"_id": 9, "n": 9, "s": "end"})
        one.wait_for_records(f"{name}.{collection}", 4 + values + tombstones, run)
    assert run.terminate() == 0
    one.until("anchor")
    for collection in ("kept", "plain"):
        records = one.records(f"{name}.{collection}")
        deletes = [record for record in records if fold.operation(record) == "d"]
        assert [record.value_bytes is None for record in deletes] == [False] * values + [True] * tombstones
        for record in deletes[:values]:
            assert record.value["__deleted"] is True and record.value["_id"] == 1
            # Without a document before it a row has its `_id` and its metadata, all else null.
            wanted = (1, "text") if collection == "kept" else (None, None)
            assert (record.value["n"], record.value["s"], record.value["__spill"]) == (*wanted, None)
        if mode != "drop":
            live = fold.fold(fold.histories(records))
            assert {record.key["_id"] for record in live.values()} == {0, 2, 9}
    if mode == "drop":
        entry = one.anchors()[-1].collections[f"{name}.plain"]
        assert not entry["exact"], "a delete was left out, and the anchor says exact"
        assert "filtered" in {reason["reason"] for reason in one.anchors()[-1].record["inexact"]}
    else:
        law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)


def test_a_document_that_is_held_out_leaves_a_delete_in_the_form_of_deletes(stack, name, connector):
    """I-QUAR-1, where deletes are rows."""
    items = stack.client[name].items
    items.insert_many([{"_id": n, "n": n} for n in range(2)])
    settings = {"delete.tombstone.handling.mode": "rewrite", "contract.on.drift": "quarantine"}
    one, run = _started(connector, name, "items", **settings)
    items.update_one({"_id": 1}, {"$set": {"n": "no number"}})
    records = one.wait_for_records(f"{name}.items", 3, run)
    assert run.terminate() == 0
    one.until("anchor")
    # Two keys may stand in two partitions: what counts is the order of one key's records.
    last = [record for record in records if record.key["_id"] == 1][-1]
    assert last.value["__deleted"] is True and last.value["n"] is None
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)
    assert report.held_out > 0


def test_metadata_of_choice_and_headers(stack, name, connector):
    items = stack.client[name].items
    items.insert_one({"_id": 1, "n": 1})
    settings = {
        "add.fields": "op:operation,source.ts_ms,db,cluster_time",
        "add.headers": "op,source.collection,transaction.id",
        "extended.headers.enabled": True,
        "field.metadata.prefix": "m_",
        "contract.unknown": "spill",
    }
    one, run = _started(connector, name, "items", **settings)
    with stack.client.start_session() as session, session.start_transaction():
        items.update_one({"_id": 1}, {"$set": {"n": 2}}, session=session)
    items.delete_one({"_id": 1})
    row, update, tombstone = one.wait_for_records(f"{name}.items", 3, run)
    assert run.terminate() == 0
    assert set(row.value) == {"_id", "n", "m_operation", "m_source_ts_ms", "m_db", "m_cluster_time", "m_spill"}
    assert (row.value["m_operation"], row.value["m_db"], update.value["m_operation"]) == ("r", name, "u")
    context = {
        "__debezium.context.connectorLogicalName": name,
        "__debezium.context.taskId": "0",
        "__debezium.context.connectorName": "mongodb",
    }
    assert row.headers == {"m_op": "r", "m_source_collection": "items", **context}
    # Places in transactions are told where they are asked for by `provide.transaction.metadata`.
    assert update.headers == {"m_op": "u", "m_source_collection": "items", **context}
    assert tombstone.headers["m_op"] == "d" and context.items() <= tombstone.headers.items()
    assert tombstone.headers["moorline.op"] == "d"
