"""Moorline's envelopes beside the real Debezium connector's, record by record, over the same history.

Both capture one replica set at the same time. Every difference must stand in docs/debezium.md with its reason, and
every one that stands there must be seen.
"""

from __future__ import annotations

import re
import uuid
from datetime import timezone
from pathlib import Path

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from oracle import envelopes
from oracle.connector import wait_for
from oracle.debezium import Debezium, payload
from oracle.others import Programs

PAGE = Path(__file__).resolve().parent.parent / "docs" / "debezium.md"
SETTINGS = {
    "capture__mode": "change_streams_update_full_with_pre_image",
    "capture__mode__full__update__type": "post_image",
    "provide__transaction__metadata": "true",
}
# One of each, in a collection of mixed types; Debezium's text of it is the key.
IDS = [
    ObjectId("a" * 24), "text", "1", 7, Int64(2**40), 1.5, Decimal128("2.50"), True, DatetimeMS(5), DatetimeMS(1_700_000_000_123),
    Binary(uuid.UUID(int=5).bytes, 4), Binary(b"ab", 0), {"a": 1, "b": "x"}, Timestamp(5, 6), MinKey(), MaxKey(),
]


def _row(number: int) -> dict:
    return {
        "n": number, "long": Int64(2**40 + number), "x": number + 0.5, "s": f"ä\"{number}", "flag": number % 2 == 0,
        "when": DatetimeMS(1_700_000_000_000 + number), "oid": ObjectId("b" * 24), "none": None,
        "u": Binary(uuid.UUID(int=number).bytes, 4), "bin": Binary(b"\xff\x00", 0), "dec": Decimal128("1.50"),
        "ts": Timestamp(5, number), "re": Regex("^a", "i"), "sub": {"a": number, "b": {"c": "d"}},
        "list": [1, 2, 3, 4], "items": [{"k": "a", "q": number}], "low": MinKey(),
    }


def _history(stack, name: str) -> dict[str, int]:
    """Changes of every kind, one or more a key; gives how many records each topic must get by them."""
    orders, others, ids = (stack.client[name][collection] for collection in ("orders", "others", "ids"))
    orders.insert_many([{"_id": ObjectId(f"{number:024x}"), **_row(number)} for number in range(100, 103)])
    at = [ObjectId(f"{number:024x}") for number in range(8)]
    orders.update_one({"_id": at[0]}, {"$set": {"s": "changed", "sub.b.c": "e"}, "$unset": {"x": 1, "none": 1}})
    orders.update_one({"_id": at[0]}, {"$set": {"when": DatetimeMS(7), "dec": Decimal128("2.5"), "long": Int64(3)}})
    # Cut short at the end: told as a truncation.
    orders.update_one({"_id": at[1]}, [{"$set": {"list": {"$slice": ["$list", 2]}}}])
    orders.update_one({"_id": at[2]}, {"$push": {"list": 9}, "$set": {"items.0.q": 8}})
    orders.replace_one({"_id": at[3]}, {"s": "whole", "n": 1})
    orders.delete_one({"_id": at[4]})
    orders.insert_one({"_id": at[4], "s": "back"})
    with stack.client.start_session() as session, session.start_transaction():
        orders.insert_one({"_id": ObjectId("c" * 24), "s": "together"}, session=session)
        others.insert_one({"_id": 1, "n": 1}, session=session)
        orders.update_one({"_id": at[6]}, {"$set": {"s": "together"}}, session=session)
    # Debezium dates an end by the next event, in seconds: only in a later one is that seen.
    second, _ = stack.source.cluster_time()
    clock = lambda: stack.client.admin.command("hello")["localTime"].replace(tzinfo=timezone.utc).timestamp()  # noqa: E731
    wait_for("the server's next second", lambda: clock() >= second + 1)
    for number, identifier in enumerate(IDS):
        ids.update_one({"_id": identifier}, {"$set": {"n": number + 100}})
        ids.delete_one({"_id": identifier})
    # Ends the transaction in Debezium's eyes, which tells of it with the next event.
    others.insert_one({"_id": 2, "n": 2})
    return {"orders": 8 + 3 + 4 + 1 + 2 + 1 + 2, "others": 1 + 2, "ids": len(IDS) * 4}


def _listed() -> set[str]:
    """The differences that the page names: the first cell of each row of its tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE))


@pytest.mark.slow
def test_envelopes_beside_debezium(stack, name, connector, tmp_path):
    collections = ("orders", "others", "ids")
    database = stack.client[name]
    for collection in collections:
        database.create_collection(collection, changeStreamPreAndPostImages={"enabled": True})
    database.orders.insert_many([{"_id": ObjectId(f"{number:024x}"), **_row(number)} for number in range(8)])
    database.others.insert_one({"_id": 0, "n": 0})
    database.ids.insert_many([{"_id": identifier, "n": number} for number, identifier in enumerate(IDS)])
    rows = {"orders": 8, "others": 1, "ids": len(IDS)}
    names = [f"{name}.{collection}" for collection in collections]
    peer = Debezium(stack, Programs.fetched(), f"{name}d", tmp_path, names, **SETTINGS)
    try:
        one = connector(",".join(names), output__format="envelope", topic__creation__default__partitions=1, **SETTINGS)
        run = one.start()
        for collection, count in rows.items():
            one.wait_for_records(f"{name}.{collection}", count, run)
            peer.wait_for_records(f"{name}.{collection}", count)
        one.wait_for_anchor(lambda anchor: anchor.record["complete"], run)
        counts = _history(stack, name)
        theirs = {c: peer.wait_for_records(f"{name}.{c}", counts[c]) for c in collections}
        ours = {c: one.wait_for_records(f"{name}.{c}", counts[c], run) for c in collections}
        theirs_told = peer.wait_for_records("transaction", 2)
        ours_told = one.stack.topics.read(f"{name}.transaction")
        assert run.terminate() == 0
    finally:
        peer.close()
    found = envelopes.Differences()
    for collection in collections:
        _compare(theirs[collection], ours[collection], stack.topics, found)
    assert len(theirs_told) == len(ours_told) == 2, (theirs_told, ours_told)
    for debezium, moorline in zip(theirs_told, ours_told):
        envelopes.compare_control("transaction", debezium, moorline, found)
    seen, listed = found.named(), _listed()
    for difference, example in sorted(seen.items()):
        print(f"{difference}\n    {example}")
    new = {difference: example for difference, example in seen.items() if difference not in listed}
    assert not new, "not in docs/debezium.md: " + "\n".join(f"{name}: {example}" for name, example in sorted(new.items()))
    assert not listed - set(seen), f"in docs/debezium.md, and not seen: {sorted(listed - set(seen))}"


def _compare(theirs, ours, topics, found) -> None:
    """Records of one topic: as many of each key, in the same order, and each pair's differences."""
    assert len(theirs) == len(ours), (len(theirs), len(ours))
    envelopes.compare_schemas(theirs[0], ours[0], topics, found)
    by_place = sorted(ours, key=lambda record: record.offset)
    # Rows of a snapshot stand in no order that means anything; what follows does.
    rows = [[r for r in records if op(r) == "r"] for records, op in ((theirs, _their_op), (by_place, _our_op))]
    changes = [[r for r in records if op(r) != "r"] for records, op in ((theirs, _their_op), (by_place, _our_op))]
    pairs = {record.value["after"]["n"]: record for record in rows[1]}
    assert len(pairs) == len(rows[0]) == len(rows[1])
    for row in rows[0]:
        envelopes.compare(row, pairs[envelopes.document(payload(row.value_bytes)["after"])["n"]], topics, found)
    for debezium, moorline in zip(*changes):
        envelopes.compare(debezium, moorline, topics, found)


def _their_op(record) -> str | None:
    value = payload(record.value_bytes)
    return value and value["op"]


def _our_op(record) -> str | None:
    return record.value and record.value["op"]
