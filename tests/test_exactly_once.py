"""Exactly once: start-up behind a foreign transaction, fencing, take-over, clean stops. (I-KAFKA-1 to 3)"""

from __future__ import annotations

import random
import signal
import time

import pytest
from confluent_kafka import Producer

from oracle import law
from oracle.connector import wait_for
from oracle.writer import Writer, load


def _busy(stack, name, connector, rate=200, **settings):
    kinds = {f"{name}.a": "number", f"{name}.b": "string"}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 300, kind)
    one = connector(",".join(kinds), **settings)
    writers = [Writer(stack.mongodb_uri, kinds, seed, rate=rate) for seed in range(2)]
    for writer in writers:
        writer.start()
    return one, writers


def _settle(stack, one, writers, folds=4):
    for writer in writers:
        writer.stop()
    one.finish()
    report = law.check(stack.topics, stack.source, one.prefix, one.interval_ms, folds=folds, connector=one.name)
    assert report.folds > 0 and report.operations.get("u", 0) > 0, report
    return report


def _progressed(one, run, more=2):
    before = len(one.anchors())
    wait_for("anchors", lambda: run.must_live() and len(one.anchors()) >= before + more, 60)


def test_start_waits_for_a_foreign_transaction(stack, name, connector):
    """I-KAFKA-1: positions behind an open foreign transaction are found, not the older ones before it."""
    one, writers = _busy(stack, name, connector)
    run = one.start()
    _progressed(one, run)
    foreign = Producer({"bootstrap.servers": stack.bootstrap, "transactional.id": f"{name}-foreign"})
    foreign.init_transactions(20)
    foreign.begin_transaction()
    for partition in stack.topics.partitions(one.offsets_topic):
        foreign.produce(one.offsets_topic, key=b'["foreign",{"server_id":"x"}]', value=None, partition=partition)
    assert foreign.flush(20) == 0
    # Further positions stand behind the open transaction: a read_committed reader does not see them yet.
    before = one.topic(f"{name}.a")
    ends = stack.topics.ends(before, "read_committed")
    wait_for("commits behind it", lambda: run.must_live() and stack.topics.ends(before, "read_committed") != ends, 30)
    time.sleep(1.5)
    one.kill(run)
    # Counted in records: the next start aborts what the kill left open, which moves the topic's stable end too.
    committed = len(one.records(f"{name}.a"))
    run = one.start()
    time.sleep(4)
    run.must_live()
    assert len(one.records(f"{name}.a")) == committed, "it did not wait for the foreign transaction"
    foreign.abort_transaction(20)
    wait_for("it to go on", lambda: run.must_live() and len(one.records(f"{name}.a")) > committed, 60)
    assert run.terminate() == 0
    _settle(stack, one, writers)


def test_of_two_runs_the_newer_one_stays(stack, name, connector):
    """I-KAFKA-3: the older one leaves with exit 1 and MOOR-7003; nothing is lost or doubled."""
    one, writers = _busy(stack, name, connector)
    older = one.start()
    _progressed(one, older)
    newer = one.start()
    code = older.wait(60)
    assert code == 1 and "MOOR-7003" in older.stderr, f"exit {code}\n{older.stderr[-2000:]}"
    _progressed(one, newer, more=3)
    assert newer.terminate() == 0
    assert "MOOR-7003" not in newer.stderr
    _settle(stack, one, writers)


def test_sigterm_in_the_middle_is_a_clean_stop(stack, name, connector):
    """Exit 0, and the next start goes on there: nothing twice, nothing missing."""
    one, writers = _busy(stack, name, connector, max__batch__size=20)
    rng = random.Random(4)
    for _ in range(3):
        run = one.start()
        _progressed(one, run, more=1)
        time.sleep(rng.uniform(0, 0.6))
        assert run.terminate(limit=20) == 0, run.stderr[-2000:]
    _settle(stack, one, writers)


def test_an_interrupt_ends_with_130(stack, name, connector):
    stack.client[name].a.insert_one({"_id": 1})
    one = connector(f"{name}.a")
    run = one.start()
    one.wait_for_records(f"{name}.a", 1, run)
    run.process.send_signal(signal.SIGINT)
    assert run.wait(20) == 130


@pytest.mark.slow
def test_a_transaction_that_timed_out_does_not_stop_its_owner(stack, name, connector):
    """I-KAFKA-3: stopped (SIGSTOP) inside a transaction until the coordinator aborted it, then it goes on by itself."""
    one, writers = _busy(stack, name, connector, rate=400, kafka__transaction__timeout__ms=4000)
    run = one.start()
    _progressed(one, run)
    topic = one.topic(f"{name}.a")

    def is_open():
        return stack.topics.ends(topic, "read_committed") != stack.topics.ends(topic)

    deadline = time.monotonic() + 60
    while True:
        run.must_live()
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        if is_open():
            break
        run.process.send_signal(signal.SIGCONT)
        assert time.monotonic() < deadline, "no transaction was caught open: no fault fired"
        time.sleep(random.uniform(0.0, 0.05))
    try:
        wait_for("the coordinator to abort it", lambda: not is_open(), 60)
        time.sleep(1)
    finally:
        run.process.send_signal(signal.SIGCONT)
    ends = stack.topics.ends(topic, "read_committed")
    wait_for("its owner to go on", lambda: run.must_live() and stack.topics.ends(topic, "read_committed") != ends, 60)
    assert run.terminate() == 0
    _settle(stack, one, writers)


@pytest.mark.slow
def test_kills_in_quick_succession(stack, name, connector):
    """I-KAFKA-2: records and position commit together, however often it is killed, also at start."""
    one, writers = _busy(stack, name, connector, max__batch__size=30)
    run = one.start()
    _progressed(one, run, more=1)
    one.kill(run)
    rng = random.Random(9)
    for _ in range(8):
        run = one.start()
        time.sleep(rng.uniform(0.2, 1.6))
        one.kill(run)
    report = _settle(stack, one, writers)
    assert one.kills == 9 and report.operations["r"] > 0, report
