"""Memory stays within what the configuration says, by the operating system's own figure.

`moorline validate` gives the bound from the configuration alone (docs/memory.md says of what); each scenario holds the
peak of the process (`VmHWM`) against it, at the worst that it is made for: documents of nearly 16 MB, a broker that stands
still, a registry that answers slowly, a snapshot beside a burst of writes.

Invariant: each scenario moves several times what its queue may hold, so that a queue without end would be seen.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from pymongo.write_concern import WriteConcern

from oracle import fold, law
from oracle.connector import Connector, wait_for
from oracle.stack import OwnStack, own_name

MIB = 1 << 20
LARGE = 16 * MIB - 2048
#: What a topic and a producer need for such documents.
ROOM = 17 * MIB
SMALL_QUEUE = {"max__queue__size__in__bytes": 8 * MIB, "snapshot__chunk__bytes": MIB, "contract__infer__sample__bytes": 4 * MIB}


def bound(one: Connector) -> int:
    """What the configuration says."""
    return json.loads(one.call("validate", "-c", str(one.file), "-o", "json").stdout)["memory_bytes"]


def peak(run) -> int:
    """Bytes that the process had in memory at most, so far."""
    with open(f"/proc/{run.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def within(run, most: int, what: str) -> int:
    run.must_live()
    found = peak(run)
    print(f"{what}: peak {found // MIB} MiB of {most // MIB} MiB")
    assert found <= most, f"{what}: {found // MIB} MiB, the configuration says {most // MIB}"
    return found


def noise(rng: random.Random, size: int) -> str:
    """Text that no codec makes small, quickly made."""
    return rng.randbytes(size // 2).hex()


def many(stack, namespace: str, count: int, size: int, seed: int = 1) -> None:
    rng = random.Random(seed)
    database, name = namespace.split(".")
    collection = stack.client[database].get_collection(name, write_concern=WriteConcern(w=1))
    step = max(1, 8 * MIB // size)
    for start in range(0, count, step):
        collection.insert_many([{"_id": n, "n": n, "t": noise(rng, size)} for n in range(start, min(count, start + step))])


def passed(stack, one: Connector, run) -> None:
    """Waits for an anchor behind all that was written so far."""
    now = stack.client.admin.command("ping")["operationTime"]
    one.wait_for_anchor(lambda anchor: anchor.cut > (now.time, now.inc), run, limit=120)


def test_documents_of_nearly_16_mb(stack, name, connector):
    """Ten of them read, then each updated: images of 160 MB in one batch, ten times what a look-up may hold."""
    many(stack, f"{name}.large", 10, LARGE)
    one = connector(
        f"{name}.large",
        kafka__message__max__bytes=ROOM,
        topic__creation__default__max__message__bytes=ROOM,
        topic__creation__default__partitions=1,
        **SMALL_QUEUE,
    )
    most = bound(one)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run, limit=120)
    within(run, most, "ten rows")
    stack.client[name].large.update_many({}, {"$set": {"n": -1}})
    passed(stack, one, run)
    within(run, most, "ten images")
    assert run.terminate() == 0
    operations = [fold.operation(record) for record in one.records(f"{name}.large")]
    assert sorted(operations) == ["r"] * 10 + ["u"] * 10
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=1, counted=5)


def test_a_snapshot_beside_a_burst_of_writes(stack, name, connector):
    many(stack, f"{name}.rows", 15_000, 2000)
    one = connector(f"{name}.rows,{name}.burst", **SMALL_QUEUE)
    most = bound(one)
    run = one.start()
    wait_for("rows", lambda: run.must_live() and one.ends(f"{name}.rows") > 0, 60)
    burst = threading.Thread(target=many, args=(stack, f"{name}.burst", 15_000, 2000, 2), daemon=True)
    burst.start()
    stack.client[name].rows.update_many({}, {"$set": {"n": -1}})
    burst.join(90)
    passed(stack, one, run)
    within(run, most, "a snapshot beside a burst")
    assert run.terminate() == 0
    one.until("snapshot")


def test_a_registry_that_answers_slowly(stack, name, connector):
    """Each collection that appears waits for it, while the stream brings more."""
    with Slow(stack.registry_url, seconds=0.4) as slow:
        many(stack, f"{name}.c0", 50, 2000)
        one = connector(None, database__include__list=name, schema__registry__url=slow.url, **SMALL_QUEUE)
        most = bound(one)
        run = one.start()
        wait_for("rows", lambda: run.must_live() and one.ends(f"{name}.c0") >= 50, 60)
        for number in range(1, 4):
            many(stack, f"{name}.c{number}", 4000, 2000, number)
        passed(stack, one, run)
        within(run, most, "a slow registry")
        assert slow.delayed > 10, "the registry was hardly asked: no fault fired"
        assert run.terminate() == 0


@pytest.mark.slow
def test_a_broker_that_stands_still(request, tmp_path):
    """Stopped with a snapshot and a stream in full flow: everything waits, and nothing more is taken in."""
    own, name = OwnStack(1), own_name(request.node.name)
    one = None
    try:
        many(own.stack, f"{name}.rows", 25_000, 2000)
        settings = {key.replace("__", "."): value for key, value in SMALL_QUEUE.items()}
        one = Connector(own.stack, name, tmp_path, f"{name}.rows,{name}.stream", settings)
        most = bound(one)
        run = one.start()
        wait_for("rows", lambda: run.must_live() and one.ends(f"{name}.rows") > 0, 60)
        own.signal("kafka", "STOP")
        still = peak(run)
        many(own.stack, f"{name}.stream", 15_000, 2000)
        # It has stood still when what the process has taken from the server does not grow any more.
        wait_for("the queues to be full", lambda: run.must_live() and not _grows(run), 60)
        within(run, most, f"a broker that stands still ({still // MIB} MiB before)")
        own.signal("kafka", "CONT")
        passed(own.stack, one, run)
        within(run, most, "and after it went on")
        assert run.terminate() == 0
        one.finish()
        law.check(own.stack.topics, own.stack.source, name, one.interval_ms, folds=1, counted=5)
    finally:
        if one is not None:
            one.close()
            print(one.story())
        own.down()


def _grows(run) -> bool:
    before = _resident(run)
    time.sleep(1.5)
    return _resident(run) > before + MIB


def _resident(run) -> int:
    with open(f"/proc/{run.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Slow:
    """A TCP proxy before the registry that holds each piece of an answer back for a while."""

    def __init__(self, url: str, seconds: float):
        parts = urlsplit(url)
        self.target, self.seconds, self.delayed = (parts.hostname, parts.port), seconds, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{parts.path}"
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Slow":
        return self

    def __exit__(self, *_) -> None:
        for one in [self.listener, *self.open]:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target, 10)
            except OSError:
                return
            self.open += [near, far]
            threading.Thread(target=self._pass, args=(near, far, 0.0), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, self.seconds), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, wait: float) -> None:
        try:
            while piece := source.recv(65536):
                if wait:
                    time.sleep(wait)
                    self.delayed += 1
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return
