"""Servers that are lost under way: the primary, the broker, the registry. Nothing is lost, nothing stands twice.

Invariants: these tests have a stack of their own, so that they disturb no other; each asserts that the fault had an
effect on the server, and that the connector went on by itself, in the same process.
"""

from __future__ import annotations

import time

import pytest
from pymongo import MongoClient

from oracle import law
from oracle.connector import Connector, wait_for
from oracle.live import Live
from oracle.stack import OwnStack, own_name
from oracle.writer import Writer, load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own():
    """Three MongoDB nodes, a broker and a registry."""
    made = OwnStack(3)
    yield made
    made.down()


@pytest.fixture
def busy(request, own, tmp_path):
    """A connector that streams beside writers; at the end all is read and the law is held."""
    name = own_name(request.node.name)
    kinds = {f"{name}.a": "number", f"{name}.b": "string"}
    for namespace, kind in kinds.items():
        load(own.stack.mongodb_uri, namespace, 300, kind)
    one = Connector(own.stack, name, tmp_path, ",".join(kinds), {"max.batch.size": "100"})
    writers = [Writer(own.stack.mongodb_uri, kinds, seed, rate=80) for seed in range(2)]
    for writer in writers:
        writer.start()
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run)
    yield one, run, writers
    one.close()
    if getattr(request.node, "call_failed", True):
        print(one.story())


def _goes_on(own, one, run, writers) -> None:
    """The same process commits again, and in the end the law holds."""
    newest = one.anchors()[-1].cut
    one.wait_for_anchor(lambda anchor: anchor.cut > (newest[0] + 2, 0), run, limit=120)
    for writer in writers:
        writer.stop()
    assert run.terminate() == 0
    one.finish()
    report = law.check(own.stack.topics, own.stack.source, one.prefix, one.interval_ms, folds=5, connector=one.name)
    assert report.folds >= 2 and report.operations.get("u", 0) > 0, report


def test_reads_go_where_the_connection_string_says(own, tmp_path):
    """`readPreference` with tags: rows and images are read on that member, at their exact place none the less."""
    name, nodes = own_name("preference"), ("mongo0", "mongo1", "mongo2")
    namespace, primary = f"{name}.a", own.primary()
    ports = {node: int(own.variables[f"{node.upper()}_PORT"]) for node in nodes}
    tagged, other = (node for node in nodes if node != primary)
    admin = own.stack.client.admin
    config = admin.command("replSetGetConfig")["config"]
    for member in config["members"]:
        member["tags"] = {"use": "export"} if member["host"].endswith(f":{ports[tagged]}") else {}
    admin.command("replSetReconfig", {**config, "version": config["version"] + 1})
    # Else one in a hundred of our own writes is read on the secondaries too, to warm their caches.
    admin.command("setParameter", 1, mirrorReads={"samplingRate": 0.0})
    total = load(own.stack.mongodb_uri, namespace, 400, "number")
    uri = f"{own.stack.mongodb_uri}&readPreference=secondary&readPreferenceTags=use:export"
    one = Connector(own.stack, name, tmp_path, namespace, {"mongodb.connection.string": uri})
    one.until("snapshot")
    for _ in range(3):
        own.stack.client[name].a.update_many({}, [{"$set": {"touched": {"$rand": {}}}}])
    one.until("now")
    one.until("anchor")

    def queries(node: str) -> int:
        with MongoClient("127.0.0.1", ports[node], directConnection=True) as client:
            return client.admin.command("top")["totals"].get(namespace, {}).get("queries", {}).get("count", 0)

    found = {node: queries(node) for node in nodes}
    assert found[tagged] >= 2 and found[other] == 0 and found[primary] == 0, (tagged, primary, found)
    report = law.check(own.stack.topics, own.stack.source, one.prefix, one.interval_ms, folds=5, connector=one.name)
    assert report.operations["r"] == total and report.operations["u"] > 0, report
    one.close()


def test_the_primary_is_killed(own, busy):
    one, run, writers = busy
    lost = own.primary()
    own.signal(lost, "KILL")
    wait_for("another primary", lambda: own.primary() not in (None, lost), 60, pause=0.3)
    _goes_on(own, one, run, writers)
    own.restart(lost)


def test_the_primary_steps_down(own, busy):
    one, run, writers = busy
    lost = own.primary()
    own.stack.client.admin.command({"replSetStepDown": 20, "force": True})
    wait_for("another primary", lambda: own.primary() not in (None, lost), 60, pause=0.3)
    _goes_on(own, one, run, writers)


def test_the_broker_is_killed(own, busy):
    one, run, writers = busy
    own.signal("kafka", "KILL")
    time.sleep(2)
    assert run.alive, run.stderr[-2000:]
    own.restart("kafka")
    _goes_on(own, one, run, writers)


def test_the_broker_hangs(own, busy):
    one, run, writers = busy
    own.signal("kafka", "STOP")
    time.sleep(8)
    own.signal("kafka", "CONT")
    _goes_on(own, one, run, writers)


def test_known_schemas_go_on_without_the_registry(own, busy):
    one, run, writers = busy
    newest = one.anchors()[-1].cut
    own.signal("registry", "STOP")
    try:
        topic = f"{one.prefix}.anchors"
        ends = own.stack.topics.committed(topic)
        wait_for("more anchors", lambda: run.must_live() and own.stack.topics.committed(topic)[0][1] > ends[0][1] + 3, 60)
    finally:
        own.signal("registry", "CONT")
    assert one.anchors()[-1].cut > newest
    _goes_on(own, one, run, writers)


def test_ready_says_who_is_away(own, busy, tmp_path):
    """Each system on its own line: 503 while one does not answer, 200 once all do; alive all the while."""
    one, run, writers = busy
    assert run.terminate() == 0
    one.write(listeners="http://127.0.0.1:0")
    run = one.start()
    live = Live(run)
    wait_for("all to be ready", lambda: run.must_live() and live.ready()[0] == 200, 60)

    def away(name: str) -> bool:
        status, lines = live.ready()
        run.must_live()
        return status == 503 and lines[name].startswith("not ready: ") and live.get("/health/live")[0] == 200

    own.signal("registry", "KILL")
    wait_for("the registry to be missed", lambda: away("registry"), 30)
    assert live.ready()[1]["source"] == live.ready()[1]["kafka"] == "ready"
    own.restart("registry")
    wait_for("the registry to be back", lambda: live.ready()[0] == 200, 60)
    for node in ("mongo0", "mongo1", "mongo2"):
        own.signal(node, "STOP")
    try:
        wait_for("the source to be missed", lambda: away("source"), 60)
        assert live.ready()[1]["registry"] == "ready"
    finally:
        for node in ("mongo0", "mongo1", "mongo2"):
            own.signal(node, "CONT")
    wait_for("the source to be back", lambda: live.ready()[0] == 200, 120)
    own.signal("kafka", "STOP")
    try:
        wait_for("the brokers to be missed", lambda: away("kafka"), 60)
    finally:
        own.signal("kafka", "CONT")
    wait_for("the brokers to be back", lambda: live.ready()[0] == 200, 120)
    _goes_on(own, one, run, writers)
