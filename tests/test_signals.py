"""Signals: an anchor by label from a second process, one cut over two lanes, signals while nothing runs, strange ones."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from oracle import anchors as anchors_module
from oracle import law
from oracle.connector import wait_for
from oracle.live import Live
from oracle.writer import Writer, load

QUICK = {"signal__poll__interval__ms": "200", "listeners": "http://127.0.0.1:0"}


def _send(one, *values: bytes | str | dict | None, key: str | None = None) -> None:
    """Signals, as Debezium's users send them."""
    topics, topic = one.stack.topics, f"{one.prefix}-signal"
    if topic not in topics.names(topic):
        topics.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    producer = Producer({"bootstrap.servers": one.stack.bootstrap})
    failed = []
    for value in values:
        value = json.dumps(value) if isinstance(value, dict) else value
        producer.produce(
            topic,
            key=key or one.prefix,
            value=value,
            partition=0,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert producer.flush(20) == 0 and not failed, failed


def _create(one, label: str, *arguments: str, code: int = 0):
    return one.call("anchors", "create", "-c", str(one.file), "--label", label, *arguments, code=code)


def _labelled(one, label: str) -> list[anchors_module.Anchor]:
    return [anchor for anchor in one.anchors() if anchor.record["label"] == label]


def _notifications(one) -> list[dict]:
    topics, topic = one.stack.topics, f"{one.prefix}.notifications"
    if topic not in topics.names(topic):
        return []
    return [json.loads(record.value_bytes) for record in topics.read(topic, topics.committed(topic))]


def test_a_label_from_a_second_process_is_one_cut_of_two_lanes(stack, name, connector):
    """Beside writers: both lanes cut at one tick, after the request, and the export at the label is the source's."""
    kinds = {f"{name}.a": "number", f"{name}.b": "string"}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 200, kind)
    one = connector(",".join(kinds), tasks__max=2, **QUICK)
    run = one.start()
    writer = Writer(stack.mongodb_uri, kinds, 1, rate=100)
    writer.start()
    one.wait_for_anchor(lambda anchor: anchor.lane == 1 and anchor.record["complete"], run)
    one.wait_for_anchor(lambda anchor: anchor.lane == 0 and anchor.record["complete"], run)
    asked = stack.client.admin.command("hello")["$clusterTime"]["clusterTime"].time
    made = _create(one, "month-end", "--wait", "--timeout", "60s")
    cut_id = made.stdout.strip().splitlines()[-1]
    found = _labelled(one, "month-end")
    assert {anchor.lane for anchor in found} == {0, 1}, found
    assert len(found) == 2 and found[0].cut == found[1].cut, [anchor.cut for anchor in found]
    assert found[0].cut[0] >= asked and all(anchor.record["kind"] == "requested" for anchor in found)
    assert cut_id in [anchor.id for anchor in found]
    # Others wait for it by name, by time, or for what comes after it.
    waited = one.call("anchors", "wait", "-c", str(one.file), "--label", "month-end", "--timeout", "5s")
    assert waited.stdout.strip() in [anchor.id for anchor in found]
    machine = one.call("anchors", "wait", "-c", str(one.file), "--at", "label:month-end", "-o", "json")
    assert json.loads(machine.stdout)["label"] == "month-end"
    later = json.loads(one.call("anchors", "wait", "-c", str(one.file), "--after", "now", "-o", "json").stdout)
    assert later["cut"]["t"] > found[0].cut[0] and later["exact"]
    assert "MOOR-6031" in one.call(
        "anchors", "wait", "-c", str(one.file), "--label", "never", "--timeout", "1s", code=1
    ).stderr
    # A label is given once.
    assert "MOOR-6030" in _create(one, "month-end", code=1).stderr
    kinds_told = [(note["type"], note["additional_data"].get("label")) for note in wait_for("notes", lambda: _notifications(one))]
    assert ("REQUESTED", "month-end") in kinds_told
    wait_for("COMPLETED", lambda: ("COMPLETED", "month-end") in
             [(note["type"], note["additional_data"].get("label")) for note in _notifications(one)], 20)
    writer.stop()
    assert run.terminate() == 0
    one.finish()
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=4, connector=name)
    one.call("anchors", "show", "-c", str(one.file), "--at", "label:month-end", "--check")


def test_a_signal_while_nothing_runs_is_met_once(stack, name, connector):
    load(stack.mongodb_uri, f"{name}.a", 50, "number")
    one = connector(f"{name}.a", **QUICK)
    _create(one, "before-the-first-start")
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["label"] == "before-the-first-start", run)
    one.kill(run)
    _create(one, "while-it-was-down")
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["label"] == "while-it-was-down", run)
    assert run.terminate() == 0
    # Read again at each start until the place behind them is kept, and never written twice.
    for _ in range(2):
        one.until("anchor")
    for label in ("before-the-first-start", "while-it-was-down"):
        assert len(_labelled(one, label)) == 1, (label, _labelled(one, label))
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=3, connector=name)


def test_kills_around_the_request_leave_one_cut(stack, name, connector):
    """Wherever the kill falls, both lanes have the label at one cut in the end, each once."""
    kinds = {f"{name}.a": "number", f"{name}.b": "string"}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 50, kind)
    one = connector(",".join(kinds), tasks__max=2, **QUICK)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"], run)
    for number in range(3):
        _create(one, f"cut-{number}")
        told = wait_for("the request", lambda: run.must_live() and "an anchor is asked for" in run.stderr, 20)
        assert told
        one.kill(run)
        run = one.start()
    for number in range(3):
        one.call("anchors", "wait", "-c", str(one.file), "--label", f"cut-{number}", "--timeout", "60s")
        found = _labelled(one, f"cut-{number}")
        assert sorted(anchor.lane for anchor in found) == [0, 1], (number, found)
        assert found[0].cut == found[1].cut, (number, [anchor.cut for anchor in found])
    assert run.terminate() == 0
    assert one.kills == 3


def test_strange_signals_are_told_and_never_fatal(stack, name, connector):
    load(stack.mongodb_uri, f"{name}.a", 50, "number")
    one = connector(f"{name}.a", **QUICK)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"], run)
    strange = ["", "{", "[]", b"\xff\xfe\x00", '{"type": 7}', {"type": "log"}, {"type": "execute-snapshot", "data": {}}]
    strange += [{"type": "moorline-anchor", "data": {"label": "x" * 500}}, "[" * 70_000, {"type": "no\x1b[31msuch"}]
    _send(one, *strange, {"id": "1", "type": "log", "data": {"message": "hello from the topic"}})
    _send(one, {"type": "moorline-anchor", "data": {"label": "not-ours"}}, key="another-connector")
    _send(one, {"type": "moorline-anchor", "data": '{"label": "after-all-that"}'})
    one.wait_for_anchor(lambda anchor: anchor.record["label"] == "after-all-that", run)
    live = Live(run)
    assert live.value("moorline_signals_total", result="refused") == len(strange)
    assert "hello from the topic" in run.stderr and "\x1b" not in run.stderr
    assert "MOOR-7033" in run.stderr and "MOOR-7034" in run.stderr
    refused = wait_for(
        "notifications",
        lambda: [n for n in _notifications(one) if n["type"] == "REFUSED"] if len(_notifications(one)) > 10 else None,
        20,
    )
    assert len(refused) == len(strange)
    assert not _labelled(one, "not-ours")
    assert run.terminate() == 0


@pytest.mark.parametrize("wrong", [("--label", ""), ("--label", "a\nb"), ()])
def test_what_is_typed_wrongly_is_told_at_once(name, connector, wrong):
    one = connector(f"{name}.a", signal__enabled__channels="")
    assert one.call("anchors", "create", "-c", str(one.file), *wrong, code=2).stderr
    assert "MOOR-7036" in _create(one, "a", code=2).stderr
    one.call("anchors", "wait", "-c", str(one.file), code=2)
