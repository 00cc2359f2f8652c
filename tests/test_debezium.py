"""Moorline's records beside the real Debezium connector's, record by record, over the same history.

Both capture one replica set at the same time, in each form that both have; one worker runs all of Debezium. Every difference must stand in docs/debezium.md with its reason, and
every one that stands there must be seen.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import timezone
from pathlib import Path
from typing import Iterable

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
}
TRANSACTIONS = {"provide__transaction__metadata": "true"}
# How many records a collection with two deletes gets under each `delete.tombstone.handling.mode`.
DELETES = {"tombstone": 7, "drop": 5, "rewrite": 7, "rewrite-with-tombstone": 9}
FIELDS = "op,source.collection"
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


def _deletes(gone) -> None:
    """A delete after an update, a key that comes back, a delete of a row of the snapshot, and an end to wait for."""
    gone.update_one({"_id": "a"}, {"$set": {"n": 2}})
    gone.delete_one({"_id": "a"})
    gone.insert_one({"_id": "a", "n": 3, "s": "back"})
    gone.delete_one({"_id": "b"})
    gone.insert_one({"_id": "c", "n": 4, "s": "end"})


def _unwrapped(mode: str) -> dict:
    """Debezium's transform, whose modes ours are named after."""
    return {
        "transforms": "unwrap",
        "transforms__unwrap__type": "io.debezium.connector.mongodb.transforms.ExtractNewDocumentState",
        "transforms__unwrap__delete__tombstone__handling__mode": mode,
        "transforms__unwrap__add__fields": FIELDS,
    }


@dataclass
class Form:
    """What one connector captures on either side, and how; `ours` is what Moorline is told beside."""

    collections: Iterable[str]
    theirs: dict
    ours: dict


def _forms(collections) -> dict[str, Form]:
    """By suffix of the connectors' names."""
    envelope = {"output__format": "envelope"}
    forms = {
        "": Form(collections, {**SETTINGS, **TRANSACTIONS}, envelope),
        "quiet": Form(["gone"], {**SETTINGS, "tombstones__on__delete": "false"}, envelope),
    }
    for mode in DELETES:
        ours = {"delete__tombstone__handling__mode": mode, "add__fields": FIELDS}
        forms[mode] = Form(["gone"], {**SETTINGS, **_unwrapped(mode)}, ours)
    return forms


@pytest.mark.slow
def test_beside_debezium(stack, name, connector, tmp_path):
    collections = ("orders", "others", "ids")
    database = stack.client[name]
    for collection in (*collections, "gone"):
        database.create_collection(collection, changeStreamPreAndPostImages={"enabled": True})
    database.orders.insert_many([{"_id": ObjectId(f"{number:024x}"), **_row(number)} for number in range(8)])
    database.others.insert_one({"_id": 0, "n": 0})
    database.ids.insert_many([{"_id": identifier, "n": number} for number, identifier in enumerate(IDS)])
    database.gone.insert_many([{"_id": identifier, "n": n, "s": "row"} for n, identifier in enumerate("ab")])
    rows = {"orders": 8, "others": 1, "ids": len(IDS), "gone": 2}
    forms = _forms(collections)
    captured = {
        f"{name}{suffix}d": ([f"{name}.{collection}" for collection in form.collections], form.theirs)
        for suffix, form in forms.items()
    }
    peer = Debezium(stack, Programs.fetched(), tmp_path, captured)
    try:
        runs = {}
        for suffix, form in forms.items():
            # Debezium's own file, but for the names and what runs in its JVM.
            own = ("name", "topic.prefix", "connector.class", "transforms")
            settings = {key: value for key, value in peer.connectors[f"{name}{suffix}d"].items() if not key.startswith(own)}
            one = connector(None, suffix, **{**settings, **form.ours})
            runs[suffix] = (one, one.start())
        for suffix, (one, run) in runs.items():
            for collection in forms[suffix].collections:
                one.wait_for_records(f"{name}.{collection}", rows[collection], run)
                peer.wait_for_records(f"{name}{suffix}d.{name}.{collection}", rows[collection])
            one.wait_for_anchor(lambda anchor: anchor.record["complete"], run)
        _deletes(database.gone)
        counts = {("", collection): count for collection, count in _history(stack, name).items()}
        counts |= {("quiet", "gone"): 7} | {(mode, "gone"): count for mode, count in DELETES.items()}
        theirs, ours = {}, {}
        for (suffix, collection), count in counts.items():
            one, run = runs[suffix]
            theirs[suffix, collection] = peer.wait_for_records(f"{name}{suffix}d.{name}.{collection}", count)
            ours[suffix, collection] = one.wait_for_records(f"{name}.{collection}", count, run)
        theirs_told = peer.wait_for_records(f"{name}d.transaction", 2)
        ours_told = stack.topics.read(f"{name}.transaction")
        assert [run.terminate() for _, run in runs.values()] == [0] * len(runs)
    finally:
        peer.close()
    found = envelopes.Differences()
    for suffix, collection in counts:
        pair = (theirs[suffix, collection], ours[suffix, collection])
        if suffix in DELETES:
            _compare_flat(*pair, found)
        else:
            _compare(*pair, stack.topics, found)
    assert len(theirs_told) == len(ours_told) == 2, (theirs_told, ours_told)
    for debezium, moorline in zip(theirs_told, ours_told):
        envelopes.compare_control("transaction", debezium, moorline, found)
    seen, listed = found.named(), _listed()
    for difference, example in sorted(seen.items()):
        print(f"{difference}\n    {example}")
    new = {difference: example for difference, example in seen.items() if difference not in listed}
    assert not new, "not in docs/debezium.md: " + "\n".join(f"{name}: {example}" for name, example in sorted(new.items()))
    assert not listed - set(seen), f"in docs/debezium.md, and not seen: {sorted(listed - set(seen))}"


def _compare_flat(theirs, ours, found) -> None:
    """Records of one topic of flat values: as many, and each pair's differences."""
    assert len(theirs) == len(ours), ([record.value_bytes for record in theirs], [record.value for record in ours])
    # The two rows stand in no order that means anything.
    ours = sorted(ours, key=lambda record: record.offset)
    ours[:2] = sorted(ours[:2], key=lambda record: record.key["_id"])
    theirs[:2] = sorted(theirs[:2], key=lambda record: record.key_bytes)
    for debezium, moorline in zip(theirs, ours):
        envelopes.compare_flat(debezium, moorline, found)


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
