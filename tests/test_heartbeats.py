"""Heartbeats: opt-in by name, one an interval, each in a transaction that there is anyway."""

from __future__ import annotations

import time

import pytest

from oracle.connector import wait_for


def _beats(stack, topic):
    return stack.topics.read(topic, stack.topics.committed(topic)) if topic in stack.topics.names(topic) else []


@pytest.mark.parametrize("quiet", [True, False])
def test_one_an_interval_also_while_nothing_changes(stack, name, connector, quiet):
    stack.client[name].items.insert_one({"_id": 1})
    topic = f"{name}-beat.{name}"
    one = connector(f"{name}.items", **{"heartbeat.interval.ms": 1000, "topic.heartbeat.prefix": f"{name}-beat"})
    shown = one.call("validate", "-c", str(one.file)).stdout
    assert topic in shown and "heartbeats" in shown, shown
    began = time.time_ns() // 1_000_000
    run = one.start()

    def beaten():
        run.must_live()
        if not quiet:
            stack.client[name].items.update_one({"_id": 1}, {"$inc": {"n": 1}})
        found = _beats(stack, topic)
        return found if len(found) >= 4 else None

    wait_for("four heartbeats", beaten, pause=0.05)
    assert run.terminate() == 0
    beats = _beats(stack, topic)
    ended = time.time_ns() // 1_000_000
    assert stack.topics.partitions(topic) == [0]
    assert {record.key["serverName"] for record in beats} == {name}
    times = [record.value["ts_ms"] for record in beats]
    assert set(beats[0].value) == {"ts_ms"} and times == sorted(times), times
    assert began <= times[0] and times[-1] <= ended
    # Never more than the interval asks for, however many transactions there are.
    assert len(beats) <= (ended - began) / 1000 + 1, (began, times, ended)
    schema = stack.topics.decoder.schema(beats[0].value_schema_id)
    assert (schema["namespace"], schema["name"]) == ("io.debezium.connector.common", "Heartbeat")
    # None of them by itself: for each there is a position that was stored.
    positions = [value for key, value in one.offsets() if not {"progress", "owner"} & set(key[1]) and value]
    assert len(positions) >= len(beats), (len(positions), len(beats))


def test_positions_move_without_a_topic_of_heartbeats(stack, name, connector):
    """Nobody asked for the record by a name: none is written, and the position moves with the ticks all the same."""
    stack.client[name].items.insert_one({"_id": 1})
    one = connector(f"{name}.items", **{"heartbeat.interval.ms": 1000})
    warned = one.call("validate", "-c", str(one.file)).stderr
    assert "heartbeat.interval.ms" in warned, warned
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"], run)
    seen = len(one.anchors())
    wait_for("two more anchors", lambda: run.must_live() and len(one.anchors()) >= seen + 2)
    assert run.terminate() == 0
    assert [topic for topic in stack.topics.names() if "beat" in topic and topic.endswith(name)] == []
    assert {topic.removeprefix(name) for topic in stack.topics.names(name)} == {
        ".anchors", ".quarantine", "-group-offsets", f".{name}.items"
    }
