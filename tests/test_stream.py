"""The stream: what is captured, in which order, and how soon. (I-FRONT-1, I-FRONT-2, I-ORDER-2)"""

from __future__ import annotations

import random
import time

import pytest
from pymongo.write_concern import WriteConcern

from oracle import fold, law
from oracle.capture import Capture
from oracle.connector import wait_for

from oracle.writer import Writer, load


def _settled(one, run):
    """Waits until the first snapshot is in."""
    return one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run)


@pytest.mark.parametrize("batch", [1, 5])
def test_every_event_arrives_once_and_in_order(stack, name, connector, batch):
    """I-FRONT-1: writers and transactions beside small batches, against the server's own change stream."""
    kinds = {f"{name}.a": "number", f"{name}.b": "string"}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 60, kind)
    one = connector(",".join(kinds), max__batch__size=batch)
    run = one.start()
    _settled(one, run)
    capture = Capture(stack.mongodb_uri, name)
    writers = [Writer(stack.mongodb_uri, kinds, seed, rate=100, pool=60) for seed in range(3)]
    for writer in writers:
        writer.start()
    time.sleep(4)
    for writer in writers:
        writer.stop()
    events = capture.stop(stack.source)
    assert run.terminate() == 0
    one.until("anchor")
    assert len(events) > 300, f"only {len(events)} events"
    for namespace in kinds:
        records = one.records(namespace)
        law.broken(namespace, Capture.compare(events, namespace, records, stack.topics))
        fold.check_forward(fold.histories(records))
    assert law.check(stack.topics, stack.source, name, one.interval_ms, folds=4).folds >= 4


@pytest.mark.slow
def test_a_lone_insert_is_committed_within_two_seconds(stack, name, connector):
    """I-FRONT-2 and the quiet stream: nothing newer is written, and the server's noops are switched off."""
    items = stack.client[name].items
    items.insert_one({"_id": 0, "n": 0})
    one = connector(f"{name}.items")
    run = one.start()
    _settled(one, run)
    admin = stack.client.admin
    admin.command({"setParameter": 1, "writePeriodicNoops": False})
    try:
        for number in range(1, 5):
            time.sleep(random.uniform(0.5, 1.6))
            before = one.ends(f"{name}.items")
            items.insert_one({"_id": number, "n": number})
            began = time.monotonic()
            wait_for("it", lambda: run.must_live() and one.ends(f"{name}.items") > before, 15, pause=0.02)
            took = time.monotonic() - began
            assert len(one.records(f"{name}.items")) == number + 1
            assert took < 2.0, f"insert {number} was committed after {took:.2f} s"
    finally:
        admin.command({"setParameter": 1, "writePeriodicNoops": True})


def test_a_quiet_stream_goes_on_ticking(stack, name, connector):
    stack.client[name].items.insert_one({"_id": 0})
    one = connector(f"{name}.items")
    run = one.start()
    first = _settled(one, run)
    later = one.wait_for_anchor(lambda anchor: anchor.cut[0] >= first.cut[0] + 4, run, limit=45)
    assert later.whole
    assert len(one.records(f"{name}.items")) == 1
    assert run.terminate() == 0


def test_include_patterns_are_anchored_regular_expressions(stack, name, connector):
    for collection in ("alpha", "alphabet", "xalpha", "beta1", "beta22", "gamma"):
        stack.client[name][collection].insert_one({"_id": 1})
    one = connector(rf"{name}\.alpha,{name}\.beta[0-9]")
    one.until("now")
    for collection in ("alpha", "alphabet", "xalpha", "beta1", "beta22", "gamma"):
        stack.client[name][collection].insert_one({"_id": 2})
    one.until("now")
    found = {t.removeprefix(f"{name}.{name}."): len(stack.topics.read(t)) for t in stack.topics.names(f"{name}.{name}.")}
    assert found == {"alpha": 2, "beta1": 2}


def test_literal_and_excluded_names(stack, name, connector):
    for collection in ("a.b", "axb"):
        stack.client[name][collection].insert_one({"_id": 1})
    one = connector(f"{name}.a.b", filters__match__mode="literal")
    one.until("now")
    stack.client[name]["a.b"].insert_one({"_id": 2})
    stack.client[name]["axb"].insert_one({"_id": 2})
    one.until("now")
    assert stack.topics.names(f"{name}.{name}.") == [f"{name}.{name}.a.b"]
    assert len(one.records(f"{name}.a.b")) == 2
    other = connector(None, "x", database__include__list=name, collection__exclude__list=rf"{name}\.a\.b")
    other.until("now")
    assert stack.topics.names(f"{name}x.{name}.") == [f"{name}x.{name}.axb"]


def test_a_whole_database_and_several_databases(stack, name, connector):
    """Database scope, with a collection that is created later; deployment scope over two databases."""
    stack.client[name].one.insert_one({"_id": 1})
    stack.client[f"{name}z"].two.insert_one({"_id": 1})
    whole = connector(None, database__include__list=name)
    run = whole.start()
    whole.wait_for_records(f"{name}.one", 1, run)
    stack.client[name].later.insert_many([{"_id": 1}, {"_id": 2}])
    whole.wait_for_records(f"{name}.later", 2, run)
    assert run.terminate() == 0
    both = connector(f"{name}.one,{name}z.two", "y")
    both.until("now")
    stack.client[f"{name}z"].two.insert_one({"_id": 2})
    both.until("anchor")
    assert len(both.records(f"{name}.one")) == 1 and len(both.records(f"{name}z.two")) == 2
    law.check(stack.topics, stack.source, both.prefix, both.interval_ms, connector=both.name)


def test_a_transaction_stays_together(stack, name, connector):
    """I-ORDER-2: 40 events of one time, batches of 2: no commit marker stands between its records."""
    items = stack.client[name].items
    items.insert_one({"_id": 0, "n": 0})
    one = connector(f"{name}.items", max__batch__size=2, topic__creation__default__partitions=1)
    run = one.start()
    _settled(one, run)
    plain = items.with_options(write_concern=WriteConcern())
    for base in (100, 200):
        with stack.client.start_session() as session, session.start_transaction():
            for number in range(base, base + 40):
                plain.insert_one({"_id": number, "n": number}, session=session)
        items.insert_one({"_id": base + 50, "n": 0})
    records = one.wait_for_records(f"{name}.items", 83, run)
    assert run.terminate() == 0
    for base in (100, 200):
        group = [record for record in records if base <= record.key["_id"] < base + 40]
        assert len({record.value["__cluster_time"] for record in group}) == 1
        assert [record.value["__seq"] for record in group] == sorted({r.value["__seq"] for r in group})
        offsets = [record.offset for record in group]
        assert offsets == list(range(offsets[0], offsets[0] + 40)), "a commit separates one cluster time"


def test_offsets_hold_a_position_in_connects_own_form(stack, name, connector):
    """The key is `[name, {server_id, scope}]`, the value holds primitives only."""
    stack.client[name].items.insert_one({"_id": 1})
    one = connector(f"{name}.items")
    one.until("now")
    positions = [
        value
        for key, value in one.offsets()
        if isinstance(key, list) and key[0] == name and set(key[1]) == {"server_id", "scope"} and value
    ]
    assert positions, one.offsets()
    for value in positions:
        assert all(item is None or isinstance(item, (str, int, float, bool)) for item in value.values()), value


def test_a_stream_begins_at_a_cluster_time(stack, name, connector):
    """`capture.start.op.time`, in Debezium's form: what was written from then on, and nothing before."""
    items = stack.client[name].items
    items.insert_many([{"_id": n} for n in range(5)])
    start = stack.client.admin.command("hello")["operationTime"]
    items.insert_many([{"_id": n} for n in range(5, 9)])
    at = start.time << 32 | start.inc + 1
    one = connector(f"{name}.items", snapshot__mode="no_data", capture__start__op__time=at)
    one.until("now")
    assert sorted(record.key["_id"] for record in one.records(f"{name}.items")) == [5, 6, 7, 8]
