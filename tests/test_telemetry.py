"""What a running connector tells: metrics, health, `status --url`, `top`."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from oracle.connector import environment, wait_for
from oracle.live import Live
from oracle.stack import variable
from oracle.writer import load

ANYWHERE = "http://127.0.0.1:0"
GOLDEN = Path(__file__).parent.parent / "connector/control/tests/golden/metrics.txt"


@pytest.fixture
def running(stack, name, connector):
    """A connector that has read a collection and streams; where it listens."""
    load(stack.mongodb_uri, f"{name}.a", 300, "number")
    one = connector(f"{name}.a", listeners=ANYWHERE)
    run = one.start()
    one.wait_for_anchor(lambda anchor: anchor.record["complete"] and anchor.collections, run)
    return one, Live(run)


def test_metrics_by_their_names_and_clocks_that_move(stack, name, running):
    one, live = running
    _, _, text = live.get("/metrics")
    promised = set(GOLDEN.read_text().splitlines())
    heads = {line for line in text.splitlines() if line.startswith("#") and line != "# EOF"}
    assert heads <= promised, heads - promised
    before = live.samples()
    lane, collection = {"lane": "0"}, {"collection": f"{name}.a"}
    count = stack.client[name]["a"].count_documents({})
    assert live.value("moorline_records_total", op="r", **collection) == count > 250
    assert live.value("moorline_snapshot_rows", **collection) == count
    assert live.value("moorline_snapshot_complete", **collection) == 1
    assert live.value("moorline_lane_up", **lane) == 1
    assert live.value("moorline_anchor_exact") == 1
    assert live.value("moorline_anchor_age_seconds") < 60
    assert live.value("moorline_commit_duration_seconds_count", **lane) == live.value("moorline_transactions_total", **lane)
    assert live.value("moorline_registry_requests_total", result="ok") > 0
    assert 1e6 < live.value("process_resident_memory_bytes") < 1e9
    assert not [key for key in before if "verified" in key[0]], "nothing verifies yet, so that clock is absent"

    stack.client[name]["a"].update_many({}, {"$set": {"seen": 1}})
    stack.client[name]["a"].delete_many({"_id": {"$in": list(stack.client[name]["a"].distinct("_id"))[:5]}})

    def moved():
        now = live.samples()
        clocks = [("moorline_source_head_timestamp_seconds", ())] + [
            (f"moorline_{clock}_timestamp_seconds", (("lane", "0"),)) for clock in ("read", "committed")
        ]
        updates = now.get(("moorline_records_total", (("collection", f"{name}.a"), ("op", "u"))), 0)
        deletes = now.get(("moorline_records_total", (("collection", f"{name}.a"), ("op", "d"))), 0)
        return updates >= count - 5 and deletes == 5 and all(now[clock] > before[clock] for clock in clocks) and now

    now = wait_for("clocks and counters", moved, 30)
    read, committed = (now[(f"moorline_{c}_timestamp_seconds", (("lane", "0"),))] for c in ("read", "committed"))
    head = now[("moorline_source_head_timestamp_seconds", ())]
    assert committed <= read <= head + 1, (committed, read, head)
    oldest = wait_for("the oldest change kept", lambda: live.value("moorline_source_oldest_timestamp_seconds"), 20)
    assert live.value("moorline_headroom_seconds", **lane) == pytest.approx(committed - oldest, abs=60)
    assert live.value("moorline_look_up_keys_total", **lane) >= count - 10
    assert live.ready()[0] == 200 and set(live.ready()[1].values()) == {"ready"}


def test_what_is_asked_wrongly_is_refused_and_harms_nothing(running):
    one, live = running
    assert live.get("/health/live")[::2] == (200, "alive\n")
    status, kind, text = live.get("/nowhere")
    assert (status, json.loads(text)["error_code"]) == (404, 404)
    assert live.get("/metrics", "POST")[0] == 405
    host, port = live.url.removeprefix("http://").split(":")
    # A head that never ends, one that is too long, and what is no HTTP.
    slow = socket.create_connection((host, int(port)), timeout=20)
    slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
    for flood in (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, b"\x16\x03\x01" * 50):
        with socket.create_connection((host, int(port)), timeout=20) as bad:
            try:
                bad.sendall(flood)
                bad.settimeout(20)
                assert b"200 OK" not in bad.recv(4096)
            except ConnectionError:
                pass
    began = time.monotonic()
    assert b"200" not in slow.recv(4096) and time.monotonic() - began < 15, "a head may take 5 s"
    slow.close()
    assert live.get("/health/live")[0] == 200 and live.run.alive


def test_status_and_top_ask_the_running_one(name, running):
    one, live = running
    asked = one.call("status", "--url", live.url)
    assert "as it says itself" in asked.stdout and f"{name}.a" in asked.stdout, asked.stdout
    assert json.loads(one.call("status", "--url", live.url, "-o", "json").stdout)["version"] == 1
    lines = [json.loads(line) for line in one.call("top", "--url", live.url, "-n", "2").stdout.splitlines()]
    assert [line["version"] for line in lines] == [1, 1]
    assert lines[0]["rates"] is None and lines[1]["rates"]["rows_s"] >= 0
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    gone = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert "MOOR-7032" in one.call("top", "--url", gone, "-n", "1", code=3).stderr
    assert "MOOR-7037" in one.call("top", "-c", str(one.file), code=2).stderr
    # An address that is taken ends a start at once, before anything is read.
    one.write(listeners=live.url)
    assert "MOOR-7030" in one.call("run", "-c", str(one.file), code=1).stderr
    # Named in the file, the address need not be typed.
    assert one.call("top", "-c", str(one.file), "-n", "1").stdout


def test_top_on_a_terminal(name, running):
    """Takes the screen, shows the clocks, ends with q, and gives the terminal back."""
    _, live = running
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    before = termios.tcgetattr(follower)
    command = [variable("MOORLINE_BIN"), "top", "--url", live.url]
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=subprocess.PIPE, env=environment())
    seen = b""
    try:
        deadline = time.monotonic() + 20
        while b"rows/s" not in seen and time.monotonic() < deadline and process.poll() is None:
            if select.select([leader], [], [], 1)[0]:
                seen += os.read(leader, 65536)
        for part in (b"COMMITTED", b"HEADROOM", b"q quit", name.encode(), b"complete", b"rows/s"):
            assert part in seen, (part, seen[-3000:])
        os.write(leader, b"q")
        assert process.wait(10) == 0, process.stderr.read()
        while select.select([leader], [], [], 0.2)[0]:
            seen += os.read(leader, 65536)
        assert b"\x1b[?1049l" in seen and termios.tcgetattr(follower) == before
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        os.close(leader)
        os.close(follower)
